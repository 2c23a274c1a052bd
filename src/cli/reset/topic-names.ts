import type { TopicRule } from '../../restore/index.ts'

/** What topics of the source are called on the target, by the rules of a restore. */
export interface TopicNames {
  readonly targetTopic: (source: string) => string
  /** Whether a topic of the target has its name from a rule, so that no source topic of that name was copied into it. */
  readonly renamed: (target: string) => boolean
}

/** `known`: topics that may have been copied, for rules that cannot be read backwards. */
export async function topicNames(rules: readonly TopicRule[], known: readonly string[]): Promise<TopicNames> {
  const { targetTopic } = await import('../../restore/index.ts')
  const of = (source: string) => targetTopic(rules, source)
  const made = new Set(known.map(of))
  return {
    targetTopic: of,
    renamed: (topic) =>
      of(topic) === topic &&
      rules.some((rule) => {
        if (rule.type === 'exact') return rule.to === topic && rule.from !== topic
        if (rule.type === 'prefix') return rule.to !== rule.from && topic.startsWith(rule.to)
        return made.has(topic) && known.some((source) => source !== topic && of(source) === topic)
      }),
  }
}
