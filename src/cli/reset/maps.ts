import type { BackupReader } from '../../archive/index.ts'
import { TidemarkError } from '../../base/index.ts'
import type { Cluster } from '../../kafka/index.ts'
import type { ExplainAbsence, GivenGroup, LogTable, MapSet, PlanNotice } from '../../offsets/index.ts'
import { mapsOfRestore } from '../restore-maps.ts'
import { readMappingFile } from '../text-file.ts'
import type { Archived } from './archived.ts'
import type { MapOptions } from './reset-options.ts'
import { scannedMaps } from './scanned-maps.ts'

/** A map to translate by. */
export interface ChosenMaps {
  readonly maps: MapSet
  /** In words, for the plan. */
  readonly name: string
  /** The commit of the backup that was restored, whose positions belong to the map; undefined = not known. */
  readonly commit: number | undefined
  readonly notices: readonly PlanNotice[]
}

/** The map of a restore, or of a file. Rejects with RESTORE_NOT_FOUND, SOURCE_MISMATCH, FILE_NOT_READABLE. */
export async function chooseMaps(
  options: MapOptions,
  archived: Archived | undefined,
  cluster: Cluster,
): Promise<ChosenMaps | undefined> {
  if (options.from === 'headers') return undefined
  if (options.from === 'file' && options.file !== undefined) {
    const maps = await readMappingFile(options.file)
    checkTarget(maps, cluster)
    if (archived) checkBackup(maps, options.file, archived.backupId)
    else checkSourceCluster(maps, options)
    return { maps, name: `the file ${options.file}`, commit: undefined, notices: [] }
  }
  if (archived === undefined) throw new RangeError('the map of a restore lies beside a backup')
  const { maps, commit } = await mapsOfRestore(archived.context, archived.backupId, {
    ...(options.restoreId !== undefined && { restoreId: options.restoreId }),
    targetClusterId: cluster.clusterId,
    stateFolder: options.stateFolder,
  })
  checkTarget(maps, cluster)
  return { maps, name: `the restore ${maps.restoreId}`, commit, notices: [] }
}
