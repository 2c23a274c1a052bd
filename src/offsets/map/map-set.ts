import { TidemarkError } from '../../base/index.ts'
import type { PartitionMap } from './partition-map.ts'

/** Where a set of maps comes from; what is not known is undefined. */
export interface MapSetOrigin {
  /** The source's name, as headers and files say it; its cluster id where it has no name. */
  readonly sourceCluster: string
  readonly sourceClusterId?: string | undefined
  readonly targetClusterId?: string | undefined
  readonly backupId?: string | undefined
  readonly restoreId?: string | undefined
  /** Ms since the epoch. */
  readonly created?: number | undefined
  /** Ids of the target topics, where known: in one that was created again since, the map means nothing. */
  readonly targetTopicIds?: ReadonlyMap<string, string> | undefined
}

/** The maps of all partitions of one restore, looked up from either side. */
export class MapSet implements MapSetOrigin {
  readonly sourceCluster: string
  readonly sourceClusterId: string | undefined
  readonly targetClusterId: string | undefined
  readonly backupId: string | undefined
  readonly restoreId: string | undefined
  readonly created: number | undefined
  readonly targetTopicIds: ReadonlyMap<string, string> | undefined
  /** By source topic, source partition, target topic, target partition. */
  readonly maps: readonly PartitionMap[]
  readonly #bySource = new Map<string, Map<number, PartitionMap[]>>()
  readonly #byTarget = new Map<string, Map<number, PartitionMap[]>>()

  /** Throws CONFIG_INVALID when two maps describe the same pair of partitions. */
  constructor(origin: MapSetOrigin, maps: Iterable<PartitionMap>) {
    this.sourceCluster = origin.sourceCluster
    this.sourceClusterId = origin.sourceClusterId
    this.targetClusterId = origin.targetClusterId
    this.backupId = origin.backupId
    this.restoreId = origin.restoreId
    this.created = origin.created
    this.targetTopicIds = origin.targetTopicIds
    this.maps = [...maps].sort(bySource)
    for (const [i, map] of this.maps.entries()) {
      const before = this.maps[i - 1]
      if (before !== undefined && bySource(before, map) === 0) {
        throw new TidemarkError(
          'CONFIG_INVALID',
          `Two offset maps describe ${map.sourceTopic}/${map.sourcePartition} → ${map.targetTopic}/${map.targetPartition}`,
          { details: { topic: map.sourceTopic, partition: map.sourcePartition } },
        )
      }
      put(this.#bySource, map.sourceTopic, map.sourcePartition, map)
      put(this.#byTarget, map.targetTopic, map.targetPartition, map)
    }
  }

  /** Source topics that were copied. */
  get sourceTopics(): readonly string[] {
    return [...this.#bySource.keys()]
  }

  /** Target topics that were copied into. */
  get targetTopics(): readonly string[] {
    return [...this.#byTarget.keys()]
  }

  /** All maps out of a source topic. */
  fromTopic(topic: string): readonly PartitionMap[] {
    return [...(this.#bySource.get(topic)?.values() ?? [])].flat()
  }

  /** All maps out of a source partition: more than one where its records were spread. */
  from(topic: string, partition: number): readonly PartitionMap[] {
    return this.#bySource.get(topic)?.get(partition) ?? []
  }

  /** All maps into a target partition: more than one where records of several partitions were merged. */
  into(topic: string, partition: number): readonly PartitionMap[] {
    return this.#byTarget.get(topic)?.get(partition) ?? []
  }

  /** The maps of the way back, for fail-back. */
  invert(targetCluster: string): MapSet {
    return new MapSet(
      {
        sourceCluster: targetCluster,
        sourceClusterId: this.targetClusterId,
        targetClusterId: this.sourceClusterId,
        backupId: this.backupId,
        restoreId: this.restoreId,
        created: this.created,
      },
      this.maps.map((map) => map.invert(targetCluster)),
    )
  }
}

function bySource(a: PartitionMap, b: PartitionMap): number {
  return (
    order(a.sourceTopic, b.sourceTopic) ||
    a.sourcePartition - b.sourcePartition ||
    order(a.targetTopic, b.targetTopic) ||
    a.targetPartition - b.targetPartition
  )
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function put(
  index: Map<string, Map<number, PartitionMap[]>>,
  topic: string,
  partition: number,
  map: PartitionMap,
): void {
  const partitions = index.get(topic) ?? new Map<number, PartitionMap[]>()
  index.set(topic, partitions)
  const maps = partitions.get(partition)
  if (maps === undefined) partitions.set(partition, [map])
  else maps.push(map)
}
