/** What a backup says, as JSON-friendly values. `docs/format.md` is the contract; this file follows it. */

/** How a chunk is compressed around its batches. */
export type ChunkCodec = 'none' | 'zstd' | 'lz4' | 'gzip'

/** Why offsets in a range are not in the archive. Offsets missing between batches without an entry were compacted away. */
export type GapReason = 'retention' | 'truncated' | 'recreated' | 'lost' | 'not-asked'

/** Half-open range of offsets. */
export interface OffsetRange {
  readonly from: bigint
  readonly to: bigint
}

export interface Gap extends OffsetRange {
  readonly reason: GapReason
  /** Ms since the epoch when it was found. */
  readonly found: number
}

/** A contiguous range of whole batches of one partition, as stored: the unit of index, checksum and compression. */
export interface Chunk {
  readonly topic: string
  /** UUID text; undefined for sources before Kafka 2.8. */
  readonly topicId: string | undefined
  readonly partition: number
  readonly firstOffset: bigint
  /** Last offset of the last batch, records or not. */
  readonly lastOffset: bigint
  /** Data records in it; markers do not count. */
  readonly records: number
  /** Largest record timestamp in ms; −1 for none. */
  readonly maxTimestamp: bigint
  /** Largest batch in bytes: what the target must take. */
  readonly largestBatch: number
  /** Key of the object that holds it, relative to the backup. */
  readonly object: string
  /** First byte in the object. */
  readonly position: number
  readonly storedLength: number
  /** Bytes of the batches. */
  readonly rawLength: number
  readonly codec: ChunkCodec
  /** SHA-256 of the stored bytes, hex. */
  readonly sha256: string
}

/** What a commit says of one partition: this range of source offsets is accounted for by it. */
export interface PartitionAccount extends OffsetRange {
  readonly topic: string
  readonly topicId: string | undefined
  readonly partition: number
  /** Leader epoch of the last batch seen, −1 if none was. */
  readonly leaderEpoch: number
  /** Ranges of aborted transactional data that were left out. */
  readonly aborted: readonly OffsetRange[]
  readonly gaps: readonly Gap[]
  /** Set when the source's log was truncated: what earlier commits hold from this offset on is a dead branch. */
  readonly divergence?: bigint
  /** Source's log start and last stable offset as seen last. */
  readonly logStartOffset: bigint
  readonly endOffset: bigint
}

export interface TopicDescription {
  readonly name: string
  readonly topicId: string | undefined
  readonly partitions: number
  readonly replicationFactor: number
  /** Configs set on the topic itself. */
  readonly configs: Readonly<Record<string, string>>
  /** Effective values of the rest, for reading and comparing. */
  readonly inherited: Readonly<Record<string, string>>
}

export interface CapturedPosition {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly leaderEpoch: number
  readonly metadata: string | null
  /** The newest commit was part of an open transaction when it was read. */
  readonly unstable?: boolean
}

export interface CapturedGroup {
  readonly group: string
  readonly type: 'classic' | 'consumer' | 'share' | 'streams' | 'unknown'
  readonly state: string
  readonly protocolType: string
  readonly members: number
  readonly positions: readonly CapturedPosition[]
}

/** Group positions as captured at one moment. */
export interface PositionCapture {
  /** Ms since the epoch. */
  readonly taken: number
  readonly groups: readonly CapturedGroup[]
  /** Groups that could not be read, and why: kept so that their absence is never silent. */
  readonly failed: readonly { readonly group: string; readonly error: string }[]
}

/** Where a partition's copy stands: what the next run starts from. */
export interface PartitionState {
  readonly topic: string
  readonly topicId: string | undefined
  readonly partition: number
  /** First offset not yet accounted for. */
  readonly next: bigint
  readonly leaderEpoch: number
  /** The newest gap says that this generation of the topic is over. */
  readonly ended?: 'lost' | 'recreated'
}

export interface BackupIdentity {
  readonly formatVersion: number
  readonly backupId: string
  readonly sourceClusterId: string
  /** The name that the user gave the cluster (`source_cluster_id`), for headers. */
  readonly sourceName: string | undefined
  readonly created: number
  readonly software: string
}
