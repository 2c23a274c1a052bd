import { TidemarkError } from '../../base/index.ts'
import type { TopicRule } from '../job.ts'

/**
 * The target topic of a source topic: by the first rule that matches, else its own name. Throws CONFIG_INVALID when a rule
 * makes what Kafka takes for no topic name.
 */
export function targetTopic(rules: readonly TopicRule[], topic: string): string {
  for (const rule of rules) {
    const target = apply(rule, topic)
    if (target !== undefined) return checked(target, topic, rule)
  }
  return topic
}

function apply(rule: TopicRule, topic: string): string | undefined {
  switch (rule.type) {
    case 'exact':
      return topic === rule.from ? rule.to : undefined
    case 'prefix':
      return topic.startsWith(rule.from) ? rule.to + topic.slice(rule.from.length) : undefined
    case 'regex': {
      const expression = new RegExp(`^(?:${rule.from})$`, 'u')
      return expression.test(topic) ? topic.replace(expression, rule.to) : undefined
    }
  }
}

function checked(target: string, topic: string, rule: TopicRule): string {
  if (/^[\w.-]{1,249}$/.test(target) && target !== '.' && target !== '..') return target
  throw new TidemarkError(
    'CONFIG_INVALID',
    `The topic mapping turns ${topic} into ${JSON.stringify(target)}, which is no topic name`,
    { hint: `Change the rule ${JSON.stringify(rule.from)}.`, details: { topic } },
  )
}
