import { parseNamePattern } from '../base/index.ts'
import type { TopicRule } from '../restore/index.ts'
import type { Path, Problems } from './problems.ts'

/**
 * `topic_mapping` as rules: `a: b` exact, `a-*: b-*` prefix (`*: dr-*` for every topic), `~regex: b-$1` regular expression,
 * anchored at both ends. Exact rules come first, then the others in the order of the file; the first that matches wins.
 */
export function topicRules(
  mapping: Readonly<Record<string, string>>,
  path: Path,
  problems: Problems,
): readonly TopicRule[] {
  const rules = Object.entries(mapping).flatMap(
    ([from, to]) => rule(from, to, [...path, from], problems) ?? [],
  )
  return [...rules.filter((r) => r.type === 'exact'), ...rules.filter((r) => r.type !== 'exact')]
}

function rule(from: string, to: string, path: Path, problems: Problems): TopicRule | undefined {
  if (from.startsWith('~')) {
    try {
      parseNamePattern(from)
    } catch (error) {
      problems.addError(path, error)
      return undefined
    }
    return { type: 'regex', from: from.slice(1), to }
  }
  if (from.endsWith('*') || to.endsWith('*')) {
    const prefixes = [from, to].map((text) => text.slice(0, -1))
    if (from.endsWith('*') && to.endsWith('*') && prefixes.every((prefix) => /^[\w.-]*$/.test(prefix))) {
      return { type: 'prefix', from: from.slice(0, -1), to: to.slice(0, -1) }
    }
    problems.add(path, 'is a prefix rule that needs one * at the end of both names', {
      hint: 'for example `orders-*: dr-orders-*`, or `~orders-(.*): dr-$1` for a regular expression',
    })
    return undefined
  }
  if (!isTopicName(to)) {
    problems.add(path, `${JSON.stringify(to)} is not a topic name`, {
      hint: 'up to 249 letters, digits, dots, underscores and hyphens',
    })
    return undefined
  }
  return { type: 'exact', from, to }
}

/** Kafka's rule for topic names. */
export function isTopicName(name: string): boolean {
  return /^[\w.-]{1,249}$/.test(name) && name !== '.' && name !== '..'
}
