import { isTidemarkError, TidemarkError } from '../base/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import { findIdentity } from './find-identity.ts'
import { decodeIdentity } from './identity.ts'
import type { BackupIdentity } from './model.ts'
import { isSafeId } from './names.ts'
import { nearIds } from './near-ids.ts'
import { BackupPlace } from './place.ts'

interface Options {
  readonly signal?: AbortSignal
}

/** A backup of an archive, as far as its identity can be read. */
export interface ListedBackup {
  readonly backupId: string
  readonly identity: BackupIdentity | undefined
  /** Why the identity cannot be read: ARCHIVE_DAMAGED or ARCHIVE_TOO_NEW. */
  readonly error: TidemarkError | undefined
}

/** The backups of an archive, by id. What is no backup is left out. */
export async function listBackups(
  store: ObjectStore,
  options: Options = {},
): Promise<readonly ListedBackup[]> {
  const backups: ListedBackup[] = []
  for await (const id of folders(store, options)) {
    if (!isSafeId(id)) continue
    try {
      const bytes = await findIdentity(new BackupPlace(store, id), options)
      if (!bytes) continue
      backups.push({ backupId: id, identity: decodeIdentity(bytes, id).identity, error: undefined })
    } catch (error) {
      if (!isTidemarkError(error, 'ARCHIVE_DAMAGED') && !isTidemarkError(error, 'ARCHIVE_TOO_NEW'))
        throw error
      backups.push({ backupId: id, identity: undefined, error })
    }
  }
  return backups
}

/** BACKUP_NOT_FOUND, naming backups that may have been meant. */
export async function notFound(
  store: ObjectStore,
  backupId: string,
  options: Options = {},
): Promise<TidemarkError> {
  const ids = await idsOf(store, options)
  const near = nearIds(backupId, ids)
  const hint =
    near.length > 0
      ? `Did you mean ${near.join(' or ')}?`
      : ids.length === 0
        ? 'There is no backup at all: check the path.'
        : `There are: ${ids.slice(0, 5).join(', ')}${ids.length > 5 ? ', …' : ''}`
  return new TidemarkError('BACKUP_NOT_FOUND', `There is no backup ${backupId} in ${store.url}`, { hint })
}

async function idsOf(store: ObjectStore, options: Options): Promise<readonly string[]> {
  try {
    return (await listBackups(store, options)).map((backup) => backup.backupId)
  } catch (error) {
    // Who may read one backup only may not list the archive.
    if (isTidemarkError(error, 'STORAGE_DENIED')) return []
    throw error
  }
}

/** First parts of all keys, each once: one listing for each, which skips what lies below it. */
async function* folders(store: ObjectStore, options: Options): AsyncGenerator<string> {
  let after: string | undefined
  for (;;) {
    const first = await firstKey(store, { ...options, ...(after !== undefined && { startAfter: after }) })
    if (first === undefined) return
    const slash = first.indexOf('/')
    if (slash < 0) {
      after = first
      continue
    }
    const folder = first.slice(0, slash)
    yield folder
    // '0' is the character after '/': this lies behind every key of the folder, and before all others that follow.
    after = `${folder}0`
  }
}

async function firstKey(
  store: ObjectStore,
  options: Options & { readonly startAfter?: string },
): Promise<string | undefined> {
  for await (const { key } of store.list('', options)) return key
  return undefined
}
