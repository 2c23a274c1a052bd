import { createHash } from 'node:crypto'
import type { RestoreJob } from '../job.ts'

/** SHA-256 of a value, in hex: keys sorted, `bigint` and `undefined` told apart from everything else. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex')
}

const shaping = [
  'backupId',
  'include',
  'exclude',
  'topicRules',
  'sourcePartitions',
  'partitionMapping',
  'window',
  'repartitioning',
  'append',
  'purgeTopics',
  'addOffsetHeaders',
  'stripOffsetHeaders',
  'sourceName',
  'delivery',
] as const satisfies readonly (keyof RestoreJob)[]

/** What of a job decides which records go where, and in which form. Speed, memory, positions and settings do not. */
export type JobShape = Pick<RestoreJob, (typeof shaping)[number]>

/** The part of a job that shapes the stream. */
export function jobShape(job: JobShape): JobShape {
  return Object.fromEntries(shaping.map((key) => [key, job[key]])) as unknown as JobShape
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
