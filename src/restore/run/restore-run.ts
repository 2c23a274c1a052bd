import { isTidemarkError, TidemarkError } from '../../base/index.ts'
import type { MapSet, SelectedGroups } from '../../offsets/index.ts'
import type { RestoredPositions, RestoreReport } from '../job.ts'
import { hashOf, jobShape } from '../plan/plan-hash.ts'
import { applyPositions } from '../positions/apply-positions.ts'
import { JournalWriter, readJournal } from '../state/journal.ts'
import type { JournalHeader } from '../state/journal-types.ts'
import { Lock } from '../state/lock.ts'
import { restorePrefix } from '../state/restore-record.ts'
import { RestoreState } from '../state/restore-state.ts'
import { preparedTopics } from '../topics/open-topics.ts'
import { CopyPhase } from './copy-phase.ts'
import type { Environment } from './environment.ts'
import { jobHash } from './find-restore.ts'
import { findObstacles, type MadePlan, refuseObstacles } from './make-plan.ts'
import { openLanes } from './open-lanes.ts'
import type { Phase } from './phase.ts'
import { stateReport } from './report.ts'
import { settleAll } from './settle-phase.ts'

/** What a restore has done: its report, and the maps of the topics that were copied whole. */
export interface RunOutcome {
  readonly report: RestoreReport
  readonly maps: MapSet | undefined
}

/** Runs a planned restore, or goes on with one that was begun: steps 3 to 7 of `docs/restore.md`. */
export async function executePlan(environment: Environment, made: MadePlan): Promise<RunOutcome> {
  const { job, context, stateStore, restoreId } = environment
  const started = context.clock.monotonic()
  const prefix = restorePrefix(job.backupId, restoreId)
  if (!environment.journal) {
    const obstacles = await findObstacles(environment, made.plan)
    // What stands in the way may be the work of another process that has begun this very restore since we looked.
    if (obstacles.length > 0 && (await readJournal(stateStore, prefix))) {
      await (await takeLock(prefix, environment))[Symbol.asyncDispose]()
    }
    refuseObstacles(obstacles)
  }
  await using lock = await takeLock(prefix, environment)
  // Whoever had the lock before may have come further since we looked.
  const journal = await readJournal(stateStore, prefix)
  if (journal && journal.header.planHash !== made.plan.hash) {
    throw new TidemarkError('RESTORE_MISMATCH', `The restore ${restoreId} was begun with another plan`, {
      hint: 'Run it with the configuration that it was begun with, or choose another restore_id.',
    })
  }
  const writer = await JournalWriter.open(stateStore, prefix, lock)
  const header = journal?.header ?? newHeader(restoreId, environment, made)
  const phase: Phase = {
    environment,
    made,
    state: new RestoreState(header, writer, context.clock),
    journal,
    notices: [],
    signal: AbortSignal.any([context.signal, lock.lost]),
  }
  return await runPhases(phase, lock, started)
}

async function takeLock(prefix: string, { job, context, stateStore }: Environment): Promise<Lock> {
  const { clock, signal, telemetry } = context
  const onWait = (owner: string, ms: number) => {
    const seconds = Math.round(ms / 1000)
    const message = `This restore may be under way elsewhere (${owner}): waiting ${seconds} s to see`
    telemetry.log('warn', message)
  }
  try {
    return await Lock.take(prefix, { store: stateStore, clock, signal, onWait })
  } catch (error) {
    if (!isTidemarkError(error, 'STORAGE_DENIED')) throw error
    throw new TidemarkError(
      'STORAGE_DENIED',
      `The journal of the restore cannot be written: ${error.message}`,
      {
        hint:
          job.stateFolder === undefined
            ? 'Allow writing below restores/ beside the backup, or name a folder for it with restore.state_folder.'
            : `Allow writing in ${job.stateFolder}, the folder for journals.`,
        details: error.details,
        cause: error,
      },
    )
  }
}

/** Copy, positions, settings, from where the journal stands. */
async function runPhases(phase: Phase, lock: Lock, started: number): Promise<RunOutcome> {
  const { environment, made, state, journal, notices } = phase
  const { job, context } = environment
  const groupsAsked = hashOf(job.groups)
  const wantsPositions = made.groups !== undefined && state.header.groupsAsked !== groupsAsked
  const alreadyDone = state.header.stage === 'done' && !wantsPositions
  let positions: RestoredPositions | undefined
  let interrupted = false
  try {
    // From the start, so that nothing that is saved on the way forgets what the journal knew.
    openLanes(phase)
    // What no run can bring is told by each of them.
    if (alreadyDone)
      notices.push(...(made.groups?.notices ?? []).filter(({ code }) => code === 'capture-failed'))
    else {
      const { stage } = state.header
      if (stage === 'prepared' || stage === 'opened') await new CopyPhase(phase).run()
      if (made.groups && wantsPositions) positions = await setPositions(phase, made.groups, groupsAsked)
      if (state.header.stage !== 'done') await settleAll(phase)
    }
  } catch (error) {
    if (lock.lost.aborted) throw lock.lost.reason
    if (!context.signal.aborted) throw error
    interrupted = true
    await state.save()
  }
  const report = stateReport({
    state,
    resumed: journal !== undefined,
    alreadyDone,
    interrupted,
    positions,
    notices,
    durationMs: context.clock.monotonic() - started,
  })
  const copied = state.header.stage !== 'prepared'
  return { report, maps: copied ? state.mapSet(({ lane }) => state.isWhole(lane.target)) : undefined }
}

/** Sets the positions of the groups in the topics that were copied whole. */
async function setPositions(
  { environment, state, signal }: Phase,
  groups: SelectedGroups,
  groupsAsked: string,
): Promise<RestoredPositions> {
  const { job, context, cluster, reader, stateStore } = environment
  context.progress.phase('positions')
  const maps = state.mapSet(({ lane }) => state.isWhole(lane.target))
  const shared = { job, reader, cluster, store: stateStore, clock: context.clock, signal }
  const outcome = await applyPositions(groups, maps, shared)
  const all = outcome.applied.groups.every((group) => group.outcome === 'done')
  if (all && state.header.stage !== 'opened') {
    if (state.header.stage === 'copied') state.update({ stage: 'positioned' })
    state.update({ groupsAsked })
    await state.save()
  }
  return outcome
}

function newHeader(restoreId: string, { job, context, reader }: Environment, made: MadePlan): JournalHeader {
  const { plan, facts } = made
  const now = context.clock.now()
  return {
    version: 1,
    restoreId,
    backupId: job.backupId,
    commit: reader.commit,
    sourceClusterId: plan.sourceClusterId,
    sourceName: plan.sourceName,
    targetClusterId: plan.targetClusterId,
    jobHash: jobHash(job),
    planHash: plan.hash,
    shape: jobShape(job),
    created: now,
    updated: now,
    stage: 'prepared',
    facts,
    producer: undefined,
    topics: preparedTopics(plan, facts),
    lanes: [],
    groupsAsked: undefined,
    notices: plan.notices,
  }
}
