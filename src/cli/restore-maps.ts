import type { RestoreMaps } from '../restore/index.ts'
import type { JobContext } from '../storage/index.ts'

export interface WantedMaps {
  readonly restoreId?: string
  readonly targetClusterId?: string
  /** Where the journal is when it does not lie beside the backup. */
  readonly stateFolder: string | undefined
}

/** The maps of a restore: of the one named, else of the newest. Rejects with RESTORE_NOT_FOUND. */
export async function mapsOfRestore(
  context: JobContext,
  backupId: string,
  { stateFolder, ...wanted }: WantedMaps,
): Promise<RestoreMaps> {
  const { loadRestoreMaps } = await import('../restore/index.ts')
  if (stateFolder === undefined) return await loadRestoreMaps(context.store, backupId, wanted)
  const { openStore } = await import('../storage/index.ts')
  await using store = await openStore({ backend: 'filesystem', path: stateFolder })
  return await loadRestoreMaps(store, backupId, wanted)
}
