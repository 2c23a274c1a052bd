import { offeredVersion, type Versions } from './api-choice.ts'
import { createTopicsV5, createTopicsV7 } from './client-library.ts'
import type { Session } from './session.ts'
import { readTopicConfigs } from './topic-configs.ts'

/** Every topic config of Kafka 2.1: what is assumed where an older broker without any topic cannot be asked. */
const oldest = [
  'cleanup.policy',
  'compression.type',
  'delete.retention.ms',
  'file.delete.delay.ms',
  'flush.messages',
  'flush.ms',
  'follower.replication.throttled.replicas',
  'index.interval.bytes',
  'leader.replication.throttled.replicas',
  'max.message.bytes',
  'message.downconversion.enable',
  'message.format.version',
  'message.timestamp.difference.max.ms',
  'message.timestamp.type',
  'min.cleanable.dirty.ratio',
  'min.compaction.lag.ms',
  'min.insync.replicas',
  'preallocate',
  'retention.bytes',
  'retention.ms',
  'segment.bytes',
  'segment.index.bytes',
  'segment.jitter.ms',
  'segment.ms',
  'unclean.leader.election.enable',
]

const createVersions = [createTopicsV7.api, createTopicsV5.api] as unknown as Versions<
  [
    topics: {
      name: string
      numPartitions: number
      replicationFactor: number
      assignments: []
      configs: []
    }[],
    timeoutMs: number,
    validateOnly: boolean,
  ],
  {
    readonly throttleTimeMs: number
    readonly topics: readonly { readonly configs: readonly { readonly name: string }[] | null }[]
  }
>

/** Topics that are asked before it is given up: the configs of some may not be read. */
const tried = 20

/**
 * Names of the topic configs that the brokers know. A topic that exists tells them; where there is none, the answer
 * to a creation that is only checked and not carried out does (Kafka 2.4 and newer). `own`: topics for which the caller has
 * rights, whether they exist or not; others may be closed to it.
 */
export async function knownTopicConfigs(
  session: Session,
  own: readonly string[],
): Promise<ReadonlySet<string>> {
  const { topics } = await session.retrying(() => session.metadata(null))
  const existing = new Set(topics.map(({ name }) => name))
  const some = [...new Set([...own.filter((name) => existing.has(name)), ...existing])].slice(0, tried)
  const { done, failed } = await readTopicConfigs(session, some)
  const told = done.find((answer) => answer !== undefined)?.[1]
  if (told !== undefined) return new Set(told.map((config) => config.name))
  const free = own.find((name) => !existing.has(name))
  const checked = await session.retrying(() => configsOfCheckedCreation(session, free))
  if (checked.length > 0) return new Set(checked)
  const [refused] = failed
  if (refused) throw refused.error
  return new Set(oldest)
}

async function configsOfCheckedCreation(
  session: Session,
  free: string | undefined,
): Promise<readonly string[]> {
  const connection = await session.controller()
  const api = offeredVersion(connection, createVersions)
  if (api === undefined) return []
  const name = free ?? `tidemark-config-check-${Math.random().toString(36).slice(2)}`
  const topic = { name, numPartitions: 1, replicationFactor: -1, assignments: [] as [], configs: [] as [] }
  const response = await session.call(connection, api, [[topic], 30_000, true])
  return response.topics[0]?.configs?.map((config) => config.name) ?? []
}
