import type { GivenGroup, GivenPosition } from '../given/given-positions.ts'
import type { MapSet } from '../map/map-set.ts'
import type { PartitionMap } from '../map/partition-map.ts'
import { type MissingPolicy, translateMerged } from '../translate/merge.ts'
import { translate } from '../translate/translate.ts'
import type { ExplainAbsence, LogBounds } from '../translate/translation.ts'
import { isTranslationMark, translationMark } from './mark.ts'
import type { PlanNotice, SourcePosition } from './plan.ts'
import { type LogTable, place, sentence, type WantedPosition } from './planner.ts'
import { mergedReason, translationReason } from './reasons.ts'

export interface TranslationOptions {
  /** The logs of the target: they have the partitions that only the target has. */
  readonly logs: LogTable
  /**
   * Source partitions in which a group has no position, where records of several were merged. @default
   * 'earliest'
   */
  readonly missing?: MissingPolicy
  /** Mark translated positions in their metadata where no application keeps anything there. @default true */
  readonly mark?: boolean
  /** Partitions of a source topic, where known: further ones of the target are new. */
  readonly sourcePartitions?: (topic: string) => number | undefined
  /** Reasons for offsets that are not in the copy, where known; see `absenceFromIndex`. */
  readonly explain?: (topic: string, partition: number) => ExplainAbsence | undefined
  /** Commit also what is there already, so that it is on record as translated. @default false */
  readonly always?: boolean
}

/** No log has ended before the largest offset: ranges are judged by the planner, with its policy. */
const unbounded: LogBounds = { logStart: 0n, logEnd: 0x7fffffffffffffffn }

/**
 * `header-based` and `from-mapping`: the positions of groups on the source as positions on the target, by maps. Pure. Nothing is
 * left out silently: a position that yields none on the target is a wanted position without an offset, with a reason.
 */
export function translateGroups(
  groups: readonly GivenGroup[],
  maps: MapSet,
  options: TranslationOptions,
): { readonly wanted: readonly WantedPosition[]; readonly notices: readonly PlanNotice[] } {
  const notices: PlanNotice[] = []
  const { always = false } = options
  const wanted = groups.flatMap((group) => {
    const { type, withoutMetadata: keepsMetadata = false } = group
    const all = new GroupTranslation(group, maps, options, notices).all()
    return all.map((one) => ({ ...one, type, always, keepsMetadata }))
  })
  return { wanted, notices }
}

/** Translates the positions of one group. */
class GroupTranslation {
  readonly #group: GivenGroup
  readonly #maps: MapSet
  readonly #options: TranslationOptions
  readonly #notices: PlanNotice[]
  readonly #positions: ReadonlyMap<string, GivenPosition>
  readonly #marks: boolean
  readonly #done = new Set<string>()

  constructor(group: GivenGroup, maps: MapSet, options: TranslationOptions, notices: PlanNotice[]) {
    this.#group = group
    this.#maps = maps
    this.#options = options
    this.#notices = notices
    const positions = group.positions.filter(({ offset }) => offset >= 0n)
    this.#positions = new Map(
      positions.map((position) => [place(position.topic, position.partition), position]),
    )
    // An application that keeps something in one position may look into all of them.
    this.#marks = (options.mark ?? true) && positions.every(({ metadata }) => ownMetadata(metadata) === '')
  }

  all(): WantedPosition[] {
    const topics = new Set([...this.#positions.values()].map(({ topic }) => topic))
    return [...topics].flatMap((topic) => this.#topic(topic))
  }

  #topic(topic: string): WantedPosition[] {
    const maps = this.#maps.fromTopic(topic)
    const wanted: WantedPosition[] = []
    for (const { targetTopic, targetPartition } of maps) {
      const key = place(targetTopic, targetPartition)
      if (this.#done.has(key)) continue
      this.#done.add(key)
      wanted.push(this.#target(targetTopic, targetPartition))
    }
    const copied = new Set(maps.map(({ sourcePartition }) => sourcePartition))
    for (const position of this.#positions.values()) {
      if (position.topic !== topic || copied.has(position.partition)) continue
      const reason =
        maps.length === 0 ? 'the topic was not restored' : 'this partition of the source was not restored'
      wanted.push(this.#none(topic, position.partition, 'not-copied', reason, [sourceOf(position)]))
    }
    for (const targetTopic of new Set(maps.map((map) => map.targetTopic))) {
      wanted.push(...this.#newPartitions(topic, targetTopic))
    }
    return wanted
  }

  #target(topic: string, partition: number): WantedPosition {
    const maps = this.#maps.into(topic, partition)
    const [only] = maps
    const plain =
      only !== undefined &&
      maps.length === 1 &&
      this.#maps.from(only.sourceTopic, only.sourcePartition).length === 1
    return plain ? this.#single(only) : this.#merged(topic, partition, maps)
  }

  /** One source partition became one target partition. */
  #single(map: PartitionMap): WantedPosition {
    const { targetTopic, targetPartition } = map
    const position = this.#positions.get(place(map.sourceTopic, map.sourcePartition))
    if (position === undefined) return this.#noPosition(targetTopic, targetPartition)
    this.#noteUnstable(position)
    const from = [sourceOf(position)]
    const explain = this.#options.explain?.(map.sourceTopic, map.sourcePartition)
    const answer = translate(map, position.offset, unbounded, explain)
    const reason = translationReason(answer, position.offset, map)
    if (answer.kind === 'unmapped') return this.#none(targetTopic, targetPartition, 'unmapped', reason, from)
    return {
      group: this.#group.group,
      topic: targetTopic,
      partition: targetPartition,
      offset: answer.target,
      metadata: this.#metadata(from, position.metadata),
      kind: answer.kind,
      reason,
      reread: answer.kind === 'floor' ? Number(answer.atMost) : 0,
      from,
    }
  }

  /** Records of several source partitions came together, or those of one were spread. */
  #merged(topic: string, partition: number, maps: readonly PartitionMap[]): WantedPosition {
    const sources = maps.map((map) => ({
      map,
      position: this.#positions.get(place(map.sourceTopic, map.sourcePartition)),
    }))
    const known = sources.flatMap(({ position }) => (position === undefined ? [] : [position]))
    if (known.length === 0) return this.#noPosition(topic, partition)
    for (const position of known) this.#noteUnstable(position)
    const from = known.map(sourceOf)
    const answer = translateMerged(
      sources.map(({ map, position }) => ({ map, position: position?.offset })),
      unbounded,
      this.#options.missing,
    )
    const reason = mergedReason(answer, sources.length - known.length, this.#options.missing ?? 'earliest')
    if (answer.kind === 'unmapped') return this.#none(topic, partition, 'unmapped', reason, from)
    return {
      group: this.#group.group,
      topic,
      partition,
      offset: answer.target,
      metadata: this.#metadata(from, this.#commonMetadata(topic, partition, known)),
      kind: answer.kind,
      reason,
      reread: answer.reread,
      from,
    }
  }

  /**
   * Partitions that only the target has are read from their start, so that nothing written there is skipped.
   */
  #newPartitions(sourceTopic: string, targetTopic: string): WantedPosition[] {
    const wanted: WantedPosition[] = []
    // Where records found new partitions, one without a map got none: whatever comes there is new.
    const spread = this.#maps
      .fromTopic(sourceTopic)
      .some((map) => this.#maps.from(map.sourceTopic, map.sourcePartition).length > 1)
    const sources = spread
      ? 0
      : (this.#options.sourcePartitions?.(sourceTopic) ?? this.#sourcePartitionsSeen(sourceTopic))
    const copied = new Set(this.#maps.fromTopic(sourceTopic).map(({ sourcePartition }) => sourcePartition))
    for (const [partition, { logStart }] of this.#options.logs.get(targetTopic) ?? []) {
      const key = place(targetTopic, partition)
      // A partition that was left out of the copy keeps its place on the target for a copy to come; one that was copied elsewhere does not.
      if (this.#done.has(key) || (partition < sources && !copied.has(partition))) continue
      this.#done.add(key)
      wanted.push({
        group: this.#group.group,
        topic: targetTopic,
        partition,
        offset: logStart,
        metadata: this.#metadata([], null),
        kind: 'new-partition',
        reason: 'the source has no such partition; reading begins at its start',
        reread: 0,
        from: [],
      })
    }
    return wanted
  }

  #sourcePartitionsSeen(topic: string): number {
    const seen = [...this.#positions.values()].filter((position) => position.topic === topic)
    return Math.max(
      0,
      ...seen.map(({ partition }) => partition + 1),
      ...this.#maps.fromTopic(topic).map(({ sourcePartition }) => sourcePartition + 1),
    )
  }

  #noPosition(topic: string, partition: number): WantedPosition {
    const reason = 'the group had no position here; its auto.offset.reset will decide'
    return this.#none(topic, partition, 'no-position', reason, [])
  }

  #none(
    topic: string,
    partition: number,
    kind: 'no-position' | 'not-copied' | 'unmapped',
    reason: string,
    from: readonly SourcePosition[],
  ): WantedPosition {
    const { group } = this.#group
    return { group, topic, partition, offset: undefined, metadata: null, kind, reason, reread: 0, from }
  }

  /** What the application had there, byte for byte; a mark where no application keeps anything. */
  #metadata(from: readonly SourcePosition[], captured: string | null): string | null {
    if (ownMetadata(captured) !== '' || !this.#marks) return captured
    const cluster = this.#maps.sourceClusterId ?? this.#maps.sourceCluster
    return translationMark(cluster, this.#maps.restoreId, from)
  }

  #commonMetadata(topic: string, partition: number, positions: readonly GivenPosition[]): string | null {
    const different = new Set(positions.map(({ metadata }) => metadata ?? ''))
    if (different.size === 1) return positions[0]?.metadata ?? null
    this.#notices.push({
      code: 'metadata-dropped',
      group: this.#group.group,
      topic,
      partition,
      message: sentence(
        `The commit metadata of ${positions.length} source positions that became one differ`,
        'none of them is carried over',
      ),
    })
    return null
  }

  #noteUnstable(position: GivenPosition): void {
    if (!position.unstable) return
    const { topic, partition } = position
    this.#notices.push({
      code: 'unstable-position',
      group: this.#group.group,
      topic,
      partition,
      message: `The newest commit of '${this.#group.group}' in ${topic}/${partition} was part of an open transaction when it was captured; the one before it is used`,
    })
  }
}

function sourceOf({ topic, partition, offset }: GivenPosition): SourcePosition {
  return { topic, partition, offset }
}

/** What an application keeps in its commit; a mark of ours, from an earlier translation to the source, is nothing of it. */
function ownMetadata(metadata: string | null): string {
  return isTranslationMark(metadata) ? '' : (metadata ?? '')
}
