import { invariant } from '../../base/index.ts'
import type { GroupType } from '../../kafka/index.ts'
import { checkSnapshotCluster } from '../snapshot/compare-snapshot.ts'
import type { Snapshot, SnapshotGroup } from '../snapshot/snapshot.ts'
import type { Plan } from './plan.ts'
import { makePlan, type PlanInput, place, type WantedPosition } from './planner.ts'
import { isRecreated } from './topic-ids.ts'

export type SnapshotPlanOptions = Pick<
  PlanInput,
  'clusterId' | 'created' | 'current' | 'logs' | 'topicIds' | 'outOfRange'
>

/**
 * A plan that puts groups back where they were when a snapshot was taken: offset and metadata of every position that it holds,
 * and no position where there was none. What a topic held that was deleted and created again since is left alone: its records are
 * others. Pure. The snapshot must be whole. Throws SOURCE_MISMATCH on another cluster.
 */
export function planFromSnapshot(snapshot: Snapshot, options: SnapshotPlanOptions): Plan {
  invariant(snapshot.base === undefined, 'a plan is made from a whole snapshot')
  checkSnapshotCluster(snapshot, options.clusterId)
  const current = new Map(options.current.done.map((group) => [group.group, group]))
  const wanted = snapshot.groups.flatMap((group) => [
    ...group.positions.map((position): WantedPosition => {
      const { topic, partition, offset, metadata } = position
      // Positions of an untyped group are none of a share group, whatever has the name now.
      const type: GroupType = group.type ?? 'unknown'
      const base = { ...plain, group: group.group, type, topic, partition, metadata }
      if (isRecreated(topic, snapshot.topicIds, options.topicIds)) {
        const reason = 'the topic was deleted and created again since: the saved offset means nothing there'
        return { ...base, offset: undefined, kind: 'recreated', reason }
      }
      return { ...base, offset, kind: 'as-before' }
    }),
    ...withoutPosition(group, current.get(group.group)?.positions ?? []),
  ])
  // A group of which nothing is wanted has no entry that could say that it was not read.
  const planned = new Set(wanted.map(({ group }) => group))
  for (const { item, error } of options.current.failed) if (!planned.has(item)) throw error
  return makePlan({
    ...options,
    origin: { type: 'snapshot', snapshotId: snapshot.id, captured: snapshot.created },
    wanted,
    notices: [],
  })
}

const plain = { reason: '', reread: 0, from: [] } as const

/** Where the group had no position: the partitions that the snapshot names, and all in which there is one now. */
function withoutPosition(
  { group, type, positions, absent }: SnapshotGroup,
  now: readonly { readonly topic: string; readonly partition: number; readonly offset: bigint }[],
): readonly WantedPosition[] {
  const held = new Set(positions.map(({ topic, partition }) => place(topic, partition)))
  const added = now.filter(
    ({ topic, partition, offset }) => offset >= 0n && !held.has(place(topic, partition)),
  )
  const places = new Map([...absent, ...added].map((one) => [place(one.topic, one.partition), one]))
  return [...places.values()].map(({ topic, partition }) => ({
    ...plain,
    group,
    type,
    topic,
    partition,
    offset: undefined,
    metadata: null,
    kind: 'no-position',
    reason: 'the group had no position here when the snapshot was taken',
    remove: true,
  }))
}
