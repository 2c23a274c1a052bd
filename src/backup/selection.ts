import { nameFilter, parseNamePattern, TidemarkError } from '../base/index.ts'
import type { TopicInfo } from '../kafka/index.ts'
import type { BackupJob, BackupNotice } from './job.ts'

type SelectionRules = Pick<
  BackupJob,
  'include' | 'exclude' | 'includeInternal' | 'internalTopics' | 'onMissingTopic'
>

export interface Selection {
  readonly topics: readonly TopicInfo[]
  readonly notices: readonly BackupNotice[]
}

/** Whether the job's rules choose a topic of that name. */
export function topicChooser(rules: SelectionRules): (name: string, internal: boolean) => boolean {
  const wanted = nameFilter(rules.include, rules.exclude)
  const literal = new Set(
    rules.include
      .map(parseNamePattern)
      .filter((p) => p.literal)
      .map((p) => p.text),
  )
  const internalWanted = nameFilter(rules.internalTopics)
  return (name, internal) => {
    if (!wanted(name)) return false
    if (!internal && !name.startsWith('__')) return true
    return literal.has(name) || (rules.includeInternal && internalWanted(name))
  }
}

/**
 * The topics that a backup takes. An internal topic (`__…`) is taken when named exactly, or when internal topics were
 * asked for. Throws TOPIC_NOT_FOUND when a topic named exactly does not exist, unless told to warn.
 */
export function selectTopics(rules: SelectionRules, existing: readonly TopicInfo[]): Selection {
  const chosen = topicChooser(rules)
  const topics = existing.filter((topic) => chosen(topic.name, topic.internal))
  const names = new Set(existing.map((topic) => topic.name))
  const missing = rules.include
    .map(parseNamePattern)
    .filter((pattern) => pattern.literal && !names.has(pattern.text))
    .map((pattern) => pattern.text)
  const [first] = missing
  if (first !== undefined && rules.onMissingTopic === 'fail') {
    throw new TidemarkError(
      'TOPIC_NOT_FOUND',
      `Topic ${missing.map((name) => `'${name}'`).join(', ')} not found on the source`,
      {
        hint: 'Correct source.topics.include, or set backup.on_missing_topic: warn.',
        details: { topic: first },
      },
    )
  }
  return { topics, notices: missing.map((topic) => ({ type: 'topic-missing', topic })) }
}
