import { type Clock, noTelemetry, systemClock, type Telemetry, TidemarkError } from '../../base/index.ts'
import { type Cluster, isTopicExists } from '../../kafka/index.ts'
import { type OwnTopicKind, openOwnTopics } from '../control/own-topics.ts'
import { topicMissing } from '../control/topic-tail.ts'
import type { InternalTopicChoice } from '../job.ts'

export interface EnsureOptions {
  /** A topic of the pipeline gets the settings that it needs. */
  readonly kind?: OwnTopicKind
  readonly telemetry?: Telemetry
  /** How often a topic that was created is looked for, and how many ms lie between. */
  readonly checks?: { readonly attempts: number; readonly delay: number }
  readonly clock?: Clock
  readonly signal?: AbortSignal
}

const usualChecks = { attempts: 10, delay: 750 }

/**
 * Makes sure that a topic of our own is there. Rejects with TOPIC_NOT_FOUND when it is missing and must not be created, with
 * CONFIG_INVALID when it is to have more replicas than the cluster has brokers.
 */
export async function ensureTopic(
  target: Cluster,
  choice: InternalTopicChoice,
  options: EnsureOptions = {},
): Promise<void> {
  const { name, create } = choice
  const { checks = usualChecks, clock = systemClock, signal, kind, telemetry = noTelemetry } = options
  const isThere = async (lookAgain = true) =>
    (await target.topics([name], { lookAgain, ...(signal && { signal }) })).length > 0
  if (await isThere(create === undefined)) return
  if (create === undefined) throw topicMissing(name)
  await checkReplicas(target, name, create.replicationFactor)
  if (kind !== undefined) await openOwnTopics(target, [{ choice, kind }], telemetry)
  else {
    const { partitions, replicationFactor, configs } = create
    const made = await target.createTopics([
      { name, partitions: partitions ?? 1, replicationFactor, configs },
    ])
    for (const { error } of made.failed) if (!isTopicExists(error)) throw error
  }
  for (let look = 1; !(await isThere()); look++) {
    if (look >= checks.attempts) {
      throw new TidemarkError('TOPIC_NOT_FOUND', `The topic ${name} was created and is still not there`, {
        details: { topic: name },
        hint: 'Raise configuration.autoControlTopicCreationMaxAttempts or …CheckDelay.',
      })
    }
    await clock.sleep(checks.delay, signal)
  }
}

/** A replication factor above the number of brokers is refused by name, before the broker does it. */
export async function checkReplicas(
  target: Pick<Cluster, 'brokers'>,
  topic: string,
  replicationFactor: number | undefined,
): Promise<void> {
  const brokers = (await target.brokers()).length
  if (replicationFactor === undefined || replicationFactor <= brokers) return
  throw new TidemarkError(
    'CONFIG_INVALID',
    `The topic ${topic} is to have ${replicationFactor} replicas, and the target has ${brokers} ${brokers === 1 ? 'broker' : 'brokers'}`,
    { details: { topic }, hint: 'Lower replication below topicCreation, or add brokers.' },
  )
}
