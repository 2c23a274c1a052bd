import { WireWriter } from './wire-writer.ts'

/**
 * Produce versions that are spoken: v3 (Kafka 0.11) takes record batches v2, v13 (Kafka 4.1) names topics by id. Within
 * transactions v11 is the last without the rules of KIP-890's second part.
 */
export const produceVersions = Object.freeze({ min: 3, max: 13, transactional: 11, names: 12 })
/** From this version on the flexible encoding is used. */
export const produceFlexible = 9
/** From this version on topics are named by id. */
export const produceTopicIds = 13

/** One partition's batch in a Produce request: the bytes [`start`, `end`) of a buffer, exactly one batch. */
export interface ProduceItem {
  readonly topic: string
  readonly topicId: string | undefined
  readonly partition: number
  readonly buffer: Buffer
  readonly start: number
  readonly end: number
}

/**
 * The body of a Produce request with acks=all, as parts in order: framing and, between it, the batches where they lie.
 *
 *     transactional_id acks timeout [topic|topic_id [partition records]]
 *
 * `timeout`: ms that the leader waits for its replicas.
 */
export function produceRequest(
  version: number,
  items: readonly ProduceItem[],
  options: { readonly transactionalId: string | null; readonly timeout: number },
): Buffer[] {
  const flexible = version >= produceFlexible
  const writer = new WireWriter(64 + items.length * 48)
  /** Where in the framing each batch comes in. */
  const cuts: number[] = []
  const batches: Buffer[] = []
  writer.string(options.transactionalId, flexible).int16(-1).int32(options.timeout)
  const topics = byTopic(items)
  writer.count(topics.size, flexible)
  for (const [topic, group] of topics) {
    if (version >= produceTopicIds) writer.uuid(group[0]?.topicId ?? '')
    else writer.string(topic, flexible)
    writer.count(group.length, flexible)
    for (const { partition, buffer, start, end } of group) {
      writer.int32(partition).count(end - start, flexible)
      cuts.push(writer.length)
      batches.push(buffer.subarray(start, end))
      writer.tags(flexible)
    }
    writer.tags(flexible)
  }
  writer.tags(flexible)
  return interleave(writer.finish(), cuts, batches)
}

function interleave(framing: Buffer, cuts: readonly number[], batches: readonly Buffer[]): Buffer[] {
  const parts: Buffer[] = []
  let from = 0
  batches.forEach((batch, i) => {
    const cut = cuts[i] ?? framing.length
    parts.push(framing.subarray(from, cut), batch)
    from = cut
  })
  parts.push(framing.subarray(from))
  return parts
}

function byTopic(items: readonly ProduceItem[]): Map<string, ProduceItem[]> {
  const topics = new Map<string, ProduceItem[]>()
  for (const item of items) {
    const group = topics.get(item.topic)
    if (group) group.push(item)
    else topics.set(item.topic, [item])
  }
  return topics
}
