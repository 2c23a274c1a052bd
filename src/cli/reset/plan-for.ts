import { resolve } from 'node:path'
import { TidemarkError } from '../../base/index.ts'
import type { Config } from '../../config/index.ts'
import type { Cluster, ClusterOptions } from '../../kafka/index.ts'
import type { Plan } from '../../offsets/index.ts'
import type { JobContext, StoreSpec } from '../../storage/index.ts'
import { placeOf } from '../flags/archive-flags.ts'
import { required } from '../flags/required.ts'
import { type ResetFlags, resetOverrides } from '../flags/reset-flags.ts'
import { withJobContext } from '../job-context.ts'
import type { Session } from '../session.ts'
import { folderIn, type OpenFolder } from '../snapshots/snapshot-folder.ts'
import { isGiven, resetOptions } from './reset-options.ts'

/** What a plan was made with, for what follows it. */
export interface PlanSurroundings {
  /** Its store is the archive, or `./offset-snapshots` where no archive is named. */
  readonly context: JobContext
  readonly cluster: Cluster
  readonly target: ClusterOptions
  /** Where the positions before a change are saved, and were by earlier ones. */
  readonly snapshots: OpenFolder
}

/** Makes the plan that the flags ask for and does something with it, while archive and cluster are open. */
export async function planFor<T>(
  flags: ResetFlags,
  session: Session,
  work: (plan: Plan, surroundings: PlanSurroundings) => Promise<T>,
): Promise<T> {
  const { config, spec, backupId } = await archiveIfNamed(flags)
  const options = resetOptions(flags, config, backupId !== undefined)
  const target = required(config.target, '--bootstrap-servers')
  const { connectCluster } = await import('../../kafka/index.ts')
  const { openStore } = await import('../../storage/index.ts')
  const { makeResetPlan } = await import('./make-plan.ts')
  const place = spec ?? { backend: 'filesystem' as const, path: resolve('offset-snapshots') }
  return await withJobContext(session, place, async (context) => {
    const { signal, telemetry, store } = context
    const usual = folderIn(store, spec !== undefined)
    await using apart =
      flags.snapshotPath === undefined
        ? undefined
        : await openStore(await placeOf(flags.snapshotPath), { telemetry, signal })
    const snapshots = apart === undefined ? usual : folderIn(apart, false)
    await using cluster = await connectCluster(target, { signal, telemetry })
    const all = apart === undefined ? [usual] : [usual, snapshots]
    const plan = await makeResetPlan(options, { context, backupId, cluster, snapshots: all })
    if (plan.entries.length === 0) throw nothing(plan, isGiven(options.strategy))
    return await work(plan, { context, cluster, target, snapshots })
  })
}

/** An archive is needed only where positions or the map come from it. Throws USAGE where the flags name half of one. */
async function archiveIfNamed(flags: ResetFlags): Promise<{
  readonly config: Config
  readonly spec: StoreSpec | undefined
  readonly backupId: string | undefined
}> {
  const { loadConfig } = await import('../../config/index.ts')
  const named = flags.backupId
  const config = loadConfig({
    file: flags.config,
    overrides: [
      ...(named === undefined ? [] : [{ path: ['backup_id'], value: named, flag: '--backup-id' }]),
      ...resetOverrides(flags),
    ],
    needs: ['target'],
  })
  const spec = flags.path === undefined ? config.storage : await placeOf(flags.path)
  const { backupId } = config
  if (named !== undefined && spec === undefined) {
    throw new TidemarkError('USAGE', 'No archive is named', {
      hint: 'Give --path FOLDER, --path s3://bucket/prefix, or -c FILE with a storage section.',
    })
  }
  if (flags.path !== undefined && backupId === undefined && isGiven(config.offsetReset.strategy)) {
    throw new TidemarkError('USAGE', 'No backup is named', {
      hint: 'Give --backup-id ID, or -c FILE with backup_id; `kafka-backup list --path …` shows what there is.',
    })
  }
  return { config, spec, backupId: spec === undefined ? undefined : backupId }
}

/** Nothing that could be done, which is no success: a wrong name looks like that. */
function nothing({ notices: [first, ...more] }: Plan, given: boolean): TidemarkError {
  const usual = given
    ? 'No group that is meant has a position in what was copied'
    : 'No group that is meant has a position on the cluster'
  const message =
    first === undefined ? usual : `${first.message}${more.length === 0 ? '' : `; ${usual.toLowerCase()}`}`
  return new TidemarkError('GROUP_NOT_FOUND', message, {
    ...(more.length > 0 && { details: { notices: [first, ...more].map((one) => one?.message) } }),
    hint: 'Check --groups and the address; `kafka-backup groups list` lists the groups of a cluster. --topics names partitions in which groups need no position.',
  })
}
