import type { ErrorCode } from '../base/index.ts'
import type { ClusterOptions } from '../kafka/index.ts'
import type { ApplyReport, Plan } from '../offsets/index.ts'

/** Source topic → target topic. The first rule that matches wins; without one a topic keeps its name. */
export type TopicRule =
  | { readonly type: 'exact'; readonly from: string; readonly to: string }
  | { readonly type: 'prefix'; readonly from: string; readonly to: string }
  /** `to` may use `$1`, `$<name>`. */
  | { readonly type: 'regex'; readonly from: string; readonly to: string }

export interface TimeWindow {
  /** Ms since the epoch, inclusive; undefined = open. */
  readonly start: bigint | undefined
  readonly end: bigint | undefined
  /** By record timestamp, or transactions as wholes by the time they were decided. */
  readonly mode: 'record' | 'transaction'
}

export interface RestoreJob {
  readonly backupId: string
  readonly target: ClusterOptions
  /** Undefined = derived from backup, commit, target cluster and plan. */
  readonly restoreId: string | undefined
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  readonly topicRules: readonly TopicRule[]
  /** Undefined = all. */
  readonly sourcePartitions: readonly number[] | undefined
  readonly partitionMapping: Readonly<Record<number, number>>
  readonly window: TimeWindow | undefined
  readonly createTopics: boolean
  readonly replicationFactor: number | undefined
  /** Configs for every created topic, over those of the source. */
  readonly configOverrides: Readonly<Record<string, string>>
  readonly restoreConfigs: boolean
  readonly existingTopicConfigs: 'validate_only' | 'apply' | 'fail'
  readonly unsupportedConfigs: 'skip' | 'fail'
  readonly applyRetention: 'now' | 'wait'
  /** Target topic → how its records find their partition. */
  readonly repartitioning: Readonly<
    Record<string, { readonly strategy: 'murmur2' | 'round-robin'; readonly partitions: number }>
  >
  readonly append: boolean
  readonly purgeTopics: boolean
  readonly addOffsetHeaders: boolean
  readonly stripOffsetHeaders: boolean
  readonly sourceName: string | undefined
  readonly delivery: 'idempotent' | 'transactions'
  readonly rateLimitBytes: number | undefined
  readonly rateLimitRecords: number | undefined
  readonly produceBatchBytes: number
  readonly dryRun: boolean
  readonly dryRunCheckObjects: boolean
  readonly settleMs: number
  readonly memory: number
  /** Folder for the journal when the archive is read-only. */
  readonly stateFolder: string | undefined
  /** Groups whose positions are set: none, those named (names, globs, `~regex`), or every captured one. */
  readonly groups:
    | { readonly type: 'none' }
    | { readonly type: 'named'; readonly names: readonly string[] }
    | { readonly type: 'all' }
}

export interface RestoreNotice {
  readonly code: string
  readonly message: string
  readonly topic?: string
  readonly partition?: number
  readonly group?: string
}

export interface RestoredPartition {
  readonly sourceTopic: string
  readonly sourcePartition: number
  readonly targetTopic: string
  readonly targetPartition: number | 'spread'
  readonly records: number
  readonly bytes: number
  readonly sourceFrom: bigint
  readonly sourceTo: bigint
  readonly targetStart: bigint | undefined
  readonly targetEnd: bigint | undefined
}

/** What became of the positions of the groups; see `ApplyReport` for what counts as done. */
export interface RestoredPositions {
  readonly plan: Plan
  readonly applied: ApplyReport
}

/** A topic that could not be restored; the others could. */
export interface FailedTopic {
  /** Name on the target. */
  readonly topic: string
  readonly code: ErrorCode
  readonly message: string
}

/** A topic that is not yet as it shall be. */
export interface WaitingTopic {
  readonly topic: string
  /** Settings that wait for `restore finish`. `(default)` = the cluster's own value. */
  readonly configs: Readonly<Record<string, string>>
  readonly reason: string
}

export interface RestoreReport {
  readonly restoreId: string
  readonly backupId: string
  readonly commit: number
  readonly targetClusterId: string
  readonly dryRun: boolean
  /** Went on where an earlier run had stopped. */
  readonly resumed: boolean
  /** All had been done by an earlier run: nothing was changed. */
  readonly alreadyDone: boolean
  /** One for each source partition; of a dry run, what would be written at most. */
  readonly partitions: readonly RestoredPartition[]
  readonly records: number
  readonly bytes: number
  readonly failedTopics: readonly FailedTopic[]
  /** Topics whose retention or compaction settings wait for `restore finish`. */
  readonly waitingTopics: readonly WaitingTopic[]
  /** Undefined when no groups were asked for, or the run did not come so far. */
  readonly positions: RestoredPositions | undefined
  readonly notices: readonly RestoreNotice[]
  readonly interrupted: boolean
  readonly durationMs: number
}

/** A restore in its three phases: records, map, positions. */
export interface ThreePhaseReport {
  /** Phase 1. */
  readonly restore: RestoreReport
  /** Phase 2: undefined when the copy did not get so far. */
  readonly map:
    | {
        readonly partitions: number
        readonly records: number
        readonly ranges: number
        readonly bytes: number
      }
    | undefined
  /** Phase 3. */
  readonly positions: RestoredPositions | undefined
}

/** What `restore finish` has put in force. */
export interface FinishReport {
  readonly restoreId: string
  readonly topics: readonly { readonly topic: string; readonly configs: Readonly<Record<string, string>> }[]
  readonly notices: readonly RestoreNotice[]
}
