import type { GroupType } from '../../kafka/index.ts'

/** A committed position, wherever it was read: the next record of the partition that the group will read. */
export interface GivenPosition {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly metadata: string | null
  /** The newest commit was part of an open transaction when it was read: this is the one before. */
  readonly unstable?: boolean
  /** Time of the record at the position, ms since the epoch, where that was kept. */
  readonly timestamp?: bigint | undefined
}

export interface GivenGroup {
  readonly group: string
  /** Of a share group the positions are start offsets. */
  readonly type?: GroupType | undefined
  /** The place says nothing of metadata: what the group keeps on the target stays. @default false */
  readonly withoutMetadata?: boolean
  readonly positions: readonly GivenPosition[]
}

/**
 * Positions of groups, read at one moment from a backup, a file or a cluster: what a plan begins with. What a backup captured is
 * one as it stands.
 */
export interface GivenPositions<Group extends GivenGroup = GivenGroup> {
  /** Ms since the epoch. */
  readonly taken: number
  readonly groups: readonly Group[]
  /** The cluster that they are of, where the place says it by its id. */
  readonly clusterId?: string
  /** Groups that could not be read, and why. */
  readonly failed: readonly { readonly group: string; readonly error: string }[]
}
