import { MapSet } from '../../offsets/index.ts'
import { MapLine, type MapRetention } from './map-line.ts'
import type { MapEntry, MapKey } from './map-record.ts'

export interface MapTableChoice {
  /** Cluster id of the source; undefined = the only one there is. */
  readonly cluster?: string | undefined
  /** Undefined = all. */
  readonly pipeline?: string | undefined
  /** Name of the source in the maps; its cluster id by default. */
  readonly sourceName?: string | undefined
  readonly targetClusterId?: string | undefined
}

/** Source partitions that two pipelines copy between the same clusters. */
export interface MapConflict {
  readonly key: MapKey
  readonly lines: readonly MapLine[]
}

/**
 * The maps that a map topic holds, in memory: entries go in as they are read, maps come out. Pure; `read-map.ts` reads the topics.
 */
export class MapTable {
  readonly #lines = new Map<string, MapLine>()

  /** Takes a record of the map topic. */
  apply(key: MapKey, entry: MapEntry): void {
    this.#line(key, entry).apply(entry, 'map')
  }

  /** Takes a position of the control topic, which holds what the map topic does not hold yet. */
  applyTail(key: MapKey, entry: MapEntry): void {
    this.#line(key, entry).apply(entry, 'tail')
  }

  /** To be called when both topics have been read to their ends. */
  settle(): void {
    for (const line of this.#lines.values()) line.settle()
  }

  /** Drops what is not to be kept any more. `now`: ms since the epoch. */
  trim(now: number, retention: MapRetention): void {
    for (const line of this.#lines.values()) line.trim(now, retention)
  }

  get lines(): readonly MapLine[] {
    return [...this.#lines.values()].filter(({ revision }) => revision >= 0)
  }

  /** Lines of one source partition: more than one when several pipelines copy it, or when its target was renamed. */
  of({ cluster, topic, partition }: MapKey): readonly MapLine[] {
    return this.lines.filter(
      ({ key }) => key.cluster === cluster && key.topic === topic && key.partition === partition,
    )
  }

  conflicts(): MapConflict[] {
    const groups = Map.groupBy(this.lines, ({ key }) =>
      JSON.stringify([key.cluster, key.topic, key.partition]),
    )
    return [...groups.values()].flatMap((lines) => {
      const [first] = lines
      const pipelines = new Set(lines.map(({ pipeline }) => pipeline))
      return first && pipelines.size > 1 ? [{ key: first.key, lines }] : []
    })
  }

  /** Cluster ids of the sources. */
  get clusters(): readonly string[] {
    return [...new Set(this.lines.map(({ key }) => key.cluster))].sort()
  }

  /**
   * The maps of one source. Throws CONFIG_INVALID when two pipelines copy the same partition into the same topic, and none was
   * chosen.
   */
  set(choice: MapTableChoice = {}): MapSet {
    const [only] = this.clusters
    const cluster = choice.cluster ?? only ?? ''
    const lines = this.lines.filter(
      ({ key, pipeline }) =>
        key.cluster === cluster && (choice.pipeline === undefined || choice.pipeline === pipeline),
    )
    return new MapSet(
      {
        sourceCluster: choice.sourceName ?? cluster,
        sourceClusterId: cluster,
        targetClusterId: choice.targetClusterId,
      },
      lines.flatMap((line) => line.maps()),
    )
  }

  #line(key: MapKey, entry: MapEntry): MapLine {
    const name = JSON.stringify([key.cluster, key.topic, key.partition, entry.pipeline, entry.targetTopic])
    let line = this.#lines.get(name)
    if (!line) {
      line = new MapLine(key, entry)
      this.#lines.set(name, line)
    }
    return line
  }
}
