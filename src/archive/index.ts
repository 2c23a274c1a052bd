/**
 * archive: backups as objects in a store. `docs/format.md` is the contract; this room is one reader and one writer of it.
 *
 * Writing, one run at a time for each partition (`openBackupWriter`):
 *
 *     1. identity if absent, entry in writers/, state from the newest checkpoint and the commits after it
 *     2. write(chunk):  compress → hash, and at the same time append to the partition's open object, or to a pack
 *     3. commit(...):   close all objects, wait until they are durable, write the capture of positions,
 *                       then the commit, if absent, under the next number
 *                         taken by another run → take its commit in; a partition in common → BACKUP_IN_USE; else next number
 *     4. now and then a checkpoint: what is new since the last one, by column
 *
 * Reading (`openBackup`): head by listing and probing, newest usable checkpoint, the commits after it folded on top. A topic's index
 * is read when it is asked for, and stays in columns: a million chunks take some hundred megabytes. Chunks are checked
 * against their SHA-256 whenever they are read.
 *
 * Not promised: that batches are valid (the backup checks their CRC before it hands them over; `validateBackup` with `deep` does it
 * again), protection against somebody who may write to the store, removal of objects that no commit names.
 */

export { ChunkPool, chunkMemory } from './chunk-memory.ts'
export type {
  BackupReader,
  BackupSummary,
  BackupWriter,
  ChunkInput,
  ChunkList,
  ChunkRef,
  CommitInput,
  DescribedTopic,
  PartitionIndex,
  TopicIndex,
  TopicSummary,
  WriterOptions,
} from './contract.ts'
export { type ListedBackup, listBackups } from './list-backups.ts'
export type {
  BackupIdentity,
  CapturedGroup,
  CapturedPosition,
  Chunk,
  ChunkCodec,
  Gap,
  GapReason,
  OffsetRange,
  PartitionAccount,
  PartitionState,
  PositionCapture,
  TopicDescription,
} from './model.ts'
export { type OpenBackupOptions, openBackup } from './open-backup.ts'
export { type OpenWriterOptions, openBackupWriter, type WriterContext } from './open-backup-writer.ts'
export type { Finding, FindingKind } from './validate/findings.ts'
export { type ValidateOptions, type ValidationReport, validateBackup } from './validate/validate-backup.ts'
