import { isTidemarkError } from '../base/index.ts'
import { alterTopicConfigs } from './alter-configs.ts'
import { offeredVersion, type Versions } from './api-choice.ts'
import { incrementalAlterConfigsV0, incrementalAlterConfigsV1 } from './client-library.ts'
import type { Session } from './session.ts'
import type { Outcome } from './types.ts'

/** What is to be set (value) or removed (null), by topic. */
export type TopicChanges = ReadonlyMap<string, Readonly<Record<string, string | null>>>

interface Response {
  readonly throttleTimeMs: number
  readonly responses: readonly { readonly errorCode: number; readonly resourceName: string }[]
}

const incremental = [incrementalAlterConfigsV1.api, incrementalAlterConfigsV0.api] as unknown as Versions<
  [
    resources: {
      resourceType: number
      resourceName: string
      configs: { name: string; configOperation: number; value: string | null }[]
    }[],
    validateOnly: boolean,
  ],
  Response
>
const operations = { set: 0, remove: 1 }
const topicResource = 2
/** Topics in one request. */
const AT_ONCE = 200

/**
 * Sets and removes configs of many topics with few requests. Topics that such a request does not get through with are done one by
 * one, so that only what is refused fails.
 */
export async function alterManyTopicConfigs(
  session: Session,
  changes: TopicChanges,
): Promise<ReadonlyMap<string, Outcome<string, string>>> {
  const outcomes = new Map<string, Outcome<string, string>>()
  const topics = [...changes].filter(([, entries]) => Object.keys(entries).length > 0)
  for (let from = 0; from < topics.length; from += AT_ONCE) {
    const part = topics.slice(from, from + AT_ONCE)
    const done = part.length === 1 ? new Set<string>() : await together(session, part)
    for (const [topic, entries] of part) {
      const names = Object.keys(entries)
      outcomes.set(
        topic,
        done.has(topic) ? { done: names, failed: [] } : await alterTopicConfigs(session, topic, entries),
      )
    }
  }
  return outcomes
}

/** The topics for which one request for all of them went well. */
async function together(
  session: Session,
  topics: readonly (readonly [string, Readonly<Record<string, string | null>>])[],
): Promise<ReadonlySet<string>> {
  const resources = topics.map(([resourceName, entries]) => ({
    resourceType: topicResource,
    resourceName,
    configs: Object.entries(entries).map(([name, value]) => ({
      name,
      configOperation: value === null ? operations.remove : operations.set,
      value,
    })),
  }))
  try {
    return await session.retrying(async () => {
      const connection = await session.controller()
      const api = offeredVersion(connection, incremental)
      if (api === undefined) return new Set()
      const { responses } = await session.call(connection, api, [resources, false])
      return new Set(
        responses.filter(({ errorCode }) => errorCode === 0).map(({ resourceName }) => resourceName),
      )
    })
  } catch (error) {
    session.signal.throwIfAborted()
    // Whatever it was: one by one it comes again, and then it is told of each topic.
    if (isTidemarkError(error)) return new Set()
    throw error
  }
}
