import type { RestoreJob, RestoreNotice } from '../job.ts'
import type { Obstacle, PlannedTopic, TargetFacts } from './plan-types.ts'

/** Settings of the source that an existing target topic has not, or has with another value. */
export function configDifferences(
  planned: PlannedTopic,
  facts: TargetFacts,
): readonly { readonly name: string; readonly source: string; readonly target: string | undefined }[] {
  const existing = facts.topics.find((topic) => topic.name === planned.target)
  if (!existing) return []
  const values = new Map(existing.configs.map(({ name, value }) => [name, value]))
  return Object.entries(planned.finalConfigs)
    .filter(([name, value]) => values.get(name) !== value)
    .map(([name, source]) => ({ name, source, target: values.get(name) }))
}

/** What the job says about settings that differ, or that the target does not know. */
export function judgeConfigs(
  topics: readonly PlannedTopic[],
  facts: TargetFacts,
  job: RestoreJob,
): { readonly obstacles: readonly Obstacle[]; readonly notices: readonly RestoreNotice[] } {
  const obstacles: Obstacle[] = []
  const notices: RestoreNotice[] = []
  const known = new Set(facts.knownConfigs)
  for (const planned of topics) {
    const topic = planned.target
    for (const { name, source, target } of configDifferences(planned, facts)) {
      const text = `The target topic ${topic} has ${name}=${target ?? '(unknown)'}, the source ${source}`
      if (job.existingTopicConfigs === 'fail') {
        const hint = `Set ${name}=${source} on the target, or existing_topic_config_policy to apply.`
        obstacles.push({ code: 'TARGET_UNSUITABLE', message: text, hint, topic })
      } else if (job.existingTopicConfigs === 'validate_only') {
        notices.push({ code: 'config-differs', message: `${text}: it is left as it is`, topic })
      }
    }
    if (job.unsupportedConfigs !== 'fail' || known.size === 0) continue
    for (const [name, value] of Object.entries(planned.finalConfigs)) {
      if (known.has(name)) continue
      const message = `The target does not know the setting ${name}=${value} of ${topic}`
      const hint = 'Set unsupported_config_policy to skip to leave it out.'
      obstacles.push({ code: 'TARGET_UNSUITABLE', message, hint, topic })
    }
  }
  return { obstacles, notices }
}
