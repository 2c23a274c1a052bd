import { isTidemarkError, TidemarkError } from '../../base/index.ts'
import type { Snapshot, SnapshotDraft } from './snapshot.ts'
import { snapshotFromJson, snapshotToJson } from './snapshot-file.ts'
import { layerSnapshots } from './snapshot-layers.ts'

export interface SnapshotCall {
  readonly signal?: AbortSignal
}

/** What snapshots need of an object store. */
export interface SnapshotStore {
  put(
    key: string,
    bytes: Uint8Array,
    options?: SnapshotCall & { readonly ifAbsent?: boolean },
  ): Promise<boolean>
  get(key: string, options?: SnapshotCall): Promise<Buffer>
  list(prefix: string, options?: SnapshotCall): AsyncIterable<{ readonly key: string }>
  delete(keys: readonly string[], options?: SnapshotCall): Promise<void>
}

/** Where snapshots lie. */
export interface SnapshotFolder {
  readonly store: SnapshotStore
  /** Key prefix; the id and `.json` follow. */
  readonly prefix: string
}

/** Where a snapshot goes, and what it says of itself. */
export interface SnapshotPlace {
  readonly store: Pick<SnapshotStore, 'put'>
  readonly prefix: string
  readonly description?: string
}

/** A name made of the time: `snapshot-20241203-100000`; further ones of the same second are numbered. */
export function snapshotId(created: number, attempt = 1): string {
  const stamp = new Date(created)
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replaceAll(/[-:]/g, '')
    .replace('T', '-')
  return `snapshot-${stamp}${attempt === 1 ? '' : `-${attempt}`}`
}

/**
 * Saves a snapshot, under a name made of its time unless one is given, and resolves once it is durable. Never replaces one:
 * rejects with SNAPSHOT_EXISTS when the given name is taken.
 */
export async function saveSnapshot(
  { store, prefix }: Pick<SnapshotPlace, 'store' | 'prefix'>,
  draft: SnapshotDraft,
  { id, ...call }: SnapshotCall & { readonly id?: string } = {},
): Promise<Snapshot> {
  for (let attempt = 1; attempt <= 100; attempt++) {
    const snapshot = { ...draft, id: id ?? snapshotId(draft.created, attempt) }
    const bytes = Buffer.from(snapshotToJson(snapshot))
    if (await store.put(snapshotKey(prefix, snapshot.id), bytes, { ...call, ifAbsent: true })) return snapshot
    if (id !== undefined) {
      throw new TidemarkError('SNAPSHOT_EXISTS', `There is a snapshot ${id} already`, {
        hint: 'Choose another name, or delete that one first with `offset-rollback delete`.',
      })
    }
  }
  throw new TidemarkError('STORAGE_UNAVAILABLE', 'A hundred snapshots of this second exist already', {
    hint: 'Run the command again.',
    retriable: true,
  })
}

/** A snapshot as it was written. Rejects with SNAPSHOT_NOT_FOUND, or FILE_NOT_READABLE when it is damaged. */
export async function loadSnapshot(
  { store, prefix }: SnapshotFolder,
  id: string,
  options: SnapshotCall = {},
): Promise<Snapshot> {
  const key = snapshotKey(prefix, id)
  const text = await store.get(key, options).catch((cause: unknown) => {
    if (!isTidemarkError(cause, 'STORAGE_NOT_FOUND')) throw cause
    throw new TidemarkError('SNAPSHOT_NOT_FOUND', `There is no snapshot ${id}`, {
      cause,
      details: { object: key },
      hint: '`kafka-backup offset-rollback list` with the same --path shows what there is.',
    })
  })
  const snapshot = snapshotFromJson(text.toString(), key)
  if (snapshot.id === id) return snapshot
  throw new TidemarkError('FILE_NOT_READABLE', `${key} holds the snapshot ${snapshot.id}, not ${id}`, {
    details: { object: key },
    hint: 'Give the file its own name back.',
  })
}

/** A snapshot as it was written, and as it is meant: with all that it builds on. */
export async function loadWholeSnapshot(
  folder: SnapshotFolder,
  id: string,
  options: SnapshotCall = {},
): Promise<{ readonly written: Snapshot; readonly whole: Snapshot }> {
  const written = await loadSnapshot(folder, id, options)
  let chain: [Snapshot, ...Snapshot[]] = [written]
  for (let { base } = written; base !== undefined; base = chain[0].base) {
    const { id: below } = base
    if (chain.some((one) => one.id === below)) {
      throw new TidemarkError('FILE_NOT_READABLE', `The snapshot ${below} builds on itself`)
    }
    chain = [await loadSnapshot(folder, below, options), ...chain]
  }
  return { written, whole: layerSnapshots(chain) }
}

/** Key of a snapshot. Throws STORAGE_KEY_INVALID for a name that could mean another folder. */
export function snapshotKey(prefix: string, id: string): string {
  if (/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/.test(id)) return `${prefix}${id}.json`
  throw new TidemarkError('STORAGE_KEY_INVALID', `${JSON.stringify(id)} cannot be the name of a snapshot`, {
    hint: 'Use letters, digits, dots, hyphens and underscores.',
  })
}
