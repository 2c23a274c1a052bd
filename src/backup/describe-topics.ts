import type { TopicDescription } from '../archive/index.ts'
import { isTidemarkError } from '../base/index.ts'
import type { Cluster, TopicConfig, TopicInfo } from '../kafka/index.ts'
import type { BackupJob, BackupNotice } from './job.ts'

export interface Descriptions {
  /** Those that are new or have changed since the backup's newest commit. */
  readonly changed: readonly TopicDescription[]
  readonly notices: readonly BackupNotice[]
}

/** Partition count, replication factor, topic id and configs of the chosen topics, compared with what the backup knows. */
export async function describeTopics(
  cluster: Cluster,
  topics: readonly TopicInfo[],
  known: ReadonlyMap<string, TopicDescription>,
  rules: Pick<BackupJob, 'captureTopicConfigs' | 'requireTopicConfigs'>,
  signal: AbortSignal,
): Promise<Descriptions> {
  const notices: BackupNotice[] = []
  let configs: ReadonlyMap<string, readonly TopicConfig[]> = new Map()
  if (rules.captureTopicConfigs && topics.length > 0) {
    const names = topics.map((topic) => topic.name)
    const { done, failed } = await cluster.readTopicConfigs(names, { signal })
    configs = new Map(done.filter((told) => told !== undefined))
    // A topic whose configs may not be read costs the others nothing.
    for (const { item: topic, error } of failed) {
      if (rules.requireTopicConfigs || !isTidemarkError(error, 'AUTHORIZATION_FAILED')) throw error
      notices.push({ type: 'configs-unreadable', topic, message: error.message })
    }
  }
  const changed = topics
    .map((topic) => describe(topic, configs.get(topic.name), known.get(topic.name)))
    .filter((description) => !same(description, known.get(description.name)))
  return { changed, notices }
}

function describe(
  topic: TopicInfo,
  configs: readonly TopicConfig[] | undefined,
  before: TopicDescription | undefined,
): TopicDescription {
  // Unreadable configs keep what the backup already knows of the same topic: not knowing is no change.
  const kept = before !== undefined && before.topicId === topic.id ? before : undefined
  return {
    name: topic.name,
    topicId: topic.id,
    partitions: topic.partitions.length,
    replicationFactor: Math.max(0, ...topic.partitions.map((p) => p.replicas.length)),
    configs: configs ? entries(configs, 'topic') : (kept?.configs ?? {}),
    inherited: configs ? entries(configs, 'inherited') : (kept?.inherited ?? {}),
  }
}

function entries(configs: readonly TopicConfig[], source: TopicConfig['source']): Record<string, string> {
  const chosen = configs
    .filter((config) => config.source === source)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  return Object.fromEntries(chosen.map((config) => [config.name, config.value]))
}

function same(a: TopicDescription, b: TopicDescription | undefined): boolean {
  if (!b || a.topicId !== b.topicId || a.partitions !== b.partitions) return false
  return (
    a.replicationFactor === b.replicationFactor &&
    sameEntries(a.configs, b.configs) &&
    sameEntries(a.inherited, b.inherited)
  )
}

function sameEntries(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name])
}
