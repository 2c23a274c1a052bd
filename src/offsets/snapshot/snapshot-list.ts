import { Budget, isTidemarkError, TidemarkError } from '../../base/index.ts'
import type { Snapshot } from './snapshot.ts'
import { mayBeSnapshot } from './snapshot-file.ts'
import { loadSnapshot, type SnapshotCall, type SnapshotFolder, snapshotKey } from './snapshot-store.ts'

/** What a list says of a snapshot. */
export interface SnapshotHeading
  extends Pick<Snapshot, 'id' | 'created' | 'description' | 'clusterId' | 'planHash'> {
  readonly groups: number
  /** Held by this snapshot itself: of a differential one, those that changed. */
  readonly positions: number
  /** Id of the snapshot that it builds on. */
  readonly since: string | undefined
}

/** A snapshot of a folder: what it is, or why that cannot be told. */
export type ListedSnapshot =
  | { readonly id: string; readonly heading: SnapshotHeading }
  | { readonly id: string; readonly error: TidemarkError }

/** Files read at the same time. */
const concurrency = 8

/** Every snapshot of a folder, the newest first; damaged ones at the end. Other files that lie there are left out. */
export async function listSnapshots(
  folder: SnapshotFolder,
  options: SnapshotCall = {},
): Promise<readonly ListedSnapshot[]> {
  return (await eachSnapshot(folder, headingOf, options))
    .map((one) => ('found' in one ? { id: one.id, heading: one.found } : one))
    .sort(newestFirst)
}

/** What is of interest in each snapshot of a folder, in no order; what is damaged comes as an error. */
export async function eachSnapshot<Found>(
  folder: SnapshotFolder,
  look: (snapshot: Snapshot) => Found,
  options: SnapshotCall = {},
): Promise<
  readonly (
    | { readonly id: string; readonly found: Found }
    | { readonly id: string; readonly error: TidemarkError }
  )[]
> {
  const ids = await idsIn(folder, options)
  const places = new Budget(concurrency)
  const found = await Promise.all(ids.map((id) => places.with(1, () => read(folder, id, look, options))))
  return found.filter((one) => one !== undefined)
}

/**
 * Deletes a snapshot, damaged or not. Rejects with SNAPSHOT_NOT_FOUND, and with SNAPSHOT_NEEDED while others build on it.
 */
export async function deleteSnapshot(
  folder: SnapshotFolder,
  id: string,
  options: SnapshotCall = {},
): Promise<void> {
  await loadSnapshot(folder, id, options).catch((error: unknown) => {
    if (!isTidemarkError(error, 'FILE_NOT_READABLE')) throw error
  })
  const above = (await listSnapshots(folder, options)).flatMap((one) =>
    'heading' in one && one.heading.since === id ? [one.id] : [],
  )
  if (above.length > 0) {
    throw new TidemarkError('SNAPSHOT_NEEDED', `${above.join(', ')} hold only what changed since ${id}`, {
      hint: 'Delete those first: without it they mean nothing.',
      details: { snapshots: above },
    })
  }
  await folder.store.delete([snapshotKey(folder.prefix, id)], options)
}

async function idsIn({ store, prefix }: SnapshotFolder, options: SnapshotCall): Promise<readonly string[]> {
  const ids: string[] = []
  for await (const { key } of store.list(prefix, options)) {
    const name = key.slice(prefix.length)
    if (name.includes('/') || !name.endsWith('.json')) continue
    const id = name.slice(0, -'.json'.length)
    if (isName(id)) ids.push(id)
  }
  return ids
}

async function read<Found>(
  folder: SnapshotFolder,
  id: string,
  look: (snapshot: Snapshot) => Found,
  options: SnapshotCall,
) {
  try {
    return { id, found: look(await loadSnapshot(folder, id, options)) }
  } catch (error) {
    // Deleted since the folder was listed.
    if (isTidemarkError(error, 'SNAPSHOT_NOT_FOUND')) return undefined
    if (!isTidemarkError(error, 'FILE_NOT_READABLE')) throw error
    const text = await folder.store.get(snapshotKey(folder.prefix, id), options)
    return mayBeSnapshot(text.toString()) ? { id, error } : undefined
  }
}

/** What there is to say of a snapshot in one line. */
export function headingOf(snapshot: Snapshot): SnapshotHeading {
  const { id, created, description, clusterId, planHash, groups, base } = snapshot
  return {
    id,
    created,
    description,
    clusterId,
    planHash,
    groups: groups.length,
    positions: groups.reduce((sum, { positions }) => sum + positions.length, 0),
    since: base?.id,
  }
}

function isName(id: string): boolean {
  try {
    snapshotKey('', id)
    return true
  } catch {
    return false
  }
}

function newestFirst(a: ListedSnapshot, b: ListedSnapshot): number {
  const [left, right] = [a, b].map((one) => ('heading' in one ? one.heading.created : -1))
  return (right ?? 0) - (left ?? 0) || (a.id < b.id ? 1 : -1)
}
