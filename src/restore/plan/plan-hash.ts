import { createHash } from 'node:crypto'
import type { RestoreJob } from '../job.ts'

/** SHA-256 of a value, in hex: keys sorted, `bigint` and `undefined` told apart from everything else. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex')
}

/** What of a job decides which records go where, and in which form. Speed, memory, positions and settings do not. */
export function jobShape(job: RestoreJob): unknown {
  return {
    backupId: job.backupId,
    include: job.include,
    exclude: job.exclude,
    topicRules: job.topicRules,
    sourcePartitions: job.sourcePartitions,
    partitionMapping: job.partitionMapping,
    window: job.window,
    repartitioning: job.repartitioning,
    append: job.append,
    purgeTopics: job.purgeTopics,
    addOffsetHeaders: job.addOffsetHeaders,
    stripOffsetHeaders: job.stripOffsetHeaders,
    sourceName: job.sourceName,
    delivery: job.delivery,
  }
}

/** The id of a restore that was not given one: the same for the same job, backup, commit and target cluster. */
export function derivedRestoreId(job: RestoreJob, commit: number, targetClusterId: string): string {
  return `restore-${hashOf({ shape: jobShape(job), commit, targetClusterId }).slice(0, 16)}`
}

function canonical(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return value === undefined ? '-' : JSON.stringify(value)
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`
}
