import type { TopicDescription } from '../../archive/index.ts'
import { isPortable } from '../../kafka/index.ts'
import type { RestoreJob } from '../job.ts'

/**
 * The settings that a created topic should have in the end: those set on the first of its sources, with the job's overrides over
 * them.
 */
export function finalConfigs(
  description: TopicDescription | undefined,
  job: RestoreJob,
): Readonly<Record<string, string>> {
  const own = job.restoreConfigs ? Object.entries(description?.configs ?? {}) : []
  return { ...Object.fromEntries(own.filter(([name]) => isPortable(name))), ...job.configOverrides }
}

/** Value of a setting at the source, whether set on the topic or inherited. */
export function sourceConfig(description: TopicDescription | undefined, name: string): string | undefined {
  return description?.configs[name] ?? description?.inherited[name]
}
