import { isTidemarkError, systemClock, TidemarkError } from '../../base/index.ts'
import { type Cluster, type FetchedBatches, PositionReader } from '../../kafka/index.ts'
import { checkCrcs } from '../../records/index.ts'
import { committedRecords, stillOpen } from './topic-walk.ts'

/** A record of a small topic, and where it stands, for messages. */
export interface TailRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly place: string
}

export interface CatchUpOptions {
  /**
   * `stable`: what is committed as of now. `all`: open transactions are waited for, up to the log end as of now.
   */
  readonly upTo: 'stable' | 'all'
  /** Gives up when open transactions have not ended after so many ms. */
  readonly patience?: number
  readonly signal?: AbortSignal
}

const fetchBytes = 4 << 20
const pause = 100
const patienceDefault = 120_000

/**
 * Reads a topic of records that are few and small, all partitions, committed data only: each call goes on where the one before
 * ended. Partitions that are added are read from their beginning.
 */
export class TopicTail implements AsyncDisposable {
  readonly topic: string
  readonly #cluster: Cluster
  readonly #reader: PositionReader
  readonly #next = new Map<number, bigint>()
  #topicId: string | undefined

  constructor(cluster: Cluster, topic: string) {
    this.topic = topic
    this.#cluster = cluster
    this.#reader = new PositionReader(cluster)
  }

  /** Bytes and records so far. */
  bytes = 0
  records = 0

  /**
   * Hands over what is new, each partition in its order, all at once. Rejects with TOPIC_NOT_FOUND, with TARGET_CHANGED when the topic
   * is not the one that was read before, and with what the cluster answers.
   */
  async catchUp(take: (record: TailRecord) => void, options: CatchUpOptions): Promise<void> {
    const cancel = options.signal ? { signal: options.signal } : {}
    const [info] = await this.#cluster.topics([this.topic], cancel)
    if (info === undefined) throw topicMissing(this.topic)
    if (this.#topicId !== undefined && info.id !== this.#topicId) {
      throw new TidemarkError('TARGET_CHANGED', `The topic ${this.topic} was deleted and created again`, {
        details: { topic: this.topic },
        hint: 'Start the command again: it reads the new one from the beginning.',
      })
    }
    this.#topicId = info.id
    const partitions = info.partitions.map(({ partition }) => ({ topic: this.topic, partition }))
    const at = options.upTo === 'stable' ? ('last-stable' as const) : ('latest' as const)
    const [starts, ends] = await Promise.all([
      this.#cluster.listOffsets(
        partitions.map((one) => ({ ...one, at: 'earliest' as const })),
        cancel,
      ),
      this.#cluster.listOffsets(
        partitions.map((one) => ({ ...one, at })),
        cancel,
      ),
    ])
    const startOf = new Map(starts.map(({ partition, offset }) => [partition, offset ?? 0n]))
    await Promise.all(
      ends.map(({ partition, offset: end }) =>
        this.#read(partition, startOf.get(partition) ?? 0n, end ?? 0n, take, options),
      ),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]()
  }

  async #read(
    partition: number,
    start: bigint,
    end: bigint,
    take: (record: TailRecord) => void,
    options: CatchUpOptions,
  ): Promise<void> {
    const deadline = systemClock.monotonic() + (options.patience ?? patienceDefault)
    let next = this.#next.get(partition) ?? start
    if (next < start) next = start
    while (next < end) {
      const one = await this.#fetch(partition, next, options.signal)
      if (one.type === 'later') next = one.from
      else if (one.fetched !== undefined) {
        this.#hand(one.fetched, partition, take)
        next = one.fetched.nextOffset
        one.fetched.release()
      } else if (one.lastStableOffset >= end) {
        // The cleaner has taken what was between.
        next = end
      } else {
        if (options.upTo === 'stable') break
        if (systemClock.monotonic() > deadline) throw stillOpen(this.topic, partition)
        await systemClock.sleep(pause, options.signal)
      }
      this.#next.set(partition, next)
    }
    this.#next.set(partition, next)
  }

  /** One fetch; `later`: retention took what was asked for, and the log begins there now. */
  async #fetch(partition: number, next: bigint, signal: AbortSignal | undefined) {
    const place = { topic: this.topic, partition }
    const options = { maxBytes: fetchBytes, ...(signal && { signal }) }
    try {
      return { type: 'answer' as const, ...(await this.#reader.fetch(place, next, options)) }
    } catch (error) {
      if (!isTidemarkError(error, 'OFFSET_OUT_OF_RANGE')) throw error
      const { logStartOffset } = await this.#reader.bounds(place, signal)
      if (logStartOffset <= next) throw error
      return { type: 'later' as const, from: logStartOffset }
    }
  }

  #hand(fetched: FetchedBatches, partition: number, take: (record: TailRecord) => void): void {
    checkCrcs(fetched.buffer, fetched.start, fetched.end)
    this.bytes += fetched.end - fetched.start
    committedRecords(fetched, ({ key, value, offset }) => {
      this.records++
      take({ key, value, place: `The record at offset ${offset} of ${this.topic}-${partition}` })
    })
  }
}

/** A control topic that has to be there. */
export function topicMissing(topic: string): TidemarkError {
  return new TidemarkError('TOPIC_NOT_FOUND', `There is no topic ${topic} on the target`, {
    details: { topic },
    hint: 'Start the replication first, create the topic, or set features.autoCreateControlTopics to enabled. A topic that may not be described looks the same.',
  })
}
