import type { Telemetry } from '../base/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import { StateReader } from './backup-reader.ts'
import type { BackupReader } from './contract.ts'
import { type LoadOptions, loadBackup } from './load.ts'
import { checkId } from './names.ts'
import { BackupPlace } from './place.ts'

/** How a backup is opened for reading. */
export interface OpenBackupOptions {
  /** As of this commit instead of the newest. */
  readonly commit?: number
  readonly signal?: AbortSignal
  readonly telemetry?: Telemetry
}

/**
 * Opens a backup for reading. Rejects with BACKUP_NOT_FOUND naming near matches, ARCHIVE_DAMAGED naming the object,
 * ARCHIVE_TOO_NEW, and CONFIG_INVALID for an id that cannot be one. Writes nothing.
 */
export async function openBackup(
  store: ObjectStore,
  backupId: string,
  options: OpenBackupOptions = {},
): Promise<BackupReader> {
  checkId('backup', backupId)
  const place = new BackupPlace(store, backupId)
  const load: LoadOptions = options
  return new StateReader(place, await loadBackup(place, load), load)
}
