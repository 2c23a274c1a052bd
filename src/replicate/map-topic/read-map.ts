import { TidemarkError } from '../../base/index.ts'
import { type Cluster, type FetchedBatches, Fetcher, PositionReader } from '../../kafka/index.ts'
import type { MapSet } from '../../offsets/index.ts'
import { decodePosition, decodePositionKey } from '../control/position-record.ts'
import { committedRecords, readToEnd, type TopicRecord } from '../control/topic-walk.ts'
import { decodeMapEntry, decodeMapKey } from './map-record.ts'
import { MapTable, type MapTableChoice } from './map-table.ts'

/** Where maps are kept on the target. */
export interface MapTopics {
  readonly map: string
  /** Holds what the map topic does not hold yet; undefined = maps may be a second behind. */
  readonly control: string | undefined
}

const followMemory = 16 << 20

/**
 * Reads maps as they are published. `load` reads everything that there is; `follow` then takes what comes. Both topics must be there.
 */
export class MapReader {
  readonly table = new MapTable()
  readonly #cluster: Cluster
  readonly #topics: MapTopics
  readonly #next = new Map<string, { readonly topic: string; readonly partition: number; next: bigint }>()

  constructor(cluster: Cluster, topics: MapTopics) {
    this.#cluster = cluster
    this.#topics = topics
  }

  /**
   * Reads both topics to their ends as they are when this is called. Rejects with TOPIC_NOT_FOUND, MAP_RECORD_INVALID, and the errors
   * of the cluster.
   */
  async load(signal: AbortSignal): Promise<void> {
    // The control topic first: then the map topic holds everything that the positions take as published.
    for (const topic of [this.#topics.control, this.#topics.map])
      if (topic !== undefined) await this.#read(topic, signal)
    this.table.settle()
  }

  /** Takes what comes until aborted. `changed` is called whenever something came. Only after `load`. */
  async follow(signal: AbortSignal, changed: () => void): Promise<void> {
    const failed = new AbortController()
    const fetcher = new Fetcher(
      this.#cluster,
      { memory: followMemory, maxBytes: 1 << 20, lasting: true },
      {
        batches: (fetched) => {
          try {
            this.#take(fetched)
            changed()
          } catch (error) {
            failed.abort(error)
          } finally {
            fetched.release()
          }
        },
        event: (event) => {
          if (event.type === 'lost') failed.abort(event.error)
          else if (event.type === 'recreated') failed.abort(missing(event.topic))
        },
      },
    )
    for (const { topic, partition, next } of this.#next.values()) {
      fetcher.add({ topic, partition, topicId: undefined, from: next, stop: undefined, lastFetchedEpoch: -1 })
    }
    await fetcher.run(AbortSignal.any([signal, failed.signal]))
  }

  async #read(topic: string, signal: AbortSignal): Promise<void> {
    const [info] = await this.#cluster.topics([topic], { signal })
    if (!info) throw missing(topic)
    await using reader = new PositionReader(this.#cluster)
    await Promise.all(
      info.partitions.map(async ({ partition }) => {
        const take = (record: TopicRecord) => this.#apply(topic, record)
        const next = await readToEnd(this.#cluster, reader, { topic, partition }, 0n, take, signal)
        this.#next.set(`${topic}/${partition}`, { topic, partition, next })
      }),
    )
  }

  #take(fetched: FetchedBatches): void {
    committedRecords(fetched, (record) => this.#apply(fetched.topic, record))
  }

  #apply(topic: string, { key, value, partition, offset }: TopicRecord): void {
    if (key === null || value === null) return
    const place = `The record at offset ${offset} of ${topic}-${partition}`
    if (topic === this.#topics.map) this.table.apply(decodeMapKey(key, place), decodeMapEntry(value, place))
    else {
      const position = decodePositionKey(key, place)
      if (position) this.table.applyTail(position, decodePosition(value, place))
    }
  }
}

/** The maps that a map topic holds now. Rejects as {@link MapReader.load} does. */
export async function loadMapTable(
  cluster: Cluster,
  topics: MapTopics,
  signal: AbortSignal,
): Promise<MapTable> {
  const reader = new MapReader(cluster, topics)
  await reader.load(signal)
  return reader.table
}

/** The same as a set, for translating positions: of one source, and of one pipeline where several copy the same topics. */
export async function loadMapTopic(
  cluster: Cluster,
  topics: MapTopics,
  choice: MapTableChoice & { readonly signal: AbortSignal },
): Promise<MapSet> {
  const table = await loadMapTable(cluster, topics, choice.signal)
  return table.set({ ...choice, targetClusterId: cluster.clusterId })
}

function missing(topic: string): TidemarkError {
  return new TidemarkError('TOPIC_NOT_FOUND', `The topic ${JSON.stringify(topic)} does not exist`, {
    details: { topic },
    hint: 'It is made by the replication; give its name as it is configured there.',
  })
}
