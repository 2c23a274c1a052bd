import type { Position, TopicPartition } from '../../kafka/index.ts'
import {
  type OffsetsFile,
  positionsOf,
  type RemovedPosition,
  type SavedPosition,
} from '../file/offsets-file.ts'
import type { TopicIds } from '../plan/plan.ts'
import type { ShareMark } from '../share-mark.ts'

/** What a snapshot holds of one group. */
export interface SnapshotGroup extends ShareMark {
  readonly group: string
  /** In a differential snapshot only those that changed. */
  readonly positions: readonly Position[]
  /** Partitions that were looked at and in which the group had no position. */
  readonly absent: readonly TopicPartition[]
  /**
   * What was about to be set when the snapshot was taken and is a position of this cluster, not of a source: translated, or found in
   * its logs. Undefined = nothing.
   */
  readonly set?: readonly SetPosition[]
}

/** A position that a plan was about to set. */
export interface SetPosition extends TopicPartition {
  readonly offset: bigint
}

/** The snapshot that a differential one builds on. */
export interface SnapshotBase {
  readonly id: string
  /** Ms since the epoch. */
  readonly created: number
  /** `offsetsHash` of its positions. */
  readonly hash: string
}

/**
 * Positions of consumer groups, saved to go back to. Of the groups that it names it knows everything: where it holds no
 * position, with its base laid under it, there was none.
 */
export interface Snapshot {
  readonly id: string
  /** Ms since the epoch. */
  readonly created: number
  readonly description: string
  readonly clusterId: string
  /** Hash of the plan that was about to be applied; undefined when a user asked for the snapshot. */
  readonly planHash: string | undefined
  /** Ids of the topics in which there are positions; undefined in files of programs that wrote none. */
  readonly topicIds?: TopicIds | undefined
  readonly groups: readonly SnapshotGroup[]
  /** Undefined for a snapshot that is complete by itself. */
  readonly base: SnapshotBase | undefined
  /** Positions of the base that are gone; empty unless there is a base. */
  readonly removed: readonly RemovedPosition[]
}

/** A snapshot that has no name yet. */
export type SnapshotDraft = Omit<Snapshot, 'id'>

/** The same as a file of positions, for what is known of those: hashes, differences, layers. */
export function snapshotOffsets(snapshot: SnapshotDraft): OffsetsFile {
  const { created, clusterId, groups, base, removed } = snapshot
  return {
    taken: created,
    cluster: clusterId,
    groups: groups.map(({ group, type, positions }) => ({
      group,
      type,
      taken: created,
      topics: Map.groupBy<string, SavedPosition & { readonly topic: string }>(
        positions.map((position) => ({ ...position, timestamp: undefined, lag: undefined })),
        ({ topic }) => topic,
      ),
    })),
    base: base && { taken: base.created, hash: base.hash },
    removed,
  }
}

/** Every group of a file of positions with what it holds. */
export function positionsByGroup(file: OffsetsFile): ReadonlyMap<string, readonly Position[]> {
  const found = new Map<string, Position[]>()
  for (const [{ group }, topic, saved] of positionsOf(file)) {
    const positions = found.get(group) ?? []
    found.set(group, positions)
    positions.push({
      topic,
      partition: saved.partition,
      offset: saved.offset,
      leaderEpoch: saved.leaderEpoch ?? -1,
      metadata: saved.metadata,
    })
  }
  return found
}
