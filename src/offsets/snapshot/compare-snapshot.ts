import { TidemarkError } from '../../base/index.ts'
import type { Cluster, GroupPositions, Position } from '../../kafka/index.ts'
import { place } from '../plan/planner.ts'
import type { Snapshot } from './snapshot.ts'

/** A position that is not as the snapshot has it. */
export interface PositionDifference {
  readonly group: string
  readonly topic: string
  readonly partition: number
  /** `missing`: only the snapshot has one; `extra`: only the cluster has; `different`: offset or metadata differ. */
  readonly kind: 'missing' | 'extra' | 'different'
  readonly saved: Position | undefined
  readonly found: Position | undefined
}

/** What came of holding a cluster against a snapshot. */
export interface SnapshotComparison {
  readonly groups: number
  /** Positions that are as they were, metadata included. */
  readonly same: number
  readonly differences: readonly PositionDifference[]
}

/**
 * Reads the positions of a whole snapshot's groups and compares. Changes nothing. Rejects with SOURCE_MISMATCH on another
 * cluster, and when a group cannot be read.
 */
export async function verifySnapshot(
  snapshot: Snapshot,
  cluster: Pick<Cluster, 'clusterId' | 'fetchPositions'>,
  options: { readonly signal?: AbortSignal } = {},
): Promise<SnapshotComparison> {
  checkSnapshotCluster(snapshot, cluster.clusterId)
  const names = snapshot.groups.map(({ group }) => group)
  const { done, failed } =
    names.length === 0 ? { done: [], failed: [] } : await cluster.fetchPositions(names, options)
  const [unread] = failed
  if (unread !== undefined) throw unread.error
  return compareSnapshot(snapshot, done)
}

/** Holds positions against a whole snapshot. Pure. */
export function compareSnapshot(snapshot: Snapshot, now: readonly GroupPositions[]): SnapshotComparison {
  const current = new Map(now.map(({ group, positions }) => [group, byPlace(positions)]))
  let same = 0
  const differences = snapshot.groups.flatMap(({ group, positions }) => {
    const saved = byPlace(positions)
    const found = current.get(group) ?? new Map<string, Position>()
    const places = [...new Map([...saved, ...found]).values()].sort(inOrder)
    return places.flatMap(({ topic, partition }): readonly PositionDifference[] => {
      const [was, is] = [saved, found].map((one) => one.get(place(topic, partition)))
      const kind = differenceOf(was, is)
      if (kind !== undefined) return [{ group, topic, partition, kind, saved: was, found: is }]
      same++
      return []
    })
  })
  return { groups: snapshot.groups.length, same, differences }
}

/** Throws SOURCE_MISMATCH unless the snapshot is of this cluster: elsewhere its offsets mean other records. */
export function checkSnapshotCluster(snapshot: Snapshot, clusterId: string): void {
  if (snapshot.clusterId === clusterId) return
  throw new TidemarkError(
    'SOURCE_MISMATCH',
    `The snapshot ${snapshot.id} is of cluster ${snapshot.clusterId}, but this is cluster ${clusterId}`,
    { hint: 'Check the address: on another cluster the same offsets are other records.' },
  )
}

/** Brokers keep null metadata as empty; apart from that every byte counts. */
function differenceOf(
  was: Position | undefined,
  is: Position | undefined,
): PositionDifference['kind'] | undefined {
  if (was === undefined) return 'extra'
  if (is === undefined) return 'missing'
  return was.offset === is.offset && (was.metadata ?? '') === (is.metadata ?? '') ? undefined : 'different'
}

function byPlace(positions: readonly Position[]): ReadonlyMap<string, Position> {
  return new Map(
    positions
      .filter(({ offset }) => offset >= 0n)
      .map((position) => [place(position.topic, position.partition), position]),
  )
}

function inOrder(a: Position, b: Position): number {
  return a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition
}
