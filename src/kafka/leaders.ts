import { systemClock } from '../base/index.ts'
import type { Route } from './item-batch.ts'
import { errorFromCode } from './protocol-errors.ts'
import type { Session } from './session.ts'
import type { PartitionInfo, TopicInfo, TopicLook, TopicPartition } from './types.ts'

const unknownTopic = 3
const noLeader = 5
const invalidTopic = 17

/** Which broker leads which partition, as of the newest metadata. */
export class Leaders {
  readonly #session: Session
  readonly #topics = new Map<string, ReadonlyMap<number, PartitionInfo>>()

  constructor(session: Session) {
    this.#session = session
  }

  /** Takes over newer metadata of topics. */
  learn(topics: readonly TopicInfo[]): void {
    for (const { name, partitions } of topics) {
      this.#topics.set(name, new Map(partitions.map((info) => [info.partition, info])))
    }
  }

  /** The partition as last known. */
  partition({ topic, partition }: TopicPartition): PartitionInfo | undefined {
    return this.#topics.get(topic)?.get(partition)
  }

  /**
   * The leader of each partition. In the first round what is known is used; later rounds ask afresh. A partition
   * without a leader gets a retriable error, a topic or partition that does not exist TOPIC_NOT_FOUND.
   */
  async route<Item extends TopicPartition>(
    items: readonly Item[],
    round: number,
    context: { readonly doing: string; readonly acl: string },
  ): Promise<ReadonlyMap<Item, Route>> {
    const names = new Set(
      items.filter((item) => round > 1 || this.#leader(item) === undefined).map((item) => item.topic),
    )
    const errors = names.size > 0 ? await this.#refresh([...names]) : new Map<string, number>()
    return new Map(
      items.map((item): [Item, Route] => {
        const leader = this.#leader(item)
        if (leader !== undefined) return [item, leader]
        const { topic, partition } = item
        const code = errors.get(topic) ?? (this.partition(item) === undefined ? unknownTopic : noLeader)
        const missing = code === unknownTopic
        const doing = `${context.doing} of ${topic}-${partition}`
        return [
          item,
          errorFromCode(code, {
            doing,
            acl: context.acl,
            topic,
            partition,
            ...(missing && { retriable: false }),
          }),
        ]
      }),
    )
  }

  /** Whether a partition exists, by fresh metadata. */
  async exists({ topic, partition }: TopicPartition): Promise<boolean> {
    await this.#refresh([topic])
    return this.partition({ topic, partition }) !== undefined
  }

  async #refresh(names: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const { topics, errors } = await readTopics(this.#session, names)
    for (const name of names) this.#topics.delete(name)
    this.learn(topics)
    return errors
  }

  #leader(item: TopicPartition): number | undefined {
    return this.partition(item)?.leader
  }
}

/** Ms before a topic that one broker does not know is asked for once more. */
const secondLook = 250
/** Ms for which a topic that was missed twice is believed to be missing when it is missed again. */
const believed = 5_000
/** When topics were last missed twice (ms, monotonic), by session and name. */
const missedTwice = new WeakMap<Session, Map<string, number>>()

/**
 * Metadata of named topics. A broker that has just started, or that lags behind, may not know a topic yet: what is
 * missing is asked for once more before it is believed, unless that has just been done. Without `lookAgain` the first
 * answer counts: for those who create what is missing, and are told by the broker when it is there.
 */
export async function readTopics(
  session: Session,
  names: readonly string[],
  { lookAgain = true }: TopicLook = {},
): Promise<{ readonly topics: readonly TopicInfo[]; readonly errors: ReadonlyMap<string, number> }> {
  const first = await session.metadata(names)
  forgetMissing(
    session,
    first.topics.map(({ name }) => name),
  )
  if (!lookAgain) return first
  const missing = [...first.errors].filter(([, code]) => code === unknownTopic).map(([name]) => name)
  const known = missedTwice.get(session) ?? new Map<string, number>()
  missedTwice.set(session, known)
  const now = systemClock.monotonic()
  if (missing.every((name) => now - (known.get(name) ?? Number.NEGATIVE_INFINITY) < believed)) return first
  await systemClock.sleep(secondLook, session.signal)
  const second = await session.metadata(missing)
  for (const name of missing) {
    if (second.errors.get(name) === unknownTopic) known.set(name, systemClock.monotonic())
    else known.delete(name)
  }
  const errors = new Map(
    [...first.errors].filter(([, code]) => code !== unknownTopic).concat([...second.errors]),
  )
  return { topics: [...first.topics, ...second.topics], errors }
}

/** Of topics that are known to be there a broker that does not know them yet is not believed at once. */
export function forgetMissing(session: Session, names: readonly string[]): void {
  const known = missedTwice.get(session)
  if (known) for (const name of names) known.delete(name)
}

/** Throws AUTHORIZATION_FAILED and the like for topics that cannot be told; those that do not exist are passed over. */
export function throwTopicErrors(errors: ReadonlyMap<string, number>, doing: string): void {
  for (const [topic, code] of errors) {
    if (code === unknownTopic || code === invalidTopic) continue
    throw errorFromCode(code, { doing: `${doing} ${JSON.stringify(topic)}`, acl: 'Describe', topic })
  }
}
