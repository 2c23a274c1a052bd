import type { GroupPositions, Position, TopicPartition } from '../../kafka/index.ts'
import type { PartitionMap } from '../../offsets/index.ts'
import type { MapLine } from '../map-topic/map-line.ts'
import type { MapTable } from '../map-topic/map-table.ts'
import type { MappedPosition } from './decide.ts'

interface Mapped {
  readonly line: MapLine
  readonly map: PartitionMap
}

/** A target partition in which a group gets a position, and what it follows from. */
export interface SyncPlace extends TopicPartition {
  readonly sources: readonly MappedPosition[]
  /** Of the mapping: the highest revision of the lines that lead here. */
  readonly version: bigint
}

/** A source partition that two pipelines copy. */
export interface DoublyMapped extends TopicPartition {
  readonly pipelines: readonly string[]
}

/** The maps of one source cluster as of now, from either side. Topic ids tell a topic from one that was created again. */
export class PlaceIndex {
  readonly #bySource: ReadonlyMap<string, readonly Mapped[]>
  readonly #byTarget: ReadonlyMap<string, readonly Mapped[]>
  readonly #topicIds: ReadonlyMap<string, string | undefined>

  constructor(table: MapTable, cluster: string, topicIds: ReadonlyMap<string, string | undefined>) {
    const mapped = table.lines
      .filter(({ key }) => key.cluster === cluster)
      .flatMap((line) => line.maps().map((map): Mapped => ({ line, map })))
    this.#bySource = Map.groupBy(mapped, ({ map }) => `${map.sourceTopic}/${map.sourcePartition}`)
    this.#byTarget = Map.groupBy(mapped, ({ map }) => `${map.targetTopic}/${map.targetPartition}`)
    this.#topicIds = topicIds
  }

  /** Partitions of the source that have a map. */
  get size(): number {
    return this.#bySource.size
  }

  has({ topic, partition }: TopicPartition): boolean {
    return this.#bySource.has(`${topic}/${partition}`)
  }

  /** The target partitions that a group's positions concern. */
  placesOf({ positions }: GroupPositions): readonly SyncPlace[] {
    const own = new Map(positions.map((position) => [`${position.topic}/${position.partition}`, position]))
    const places = new Map<string, SyncPlace>()
    for (const key of own.keys()) {
      for (const { map } of this.#bySource.get(key) ?? []) {
        const target = `${map.targetTopic}/${map.targetPartition}`
        if (!places.has(target)) places.set(target, this.#place(target, map, own))
      }
    }
    return [...places.values()]
  }

  /** Partitions among a group's positions that several pipelines copy. */
  doublyMapped({ positions }: GroupPositions): readonly DoublyMapped[] {
    return positions.flatMap(({ topic, partition }) => {
      const lines = this.#bySource.get(`${topic}/${partition}`) ?? []
      const pipelines = [...new Set(lines.map(({ line }) => line.pipeline))].sort()
      return pipelines.length > 1 ? [{ topic, partition, pipelines }] : []
    })
  }

  #place(
    key: string,
    { targetTopic, targetPartition }: PartitionMap,
    own: ReadonlyMap<string, Position>,
  ): SyncPlace {
    const mapped = this.#byTarget.get(key) ?? []
    return {
      topic: targetTopic,
      partition: targetPartition,
      sources: mapped.map(({ line, map }) => ({
        map,
        position: own.get(`${map.sourceTopic}/${map.sourcePartition}`),
        outdated: this.#isOutdated(line),
      })),
      version: BigInt(Math.max(0, ...mapped.map(({ line }) => line.revision))),
    }
  }

  #isOutdated({ key, topicId }: MapLine): boolean {
    const now = this.#topicIds.get(key.topic)
    return now !== undefined && topicId !== undefined && now !== topicId
  }
}

/** Source topics that a table has maps of. */
export function mappedTopics(table: MapTable, cluster: string): readonly string[] {
  return [...new Set(table.lines.filter(({ key }) => key.cluster === cluster).map(({ key }) => key.topic))]
}
