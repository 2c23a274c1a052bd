import { TidemarkError } from '../../base/index.ts'
import type { Cluster, TopicInfo, TopicPartition } from '../../kafka/index.ts'
import type { PartitionTask } from './partition-scan.ts'
import type { ScanOptions, ScanTopic } from './scan-types.ts'

/** A partition to be read. */
export interface PartitionPlan {
  readonly task: PartitionTask
  /** The log's end: beyond `task.stop` where an open transaction holds that back. */
  readonly logEnd: bigint
}

/**
 * Which partitions to read, and how far: to the last stable offset as it is now. Rejects with TOPIC_NOT_FOUND for a topic, or a
 * partition, that does not exist.
 */
export async function planScan(
  cluster: Cluster,
  options: ScanOptions,
  signal: AbortSignal,
): Promise<readonly PartitionPlan[]> {
  const names = options.topics.map(({ target }) => target)
  const seen = new Set<string>()
  for (const name of names) {
    if (seen.has(name))
      throw new TidemarkError('CONFIG_INVALID', `The topic ${JSON.stringify(name)} is to be scanned twice`)
    seen.add(name)
  }
  const infos = new Map((await cluster.topics(names, { signal })).map((info) => [info.name, info]))
  const asked = options.topics.flatMap((topic) => {
    const info = infos.get(topic.target)
    if (!info) throw noTopic(topic.target)
    return partitionsOf(topic, info, options.scanAllPartitions ?? false).map((partition) => ({
      topic,
      info,
      place: { topic: topic.target, partition },
    }))
  })
  const places = asked.map(({ place }) => place)
  const [starts, stops, ends] = await Promise.all(
    (['earliest', 'last-stable', 'latest'] as const).map((at) => offsetsOf(cluster, places, at, signal)),
  )
  return asked.map(({ topic, info, place }) => ({
    task: {
      ...place,
      sourceTopic: topic.source ?? topic.target,
      topicId: info.id,
      start: starts?.get(keyOf(place)) ?? 0n,
      stop: stops?.get(keyOf(place)) ?? 0n,
      sourceCluster: options.sourceCluster,
      scanAllPartitions: options.scanAllPartitions ?? false,
    },
    logEnd: ends?.get(keyOf(place)) ?? 0n,
  }))
}

function partitionsOf({ target, partitions }: ScanTopic, info: TopicInfo, all: boolean): readonly number[] {
  const there = info.partitions.map(({ partition }) => partition)
  if (all || partitions === undefined) return there
  const missing = partitions.find((partition) => !there.includes(partition))
  if (missing === undefined) return [...new Set(partitions)]
  throw new TidemarkError(
    'TOPIC_NOT_FOUND',
    `The topic ${JSON.stringify(target)} has no partition ${missing}`,
    {
      details: { topic: target, partition: missing },
    },
  )
}

async function offsetsOf(
  cluster: Cluster,
  places: readonly TopicPartition[],
  at: 'earliest' | 'last-stable' | 'latest',
  signal: AbortSignal,
): Promise<ReadonlyMap<string, bigint>> {
  const listed = await cluster.listOffsets(
    places.map((place) => ({ ...place, at })),
    { signal },
  )
  return new Map(listed.map((one) => [keyOf(one), one.offset ?? 0n]))
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}

function noTopic(topic: string): TidemarkError {
  return new TidemarkError('TOPIC_NOT_FOUND', `There is no topic ${JSON.stringify(topic)} on the cluster`, {
    hint: 'Topics that the principal may not describe are not seen: check the name and the ACL Describe.',
    details: { topic },
  })
}
