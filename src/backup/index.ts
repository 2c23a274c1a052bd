/**
 * backup: cluster → archive.
 *
 *     connect; open the backup for writing: where does each partition stand?
 *     choose topics; capture the positions of all groups on them
 *     ask for end offsets (last stable)               -- after the positions: what a group has read is below them
 *     fetch every partition up to its end:
 *         check CRCs, drop aborted batches, note gaps -> chunks into the archive, as they were received
 *         every so many bytes or seconds: commit      -- chunks durable first, then the accounts that name them
 *     commit: accounts, topic descriptions, positions
 *     continuous: again, and again
 *
 * A run that ends early, however it ends, leaves the backup as of its last commit; the next run goes on there. Nothing
 * is recorded as backed up before its bytes are durable.
 *
 * Not promised: a cut through the cluster at one instant. Partitions end where they stood when the run began, each by
 * itself; an application that reads, processes and writes may repeat work after a restore, never skip any.
 */
export type { BackupJob, BackupNotice, BackupReport, StartAt } from './job.ts'
export { runBackup } from './run-backup.ts'
