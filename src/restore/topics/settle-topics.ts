import type { Cluster } from '../../kafka/index.ts'
import type { RestoreJob, RestoreNotice } from '../job.ts'
import type { PlannedTopic, TargetFacts } from '../plan/plan-types.ts'
import type { JournalTopic } from '../state/journal-types.ts'
import { copyConfigs } from './copy-configs.ts'
import {
  type Decision,
  type DecisionInput,
  decideSettings,
  type RestoredFacts,
  type Settings,
} from './decide-settings.ts'

export type Defaults = DecisionInput['defaults']

/** What became of a topic's settings. */
export interface Settled {
  readonly waiting: Settings
  readonly waitingReason: string
  readonly notices: readonly RestoreNotice[]
}

/**
 * What the cluster says where a topic says nothing. A setting that may not be read counts as one that deletes: it then waits
 * rather than take something away.
 */
export async function clusterDefaults(cluster: Cluster): Promise<Defaults> {
  const read = async (...names: readonly string[]): Promise<string | undefined> => {
    for (const name of names) {
      const value = await cluster.brokerConfig(name).catch(() => undefined)
      if (value !== undefined && value !== '') return value
    }
    return undefined
  }
  const ms = await read('log.retention.ms')
  const minutes = ms ?? (await read('log.retention.minutes'))
  const hours = minutes ?? (await read('log.retention.hours'))
  const unit = ms !== undefined ? 1n : minutes !== undefined ? 60_000n : 3_600_000n
  const retention = BigInt(hours ?? 0)
  return {
    retentionMs: retention < 0n ? -1n : retention * unit,
    retentionBytes: BigInt((await read('log.retention.bytes')) ?? -1),
    cleanupPolicy: (await read('log.cleanup.policy')) ?? 'delete',
  }
}

/** The settings that a topic should have when the restore is done, of those that the restore decides on. */
export function wantedSettings(
  planned: PlannedTopic,
  entry: JournalTopic,
  facts: TargetFacts,
  job: RestoreJob,
): Settings {
  if (!entry.created) {
    return job.existingTopicConfigs === 'apply' ? { ...entry.before, ...planned.finalConfigs } : entry.before
  }
  const copying = copyConfigs(new Set(facts.knownConfigs), {
    maxMessageBytes: undefined,
    minInSyncReplicas: undefined,
  })
  const inherited = Object.fromEntries(Object.keys(copying).map((name) => [name, null]))
  return { ...inherited, ...planned.finalConfigs }
}

export interface SettleContext {
  readonly cluster: Cluster
  readonly job: RestoreJob
  readonly facts: TargetFacts
  readonly defaults: Defaults
  /** Ms since the epoch. */
  readonly now: number
}

/** A topic that was copied, and what of it decides on its settings. */
export interface CopiedTopic {
  readonly planned: PlannedTopic
  readonly entry: JournalTopic
  readonly restored: RestoredFacts
}

/**
 * Puts the final settings of topics in force, apart from those that would delete what was restored. Settings that the target
 * does not know or refuses are left out one by one, and named. Answers by target topic.
 */
export async function settleTopics(
  topics: readonly CopiedTopic[],
  context: SettleContext,
): Promise<ReadonlyMap<string, Settled>> {
  const decided = new Map(topics.map((topic) => [topic.planned.target, decide(topic, context)]))
  const refused = await applySettings(
    context.cluster,
    new Map([...decided].map(([topic, { decision }]) => [topic, decision.now])),
  )
  return new Map(
    [...decided].map(([topic, { decision, notices }]) => [
      topic,
      {
        waiting: decision.waiting,
        waitingReason: decision.reason,
        notices: [...notices, ...(refused.get(topic) ?? [])],
      },
    ]),
  )
}

function decide(
  { planned, entry, restored }: CopiedTopic,
  { job, facts, defaults, now }: SettleContext,
): { readonly decision: Decision; readonly notices: readonly RestoreNotice[] } {
  const topic = planned.target
  const notices: RestoreNotice[] = []
  const known = new Set(facts.knownConfigs)
  const wanted: Record<string, string | null> = {}
  for (const [name, value] of Object.entries(wantedSettings(planned, entry, facts, job))) {
    if (known.size === 0 || known.has(name)) wanted[name] = value
    else {
      const message = `The target does not know the setting ${name}=${value} of ${topic}: it is left out`
      notices.push({ code: 'config-unknown', message, topic })
    }
  }
  limitInSync(wanted, planned, facts, notices)
  const { applyRetention } = job
  return { decision: decideSettings({ wanted, restored, defaults, now, applyRetention }), notices }
}

/** Sets what is given, `cleanup.policy` before the rest; answers with notices for what was refused, by topic. */
export async function applySettings(
  cluster: Cluster,
  settings: ReadonlyMap<string, Settings>,
): Promise<ReadonlyMap<string, readonly RestoreNotice[]>> {
  const notices = new Map<string, RestoreNotice[]>()
  const apply = async (changes: ReadonlyMap<string, Settings>) => {
    const outcomes = await cluster.alterManyTopicConfigs(changes)
    for (const [topic, { failed }] of outcomes) {
      for (const { item, error } of failed) {
        const value = changes.get(topic)?.[item] ?? '(default)'
        const message = `The target refuses the setting ${item}=${value} of ${topic}: ${error.message}`
        notices.set(topic, [...(notices.get(topic) ?? []), { code: 'config-refused', message, topic }])
      }
    }
  }
  const policies = new Map<string, Settings>()
  const rest = new Map<string, Settings>()
  for (const [topic, { [POLICY]: policy, ...others }] of settings) {
    if (policy !== undefined) policies.set(topic, { [POLICY]: policy })
    rest.set(topic, others)
  }
  await apply(policies)
  for (const [topic, refused] of notices) {
    // Retention that was meant to go with compaction would delete under the policy that is still in force.
    rest.delete(topic)
    const message = `The other settings of ${topic} are left as they were during the copy, because they depend on ${POLICY}`
    refused.push({ code: 'config-refused', message, topic })
  }
  await apply(rest)
  return notices
}

const POLICY = 'cleanup.policy'

/** More in-sync replicas than there are replicas would keep every producer out. */
function limitInSync(
  wanted: Record<string, string | null>,
  planned: PlannedTopic,
  facts: TargetFacts,
  notices: RestoreNotice[],
): void {
  const name = 'min.insync.replicas'
  const replicas = planned.replicationFactor ?? facts.brokers
  if (planned.action !== 'create' || Number(wanted[name] ?? 0) <= replicas) return
  const message = `${planned.target} has ${replicas} replicas: ${name} is ${replicas} instead of ${wanted[name]}`
  notices.push({ code: 'config-limited', message, topic: planned.target })
  wanted[name] = String(replicas)
}
