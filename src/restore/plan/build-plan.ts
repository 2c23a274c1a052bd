import type { BackupIdentity } from '../../archive/index.ts'
import type { RestoreJob, RestoreNotice } from '../job.ts'
import { roomFor } from './batch-room.ts'
import { judgeConfigs } from './existing-configs.ts'
import { finalConfigs, sourceConfig } from './final-configs.ts'
import { neededPartitions, planLanes } from './lanes.ts'
import { hashOf, jobShape } from './plan-hash.ts'
import type {
  Obstacle,
  PlannedTopic,
  RestorePlan,
  SourceTopic,
  TargetFacts,
  TargetTopicFacts,
} from './plan-types.ts'
import { targetTopic } from './topic-rules.ts'

/** What a broker takes when nobody has said otherwise: 1 MiB and the overhead of a batch. */
const DEFAULT_MESSAGE_BYTES = 1_048_588

export interface PlanInput {
  readonly job: RestoreJob
  readonly identity: BackupIdentity
  readonly commit: number
  readonly sources: readonly SourceTopic[]
  readonly facts: TargetFacts
}

/**
 * Says what a restore does, without doing anything. The same input gives the same plan. What is in the way is listed in
 * `obstacles`, not thrown. Throws CONFIG_INVALID for a topic mapping that makes no topic name.
 */
export function buildPlan(input: PlanInput): RestorePlan {
  const { job, identity, commit, sources, facts } = input
  const obstacles: Obstacle[] = []
  const notices: RestoreNotice[] = []
  const byTarget = new Map<string, SourceTopic[]>()
  for (const source of sources) {
    const target = targetTopic(job.topicRules, source.topic)
    const there = byTarget.get(target)
    if (there) there.push(source)
    else byTarget.set(target, [source])
  }
  for (const target of Object.keys(job.repartitioning)) {
    if (byTarget.has(target)) continue
    const message = `Repartitioning is asked for ${target}, and no topic is restored under that name`
    notices.push({ code: 'repartitioning-unused', message, topic: target })
  }
  const topics = [...byTarget]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([target, from]) => planTopic(target, from, { job, facts, obstacles, notices }))
  const judged = judgeConfigs(topics, facts, job)
  obstacles.push(...judged.obstacles)
  notices.push(...judged.notices)
  const lanes = topics.flatMap((topic) => topic.lanes)
  const inputs = lanes.flatMap((lane) => lane.inputs)
  return {
    backupId: job.backupId,
    commit,
    sourceClusterId: identity.sourceClusterId,
    sourceName: job.sourceName ?? identity.sourceName ?? identity.sourceClusterId,
    targetClusterId: facts.clusterId,
    hash: hashOf({
      shape: jobShape(job),
      backup: identity,
      commit,
      cluster: facts.clusterId,
      lanes,
      partitions: topics.map((topic) => [topic.target, topic.action, topic.partitions]),
    }),
    topics,
    records: inputs.reduce((sum, { source }) => sum + source.records, 0),
    bytes: inputs.reduce((sum, { source }) => sum + source.bytes, 0),
    obstacles,
    notices,
  }
}

interface Context {
  readonly job: RestoreJob
  readonly facts: TargetFacts
  readonly obstacles: Obstacle[]
  readonly notices: RestoreNotice[]
}

function planTopic(target: string, sources: readonly SourceTopic[], context: Context): PlannedTopic {
  const { job, facts, obstacles, notices } = context
  const existing = facts.topics.find((topic) => topic.name === target)
  const description = sources[0]?.description
  const lanes = planLanes(target, sources, job)
  const needed = neededPartitions(target, sources, job)
  const largestBatch = Math.max(0, ...lanes.flatMap((l) => l.inputs.map(({ source }) => source.largestBatch)))
  const configs = finalConfigs(description, job)
  if (sources.length > 1 && !job.repartitioning[target]) {
    const names = sources.map((source) => source.topic).join(', ')
    notices.push({
      code: 'topics-merged',
      message: `${target} takes the records of ${names}, merged by time`,
      topic: target,
    })
  }
  if (existing) {
    for (const obstacle of existingObstacles(existing, needed.least, job)) obstacles.push(obstacle)
    if (existing.partitions > needed.atSource && !job.repartitioning[target]) {
      const message = `${target} has ${existing.partitions} partitions, the source ${needed.atSource}: records keep their partitions, new records with the same key may go elsewhere`
      notices.push({ code: 'more-partitions', message, topic: target })
    }
  } else if (!job.createTopics) {
    obstacles.push({
      code: 'TOPIC_NOT_FOUND',
      message: `The target has no topic ${target}`,
      hint: 'Create it, or set restore.create_topics to true.',
      topic: target,
    })
  }
  const limit = existing ? messageBytes(existing) : createdLimit(job, description, largestBatch)
  const compacts = compactsInTheEnd(existing, configs)
  const sourcesCompact = sources.every(({ description: d }) =>
    sourceConfig(d, 'cleanup.policy')?.includes('compact'),
  )
  return {
    target,
    sources: sources.map((source) => source.topic),
    action: existing ? 'use' : 'create',
    partitions: existing?.partitions ?? needed.atSource,
    replicationFactor: job.replicationFactor ?? boundedFactor(description?.replicationFactor, facts.brokers),
    exclusive: !existing || !job.append,
    purge: existing !== undefined && job.purgeTopics,
    finalConfigs: configs,
    limit,
    largestBatch,
    lanes,
    scan: {
      sizes: roomFor(largestBatch) > limit,
      nullKeys: compacts && !sourcesCompact && largestBatch > 0,
    },
  }
}

function* existingObstacles(
  existing: TargetTopicFacts,
  needed: number,
  job: RestoreJob,
): Generator<Obstacle> {
  const { name: topic, partitions } = existing
  const spread = job.repartitioning[topic]
  if (spread && partitions !== spread.partitions) {
    yield {
      code: 'TARGET_UNSUITABLE',
      message: `The target topic ${topic} has ${partitions} partitions, and repartitioning is asked for ${spread.partitions}`,
      hint: `Set target_partitions to ${partitions}, or create the topic with ${spread.partitions} partitions.`,
      topic,
    }
  } else if (partitions < needed) {
    yield {
      code: 'TARGET_UNSUITABLE',
      message: `The target topic ${topic} has ${partitions} partitions, and ${needed} are needed`,
      hint: `Add partitions, or spread the records with restore.repartitioning.${topic}.`,
      topic,
    }
  }
  if (job.append || job.purgeTopics) return
  const filled = existing.ends.findIndex((end, partition) => end > (existing.starts[partition] ?? 0n))
  if (filled >= 0) {
    yield {
      code: 'TARGET_NOT_EMPTY',
      message: `The target topic ${topic} is not empty: partition ${filled} holds offsets ${existing.starts[filled]} to ${(existing.ends[filled] ?? 0n) - 1n}`,
      hint: 'Restore under another name with topic_mapping, or allow it with append: true.',
      topic,
      partition: filled,
    }
  }
}

function boundedFactor(factor: number | undefined, brokers: number): number | undefined {
  return factor === undefined || factor < 1 ? undefined : Math.min(factor, Math.max(1, brokers))
}

/** Largest batch that an existing topic takes: within a message's limit, and within a segment. */
function messageBytes(existing: TargetTopicFacts): number {
  const [message = DEFAULT_MESSAGE_BYTES, segment = DEFAULT_MESSAGE_BYTES] = (
    ['max.message.bytes', 'segment.bytes'] as const
  ).map((name) => {
    const value = Number(existing.configs.find((config) => config.name === name)?.value)
    return Number.isFinite(value) && value > 0 ? value : undefined
  })
  return Math.min(message, segment)
}

/** A created topic takes the source's largest batch, unless the job sets a size itself. */
function createdLimit(
  job: RestoreJob,
  description: SourceTopic['description'],
  largestBatch: number,
): number {
  const asked = Number(job.configOverrides['max.message.bytes'])
  if (Number.isFinite(asked) && asked > 0) return asked
  const source = Number(sourceConfig(description, 'max.message.bytes'))
  return Math.max(Number.isFinite(source) ? source : 0, DEFAULT_MESSAGE_BYTES, roomFor(largestBatch))
}

function compactsInTheEnd(
  existing: TargetTopicFacts | undefined,
  configs: Readonly<Record<string, string>>,
): boolean {
  const policy = existing
    ? existing.configs.find((config) => config.name === 'cleanup.policy')?.value
    : configs['cleanup.policy']
  return policy?.includes('compact') ?? false
}
