import { isTidemarkError } from '../../base/index.ts'
import type { JobContext } from '../../storage/index.ts'
import type { RestoreJob, RestoreNotice } from '../job.ts'
import type { Obstacle, RestorePlan } from '../plan/plan-types.ts'
import type { JournalHeader } from '../state/journal-types.ts'
import { checkObjects } from './check-objects.ts'
import { type Environment, openEnvironment } from './environment.ts'
import { findObstacles, makePlan } from './make-plan.ts'

/** What a restore would meet. */
export interface ValidateRestoreReport {
  readonly backupId: string
  readonly commit: number
  readonly targetClusterId: string
  readonly topics: number
  readonly partitions: number
  /** Upper bounds. */
  readonly records: number
  readonly bytes: number
  readonly groups: number
  /** Everything that stands in the way; none = the restore can begin. */
  readonly obstacles: readonly Obstacle[]
  readonly notices: readonly RestoreNotice[]
  readonly durationMs: number
}

/**
 * Checks configuration, archive and target of a restore without writing anything: the backup can be read and all objects that are
 * needed are there, the groups were captured, the topics exist or may be created, and take the records. Obstacles are in
 * the report; rejects only when it cannot even look. What an earlier run of this restore has made is no obstacle; that
 * there was one is said.
 */
export async function validateRestore(job: RestoreJob, context: JobContext): Promise<ValidateRestoreReport> {
  const started = context.clock.monotonic()
  await using environment = await openEnvironment(job, context)
  const { cluster, reader, journal } = environment
  const { plan, facts, groups } = await makePlan(environment)
  const obstacles = journal ? [] : [...(await findObstacles(environment, plan))]
  try {
    await checkObjects(reader, context.store, job, plan, context.signal)
  } catch (error) {
    if (!isTidemarkError(error, 'ARCHIVE_DAMAGED')) throw error
    obstacles.push({
      code: error.code,
      message: error.message,
      ...(error.hint !== undefined && { hint: error.hint }),
    })
  }
  const there = journal ? await existing(environment, plan) : new Set<string>()
  const missing = plan.topics.filter(({ action, target }) => action === 'create' && !there.has(target))
  if (job.createTopics && missing.length > 0) {
    const asked = missing.map(({ target, partitions, replicationFactor }) => ({
      name: target,
      partitions,
      replicationFactor,
      configs: {},
    }))
    const { failed } = await cluster.createTopics(asked, { validateOnly: true })
    for (const { item, error } of failed) {
      const code = isTidemarkError(error) ? error.code : 'BROKER_ERROR'
      obstacles.push({
        code,
        message: `The topic ${item.name} cannot be created: ${error.message}`,
        topic: item.name,
      })
    }
  }
  return {
    backupId: job.backupId,
    commit: reader.commit,
    targetClusterId: facts.clusterId,
    topics: plan.topics.length,
    partitions: plan.topics.reduce(
      (sum, topic) => sum + topic.lanes.reduce((n, lane) => n + lane.inputs.length, 0),
      0,
    ),
    records: plan.records,
    bytes: plan.bytes,
    groups: groups?.groups.length ?? 0,
    obstacles,
    notices: journal ? [begunNotice(journal.header), ...plan.notices] : plan.notices,
    durationMs: context.clock.monotonic() - started,
  }
}

/** The target topics that are there by now: a plan that was begun shows them as they were before. */
async function existing({ cluster, context }: Environment, plan: RestorePlan): Promise<ReadonlySet<string>> {
  const names = plan.topics.map(({ target }) => target)
  const topics = names.length === 0 ? [] : await cluster.topics(names, { signal: context.signal })
  return new Set(topics.map(({ name }) => name))
}

function begunNotice({ restoreId, stage }: JournalHeader): RestoreNotice {
  const goesOn =
    stage === 'done'
      ? 'is done: running it again changes nothing'
      : 'was begun: running it goes on where it stopped'
  return { code: stage === 'done' ? 'done' : 'begun', message: `The restore ${restoreId} ${goesOn}` }
}
