import type { ClusterOptions } from '../../kafka/index.ts'
import type { RestoreNotice, TopicRule } from '../job.ts'

/** What to hold against each other. */
export interface VerifyJob {
  readonly backupId: string
  readonly target: ClusterOptions
  /** Undefined = the newest restore of the backup to this target, if there is one. */
  readonly restoreId: string | undefined
  /** Where journals of restores lie when not beside the backup. */
  readonly stateFolder: string | undefined
  /** Source topics: names, globs, `~regex`. Empty include = all that were restored, or all of the backup. */
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  /** How topics were renamed; used when there is no journal of the restore, which knows it itself. */
  readonly topicRules: readonly TopicRule[]
  readonly groups:
    | { readonly type: 'none' }
    | { readonly type: 'named'; readonly names: readonly string[] }
    | { readonly type: 'all' }
  /** Aligns by content although there is a map. */
  readonly ignoreMap: boolean
  /** Records behind the copy are differences, too. */
  readonly nothingBehind: boolean
  /** Bytes of memory for buffers in all. */
  readonly memory: number
  /** Differences that are listed; all are counted. @default 100 */
  readonly listed?: number
}

/** A record as one side has it, shortened for reading. */
export interface ShownRecord {
  readonly offset: bigint
  readonly timestamp: bigint
  /** Text where it is UTF-8, else hex; null for null. */
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly { readonly key: string; readonly value: string | null }[]
}

/** One record, or one position, that is not as it should be. */
export interface Difference {
  readonly kind: /** Both have a record there, and they differ. */
    | 'different'
    /** The archive has it, the target has not. */
    | 'missing'
    /** The target has a record between those of the copy that the archive has not; or behind them, where none may be. */
    | 'extra'
    /** The target has it, but not in its order. */
    | 'order'
    /** A group would not read the right record next. */
    | 'position'
  readonly topic: string
  readonly partition: number
  readonly source: { readonly topic: string; readonly partition: number } | undefined
  readonly group?: string
  /** What differs, in words. */
  readonly what: string
  readonly archive: ShownRecord | undefined
  readonly target: ShownRecord | undefined
}

/** What was found in one target partition. */
export interface VerifiedPartition {
  readonly topic: string
  readonly partition: number
  /** How records were found: by the map, or by their content from the start of the log. */
  readonly aligned: 'map' | 'content'
  /** Records that the archive holds for it. */
  readonly expected: number
  /** Of these, the same on both sides. */
  readonly same: number
  readonly different: number
  readonly missing: number
  /** Gone from the target because a later record of the key exists, or deleted by its retention. */
  readonly compacted: number
  readonly expired: number
  readonly extra: number
  /** Records behind the last one of the copy, as of the beginning of the verification: written since, and not compared. */
  readonly behind: number
  /** Whether these are records; else offsets, among which may be some without a record. */
  readonly behindExact: boolean
}

/** One position of a group. */
export interface VerifiedPosition {
  readonly group: string
  readonly topic: string
  readonly partition: number
  /** Position at the source. */
  readonly source: bigint
  /** Position at the target that was looked at: translated, or committed where there is no map. */
  readonly target: bigint
  readonly committed: bigint | undefined
  readonly outcome: 'same' | 'end' | 'different' | 'gone' | 'moved'
}

export interface VerifyReport {
  readonly backupId: string
  readonly commit: number
  readonly restoreId: string | undefined
  readonly targetClusterId: string
  readonly partitions: readonly VerifiedPartition[]
  readonly positions: readonly VerifiedPosition[]
  /** How many there are; the command ends with status 5 unless it is 0. */
  readonly differences: number
  /** The first of them. */
  readonly listed: readonly Difference[]
  readonly notices: readonly RestoreNotice[]
  readonly durationMs: number
}
