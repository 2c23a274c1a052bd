import { systemClock, type Telemetry, TidemarkError } from '../../base/index.ts'
import { type Cluster, isTopicExists, type NewTopic, type TopicInfo } from '../../kafka/index.ts'
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

/** A topic of the pipeline's own. */
export interface OwnTopicWish {
  readonly choice: InternalTopicChoice
  readonly kind: OwnTopicKind
}

/**
 * The topics of the pipeline's own, in order; those that are missing are made. Whether each of them may be made, and with its replication
 * factor, is checked for all before any is made: rejects with TOPIC_NOT_FOUND, and CONFIG_INVALID for a replication factor that the target
 * has not brokers for. Brokers make topics one by one: when they refuse one, which rejects with its error, the others may have been made.
 */
export async function openOwnTopics(
  cluster: Cluster,
  wishes: readonly OwnTopicWish[],
  telemetry: Telemetry,
): Promise<readonly TopicInfo[]> {
  const names = wishes.map(({ choice }) => choice.name)
  const found = await cluster.topics(names, { lookAgain: wishes.some(({ choice }) => !choice.create) })
  const there = new Map(found.map((info) => [info.name, info]))
  const missing = wishes.filter(({ choice }) => !there.has(choice.name))
  if (missing.length > 0) {
    for (const info of await create(cluster, missing, telemetry)) there.set(info.name, info)
  }
  return names.flatMap((name) => there.get(name) ?? [])
}

async function create(
  cluster: Cluster,
  missing: readonly OwnTopicWish[],
  telemetry: Telemetry,
): Promise<readonly TopicInfo[]> {
  const brokers = (await cluster.brokers()).length
  const topics = missing.map((wish) => newTopic(wish, brokers))
  const { done, failed } = await cluster.createTopics(topics)
  for (const { name, partitions } of done) {
    const kind = missing.find(({ choice }) => choice.name === name)?.kind
    telemetry.log('info', `the ${kind} topic was created`, { topic: name, partitions: partitions.length })
  }
  const others = failed.map(async ({ item, error }) => {
    if (!isTopicExists(error)) throw error
    return await shown(cluster, item.name, error)
  })
  return [...done, ...(await Promise.all(others))]
}

function newTopic({ choice, kind }: OwnTopicWish, brokers: number): NewTopic {
  const { name, create: how } = choice
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
  if (how.replicationFactor !== undefined && how.replicationFactor > brokers) {
    throw new TidemarkError(
      'CONFIG_INVALID',
      `The ${kind} topic ${JSON.stringify(name)} should have ${how.replicationFactor} replicas, and the target has ${brokers} brokers`,
      { details: { topic: name }, hint: `Set its replication to ${brokers} or less.` },
    )
  }
  return {
    name,
    partitions: how.partitions ?? (kind === 'control' ? 16 : 6),
    replicationFactor: how.replicationFactor,
    configs: { ...(kind === 'control' ? controlConfigs : mapConfigs), ...how.configs },
  }
}

/** A topic that another worker has just made; it may take a moment until it shows. */
async function shown(cluster: Cluster, name: string, error: Error): Promise<TopicInfo> {
  for (let looks = 0; looks < 20; looks++) {
    const [info] = await cluster.topics([name])
    if (info) return info
    await systemClock.sleep(250)
  }
  throw error
}
