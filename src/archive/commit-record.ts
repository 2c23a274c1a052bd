import type { Chunk, PartitionAccount, TopicDescription } from './model.ts'

/** Who writes: named in commits, checkpoints and `writers/`. */
export interface WriterEntry {
  readonly runId: string
  readonly host: string
  readonly pid: number
  /** Names the set of processes in which the pid means something; empty when unknown. */
  readonly space: string
  /** When the process began, as its kernel counts it: tells it from a later one of the same pid. Empty when unknown. */
  readonly birth: string
  /** Ms since the epoch. */
  readonly started: number
  readonly software: string
}

/** A whole object that a commit or a checkpoint names. */
export interface StoredObject {
  readonly key: string
  readonly size: number
}

/** Where a capture of positions lies. */
export interface PositionsRef extends StoredObject {
  readonly sha256: string
  /** Ms since the epoch. */
  readonly taken: number
  readonly groups: number
  readonly failed: number
}

/** What a commit says of one partition. */
export interface PartitionEntry {
  readonly account: PartitionAccount
  readonly chunks: readonly Chunk[]
}

/** A commit as a value. */
export interface CommitRecord {
  readonly commit: number
  readonly previous: string
  readonly token: string
  readonly written: number
  readonly final: boolean
  readonly writer: WriterEntry
  readonly checkpoint: number
  readonly objects: readonly StoredObject[]
  readonly topics: readonly TopicDescription[]
  readonly partitions: readonly PartitionEntry[]
  readonly positions: PositionsRef | undefined
}

/** A commit as it was read, with the checksum that the next one names. */
export interface StoredCommit extends CommitRecord {
  readonly sha256: string
  /** Of the JSON object. */
  readonly bytes: number
}
