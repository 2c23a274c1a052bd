import type { BackupJob } from '../../src/backup/index.ts'
import { noProgress, noTelemetry, systemClock } from '../../src/base/index.ts'
import type { RestoreJob } from '../../src/restore/index.ts'
import type { JobContext, ObjectStore } from '../../src/storage/index.ts'

/** A backup of everything, as the command runs it without further options. */
export function backupJob(backupId: string, bootstrap: string, options: Partial<BackupJob> = {}): BackupJob {
  return {
    backupId,
    source: { bootstrap: [bootstrap] },
    include: [],
    exclude: [],
    includeInternal: false,
    internalTopics: [],
    onMissingTopic: 'fail',
    startAt: { type: 'earliest' },
    continuous: false,
    pollInterval: 100,
    isolation: 'read_committed',
    codec: 'auto',
    level: undefined,
    objectBytes: 128 << 20,
    packBelow: undefined,
    commitInterval: 30_000,
    commitBytes: 1 << 30,
    captureGroups: true,
    requireTopicConfigs: false,
    captureTopicConfigs: true,
    sourceName: undefined,
    strict: false,
    memory: 64 << 20,
    fetchMaxBytes: 8 << 20,
    ...options,
  } as BackupJob
}

/** A restore of everything into topics that it creates. */
export function restoreJob(
  backupId: string,
  bootstrap: string,
  options: Partial<RestoreJob> = {},
): RestoreJob {
  return {
    backupId,
    target: { bootstrap: [bootstrap] },
    restoreId: undefined,
    include: [],
    exclude: [],
    topicRules: [],
    sourcePartitions: undefined,
    partitionMapping: {},
    window: undefined,
    createTopics: true,
    replicationFactor: undefined,
    configOverrides: {},
    restoreConfigs: true,
    existingTopicConfigs: 'validate_only',
    unsupportedConfigs: 'skip',
    applyRetention: 'wait',
    repartitioning: {},
    append: false,
    purgeTopics: false,
    addOffsetHeaders: false,
    stripOffsetHeaders: false,
    sourceName: undefined,
    delivery: 'idempotent',
    rateLimitBytes: undefined,
    rateLimitRecords: undefined,
    produceBatchBytes: 1 << 20,
    dryRun: false,
    dryRunCheckObjects: false,
    settleMs: 300,
    memory: 64 << 20,
    stateFolder: undefined,
    groups: { type: 'none' },
    ...options,
  }
}

/** What a job is handed, without anybody watching. */
export function jobContext(
  store: ObjectStore,
  signal: AbortSignal = new AbortController().signal,
): JobContext {
  return { store, signal, telemetry: noTelemetry, progress: noProgress, clock: systemClock }
}
