import type { Cluster, GroupPositions } from '../../kafka/index.ts'
import { isOfTarget, type PlanEntry, type TopicIds } from '../plan/plan.ts'
import { place } from '../plan/planner.ts'
import { shareMark } from '../share-mark.ts'
import type { SnapshotGroup } from '../snapshot/snapshot.ts'
import { type SnapshotPlace, saveSnapshot } from '../snapshot/snapshot-store.ts'
import { idsOf } from './read-target.ts'

export interface SnapshotInput {
  readonly clusterId: string
  /** Ms since the epoch. */
  readonly created: number
  readonly planHash: string
  readonly groups: readonly GroupPositions[]
  /** Ids of the topics in which they have positions, or are about to get some. */
  readonly topicIds: TopicIds
  /** What is about to be changed: partitions in which a group has no position are recorded as such. */
  readonly entries: readonly PlanEntry[]
}

/**
 * Saves the positions of groups before they are changed: all of them, with metadata, and the partitions that
 * are about to get one and had none. Resolves with the snapshot's id once it is durable. Never replaces one
 * that exists.
 */
export async function writeSnapshot(
  snapshotPlace: SnapshotPlace,
  { clusterId, created, planHash, groups, topicIds, entries }: SnapshotInput,
  options: { readonly signal?: AbortSignal } = {},
): Promise<string> {
  const changing = Map.groupBy(entries, ({ group }) => group)
  const { id } = await saveSnapshot(
    snapshotPlace,
    {
      created,
      description: snapshotPlace.description ?? '',
      clusterId,
      planHash,
      topicIds,
      groups: groups.map((group) => snapshotGroup(group, changing.get(group.group) ?? [])),
      base: undefined,
      removed: [],
    },
    options,
  )
  return id
}

/** Ids of the topics in which groups have positions, or are about to get some. */
export async function topicIdsOf(
  groups: readonly GroupPositions[],
  entries: readonly PlanEntry[],
  cluster: Pick<Cluster, 'topics'>,
  options: { readonly signal?: AbortSignal },
): Promise<TopicIds> {
  const held = groups.flatMap(({ positions }) => positions.filter(({ offset }) => offset >= 0n))
  const names = [...new Set([...held, ...entries].map(({ topic }) => topic))].sort()
  return idsOf(names.length === 0 ? [] : await cluster.topics(names, options))
}

function snapshotGroup(
  { group, type, positions }: GroupPositions,
  changing: readonly PlanEntry[],
): SnapshotGroup {
  // Of a share group without start offsets only the plan knows what it is.
  const isShare = type === 'share' || changing.some((entry) => entry.type === 'share')
  const present = positions.filter(({ offset }) => offset >= 0n)
  const places = new Set(present.map(({ topic, partition }) => place(topic, partition)))
  const set = changing.flatMap(({ topic, partition, target, kind }) =>
    target !== undefined && isOfTarget(kind) ? [{ topic, partition, offset: target }] : [],
  )
  return {
    group,
    ...shareMark(isShare),
    positions: present,
    absent: changing
      .filter(({ topic, partition }) => !places.has(place(topic, partition)))
      .map(({ topic, partition }) => ({ topic, partition })),
    ...(set.length > 0 && { set }),
  }
}
