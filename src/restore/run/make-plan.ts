import type { BackupReader } from '../../archive/index.ts'
import { TidemarkError } from '../../base/index.ts'
import { type SelectedGroups, selectGroups } from '../../offsets/index.ts'
import type { RestoreNotice } from '../job.ts'
import { buildPlan } from '../plan/build-plan.ts'
import type { Obstacle, RestorePlan, TargetFacts } from '../plan/plan-types.ts'
import { scanRecords } from '../plan/scan-records.ts'
import { selectSources } from '../plan/source-topics.ts'
import { gatherTargetFacts } from '../plan/target-facts.ts'
import { targetTopic } from '../plan/topic-rules.ts'
import type { Environment } from './environment.ts'

export interface MadePlan {
  readonly plan: RestorePlan
  readonly facts: TargetFacts
  /** Undefined when no groups were asked for. */
  readonly groups: SelectedGroups | undefined
}

/**
 * Plans the restore, contacting archive and target, changing nothing. For a restore that was begun, the target is taken as it
 * was then. Rejects with GROUP_NOT_FOUND when groups are asked for and the backup has no positions of them, and with
 * RESTORE_MISMATCH when the plan is not the one that was begun.
 */
export async function makePlan({ job, context, cluster, reader, journal }: Environment): Promise<MadePlan> {
  const { signal } = context
  const groups = job.groups.type === 'none' ? undefined : selectGroups(await reader.positions(), job.groups)
  const selected = await selectSources(reader, job)
  const names = [...new Set(selected.topics.map(({ topic }) => targetTopic(job.topicRules, topic)))]
  const facts = journal?.header.facts ?? (await gatherTargetFacts(cluster, names, signal))
  const { identity, commit } = reader
  const plan = buildPlan({ job, identity, commit, sources: selected.topics, facts })
  const notices = [...unfinishedNotice(reader), ...selected.notices, ...plan.notices]
  if (journal && journal.header.planHash !== plan.hash) {
    throw new TidemarkError(
      'RESTORE_MISMATCH',
      `The restore ${journal.header.restoreId} was begun with another plan`,
      {
        hint: 'Run it with the configuration that it was begun with, or choose another restore_id.',
      },
    )
  }
  return { plan: { ...plan, notices }, facts, groups }
}

/** That the backup ends in the middle of a run is not seen by looking at the copy. */
function unfinishedNotice({ identity, commit, complete }: BackupReader): readonly RestoreNotice[] {
  if (complete) return []
  const message = `The backup ${identity.backupId} ends with commit ${commit} in the middle of a run, which was interrupted or is still going on: what that run has not committed is not restored`
  return [{ code: 'backup-unfinished', message }]
}

/** Everything that stands in the way of a restore that is to begin: what the plan knows, and what only the records tell. */
export async function findObstacles(
  environment: Environment,
  plan: RestorePlan,
): Promise<readonly Obstacle[]> {
  if (plan.obstacles.length > 0) return plan.obstacles
  return await scanRecords(environment.reader, environment.job, plan, environment.context.signal)
}

/** Throws the first of the obstacles, saying how many there are. */
export function refuseObstacles(obstacles: readonly Obstacle[]): void {
  const [first] = obstacles
  if (!first) return
  const more = obstacles.length - 1
  const { code, hint, topic, partition, offset } = first
  throw new TidemarkError(code, more === 0 ? first.message : `${first.message} (and ${more} more)`, {
    ...(hint !== undefined && { hint }),
    details: {
      ...(topic !== undefined && { topic }),
      ...(partition !== undefined && { partition }),
      ...(offset !== undefined && { offset }),
      ...(more > 0 && { all: obstacles.map((obstacle) => obstacle.message) }),
    },
  })
}
