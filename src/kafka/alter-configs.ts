import { isTidemarkError, type TidemarkError } from '../base/index.ts'
import { offeredVersion, type Versions } from './api-choice.ts'
import {
  alterConfigsV1,
  alterConfigsV2,
  incrementalAlterConfigsV0,
  incrementalAlterConfigsV1,
} from './client-library.ts'
import type { Session } from './session.ts'
import { configError, topicConfigs } from './topic-configs.ts'
import type { Failure, Outcome } from './types.ts'

type Changes = readonly (readonly [name: string, value: string | null])[]

interface Response {
  readonly throttleTimeMs: number
  readonly responses: readonly { readonly errorCode: number; readonly errorMessage: string | null }[]
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
/** Before Kafka 2.3 all configs of a topic are written at once. */
const whole = [alterConfigsV2.api, alterConfigsV1.api] as unknown as Versions<
  [
    resources: {
      resourceType: number
      resourceName: string
      configs: { name: string; value: string | null }[]
    }[],
    validateOnly: boolean,
  ],
  Response
>
const operations = { set: 0, remove: 1 }
const topicResource = 2
const notController = 41

/**
 * Sets and removes configs of a topic. All go in one request; when the broker refuses that, one by one, so that only
 * what is refused fails. What was refused because of another config that had still its old value gets a second try.
 */
export async function alterTopicConfigs(
  session: Session,
  topic: string,
  changes: Readonly<Record<string, string | null>>,
): Promise<Outcome<string, string>> {
  const entries: Changes = Object.entries(changes)
  if (entries.length === 0) return { done: [], failed: [] }
  const refused = await refusal(session, topic, entries)
  if (refused === undefined) return { done: entries.map(([name]) => name), failed: [] }
  if (entries.length === 1 || !concernsEntry(refused)) {
    return { done: [], failed: entries.map(([item]) => ({ item, error: refused })) }
  }
  const done: string[] = []
  let open = entries
  let failed: Failure<string>[] = []
  for (let before = -1; before !== done.length; ) {
    before = done.length
    failed = []
    for (const entry of open) {
      const error = await refusal(session, topic, [entry])
      if (error === undefined) done.push(entry[0])
      else failed.push({ item: entry[0], error })
    }
    const again = new Set(failed.map(({ item }) => item))
    open = open.filter(([name]) => again.has(name))
  }
  return { done, failed }
}

/** Makes the changes; the error if the broker refuses them. Rejects when aborted. */
async function refusal(
  session: Session,
  topic: string,
  changes: Changes,
): Promise<TidemarkError | undefined> {
  try {
    await session.retrying(async () => {
      const connection = await session.controller()
      const api = offeredVersion(connection, incremental)
      const response =
        api === undefined
          ? await session.request(connection, whole, [[await wholeResource(session, topic, changes)], false])
          : await session.call(connection, api, [[incrementalResource(topic, changes)], false])
      const [answer] = response.responses
      if (answer === undefined || answer.errorCode === 0) return
      if (answer.errorCode === notController) session.forgetController()
      throw configError(answer.errorCode, answer.errorMessage, topic, 'change', false)
    })
    return undefined
  } catch (error) {
    session.signal.throwIfAborted()
    if (isTidemarkError(error)) return error
    throw error
  }
}

function incrementalResource(topic: string, changes: Changes) {
  return {
    resourceType: topicResource,
    resourceName: topic,
    configs: changes.map(([name, value]) => ({
      name,
      configOperation: value === null ? operations.remove : operations.set,
      value,
    })),
  }
}

async function wholeResource(session: Session, topic: string, changes: Changes) {
  const current = (await topicConfigs(session, [topic], {})).get(topic) ?? []
  const configs = new Map(
    current.filter(({ source }) => source === 'topic').map(({ name, value }) => [name, value]),
  )
  for (const [name, value] of changes) {
    if (value === null) configs.delete(name)
    else configs.set(name, value)
  }
  return {
    resourceType: topicResource,
    resourceName: topic,
    configs: [...configs].map(([name, value]) => ({ name, value })),
  }
}

/** Whether single entries may be at fault, and not the topic or the right to change it. */
function concernsEntry(error: TidemarkError): boolean {
  return (
    !error.retriable &&
    !['AUTHORIZATION_FAILED', 'TOPIC_NOT_FOUND', 'UNSUPPORTED_VERSION'].includes(error.code)
  )
}
