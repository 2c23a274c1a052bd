import { TidemarkError } from '../../base/index.ts'
import { layerOffsets, offsetsHash, offsetsSince } from '../file/offsets-layers.ts'
import { positionsByGroup, type Snapshot, type SnapshotDraft, snapshotOffsets } from './snapshot.ts'

/**
 * What of a snapshot changed since an earlier one, which must be whole: all groups are named, with the positions that are new
 * or different, and those that are gone. Throws SOURCE_MISMATCH when the two are of different clusters.
 */
export function snapshotSince(base: Snapshot, now: SnapshotDraft): SnapshotDraft {
  if (base.clusterId !== now.clusterId) {
    throw new TidemarkError(
      'SOURCE_MISMATCH',
      `The snapshot ${base.id} is of cluster ${base.clusterId}, but this is cluster ${now.clusterId}`,
      { hint: 'Name a snapshot of this cluster with --since, or leave it out.' },
    )
  }
  const names = new Set(now.groups.map(({ group }) => group))
  const before = snapshotOffsets(base)
  const changes = offsetsSince(before, snapshotOffsets(now), (group) => names.has(group))
  const changed = positionsByGroup(changes)
  return {
    ...now,
    groups: now.groups.map((group) => ({ ...group, positions: changed.get(group.group) ?? [] })),
    base: { id: base.id, created: base.created, hash: offsetsHash(before) },
    removed: changes.removed,
  }
}

/**
 * A complete snapshot and the differential ones after it as the one that they mean: complete, under the name of the last, with the
 * groups that the last one names. Throws FILE_NOT_READABLE when one does not build on those before it.
 */
export function layerSnapshots(chain: readonly [Snapshot, ...Snapshot[]]): Snapshot {
  const [first, ...rest] = chain
  if (first.base !== undefined) {
    throw new TidemarkError(
      'FILE_NOT_READABLE',
      `The snapshot ${first.id} holds only what changed since ${first.base.id}`,
      { hint: `Name ${first.base.id} before it: without it the unchanged positions are not known.` },
    )
  }
  return rest.reduce((below, above): Snapshot => {
    const file = layerOffsets([
      { name: below.id, file: snapshotOffsets(below) },
      { name: above.id, file: snapshotOffsets(above) },
    ])
    const positions = positionsByGroup(file)
    return {
      ...above,
      groups: above.groups.map((group) => ({ ...group, positions: positions.get(group.group) ?? [] })),
      base: undefined,
      removed: [],
    }
  }, first)
}
