import { TidemarkError } from '../../base/index.ts'
import type { GroupPositions } from '../../kafka/index.ts'
import { offsetToJson } from '../json-value.ts'
import type { PlanEntry } from '../plan/plan.ts'
import { place } from '../plan/planner.ts'

/** What writing a snapshot needs of an object store. */
export interface SnapshotStore {
  put(
    key: string,
    bytes: Uint8Array,
    options?: { readonly ifAbsent?: boolean; readonly signal?: AbortSignal },
  ): Promise<boolean>
}

/** Where a snapshot goes, and what it says of itself. */
export interface SnapshotPlace {
  readonly store: SnapshotStore
  /** Key prefix; the id and `.json` follow. */
  readonly prefix: string
  readonly description?: string
}

export interface SnapshotInput {
  readonly clusterId: string
  /** Ms since the epoch. */
  readonly created: number
  readonly planHash: string
  readonly groups: readonly GroupPositions[]
  /** What is about to be changed: partitions in which a group has no position are recorded as such. */
  readonly entries: readonly PlanEntry[]
}

/**
 * Saves the positions of groups before they are changed: all of them, with metadata, and the partitions that
 * are about to get one and had none. Resolves with the snapshot's id once it is durable. Never replaces one
 * that exists.
 */
export async function writeSnapshot(
  { store, prefix, description }: SnapshotPlace,
  input: SnapshotInput,
  options: { readonly signal?: AbortSignal } = {},
): Promise<string> {
  const stamp = new Date(input.created)
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replaceAll(/[-:]/g, '')
    .replace('T', '-')
  for (let attempt = 1; attempt <= 100; attempt++) {
    const id = `snapshot-${stamp}${attempt === 1 ? '' : `-${attempt}`}`
    const bytes = Buffer.from(snapshotJson(id, description ?? '', input))
    if (await store.put(`${prefix}${id}.json`, bytes, { ...options, ifAbsent: true })) return id
  }
  throw new TidemarkError('STORAGE_UNAVAILABLE', 'A hundred snapshots of this second exist already', {
    hint: 'Run the command again.',
    retriable: true,
  })
}

function snapshotJson(id: string, description: string, input: SnapshotInput): string {
  const changing = Map.groupBy(input.entries, ({ group }) => group)
  const groups = input.groups.map(({ group, positions }) => {
    const present = positions.filter(({ offset }) => offset >= 0n)
    const places = new Set(present.map(({ topic, partition }) => place(topic, partition)))
    return {
      group,
      positions: present.map(({ topic, partition, offset, leaderEpoch, metadata }) => ({
        topic,
        partition,
        offset: offsetToJson(offset),
        leader_epoch: leaderEpoch,
        metadata,
      })),
      absent: (changing.get(group) ?? [])
        .filter(({ topic, partition }) => !places.has(place(topic, partition)))
        .map(({ topic, partition }) => ({ topic, partition })),
    }
  })
  const snapshot = {
    format: 'tidemark-offset-snapshot',
    version: 1,
    id,
    created: new Date(input.created).toISOString(),
    description,
    cluster_id: input.clusterId,
    plan_hash: input.planHash,
    groups,
  }
  return `${JSON.stringify(snapshot, null, 2)}\n`
}
