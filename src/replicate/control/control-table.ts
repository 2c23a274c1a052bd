import { systemClock, TidemarkError } from '../../base/index.ts'
import { type Cluster, PositionReader } from '../../kafka/index.ts'
import { routeKey } from '../topics/routes.ts'
import { decodePosition, decodePositionKey, type PositionEntry } from './position-record.ts'
import { decodeShardKey, type ShardMark } from './shard-mark.ts'
import { readToEnd, type TopicRecord } from './topic-walk.ts'

export interface ControlTableOptions {
  readonly topic: string
  /** Undefined where the target has no topic ids. */
  readonly topicId: string | undefined
  readonly pipeline: string
  /** Cluster id of the source. */
  readonly cluster: string
  /** Ms that open transactions may keep it from being read. */
  readonly patience: number
  readonly signal: AbortSignal
}

/**
 * What the control topic says of one pipeline. Read on from where it was read to before, so that each take-over reads only what is
 * new since.
 */
export class ControlTable implements AsyncDisposable {
  readonly #cluster: Cluster
  readonly #options: ControlTableOptions
  readonly #reader: PositionReader
  readonly #next = new Map<number, bigint>()
  readonly #positions = new Map<string, PositionEntry>()
  readonly #topics = new Set<string>()
  readonly #shards = new Set<number>()
  #reading: Promise<void> = Promise.resolve()
  #waiting: Promise<void> | undefined

  constructor(cluster: Cluster, options: ControlTableOptions) {
    this.#cluster = cluster
    this.#options = options
    this.#reader = new PositionReader(cluster)
  }

  /**
   * Reads on to the end of the topic as it is when this is called or later. Whoever calls while others wait for their turn shares
   * it with them.
   */
  catchUp(): Promise<void> {
    this.#waiting ??= this.#reading
      .catch(() => {})
      .then(() => {
        this.#waiting = undefined
        this.#reading = this.#read()
        return this.#reading
      })
    return this.#waiting
  }

  /** Where the copy of a partition stood when the topic was last read. */
  position(topic: string, partition: number): PositionEntry | undefined {
    return this.#positions.get(routeKey(topic, partition))
  }

  /** Whether a partition of the topic has a position: then the topic was copied to. */
  hasTopic(topic: string): boolean {
    return this.#topics.has(topic)
  }

  /** All positions, by `routeKey`. */
  get positions(): ReadonlyMap<string, PositionEntry> {
    return this.#positions
  }

  /** Whether the shard was ever begun. */
  hasBegun(shard: number): boolean {
    return this.#shards.has(shard)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]()
  }

  async #read(): Promise<void> {
    const { topic, topicId, patience, signal } = this.#options
    let [info] = await this.#cluster.topics([topic], { signal })
    // A broker may not know yet what was made a moment ago.
    for (let looks = 0; !info && looks < 20; looks++) {
      await systemClock.sleep(500, signal)
      info = (await this.#cluster.topics([topic], { signal }))[0]
    }
    if (!info) {
      throw new TidemarkError(
        'TOPIC_NOT_FOUND',
        `The control topic ${JSON.stringify(topic)} does not exist`,
        {
          details: { topic },
          hint: 'Its positions are gone with it. Use another name for the pipeline to begin anew.',
        },
      )
    }
    if (topicId !== undefined && info.id !== undefined && info.id !== topicId) {
      throw new TidemarkError(
        'TARGET_CHANGED',
        `The control topic ${JSON.stringify(topic)} was deleted and created again: the positions in it are gone`,
        {
          details: { topic },
          hint: 'Use another name for the pipeline to begin anew, into fresh target topics.',
        },
      )
    }
    await Promise.all(
      info.partitions.map(async ({ partition }) => {
        const from = this.#next.get(partition) ?? 0n
        const take = (record: TopicRecord) => this.#take(record)
        const place = { topic, partition }
        const next = await readToEnd(this.#cluster, this.#reader, place, from, take, signal, patience)
        this.#next.set(partition, next)
      }),
    )
  }

  #take({ partition, offset, key, value }: TopicRecord): void {
    if (key === null) return
    const { topic, pipeline, cluster } = this.#options
    const place = `The record at offset ${offset} of ${topic}-${partition}`
    const position = decodePositionKey(key, place)
    if (position) {
      if (position.pipeline !== pipeline || position.cluster !== cluster) return
      const name = routeKey(position.topic, position.partition)
      if (value === null) {
        this.#positions.delete(name)
        return
      }
      const entry = decodePosition(value, place)
      this.#topics.add(position.topic)
      const known = this.#positions.get(name)
      if (!known || entry.revision >= known.revision) this.#positions.set(name, entry)
      return
    }
    const mark: ShardMark | undefined = decodeShardKey(key, place)
    if (mark && value !== null && mark.pipeline === pipeline && mark.cluster === cluster)
      this.#shards.add(mark.shard)
  }
}
