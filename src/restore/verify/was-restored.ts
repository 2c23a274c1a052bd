import type { BackupReader } from '../../archive/index.ts'
import { isTidemarkError } from '../../base/index.ts'
import type { Cluster } from '../../kafka/index.ts'
import type { MapSet } from '../../offsets/index.ts'
import type { JobContext, ObjectStore } from '../../storage/index.ts'
import type { RestoreJob, RestoreNotice } from '../job.ts'
import { buildPlan } from '../plan/build-plan.ts'
import type { JobShape } from '../plan/plan-hash.ts'
import type { RestorePlan, TargetFacts } from '../plan/plan-types.ts'
import { selectSources } from '../plan/source-topics.ts'
import { gatherTargetFacts } from '../plan/target-facts.ts'
import { targetTopic } from '../plan/topic-rules.ts'
import { findRestore } from '../run/find-restore.ts'
import { loadRestoreMaps } from '../run/restore-maps.ts'
import type { VerifyJob } from './verify-types.ts'

/** What a restore did, as its journal says; without one, as the job says. */
export interface WasRestored {
  readonly restoreId: string | undefined
  readonly commit: number | undefined
  readonly shape: JobShape
  /** The shape as a job, for those who want one. */
  readonly job: RestoreJob
  /** Undefined: there is none, or it is not to be used. */
  readonly maps: MapSet | undefined
  readonly plan: (reader: BackupReader) => Promise<RestorePlan>
  readonly notices: readonly RestoreNotice[]
}

/** Looks for the journal of the restore that is to be verified. Rejects with RESTORE_NOT_FOUND when one is named and not there. */
export async function findWhatWasRestored(
  job: VerifyJob,
  store: ObjectStore,
  context: JobContext,
  cluster: Cluster,
): Promise<WasRestored> {
  const wanted = {
    ...(job.restoreId !== undefined && { restoreId: job.restoreId }),
    targetClusterId: cluster.clusterId,
  }
  try {
    const { header } = await findRestore(store, job.backupId, wanted)
    const loaded = await loadRestoreMaps(store, job.backupId, { restoreId: header.restoreId })
    const notices = loaded.unfinished.map((topic): RestoreNotice => {
      const message = `${topic} was not restored completely by ${header.restoreId}: what is missing shows as differences`
      return { code: 'unfinished', message, topic }
    })
    return {
      restoreId: header.restoreId,
      commit: header.commit,
      shape: header.shape,
      job: shapeJob(header.shape, job),
      maps: job.ignoreMap ? undefined : loaded.maps,
      plan: (reader) => planFrom(reader, header.shape, job, header.facts),
      notices,
    }
  } catch (error) {
    if (job.restoreId !== undefined || !isTidemarkError(error, 'RESTORE_NOT_FOUND')) throw error
  }
  const shape = bareShape(job)
  const message =
    'There is no journal of a restore to this cluster: records are found by their content, from the start of each log'
  return {
    restoreId: undefined,
    commit: undefined,
    shape,
    job: shapeJob(shape, job),
    maps: undefined,
    plan: async (reader) => {
      const { topics } = await selectSources(reader, shapeJob(shape, job))
      const names = [...new Set(topics.map(({ topic }) => targetTopic(shape.topicRules, topic)))]
      return await planFrom(reader, shape, job, await gatherTargetFacts(cluster, names, context.signal))
    },
    notices: [{ code: 'no-map', message }],
  }
}

async function planFrom(
  reader: BackupReader,
  shape: JobShape,
  job: VerifyJob,
  facts: TargetFacts,
): Promise<RestorePlan> {
  const asked = shapeJob(shape, job)
  const { topics: sources } = await selectSources(reader, asked)
  return buildPlan({ job: asked, identity: reader.identity, commit: reader.commit, sources, facts })
}

function bareShape(job: VerifyJob): JobShape {
  return {
    backupId: job.backupId,
    include: job.include,
    exclude: job.exclude,
    topicRules: job.topicRules,
    sourcePartitions: undefined,
    partitionMapping: {},
    window: undefined,
    repartitioning: {},
    append: false,
    purgeTopics: false,
    addOffsetHeaders: false,
    stripOffsetHeaders: false,
    sourceName: undefined,
    delivery: 'idempotent',
  }
}

/** A job of this shape that would restore as little as any other: for the parts of a plan that only ask for the shape. */
function shapeJob(shape: JobShape, job: VerifyJob): RestoreJob {
  return {
    ...shape,
    target: job.target,
    restoreId: undefined,
    createTopics: true,
    replicationFactor: undefined,
    configOverrides: {},
    restoreConfigs: false,
    existingTopicConfigs: 'validate_only',
    unsupportedConfigs: 'skip',
    applyRetention: 'wait',
    rateLimitBytes: undefined,
    rateLimitRecords: undefined,
    produceBatchBytes: 1 << 20,
    dryRun: true,
    dryRunCheckObjects: false,
    settleMs: 0,
    memory: job.memory,
    stateFolder: undefined,
    groups: { type: 'none' },
  }
}
