import type { JobContext } from '../../storage/index.ts'
import type { RestoreJob, RestoreReport, ThreePhaseReport } from '../job.ts'
import type { RestorePlan } from '../plan/plan-types.ts'
import { checkObjects } from './check-objects.ts'
import { type Environment, openEnvironment } from './environment.ts'
import { findObstacles, makePlan, refuseObstacles } from './make-plan.ts'
import { plannedPartitions } from './report.ts'
import { executePlan, type RunOutcome } from './restore-run.ts'

/**
 * Restores topics, and the positions of the groups if the job asks for them. Running the same job again after any end goes on
 * where it stopped; after its end it changes nothing. Rejects when nothing could be restored, and before anything was
 * changed when something stands in the way; single topics that fail are in the report.
 */
export async function runRestore(job: RestoreJob, context: JobContext): Promise<RestoreReport> {
  return (await run(job, context)).report
}

/** A restore with its report by phases: records, map, positions. */
export async function runThreePhaseRestore(job: RestoreJob, context: JobContext): Promise<ThreePhaseReport> {
  const { report, maps } = await run(job, context)
  return {
    restore: report,
    map: maps && {
      partitions: maps.maps.length,
      records: maps.maps.reduce((sum, map) => sum + map.records, 0),
      ranges: maps.maps.reduce((sum, map) => sum + rangesOf(map.runs()), 0),
      bytes: maps.maps.reduce((sum, map) => sum + map.bytes, 0),
    },
    positions: report.positions,
  }
}

/** Says what a restore would do, having contacted archive and target; changes nothing. Obstacles are in the plan. */
export async function planRestore(job: RestoreJob, context: JobContext): Promise<RestorePlan> {
  await using environment = await openEnvironment(job, context)
  const { plan } = await makePlan(environment)
  const obstacles = environment.journal ? [] : await findObstacles(environment, plan)
  return { ...plan, obstacles }
}

async function run(job: RestoreJob, context: JobContext): Promise<RunOutcome> {
  const started = context.clock.monotonic()
  await using environment = await openEnvironment(job, context)
  const made = await makePlan(environment)
  if (!job.dryRun) return await executePlan(environment, made)
  const report = await dryRun(environment, made.plan)
  return { report: { ...report, durationMs: context.clock.monotonic() - started }, maps: undefined }
}

async function dryRun(environment: Environment, plan: RestorePlan): Promise<RestoreReport> {
  const { job, context, cluster, reader, journal } = environment
  if (!journal) refuseObstacles(await findObstacles(environment, plan))
  if (job.dryRunCheckObjects) await checkObjects(reader, context.store, job, plan, context.signal)
  return {
    restoreId: environment.restoreId,
    backupId: job.backupId,
    commit: reader.commit,
    targetClusterId: cluster.clusterId,
    dryRun: true,
    resumed: journal !== undefined,
    alreadyDone: journal?.header.stage === 'done',
    partitions: plannedPartitions(plan),
    records: plan.records,
    bytes: plan.bytes,
    failedTopics: [],
    waitingTopics: [],
    positions: undefined,
    notices: plan.notices,
    interrupted: false,
    durationMs: 0,
  }
}

function rangesOf(runs: Iterable<unknown>): number {
  let ranges = 0
  for (const _ of runs) ranges++
  return ranges
}
