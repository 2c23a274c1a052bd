import { isTidemarkError, retry, TidemarkError } from '../../base/index.ts'
import type { Cluster, NewTopic, TopicConfig, TopicInfo } from '../../kafka/index.ts'
import type { PlannedTopic, RestorePlan, TargetFacts } from '../plan/plan-types.ts'
import type { JournalTopic } from '../state/journal-types.ts'
import { copyConfigs, effective, hurtfulConfigs } from './copy-configs.ts'
import { createTopics, type FailedTopic, failedTopic } from './create-topics.ts'
import { awaitRelaxed } from './relaxed-leaders.ts'

/** What the journal says of the topics before anything is touched: which to create, and how the existing ones are set. */
export function preparedTopics(plan: RestorePlan, facts: TargetFacts): JournalTopic[] {
  return plan.topics.map((topic) => {
    const existing = facts.topics.find((fact) => fact.name === topic.target)
    const relax = existing ? hurtfulConfigs(effective(existing.configs)) : {}
    return {
      target: topic.target,
      id: existing?.id,
      created: !existing,
      exclusive: topic.exclusive,
      before: Object.fromEntries(Object.keys(relax).map((name) => [name, ownValue(existing?.configs, name)])),
      ends: [],
      settled: false,
      waiting: {},
      waitingReason: '',
      failure: undefined,
    }
  })
}

export interface OpenedTopics {
  readonly infos: ReadonlyMap<string, TopicInfo>
  readonly failed: readonly FailedTopic[]
}

/**
 * Makes the target ready: creates topics, relaxes settings that would hurt the copy, deletes records where asked. Topics that
 * an earlier start has opened are only looked at: they must be the same, and still relaxed. Everything in it may be done
 * again after a kill: what an earlier start has created is adopted when it is empty. Rejects with TARGET_CHANGED when it
 * is not, or when a topic is another one than the journal knows.
 */
export async function openTopics(
  cluster: Cluster,
  plan: RestorePlan,
  journal: readonly JournalTopic[],
  options: { readonly facts: TargetFacts; readonly signal: AbortSignal },
): Promise<OpenedTopics> {
  const { facts, signal } = options
  const known = new Set(facts.knownConfigs)
  const names = plan.topics.map((topic) => topic.target)
  const there = new Map((await cluster.topics(names, { signal })).map((info) => [info.name, info]))
  const failed: FailedTopic[] = []
  await adopt(cluster, journal, there, signal)
  const missing = journal.filter((entry) => !there.has(entry.target))
  const gone = missing.find((entry) => isOpen(entry) || !entry.created)
  if (gone) throw changed(gone.target, 'was deleted since the restore began')
  const wanted = new Map(plan.topics.map((topic) => [topic.target, topic]))
  const asked = missing.flatMap(({ target }) => wanted.get(target) ?? [])
  const outcome = await createTopics(
    cluster,
    asked.map((topic) => newTopic(topic, known, facts.brokers)),
  )
  for (const info of outcome.done) there.set(info.name, info)
  failed.push(...outcome.failed)
  const created = new Set(asked.map((topic) => topic.target))
  const older = journal.filter((entry) => there.has(entry.target) && !created.has(entry.target))
  const configs = await cluster.topicConfigs(
    older.map((entry) => entry.target),
    { signal },
  )
  const relaxed: TopicInfo[] = []
  for (const entry of older) {
    const info = there.get(entry.target)
    const planned = wanted.get(entry.target)
    if (!info || !planned) continue
    checkSame(entry, info, planned)
    try {
      await relax(cluster, entry.target, configs.get(entry.target) ?? [])
      if (Object.keys(entry.before).length > 0) relaxed.push(info)
      if (planned.purge && !isOpen(entry)) await purge(cluster, info, signal)
    } catch (error) {
      failed.push(failedTopic(entry.target, error))
    }
  }
  const open = relaxed.filter(({ name }) => failed.every(({ topic }) => topic !== name))
  failed.push(...(await awaitRelaxed(cluster, open, signal)))
  return { infos: there, failed }
}

/** Whether the journal knows the topic's log ends: from then on records may have been sent to it. */
export function isOpen(entry: JournalTopic): boolean {
  return entry.ends.length > 0
}

/** Checks that existing topics which the journal wanted to create are those of an earlier start of this restore: empty. */
async function adopt(
  cluster: Cluster,
  journal: readonly JournalTopic[],
  there: ReadonlyMap<string, TopicInfo>,
  signal: AbortSignal,
): Promise<void> {
  const found = journal.filter((entry) => entry.created && !isOpen(entry) && there.has(entry.target))
  const partitions = found.flatMap(({ target }) =>
    (there.get(target)?.partitions ?? []).map(({ partition }) => ({ topic: target, partition })),
  )
  if (partitions.length === 0) return
  const ends = await cluster.listOffsets(
    partitions.map((p) => ({ ...p, at: 'latest' as const })),
    { signal },
  )
  const filled = ends.find(({ offset }) => (offset ?? 0n) > 0n)
  if (!filled) return
  throw changed(filled.topic, `was to be created, and someone else has created it and written to it`)
}

function newTopic(topic: PlannedTopic, known: ReadonlySet<string>, brokers: number): NewTopic {
  const replicas = topic.replicationFactor ?? brokers
  const wanted = Number(topic.finalConfigs['min.insync.replicas'])
  const configs = copyConfigs(known, {
    maxMessageBytes: topic.limit,
    minInSyncReplicas: Number.isFinite(wanted) ? Math.min(wanted, replicas) : undefined,
  })
  return {
    name: topic.target,
    partitions: topic.partitions,
    replicationFactor: topic.replicationFactor,
    configs,
  }
}

function checkSame(entry: JournalTopic, info: TopicInfo, planned: PlannedTopic): void {
  if (entry.id !== undefined && info.id !== undefined && entry.id !== info.id) {
    throw changed(entry.target, 'was deleted and created again since the restore began')
  }
  if (info.partitions.length < planned.partitions) {
    throw changed(
      entry.target,
      `has ${info.partitions.length} partitions, and the restore was planned for ${planned.partitions}`,
    )
  }
}

async function relax(cluster: Cluster, topic: string, configs: readonly TopicConfig[]): Promise<void> {
  const changes = hurtfulConfigs(effective(configs))
  if (Object.keys(changes).length === 0) return
  const outcome = await cluster.alterTopicConfigs(topic, changes)
  const [refused] = outcome.failed
  if (!refused) return
  throw new TidemarkError(
    'TARGET_UNSUITABLE',
    `The setting ${refused.item} of the target topic ${topic} would hurt the copy and cannot be changed`,
    {
      hint: `Set ${refused.item}=${changes[refused.item]} while the restore runs, or restore into a new topic.`,
      details: { topic },
      cause: refused.error,
    },
  )
}

/** The controller takes a relaxed policy at once; the leaders, which refuse to delete from a compacted topic, hear of it later. */
const lagging = { attempts: Number.POSITIVE_INFINITY, delay: 50, maxDelay: 1000, deadline: 30_000 }

function isPolicyViolation(error: unknown): boolean {
  return isTidemarkError(error) && error.details.kafkaError === 'POLICY_VIOLATION'
}

async function purge(cluster: Cluster, info: TopicInfo, signal: AbortSignal): Promise<void> {
  const asked = info.partitions.map(({ partition }) => ({
    topic: info.name,
    partition,
    at: 'latest' as const,
  }))
  const ends = await cluster.listOffsets(asked, { signal })
  const before = ends.map(({ topic, partition, offset }) => ({ topic, partition, offset: offset ?? 0n }))
  await retry(lagging, () => cluster.deleteRecords(before), { signal, when: isPolicyViolation })
}

/** The value that is set on the topic itself; null where it is inherited. */
function ownValue(configs: readonly TopicConfig[] | undefined, name: string): string | null {
  const config = configs?.find((entry) => entry.name === name)
  return config?.source === 'topic' ? config.value : null
}

function changed(topic: string, what: string): TidemarkError {
  return new TidemarkError('TARGET_CHANGED', `The target topic ${topic} ${what}`, {
    hint: 'Restore under another restore_id into other topics, or delete the topic and begin anew.',
    details: { topic },
  })
}
