import type { Progress } from '../../base/index.ts'
import type { MapSet } from '../map/map-set.ts'

/**
 * Building an offset map by reading the record headers of live topics:
 *
 *     const { maps, notices } = await scanHeaders(cluster, {
 *       topics: [{ source: 'orders', target: 'dr-orders' }],
 *       sourceCluster: 'prod-us-east-1',
 *       sampleRate: 1, parallel: 10, timeoutMs: 3_600_000, scanAllPartitions: false,
 *       signal, progress,
 *     })
 *
 * `maps` is a `MapSet` like that of a restore: `translate`, `planFromBackup`, `mapSetToJson` and the rest take it as it is.
 * What differs: a scan cannot know where the source's log ended, so that a position beyond the last record copied comes out
 * `ahead-of-copy`; and a map that does not know every record of the copy (`PartitionMap.floor`) answers positions in its holes with
 * kind `floor`: a target offset at or before the right one.
 */

/** A topic to be scanned. */
export interface ScanTopic {
  /** Its name on the cluster that is scanned. */
  readonly target: string
  /** Its name at the source: headers do not say it. @default the same name */
  readonly source?: string
  /**
   * Only these partitions, where no others are of interest: for example those in which a group has a position. Left aside with
   * `scanAllPartitions`. @default all
   */
  readonly partitions?: readonly number[]
  /** A topic that holds no headers of the source cluster is left out, with a notice, instead of an error. @default false */
  readonly optional?: boolean
}

/** What to scan, and how. */
export interface ScanOptions {
  readonly topics: readonly ScanTopic[]
  /** The source as headers name it (`x-kafka-backup-cluster`, `x-source-cluster`): records of others are counted and left out. */
  readonly sourceCluster: string
  /**
   * Records may have found new partitions: all partitions are scanned, and a record's source partition is what its header says.
   * Without it, the scan ends with SCAN_NEEDS_ALL_PARTITIONS at the first record that lies in another partition than it came from,
   * and records whose headers name no partition are taken to have kept theirs. @default false
   */
  readonly scanAllPartitions?: boolean
  /** Partitions that are read at once, 1 or more. @default 10 */
  readonly parallel?: number
  /**
   * The share of the log that is read, above 0 and at most 1. Below 1 the maps are `floor` maps, except those of partitions that were
   * read whole all the same: small ones, and those in which more lies than a copy in its order. Not together with
   * `scanAllPartitions` (CONFIG_INVALID). @default 1
   */
  readonly sampleRate?: number
  /** Ms for the whole scan; SCAN_TIMEOUT when it takes longer. @default 3,600,000 */
  readonly timeoutMs?: number
  /** Bytes of memory for what is being received. @default 64 MiB */
  readonly memory?: number
  readonly signal?: AbortSignal
  /** Phase `scan`, records and bytes for each target partition. */
  readonly progress?: Progress
  /** Ms since the epoch, for the map's `created`. @default now */
  readonly now?: number
}

/** What the scan counted in one target partition, or in all of a topic. */
export interface ScanCounts {
  /** Records whose headers were read. */
  readonly records: number
  /** Records that are in the map. */
  readonly mapped: number
  /** Records of the source whose offset is not beyond that of one before them: copied again, or out of order. Not in the map. */
  readonly repeated: number
  /** Records without tracking headers: written by applications, or copied without them. */
  readonly withoutHeaders: number
  /** Records whose tracking headers name another source cluster. */
  readonly otherCluster: number
  /** Records with tracking headers that cannot be understood: rubbish, or no offset, or no partition where one is needed. */
  readonly unreadable: number
  /** Mapped or repeated records whose headers name no cluster: taken as the source's. */
  readonly unnamedCluster: number
}

/** What became of one topic. */
export interface ScannedTopic {
  readonly source: string
  readonly target: string
  readonly counts: ScanCounts
  /** Names of other source clusters that its records name, at most ten. */
  readonly otherClusters: readonly string[]
}

/** Something to know about a scan: one sentence, for people. */
export interface ScanNotice {
  readonly code:
    | 'repeated'
    | 'without-headers'
    | 'other-cluster'
    | 'unreadable-headers'
    | 'unnamed-cluster'
    | 'open-transaction'
    | 'topic-left-out'
    | 'sampled'
  readonly message: string
  readonly topic: string
  readonly partition?: number
  /** Records concerned, where it is about records. */
  readonly records?: number
}

/** The outcome of a scan. */
export interface HeaderScan {
  readonly maps: MapSet
  /** In the order asked for; those left out too. */
  readonly topics: readonly ScannedTopic[]
  readonly notices: readonly ScanNotice[]
}
