import type { Cluster } from '../../kafka/index.ts'
import type { SnapshotFolder } from '../../offsets/index.ts'
import type { JobContext } from '../../storage/index.ts'

/** What a plan is made in. */
export interface ResetContext {
  /** Its store is the archive, or the folder of snapshots where there is none. */
  readonly context: JobContext
  /** Undefined where no backup is named. */
  readonly backupId: string | undefined
  /** The target. */
  readonly cluster: Cluster
  /** Where the snapshots of earlier plans lie. */
  readonly snapshots: readonly SnapshotFolder[]
}
