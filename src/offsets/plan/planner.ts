import { TidemarkError } from '../../base/index.ts'
import type { GroupPositions, GroupType, Outcome, Position } from '../../kafka/index.ts'
import { shareMark } from '../share-mark.ts'
import { type LogBounds, type OutOfRange, withinLog } from '../translate/translation.ts'
import { isTranslationMark } from './mark.ts'
import {
  hashPlan,
  type Plan,
  type PlanEntry,
  type PlanKind,
  type PlanNotice,
  type PlanOrigin,
  type SourcePosition,
  type StrategyName,
  type TopicIds,
} from './plan.ts'

/** The log of each partition of the target's topics. */
export type LogTable = ReadonlyMap<string, ReadonlyMap<number, LogBounds>>

/**
 * What to do with a target that lies outside the partition's log: refuse, move it to the near end, or leave
 * the position alone.
 */
export type RangePolicy = 'fail' | 'clamp' | 'skip'

/** A position that a group should get. */
export interface WantedPosition {
  readonly group: string
  /** Type of the group that the position is of. @default whatever the group is on the target */
  readonly type?: GroupType | undefined
  readonly topic: string
  readonly partition: number
  /**
   * Undefined = nothing to commit; the reason says why. May lie outside the log: the range policy decides.
   */
  readonly offset: bigint | undefined
  /** The group shall have no position here: one that it has is deleted. Then there is no offset. @default false */
  readonly remove?: boolean
  readonly metadata: string | null
  /** Nothing is known of the metadata that belongs to it: what the group keeps at the target stays. @default false */
  readonly keepsMetadata?: boolean
  readonly kind: PlanKind
  readonly reason: string
  readonly reread: number
  readonly from: readonly SourcePosition[]
  /** Commit it also when it is there already. @default false */
  readonly always?: boolean
}

export interface PlanInput {
  readonly clusterId: string
  /** Ms since the epoch. */
  readonly created: number
  readonly origin: PlanOrigin
  readonly strategy?: StrategyName | undefined
  /** Which offset map translated, in words. */
  readonly map?: string | undefined
  /** `offsets.retention.minutes` of the target, where it may be read. */
  readonly retentionMinutes?: number | undefined
  readonly wanted: readonly WantedPosition[]
  readonly notices: readonly PlanNotice[]
  /** The groups' positions on the target now, as the cluster answered. */
  readonly current: Outcome<string, GroupPositions>
  readonly logs: LogTable
  /** Ids of the target's topics, for a plan that may be applied later. */
  readonly topicIds?: TopicIds | undefined
  /** @default 'fail' */
  readonly outOfRange?: RangePolicy
}

/**
 * Holds wanted positions against what the target has: its logs and the groups' positions now. Pure; every
 * source of positions and every strategy ends here.
 */
export function makePlan(input: PlanInput): Plan {
  const current = new Map(input.current.done.map((group) => [group.group, positionsOf(group)]))
  const unreadable = new Map(input.current.failed.map(({ item, error }) => [item, error.message]))
  const shared = new Set(input.current.done.filter(({ type }) => type === 'share').map(({ group }) => group))
  const keeping = new Set(input.current.done.filter(keepsSomething).map(({ group }) => group))
  const entries = input.wanted.map((wanted): PlanEntry => {
    const { group, topic, partition } = wanted
    const failure = unreadable.get(group)
    const now = current.get(group)?.get(place(topic, partition))
    const isShare = (wanted.type ?? (shared.has(group) ? 'share' : undefined)) === 'share'
    const stillThere = wanted.keepsMetadata === true && keeping.has(group)
    const metadata = stillThere ? (now?.metadata ?? null) : wanted.metadata
    const base = {
      group,
      ...shareMark(isShare),
      topic,
      partition,
      current: now && { offset: now.offset, metadata: now.metadata },
      target: wanted.offset,
      // Share groups keep none.
      metadata: isShare ? null : metadata,
      kind: wanted.kind,
      reason: wanted.reason,
      reread: wanted.reread,
      from: wanted.from,
    }
    if (failure !== undefined) {
      const reason = `The positions of the group on the target could not be read: ${failure}`
      return { ...base, action: 'REFUSE', kind: 'unreadable', reason }
    }
    if ((current.get(group)?.size ?? 0) > 0 && shared.has(group) !== isShare) {
      return { ...base, action: 'REFUSE', kind: 'other-type', reason: otherType(group, shared.has(group)) }
    }
    if (wanted.remove) return { ...base, action: now === undefined ? 'KEEP' : 'DELETE' }
    if (wanted.offset === undefined) return { ...base, action: 'SKIP' }
    // What the group had itself, and still has, is right wherever the log has gone since.
    const stays = wanted.kind === 'as-before' || wanted.kind === 'translated'
    if (stays && now?.offset === wanted.offset && sameMetadata(now.metadata, base)) {
      return { ...base, action: 'KEEP' }
    }
    const log = input.logs.get(topic)?.get(partition)
    if (log === undefined) {
      return {
        ...base,
        target: undefined,
        action: 'SKIP',
        kind: 'no-partition',
        reason: sentence(wanted.reason, 'the target has no such partition'),
      }
    }
    const { target, outOfRange } = withinLog(wanted.offset, log)
    if (outOfRange !== undefined) {
      const problem = rangeSentence(partition, outOfRange, log)
      if (input.outOfRange !== 'clamp') {
        const action = input.outOfRange === 'skip' ? 'SKIP' : 'REFUSE'
        return { ...base, action, reason: sentence(problem, wanted.reason) }
      }
      const moved = `${problem}; moved to the ${outOfRange.bound === 'log-end' ? 'end' : 'start'} of the log`
      return settle({ ...base, target, reason: sentence(moved, wanted.reason) }, now, target, wanted.always)
    }
    return settle(base, now, target, wanted.always)
  })
  const plan = {
    clusterId: input.clusterId,
    created: input.created,
    origin: input.origin,
    strategy: input.strategy,
    map: input.map,
    retentionMinutes: input.retentionMinutes,
    topicIds: idsToSet(input.topicIds, entries),
    entries: inOrder(entries),
    notices: input.notices,
  }
  return { ...plan, hash: hashPlan(plan) }
}

/** Ids of the topics in which positions are to be set, by name. */
function idsToSet(ids: TopicIds | undefined, entries: readonly PlanEntry[]): TopicIds | undefined {
  const topics = new Set(entries.filter(({ action }) => action === 'SET').map(({ topic }) => topic))
  const known = [...topics].sort().flatMap((topic) => {
    const id = ids?.get(topic)
    return id === undefined ? [] : [[topic, id] as const]
  })
  return known.length === 0 ? undefined : new Map(known)
}

/** Why positions of one kind of group cannot become those of the other. */
export function otherType(group: string, isShare: boolean): string {
  return isShare
    ? `'${group}' is a share group on the target, and the positions are of a group of another type`
    : `'${group}' is no share group on the target, and the positions are start offsets of a share group`
}

/** The error of document and command line for a position outside a log. */
export function outOfRangeError(entry: PlanEntry): TidemarkError {
  return new TidemarkError('OFFSET_OUT_OF_RANGE', entry.reason, {
    details: {
      group: entry.group,
      topic: entry.topic,
      partition: entry.partition,
      ...(entry.target !== undefined && { offset: entry.target }),
    },
    hint: 'Choose another position, or --out-of-range clamp (to the near end of the log) or skip; a log that changed since a restore can be restored again.',
  })
}

/** A sentence joined to what was said before. */
export function sentence(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('; ')
}

/** The sentence of the command line for an offset outside a log. */
export function rangeSentence(partition: number, { wanted }: OutOfRange, log: LogBounds): string {
  return `Offset ${wanted} is out of range for partition ${partition} (current: ${log.logStart}-${log.logEnd})`
}

function settle(
  entry: Omit<PlanEntry, 'action'>,
  now: Position | undefined,
  target: bigint,
  always = false,
): PlanEntry {
  if (now === undefined) return { ...entry, action: 'SET' }
  if (!always && now.offset === target && sameMetadata(now.metadata, entry)) {
    return { ...entry, action: 'KEEP', metadata: now.metadata }
  }
  const move =
    now.offset > target
      ? `moves back by ${now.offset - target}`
      : now.offset < target
        ? `moves forward by ${target - now.offset}`
        : ''
  return { ...entry, action: 'SET', reason: sentence(entry.reason, move) }
}

/**
 * Whether commit metadata is as wanted. Brokers keep null as empty; a mark is a note of ours and no reason to commit again, except
 * where all shall be as it was.
 */
export function sameMetadata(
  now: string | null,
  { metadata, kind }: Pick<PlanEntry, 'metadata' | 'kind'>,
): boolean {
  if ((now ?? '') === (metadata ?? '')) return true
  return kind !== 'as-before' && isTranslationMark(metadata) && ((now ?? '') === '' || isTranslationMark(now))
}

/** Whether an application keeps something in the metadata of its commits; a mark is a note of ours. */
function keepsSomething({ positions }: GroupPositions): boolean {
  return positions.some(({ metadata }) => (metadata ?? '') !== '' && !isTranslationMark(metadata))
}

/** Groups in the order in which they first came, each by topic and partition. */
function inOrder(entries: readonly PlanEntry[]): PlanEntry[] {
  const byTopic = (a: PlanEntry, b: PlanEntry) =>
    a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition
  return [...Map.groupBy(entries, ({ group }) => group).values()].flatMap((group) => group.sort(byTopic))
}

function positionsOf(group: GroupPositions): ReadonlyMap<string, Position> {
  return new Map(
    group.positions
      .filter(({ offset }) => offset >= 0n)
      .map((position) => [place(position.topic, position.partition), position]),
  )
}

/** A topic name holds no slash, so this names one partition. */
export function place(topic: string, partition: number): string {
  return `${topic}/${partition}`
}
