import type { ShareMark } from '../share-mark.ts'

/** A position as a file of `kmap` holds it. */
export interface SavedPosition {
  readonly partition: number
  /** Next offset to read. */
  readonly offset: bigint
  /** Undefined = unknown. */
  readonly leaderEpoch: number | undefined
  /** Commit metadata; null where there is none. */
  readonly metadata: string | null
  /** Time of the record at the position, or of the newest record where there is none yet; ms since the epoch. */
  readonly timestamp: bigint | undefined
  /** Records between the position and the end of the log. */
  readonly lag: bigint | undefined
}

export interface SavedGroup extends ShareMark {
  readonly group: string
  /** When its positions were read; ms since the epoch. */
  readonly taken: number
  readonly topics: ReadonlyMap<string, readonly SavedPosition[]>
}

/** The file that a differential one builds on. */
export interface OffsetsBase {
  /** When that was taken; ms since the epoch. */
  readonly taken: number
  /** {@link offsetsHash} of its positions. */
  readonly hash: string
}

/** A partition in which a group had a position in the base, and has none any more. */
export interface RemovedPosition {
  readonly group: string
  readonly topic: string
  readonly partition: number
}

/** Positions of consumer groups in a file of their own, as the command `kmap` writes and reads it. */
export interface OffsetsFile {
  /** Ms since the epoch. */
  readonly taken: number
  /** Addresses of the cluster. */
  readonly cluster: string
  readonly groups: readonly SavedGroup[]
  /** Undefined for a file that is complete by itself. */
  readonly base: OffsetsBase | undefined
  /** Empty unless there is a base. */
  readonly removed: readonly RemovedPosition[]
}

/** Every position of the file, group by group. */
export function* positionsOf(
  file: OffsetsFile,
): Generator<readonly [group: SavedGroup, topic: string, position: SavedPosition], void> {
  for (const group of file.groups) {
    for (const [topic, positions] of group.topics) {
      for (const position of positions) yield [group, topic, position]
    }
  }
}
