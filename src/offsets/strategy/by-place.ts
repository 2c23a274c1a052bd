import { type NamePattern, parseNamePattern, TidemarkError } from '../../base/index.ts'

/** The value for a group in a partition; undefined where none was given. */
export type ByPlace<Value> = (group: string, topic: string, partition: number) => Value | undefined

/** One value for every place, or values by the texts that {@link byPlace} reads. */
export type PlaceValues<Value> = Value | Readonly<Record<string, Value>>

interface Rule<Value> {
  readonly group: NamePattern | undefined
  readonly topic: NamePattern | undefined
  readonly partition: number | undefined
  readonly value: Value
  /** More exact rules go before others. */
  readonly exactness: number
}

/**
 * Values by place: `orders`, `orders:3`, `billing/orders`, `billing/orders:3`, `billing/*`, `*`. Names may be globs or `~regex`; a
 * group may hold slashes, a topic cannot. The most exact rule wins: one that names a partition, then a topic, then a group, exact names
 * before patterns, and among equals the first. Throws CONFIG_INVALID for a text that cannot be understood.
 */
export function byPlace<Value>(values: Readonly<Record<string, Value>>): ByPlace<Value> {
  const rules = Object.entries(values)
    .map(([text, value]) => readRule(text, value))
    .toSorted((a, b) => b.exactness - a.exactness)
  return (group, topic, partition) =>
    rules.find(
      (rule) =>
        (rule.partition === undefined || rule.partition === partition) &&
        (rule.topic?.matches(topic) ?? true) &&
        (rule.group?.matches(group) ?? true),
    )?.value
}

/** Topic and partition of `orders`, `orders:3`, `orders-*:3`: which partitions of the target are meant. */
export interface TopicChoice {
  readonly topic: NamePattern
  /** Undefined = all. */
  readonly partition: number | undefined
}

/** Throws CONFIG_INVALID. */
export function readTopicChoice(text: string): TopicChoice {
  const [, name = '', partition] = /^(.*?)(?::(\d{1,10}))?$/s.exec(text) ?? []
  if (name === '' || Number(partition ?? 0) > 0x7fffffff) throw wrong(text)
  const topic = parseNamePattern(name)
  if (topic.literal && !/^[\w.-]{1,249}$/.test(name)) throw wrong(text)
  return { topic, partition: partition === undefined ? undefined : Number(partition) }
}

function readRule<Value>(text: string, value: Value): Rule<Value> {
  const slash = text.lastIndexOf('/')
  const group = slash < 0 ? undefined : pattern(text.slice(0, slash), text)
  const { topic, partition } = readTopicChoice(text.slice(slash + 1))
  const named = topic.text === '*' ? undefined : topic
  return {
    group,
    topic: named,
    partition,
    value,
    exactness: (partition === undefined ? 0 : 9) + 3 * exactness(named) + exactness(group),
  }
}

function pattern(name: string, text: string): NamePattern | undefined {
  if (name === '') throw wrong(text)
  return name === '*' ? undefined : parseNamePattern(name)
}

function exactness(name: NamePattern | undefined): number {
  if (name === undefined) return 0
  return name.literal ? 2 : 1
}

function wrong(text: string): TidemarkError {
  return new TidemarkError('CONFIG_INVALID', `${JSON.stringify(text)} names no topic or partition`, {
    hint: 'Write orders, orders:3, group/orders or group/orders:3; names may be globs or ~regex.',
  })
}
