import type { SnapshotFolder } from '../../offsets/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import { storeOf } from '../flags/archive-flags.ts'
import type { SnapshotPlaceFlags } from '../flags/snapshot-flags.ts'
import { withJobContext } from '../job-context.ts'
import type { Session } from '../session.ts'

/** Where snapshots lie in an archive. */
const snapshotPrefix = 'offset-snapshots/'

/** An open folder of snapshots, and what to call it. */
export interface OpenFolder extends SnapshotFolder {
  readonly url: string
}

/**
 * Opens the folder of snapshots that the flags name. A file names an archive, a path the folder itself, or an archive: one in which
 * snapshots have been saved.
 */
export async function withSnapshotFolder<T>(
  flags: SnapshotPlaceFlags,
  session: Session,
  work: (folder: OpenFolder) => Promise<T>,
): Promise<T> {
  const { spec } = await storeOf(flags)
  return await withJobContext(session, spec, async ({ store }) => {
    const inside = flags.path === undefined || (await holdsSnapshots(store, session.signal))
    return await work(folderIn(store, inside))
  })
}

/** The folder of snapshots in a store: inside an archive, or the store itself. */
export function folderIn(store: ObjectStore, insideArchive: boolean): OpenFolder {
  if (!insideArchive) return { store, prefix: '', url: store.url }
  return { store, prefix: snapshotPrefix, url: `${store.url.replace(/\/$/, '')}/${snapshotPrefix}` }
}

async function holdsSnapshots(store: ObjectStore, signal: AbortSignal): Promise<boolean> {
  for await (const _ of store.list(snapshotPrefix, { signal })) return true
  return false
}
