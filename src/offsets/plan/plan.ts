import { createHash } from 'node:crypto'
import { offsetToJson } from '../json-value.ts'
import { type ShareMark, shareMark } from '../share-mark.ts'
import type { TranslationKind } from '../translate/translation.ts'

/**
 * What happens to a position: `SET` commits the target, `DELETE` takes the position away, `KEEP` finds it there
 * already (or finds none, as it should be), `SKIP` commits nothing (the reason says why), `REFUSE` makes the plan one
 * that cannot be applied.
 */
export type PlanAction = 'SET' | 'DELETE' | 'KEEP' | 'SKIP' | 'REFUSE'

/**
 * How the target was found: a kind of translation, or
 *
 * - `new-partition`: the source has no such partition; reading begins at its start
 * - `no-position`: the group had none there
 * - `not-copied`: the partition was not restored
 * - `as-given`: the offset was given, and is taken as it is
 * - `by-time`: the first record at or after a given time
 * - `log-start`, `log-end`: where the log begins, or ends
 * - `shifted`: so many offsets from where the group is
 * - `translated`: the position has been translated before, and is one of the target
 * - `as-before`: the group had this position when a snapshot was taken
 * - `no-partition`: the target has no such partition
 * - `recreated`: the topic was deleted and created again since the snapshot
 * - `unreadable`: the group's positions on the target could not be read
 * - `other-type`: the target has a share group of this name, and the positions are of another kind of group, or the other
 *   way round
 * - `unwanted`: the position is to be deleted, because a user said so
 */
export type PlanKind =
  | TranslationKind
  | 'new-partition'
  | 'no-position'
  | 'not-copied'
  | 'as-given'
  | 'by-time'
  | 'log-start'
  | 'log-end'
  | 'shifted'
  | 'translated'
  | 'as-before'
  | 'no-partition'
  | 'recreated'
  | 'unreadable'
  | 'other-type'
  | 'unwanted'

/**
 * Whether a position of this kind is one of the target, whatever it was before: one that was given, or was there before, may as well be
 * one of the source.
 */
export function isOfTarget(kind: PlanKind): boolean {
  return kind !== 'as-given' && kind !== 'as-before' && kind !== 'shifted'
}

/** Ids of topics by name, where they are known: a topic that was deleted and created again has another. */
export type TopicIds = ReadonlyMap<string, string>

/** A position on the source that a target follows from. */
export interface SourcePosition {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
}

/** A position as the target cluster has it. */
export interface CurrentPosition {
  readonly offset: bigint
  readonly metadata: string | null
}

/** One group in one partition. */
export interface PlanEntry extends ShareMark {
  readonly group: string
  readonly topic: string
  readonly partition: number
  /** Undefined when the group had no position there when the plan was made. */
  readonly current: CurrentPosition | undefined
  /** Next offset to read; undefined when there is none to commit. */
  readonly target: bigint | undefined
  /** Commit metadata to go with it. */
  readonly metadata: string | null
  readonly action: PlanAction
  readonly kind: PlanKind
  /** One sentence, or empty where there is nothing to say. */
  readonly reason: string
  /** Records that the group has read and will read again. */
  readonly reread: number
  readonly from: readonly SourcePosition[]
}

/** Something to know about a plan that belongs to no single partition, or goes beside its entry. */
export interface PlanNotice {
  readonly code:
    | 'share-group'
    | 'capture-failed'
    | 'no-match'
    | 'no-positions'
    | 'unstable-position'
    | 'metadata-dropped'
    | 'without-time'
    | 'header-scan'
    | 'taken-as-source'
  readonly message: string
  readonly group?: string
  readonly topic?: string
  readonly partition?: number
}

/** Where the wanted positions come from; `captured` is when, in ms since the epoch. */
export type PlanOrigin =
  | {
      readonly type: 'backup'
      readonly backupId: string
      readonly restoreId: string | undefined
      readonly captured: number
    }
  | {
      readonly type: 'file'
      /** Its name, as it was given. */
      readonly file: string
      readonly captured: number
    }
  | {
      readonly type: 'snapshot'
      readonly snapshotId: string
      readonly captured: number
    }
  | {
      readonly type: 'replication'
      readonly pipeline: string
      readonly captured: number
    }
  | {
      /** The positions that groups have on the source itself. */
      readonly type: 'source'
      readonly clusterId: string
      readonly captured: number
    }
  | {
      /** The positions that groups have on the target, and its logs. */
      readonly type: 'target'
      readonly captured: number
    }
  | {
      /** Groups of the same cluster: `from` is the one whose positions are copied; undefined when some are deleted. */
      readonly type: 'groups'
      readonly from: string | undefined
      readonly captured: number
    }

/** How wanted positions are found. */
export type StrategyName =
  | 'header-based'
  | 'from-mapping'
  | 'positions'
  | 'timestamp'
  | 'duration'
  | 'earliest'
  | 'latest'
  | 'offset'
  | 'shift'

/** What would be changed, bound to the cluster and to the positions seen when it was made. */
export interface Plan {
  readonly clusterId: string
  /** Ms since the epoch. */
  readonly created: number
  readonly origin: PlanOrigin
  /** Undefined in plans that are made without one, such as rollbacks. */
  readonly strategy?: StrategyName | undefined
  /** Which offset map translated, in words; undefined where none did. */
  readonly map?: string | undefined
  /** How long the target keeps positions of a group without members, in minutes; undefined when it may not be read. */
  readonly retentionMinutes?: number | undefined
  /** Ids of the topics in which positions are to be set; not of those on brokers that have none. */
  readonly topicIds?: TopicIds | undefined
  /** By group in the order asked for, then topic, then partition. */
  readonly entries: readonly PlanEntry[]
  readonly notices: readonly PlanNotice[]
  /** SHA-256 over all of the above, hex. */
  readonly hash: string
}

/** A plan as values that JSON can carry; offsets beyond 2^53 are text. Without the hash. */
export function planToValues(plan: Omit<Plan, 'hash'>): Record<string, unknown> {
  const { origin } = plan
  return {
    format: 'tidemark-offset-plan',
    version: 1,
    cluster_id: plan.clusterId,
    created: new Date(plan.created).toISOString(),
    origin: originToValues(origin),
    // Undefined members are not written: plans without them keep their hash.
    strategy: plan.strategy,
    map: plan.map,
    retention_minutes: plan.retentionMinutes,
    expires: expiryOf(plan) && new Date(expiryOf(plan) ?? 0).toISOString(),
    topics: topicsToValues(plan.topicIds),
    entries: plan.entries.map((entry) => ({
      group: entry.group,
      ...shareMark(entry.type === 'share'),
      topic: entry.topic,
      partition: entry.partition,
      current: entry.current
        ? { offset: offsetToJson(entry.current.offset), metadata: entry.current.metadata }
        : null,
      target: entry.target === undefined ? null : offsetToJson(entry.target),
      metadata: entry.metadata,
      action: entry.action,
      kind: entry.kind,
      reason: entry.reason,
      reread: entry.reread,
      from: entry.from.map(({ topic, partition, offset }) => ({
        topic,
        partition,
        offset: offsetToJson(offset),
      })),
    })),
    notices: plan.notices.map(({ code, message, group, topic, partition }) => ({
      code,
      message,
      group,
      topic,
      partition,
    })),
  }
}

function originToValues(origin: PlanOrigin): Record<string, unknown> {
  const captured = new Date(origin.captured).toISOString()
  switch (origin.type) {
    case 'backup':
      return { type: 'backup', backup_id: origin.backupId, restore_id: origin.restoreId ?? null, captured }
    case 'file':
      return { type: 'file', file: origin.file, captured }
    case 'snapshot':
      return { type: 'snapshot', snapshot_id: origin.snapshotId, captured }
    case 'replication':
      return { type: 'replication', pipeline: origin.pipeline, captured }
    case 'source':
      return { type: 'source', cluster_id: origin.clusterId, captured }
    case 'target':
      return { type: 'target', captured }
    case 'groups':
      return { type: 'groups', from: origin.from ?? null, captured }
  }
}

/** Undefined where no id is known: then nothing is written. */
export function topicsToValues(ids: TopicIds | undefined): readonly unknown[] | undefined {
  if (ids === undefined || ids.size === 0) return undefined
  return [...ids].map(([topic, id]) => ({ topic, topic_id: id }))
}

/** When the target would forget the positions if the plan were applied as it is made; ms since the epoch. */
export function expiryOf({ created, retentionMinutes }: Pick<Plan, 'created' | 'retentionMinutes'>) {
  return retentionMinutes === undefined ? undefined : created + retentionMinutes * 60_000
}

/** The hash that binds a plan to its content. */
export function hashPlan(plan: Omit<Plan, 'hash'>): string {
  return createHash('sha256')
    .update(JSON.stringify(planToValues(plan)))
    .digest('hex')
}
