import { retry, TidemarkError } from '../../base/index.ts'
import type { Cluster, TopicInfo } from '../../kafka/index.ts'
import { effective, hurtfulConfigs } from './copy-configs.ts'
import { type FailedTopic, failedTopic } from './create-topics.ts'

/** How long a leader may take to hear of changed settings, in ms. */
const lagging = { attempts: Number.POSITIVE_INFINITY, delay: 20, maxDelay: 500, deadline: 30_000 }

/**
 * Waits until every leader of these topics has the relaxed settings. The controller takes them at once, and the brokers hear of
 * them one after the other: one that has not would refuse records for their age, give them its own time or compress them
 * again. Answers with the topics of which a leader does not have them in time, or cannot be asked.
 */
export async function awaitRelaxed(
  cluster: Pick<Cluster, 'topicConfigs'>,
  topics: readonly TopicInfo[],
  signal: AbortSignal,
): Promise<readonly FailedTopic[]> {
  const byLeader = new Map<number, Set<string>>()
  for (const { name, partitions } of topics) {
    for (const { leader } of partitions) {
      if (leader === undefined) continue
      const led = byLeader.get(leader) ?? new Set()
      byLeader.set(leader, led.add(name))
    }
  }
  const failed = new Map<string, FailedTopic>()
  await Promise.all(
    [...byLeader].map(async ([broker, waiting]) => {
      const ask = async () => {
        const configs = await cluster.topicConfigs([...waiting], { broker, signal })
        for (const name of waiting) {
          const hurtful = hurtfulConfigs(effective(configs.get(name) ?? []))
          if (Object.keys(hurtful).length === 0) waiting.delete(name)
        }
        const [first] = waiting
        if (first !== undefined) throw lagsBehind(broker, first)
      }
      try {
        await retry(lagging, ask, { signal })
      } catch (error) {
        signal.throwIfAborted()
        for (const name of waiting) failed.set(name, failedTopic(name, error))
      }
    }),
  )
  return [...failed.values()]
}

function lagsBehind(broker: number, topic: string): TidemarkError {
  return new TidemarkError(
    'REQUEST_TIMEOUT',
    `Broker ${broker} does not hear that the settings of ${topic} were relaxed for the copy`,
    { retriable: true, details: { topic }, hint: 'See whether the broker is in touch with the controller.' },
  )
}
