import { TidemarkError } from '../base/index.ts'
import type { Config } from '../config/index.ts'
import type { RestoreJob } from '../restore/index.ts'
import type { JobContext, StoreSpec } from '../storage/index.ts'
import { clusterOverrides } from './flags/cluster-flags.ts'
import { required } from './flags/required.ts'
import { type RestoreFlags, restoreOverrides } from './flags/restore-flags.ts'
import { showNotes } from './job-context.ts'
import { mapsOfRestore } from './restore-maps.ts'
import type { Session } from './session.ts'
import { writeMappingFile } from './text-file.ts'

export interface LoadedRestore {
  readonly job: RestoreJob
  readonly spec: StoreSpec
  readonly config: Config
}

/** Reads the file of a command that restores, puts the flags over it, and shows what has no effect. */
export async function loadRestore(
  flags: RestoreFlags,
  session: Session,
  setsPositions: boolean,
): Promise<LoadedRestore> {
  const { loadConfig } = await import('../config/index.ts')
  const config = loadConfig({
    file: required(flags.config, '-c FILE'),
    mode: 'restore',
    needs: ['backup_id', 'target', 'storage'],
    overrides: [...clusterOverrides(flags), ...restoreOverrides(flags)],
    setsPositions,
    leavesAlone: { offset_reset: 'offset-reset' },
  })
  session.interruption.grace = config.shutdownGrace
  showNotes(session, config)
  const { restore: job, storage: spec } = config
  if (job === undefined || spec === undefined) {
    throw new TidemarkError('INTERNAL', 'A checked configuration has no job')
  }
  return { job, spec, config }
}

export interface MappingFlags {
  readonly generateOffsetMapping?: boolean
  readonly mappingOutput?: string
}

/** File that the offset map goes to, if one is wanted: the flags', else the configuration's. */
export function mappingTarget(flags: MappingFlags, config: Config): string | undefined {
  return (
    flags.mappingOutput ??
    config.offsetReport ??
    (flags.generateOffsetMapping ? 'offset-mapping.json' : undefined)
  )
}

/** Writes the map of a restore to a file; that there is none yet is said, and is no error. */
export async function exportMapping(
  file: string,
  restoreId: string,
  job: RestoreJob,
  context: JobContext,
  session: Session,
): Promise<void> {
  const { maps, unfinished } = await mapsOfRestore(context, job.backupId, {
    restoreId,
    stateFolder: job.stateFolder,
  })
  await writeMappingFile(file, maps)
  session.log('info', `The offset map is in ${file}`)
  for (const topic of unfinished)
    session.log('warn', `${topic} was not copied whole: it is not in the offset map`)
}
