import type { ClusterOptions } from '../kafka/types.ts'

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

export interface RestoreReport {
  readonly restoreId: string
  readonly backupId: string
  readonly commit: number
  readonly targetClusterId: string
  readonly dryRun: boolean
  readonly resumed: boolean
  readonly partitions: readonly RestoredPartition[]
  readonly records: number
  readonly bytes: number
  readonly failedTopics: readonly {
    readonly topic: string
    readonly code: string
    readonly message: string
  }[]
  /** Topics whose retention or compaction settings wait for `restore finish`. */
  readonly waitingTopics: readonly {
    readonly topic: string
    readonly configs: Readonly<Record<string, string>>
    readonly reason: string
  }[]
  readonly notices: readonly RestoreNotice[]
  readonly interrupted: boolean
  readonly durationMs: number
}
