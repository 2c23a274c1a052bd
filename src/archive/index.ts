/**
 * archive: see docs/format.md.
 */
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
