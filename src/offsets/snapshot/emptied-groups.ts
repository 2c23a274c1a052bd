import { firstFew, isTidemarkError, nameFilter, parseNamePattern, TidemarkError } from '../../base/index.ts'
import type { Snapshot, SnapshotDraft } from './snapshot.ts'
import { listSnapshots } from './snapshot-list.ts'
import { loadWholeSnapshot, type SnapshotCall, type SnapshotFolder } from './snapshot-store.ts'

/** A group that has no position now, and had some in an earlier snapshot. */
export interface EmptiedGroup {
  readonly group: string
  /** Id of that snapshot. */
  readonly snapshot: string
}

/** Groups of which an earlier snapshot holds positions and the new one holds none. Pure. */
export function emptiedBetween(
  before: Snapshot,
  now: SnapshotDraft,
  wanted: (group: string) => boolean,
): readonly EmptiedGroup[] {
  if (before.clusterId !== now.clusterId) return []
  const holding = holders(now)
  return [...holders(before)]
    .filter((group) => wanted(group) && !holding.has(group))
    .map((group) => ({ group, snapshot: before.id }))
}

/**
 * The same against everything in a folder: each group is held against the newest snapshot that names it. Groups that patterns
 * choose may be gone altogether: they are looked for as far back as the newest snapshot that a user asked for. Damaged snapshots
 * say nothing.
 */
export async function emptiedSince(
  folder: SnapshotFolder,
  now: SnapshotDraft,
  patterns: readonly string[],
  options: SnapshotCall = {},
): Promise<readonly EmptiedGroup[]> {
  const wanted = nameFilter(patterns)
  const holding = holders(now)
  const open = new Set(now.groups.map(({ group }) => group).filter((group) => !holding.has(group)))
  // Groups named one by one are in the new snapshot, whether they exist or not.
  let asked = patterns.length > 0 && patterns.every((text) => parseNamePattern(text).literal)
  if (asked && open.size === 0) return []
  const settled = new Set<string>()
  const emptied: EmptiedGroup[] = []
  for (const listed of await listSnapshots(folder, options)) {
    if (asked && [...open].every((group) => settled.has(group))) break
    if (!('heading' in listed) || listed.heading.clusterId !== now.clusterId) continue
    const before = await whole(folder, listed.id, options)
    if (before === undefined) continue
    const candidates = (group: string) => wanted(group) && !settled.has(group) && (open.has(group) || !asked)
    emptied.push(...emptiedBetween(before, now, candidates))
    for (const { group } of before.groups) settled.add(group)
    asked ||= before.planHash === undefined
  }
  return emptied
}

/** The error for groups that have lost their positions: a snapshot of nothing would pass for a good one. */
export function emptiedError(emptied: readonly EmptiedGroup[], hint: string): TidemarkError {
  const which = firstFew(emptied.map(({ group, snapshot }) => `'${group}' (${snapshot})`))
  return new TidemarkError(
    'SNAPSHOT_EMPTY',
    `No positions were found of groups that had some in an earlier snapshot: ${which}`,
    { hint, details: { groups: emptied.map(({ group }) => group) } },
  )
}

function holders({ groups }: SnapshotDraft): ReadonlySet<string> {
  return new Set(groups.filter(({ positions }) => positions.length > 0).map(({ group }) => group))
}

async function whole(
  folder: SnapshotFolder,
  id: string,
  options: SnapshotCall,
): Promise<Snapshot | undefined> {
  try {
    return (await loadWholeSnapshot(folder, id, options)).whole
  } catch (error) {
    if (isTidemarkError(error, 'FILE_NOT_READABLE') || isTidemarkError(error, 'SNAPSHOT_NOT_FOUND'))
      return undefined
    throw error
  }
}
