import type { ChunkCodec } from '../archive/index.ts'
import type { ClusterOptions } from '../kafka/index.ts'

/** Where the partitions of a topic that the backup does not hold yet are begun. */
export type StartAt =
  | { readonly type: 'earliest' }
  | { readonly type: 'latest' }
  | { readonly type: 'timestamp'; readonly timestamp: bigint }
  /** topic → partition → offset; partitions that are not named begin at the earliest. */
  | {
      readonly type: 'specific'
      readonly offsets: Readonly<Record<string, Readonly<Record<string, bigint>>>>
    }

export interface BackupJob {
  readonly backupId: string
  readonly source: ClusterOptions
  /** Names, globs, `~regex`. Empty include = every topic that is not internal. */
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  /** Also internal topics (names starting with `__`), all or those named. */
  readonly includeInternal: boolean
  readonly internalTopics: readonly string[]
  /** What to do when a topic included by its exact name does not exist. */
  readonly onMissingTopic: 'fail' | 'warn'
  readonly startAt: StartAt
  readonly continuous: boolean
  /** Ms between passes of a continuous run when nothing new came. */
  readonly pollInterval: number
  readonly isolation: 'read_committed' | 'read_uncommitted'
  readonly codec: ChunkCodec | 'auto'
  readonly level: number | undefined
  /** Bytes after which an object is closed. */
  readonly objectBytes: number
  /** Parts of a partition smaller than this share an object with those of others; 0 = every partition has its own. */
  readonly packBelow?: number
  /** Ms and bytes after which a commit is made while the run goes on. */
  readonly commitInterval: number
  readonly commitBytes: number
  readonly captureGroups: boolean
  /** Fail when topic configs cannot be read. */
  readonly requireTopicConfigs: boolean
  readonly captureTopicConfigs: boolean
  /** Name of the source for headers and maps. */
  readonly sourceName: string | undefined
  /** Gaps and the like make the run exit 3. */
  readonly strict: boolean
  /** Bytes of memory for buffers in all. */
  readonly memory: number
  readonly fetchMaxBytes: number
}

export type BackupNotice =
  | {
      readonly type: 'gap'
      readonly topic: string
      readonly partition: number
      readonly reason: 'retention' | 'truncated' | 'recreated' | 'lost'
      readonly from: bigint
      readonly to: bigint
    }
  | { readonly type: 'topic-missing'; readonly topic: string }
  | {
      readonly type: 'topic-recreated'
      readonly topic: string
      readonly oldId: string | undefined
      readonly newId: string | undefined
    }
  | { readonly type: 'topic-lost'; readonly topic: string }
  | {
      readonly type: 'open-transaction'
      readonly topic: string
      readonly partition: number
      readonly producerId: bigint | undefined
      readonly lastStableOffset: bigint
      readonly highWatermark: bigint
    }
  /** Not read to its end, for a reason that may pass; the next run goes on where it stopped. */
  | {
      readonly type: 'partition-failed'
      readonly topic: string
      readonly partition: number
      readonly code: string
      readonly message: string
    }
  | { readonly type: 'group-failed'; readonly group: string; readonly message: string }
  | {
      readonly type: 'position-unstable'
      readonly group: string
      readonly topic: string
      readonly partition: number
    }
  | {
      readonly type: 'position-ahead'
      readonly group: string
      readonly topic: string
      readonly partition: number
      readonly position: bigint
      readonly copiedTo: bigint
    }
  | { readonly type: 'configs-unreadable'; readonly topic: string; readonly message: string }

export interface BackupReport {
  readonly backupId: string
  readonly runId: string
  readonly sourceClusterId: string
  readonly commits: number
  readonly lastCommit: number
  readonly topics: number
  readonly partitions: number
  readonly records: number
  readonly rawBytes: number
  readonly storedBytes: number
  readonly abortedRecordsDropped: number
  readonly groups: number
  readonly notices: readonly BackupNotice[]
  readonly interrupted: boolean
  readonly durationMs: number
}
