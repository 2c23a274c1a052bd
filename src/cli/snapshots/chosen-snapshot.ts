import { TidemarkError } from '../../base/index.ts'
import type { Snapshot, SnapshotFolder } from '../../offsets/index.ts'
import { splitPatterns } from '../flags/name-list.ts'
import type { SnapshotFlags } from '../flags/snapshot-flags.ts'
import type { Session } from '../session.ts'
import { readTextFile } from '../text-file.ts'
import { withSnapshotFolder } from './snapshot-folder.ts'

/** The snapshot that the flags name. */
export interface ChosenSnapshot {
  /** As it was written: of a differential one, what changed. */
  readonly written: Snapshot
  /** As it is meant. */
  readonly whole: Snapshot
  /** Undefined when it came from files. */
  readonly folder: SnapshotFolder | undefined
}

/** Reads the snapshot that the flags name, and does something with it while its folder is open. */
export async function withSnapshot<T>(
  flags: SnapshotFlags,
  session: Session,
  work: (chosen: ChosenSnapshot) => Promise<T>,
): Promise<T> {
  const { snapshotId: id, snapshot: files } = flags
  if (files !== undefined && id === undefined) {
    return await work({ ...(await readSnapshotFiles(files)), folder: undefined })
  }
  if (id === undefined || files !== undefined) {
    throw new TidemarkError('USAGE', `${id === undefined ? 'No' : 'More than one'} snapshot is named`, {
      hint: 'Give --path FOLDER --snapshot-id ID, or --snapshot FILE.',
    })
  }
  const { loadWholeSnapshot } = await import('../../offsets/index.ts')
  return await withSnapshotFolder(flags, session, async (folder) => {
    const found = await loadWholeSnapshot(folder, id, { signal: session.signal })
    return await work({ ...found, folder })
  })
}

/** A complete snapshot and the differential ones after it. Rejects with FILE_NOT_READABLE. */
export async function readSnapshotFiles(
  files: readonly string[],
): Promise<Pick<ChosenSnapshot, 'written' | 'whole'>> {
  const { layerSnapshots, snapshotFromJson } = await import('../../offsets/index.ts')
  const read: Snapshot[] = []
  for (const file of files) read.push(snapshotFromJson(await readTextFile(file), file))
  const [first, ...rest] = read
  if (first === undefined) throw new RangeError('no file is named')
  return { written: rest.at(-1) ?? first, whole: layerSnapshots([first, ...rest]) }
}

/** The snapshot with the groups that the patterns choose; all without patterns. Throws USAGE where there are none in it, GROUP_NOT_FOUND for one that it lacks. */
export async function withGroups(snapshot: Snapshot, patterns: string | undefined): Promise<Snapshot> {
  if (patterns === undefined) return snapshot
  const { nameFilter, parseNamePattern } = await import('../../base/index.ts')
  const list = splitPatterns([patterns], '--groups')
  const names = new Set(snapshot.groups.map(({ group }) => group))
  const missing = list.find((text) => parseNamePattern(text).literal && !names.has(text))
  const groups = snapshot.groups.filter(({ group }) => nameFilter(list)(group))
  if (missing === undefined && groups.length > 0) return { ...snapshot, groups }
  throw new TidemarkError(
    'GROUP_NOT_FOUND',
    missing === undefined
      ? `The snapshot ${snapshot.id} holds no group that matches ${patterns}`
      : `The snapshot ${snapshot.id} does not hold the consumer group '${missing}'`,
    {
      ...(missing !== undefined && { details: { group: missing } }),
      hint: '`kafka-backup offset-rollback show` lists its groups.',
    },
  )
}
