import type { ChunkInput, PartitionAccount, TopicDescription } from '../../src/archive/index.ts'
import { noTelemetry, systemClock } from '../../src/base/index.ts'
import { encodeBatch, survey } from '../../src/records/index.ts'

/** A clock and a signal for writers. */
export function writerContext(signal: AbortSignal = new AbortController().signal) {
  return { clock: systemClock, telemetry: noTelemetry, signal }
}

/** Real record batches: `counts` records in each batch, offsets without holes from `from` on. The value names topic, partition, offset. */
export function batchBytes(
  name: { readonly topic: string; readonly partition: number },
  from: bigint,
  counts: readonly number[],
  options: { readonly valueBytes?: number; readonly branch?: string } = {},
): Buffer {
  let offset = from
  const batches = counts.map((count) => {
    const records = Array.from({ length: count }, (_, i) => {
      const text = `${name.topic}/${name.partition}/${offset + BigInt(i)}${options.branch ?? ''}`
      return {
        offset: offset + BigInt(i),
        timestamp: 1_700_000_000_000n + offset + BigInt(i),
        key: Buffer.from(`k${i}`),
        value: Buffer.from(text.padEnd(options.valueBytes ?? 0, '.')),
        headers: [],
      }
    })
    const bytes = encodeBatch(records, { codec: 'none', offsets: 'keep', baseOffset: offset, leaderEpoch: 3 })
    offset += BigInt(count)
    return bytes
  })
  return Buffer.concat(batches)
}

/** A chunk as the backup hands it over. */
export function chunkOf(
  name: { readonly topic: string; readonly topicId?: string | undefined; readonly partition: number },
  bytes: Buffer,
  compressed = false,
): ChunkInput {
  const found = survey(bytes, 0, bytes.length, { complete: true })
  return {
    topic: name.topic,
    topicId: name.topicId,
    partition: name.partition,
    firstOffset: found.firstOffset,
    lastOffset: found.lastOffset,
    records: found.records,
    maxTimestamp: found.maxTimestamp,
    largestBatch: found.largestBatch,
    compressed,
    bytes,
  }
}

/** An account without anything out of the ordinary. */
export function accountOf(
  name: { readonly topic: string; readonly topicId?: string | undefined; readonly partition: number },
  from: bigint,
  to: bigint,
  more: Partial<PartitionAccount> = {},
): PartitionAccount {
  return {
    topic: name.topic,
    topicId: name.topicId,
    partition: name.partition,
    from,
    to,
    leaderEpoch: 3,
    aborted: [],
    gaps: [],
    logStartOffset: 0n,
    endOffset: to,
    ...more,
  }
}

/** A topic without settings of its own. */
export function describedTopic(name: string, topicId: string | undefined, partitions = 1): TopicDescription {
  return {
    name,
    topicId,
    partitions,
    replicationFactor: 1,
    configs: { 'cleanup.policy': 'delete' },
    inherited: { 'retention.ms': '604800000' },
  }
}
