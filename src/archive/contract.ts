import type {
  BackupIdentity,
  Chunk,
  ChunkCodec,
  Gap,
  OffsetRange,
  PartitionAccount,
  PartitionState,
  PositionCapture,
  TopicDescription,
} from './model.ts'

/** Raw batches of one partition handed to the writer; the memory is lent until the promise resolves. */
export interface ChunkInput {
  readonly topic: string
  readonly topicId: string | undefined
  readonly partition: number
  readonly firstOffset: bigint
  readonly lastOffset: bigint
  readonly records: number
  readonly maxTimestamp: bigint
  readonly largestBatch: number
  /** True when the producers had compressed the batches: codec `auto` then stores them as they are. */
  readonly compressed: boolean
  /**
   * Whole batches, in order. Memory from `chunkMemory` (shared between threads) is hashed in another thread without a copy;
   * other memory is copied once for that.
   */
  readonly bytes: Buffer
}

export interface WriterOptions {
  /** @default 'auto' */
  readonly codec?: ChunkCodec | 'auto'
  readonly level?: number
  /** An object is closed when it has grown beyond this. @default 128 MiB */
  readonly objectBytes?: number
  /** Chunks smaller than this at a commit are packed with those of other partitions. @default 256 KiB */
  readonly packBelow?: number
  /** A checkpoint is made after so many commits, or 8 MiB of them. @default 64 */
  readonly checkpointEvery?: number
}

/** What goes into a commit beside the chunks written since the last one. */
export interface CommitInput {
  readonly accounts: readonly PartitionAccount[]
  /** Descriptions that are new or changed. */
  readonly topics?: readonly TopicDescription[]
  readonly positions?: PositionCapture
  /** The run reached its end: all it set out to copy is in. */
  readonly final?: boolean
}

/** One run's way into a backup. Objects first and durable, the commit last. */
export interface BackupWriter extends AsyncDisposable {
  readonly backupId: string
  readonly runId: string
  readonly identity: BackupIdentity
  /** Where each partition of each topic generation stands, from all commits so far. */
  readonly states: readonly PartitionState[]
  /** Newest description of each topic. */
  readonly topics: ReadonlyMap<string, TopicDescription>
  /** Stores a chunk. Resolves when the bytes have been taken (not yet durable). Safe to call concurrently for different partitions; in order for one. */
  write(chunk: ChunkInput): Promise<void>
  /**
   * Makes all chunks handed over so far durable, then the commit. Exactly once, or BACKUP_IN_USE. Chunks written while it
   * runs belong to the next commit. Every chunk must lie in an account of the same commit. Commits are made in the order
   * of the calls. After any rejection the writer is broken: what was not committed is copied again by the next run.
   */
  commit(
    input: CommitInput,
  ): Promise<{ readonly commit: number; readonly bytes: number; readonly chunks: number }>
}

/** One chunk to read, with the part of it that counts (overlaps and dead branches cut away). */
export interface ChunkRef {
  readonly chunk: Chunk
  /** Batches and records below or at/above these source offsets are to be ignored. */
  readonly from: bigint
  readonly to: bigint
}

/** Chunks of a partition in offset order. The entries are made when asked for: a topic may have a million. Arrays fit. */
export interface ChunkList extends Iterable<ChunkRef> {
  readonly length: number
  at(index: number): ChunkRef | undefined
}

/** Everything a backup holds of one partition of one topic generation. */
export interface PartitionIndex {
  readonly partition: number
  /** In offset order, without overlap. */
  readonly chunks: ChunkList
  /** The ranges accounted for, joined. */
  readonly covered: readonly OffsetRange[]
  readonly gaps: readonly Gap[]
  readonly aborted: readonly OffsetRange[]
  readonly next: bigint
  /** Source log end as seen last. */
  readonly endOffset: bigint
  readonly leaderEpoch: number
  /** Source log start as seen last. */
  readonly logStartOffset: bigint
}

/** A generation of a topic: from its creation to its deletion at the source. */
export interface TopicIndex {
  readonly topic: string
  readonly topicId: string | undefined
  readonly description: TopicDescription | undefined
  readonly partitions: ReadonlyMap<number, PartitionIndex>
}

export interface TopicSummary {
  readonly topic: string
  readonly topicId: string | undefined
  /** Not the newest generation of that name. */
  readonly superseded: boolean
  readonly partitions: number
  readonly records: number
  readonly rawBytes: number
  readonly storedBytes: number
  readonly chunks: number
  readonly gaps: number
  /** Ms; −1 when there are no records. */
  readonly maxTimestamp: bigint
}

export interface BackupSummary {
  readonly identity: BackupIdentity
  readonly commits: number
  readonly lastCommit: number
  readonly lastCommitTime: number
  /** Whether the newest commit closed a run. */
  readonly complete: boolean
  readonly topics: readonly TopicSummary[]
  readonly groups: number
}

/** A description of a topic as a commit brought it. */
export interface DescribedTopic {
  readonly commit: number
  /** Ms since the epoch. */
  readonly written: number
  readonly description: TopicDescription
}

/** Reading a backup as of its newest commit (or of an earlier one). */
export interface BackupReader extends AsyncDisposable {
  readonly identity: BackupIdentity
  readonly commit: number
  /** Whether that commit closed a run. */
  readonly complete: boolean
  summary(): Promise<BackupSummary>
  /** Every description that a topic of this name had, oldest first; of all its generations. */
  history(topic: string): Promise<readonly DescribedTopic[]>
  /** Newest generation unless another topic id is named. Rejects with TOPIC_NOT_FOUND, naming near matches. */
  topic(name: string, topicId?: string): Promise<TopicIndex>
  /** The newest capture of positions; undefined when none was ever made. */
  positions(): Promise<PositionCapture | undefined>
  /**
   * The bytes of a chunk, SHA-256 checked, decompressed: whole batches. They lie in `into` (from a `ChunkPool`, say)
   * when that is large enough, else in fresh memory, which lingers until the garbage collector comes by. Rejects with ARCHIVE_DAMAGED naming object, topic, partition and offsets.
   */
  read(chunk: Chunk, options?: { readonly signal?: AbortSignal; readonly into?: Buffer }): Promise<Buffer>
}
