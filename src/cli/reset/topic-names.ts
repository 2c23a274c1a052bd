import type { TopicRule } from '../../restore/index.ts'

/** What topics of the source are called on the target, by the rules of a restore. */
export interface TopicNames {
  readonly targetTopic: (source: string) => string
  /** Whether a topic of the target has its name from a rule: some source topic of another name was copied into it. */
  readonly renamed: (target: string) => boolean
}

/** `known`: topics that may have been copied, for rules that cannot be read backwards. */
export async function topicNames(rules: readonly TopicRule[], known: readonly string[]): Promise<TopicNames> {
  const { targetTopic } = await import('../../restore/index.ts')
  const of = (source: string) => targetTopic(rules, source)
  return {
    targetTopic: of,
    renamed: (topic) =>
      rules
        .flatMap((rule) => sourcesFor(rule, topic, known))
        .some((source) => source !== topic && source !== '' && of(source) === topic),
  }
}

/** Topics that a rule may have given a name to. */
function sourcesFor(rule: TopicRule, topic: string, known: readonly string[]): readonly string[] {
  switch (rule.type) {
    case 'exact':
      return [rule.from]
    case 'prefix':
      return topic.startsWith(rule.to) ? [rule.from + topic.slice(rule.to.length)] : []
    case 'regex':
      return known
  }
}
