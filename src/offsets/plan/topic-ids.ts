import type { JsonValue } from '../json-value.ts'
import type { TopicIds } from './plan.ts'

/** The list of `{"topic", "topic_id"}` in a file; undefined where there is none. */
export function readTopicIds(list: JsonValue): TopicIds | undefined {
  if (!list.present) return undefined
  return new Map(list.list().map((one) => [one.at('topic').text(), one.at('topic_id').text()]))
}

/** Whether a topic is another one than that of the id, although it has its name. Where an id is not known, nobody can tell. */
export function isRecreated(topic: string, before: TopicIds | undefined, now: TopicIds | undefined): boolean {
  const [was, is] = [before?.get(topic), now?.get(topic)]
  return was !== undefined && is !== undefined && was !== is
}
