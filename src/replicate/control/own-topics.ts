import { systemClock, type Telemetry, TidemarkError } from '../../base/index.ts'
import { type Cluster, isTopicExists, type TopicInfo } from '../../kafka/index.ts'
import type { InternalTopicChoice } from '../job.ts'

export type OwnTopicKind = 'control' | 'map'

/** Small segments, so that the cleaner keeps what a take-over has to read small. */
const controlConfigs: Readonly<Record<string, string>> = Object.freeze({
  'cleanup.policy': 'compact',
  'segment.bytes': String(16 << 20),
  'segment.ms': String(3_600_000),
  'min.cleanable.dirty.ratio': '0.1',
  'delete.retention.ms': String(3_600_000),
})
const mapConfigs: Readonly<Record<string, string>> = Object.freeze({
  'cleanup.policy': 'delete',
  'retention.ms': String(7 * 24 * 3_600_000),
})

/**
 * The topic of the pipeline's own, made if it is missing and may be made. Rejects with TOPIC_NOT_FOUND, and CONFIG_INVALID for a
 * replication factor that the target has not brokers for.
 */
export async function openOwnTopic(
  cluster: Cluster,
  choice: InternalTopicChoice,
  kind: OwnTopicKind,
  telemetry: Telemetry,
): Promise<TopicInfo> {
  const [found] = await cluster.topics([choice.name])
  return found ?? (await create(cluster, choice, kind, telemetry))
}

async function create(
  cluster: Cluster,
  { name, create: how }: InternalTopicChoice,
  kind: OwnTopicKind,
  telemetry: Telemetry,
): Promise<TopicInfo> {
  if (!how) {
    throw new TidemarkError(
      'TOPIC_NOT_FOUND',
      `The ${kind} topic ${JSON.stringify(name)} does not exist on the target`,
      {
        details: { topic: name },
        hint: 'Create it, or let the pipeline create its topics (autoCreateControlTopics).',
      },
    )
  }
  const brokers = (await cluster.brokers()).length
  if (how.replicationFactor !== undefined && how.replicationFactor > brokers) {
    throw new TidemarkError(
      'CONFIG_INVALID',
      `The ${kind} topic ${JSON.stringify(name)} should have ${how.replicationFactor} replicas, and the target has ${brokers} brokers`,
      { details: { topic: name }, hint: `Set its replication to ${brokers} or less.` },
    )
  }
  const configs = { ...(kind === 'control' ? controlConfigs : mapConfigs), ...how.configs }
  const partitions = how.partitions ?? (kind === 'control' ? 16 : 6)
  const { done, failed } = await cluster.createTopics([
    { name, partitions, replicationFactor: how.replicationFactor, configs },
  ])
  const [info] = done
  if (info) {
    telemetry.log('info', `the ${kind} topic was created`, { topic: name, partitions })
    return info
  }
  // Another worker was quicker; it may take a moment until it shows.
  const error = failed[0]?.error
  if (error && isTopicExists(error)) {
    for (let looks = 0; looks < 20; looks++) {
      const [other] = await cluster.topics([name])
      if (other) return other
      await systemClock.sleep(250)
    }
  }
  throw (
    error ??
    new TidemarkError('BROKER_ERROR', `The ${kind} topic ${JSON.stringify(name)} could not be created`)
  )
}
