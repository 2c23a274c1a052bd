import { isTidemarkError, TidemarkError } from '../../base/index.ts'
import type { Cluster, NewTopic, TopicInfo } from '../../kafka/index.ts'
import { effective, hurtfulConfigs } from './copy-configs.ts'

/** A topic that could not be opened for the copy. */
export interface FailedTopic {
  readonly topic: string
  readonly error: TidemarkError
}

/**
 * Creates topics with the settings of the copy. Where the target refuses some of them (a policy of its operator), the topic is made
 * without those, as long as what is in force then does not hurt the copy.
 */
export async function createTopics(
  cluster: Cluster,
  topics: readonly NewTopic[],
): Promise<{ readonly done: readonly TopicInfo[]; readonly failed: readonly FailedTopic[] }> {
  if (topics.length === 0) return { done: [], failed: [] }
  const outcome = await cluster.createTopics(topics)
  const done = [...outcome.done]
  const failed: FailedTopic[] = []
  for (const { item, error } of outcome.failed) {
    try {
      if (!isAboutSettings(error)) throw error
      done.push(await createWithout(cluster, item, error))
    } catch (failure) {
      failed.push(failedTopic(item.name, failure))
    }
  }
  return { done, failed }
}

/** An error as that of one topic. */
export function failedTopic(topic: string, error: unknown): FailedTopic {
  if (error instanceof TidemarkError) return { topic, error }
  const message = error instanceof Error ? error.message : String(error)
  return { topic, error: new TidemarkError('BROKER_ERROR', message, { details: { topic }, cause: error }) }
}

function isAboutSettings(error: unknown): boolean {
  const name = isTidemarkError(error) ? error.details.kafkaError : undefined
  return name === 'INVALID_CONFIG' || name === 'POLICY_VIOLATION'
}

async function createWithout(cluster: Cluster, topic: NewTopic, reason: Error): Promise<TopicInfo> {
  const entries = Object.entries(topic.configs)
  const taken: Record<string, string> = {}
  for (const [name, value] of entries) {
    const trial = { ...topic, configs: { [name]: value } }
    const { failed } = await cluster.createTopics([trial], { validateOnly: true })
    if (failed.length === 0) taken[name] = value
  }
  if (Object.keys(taken).length === entries.length) throw reason
  const { done, failed } = await cluster.createTopics([{ ...topic, configs: taken }])
  const [info] = done
  if (!info) throw failed[0]?.error ?? reason
  const configs = (await cluster.topicConfigs([topic.name])).get(topic.name) ?? []
  const hurtful = Object.keys(hurtfulConfigs(effective(configs)))
  if (hurtful.length === 0) return info
  throw new TidemarkError(
    'TARGET_UNSUITABLE',
    `The target made ${topic.name} with ${hurtful.join(', ')} as they would hurt the copy, and refuses others: ${reason.message}`,
    {
      hint: 'Ask its operator to allow them while the restore runs.',
      details: { topic: topic.name },
      cause: reason,
    },
  )
}
