import type { Cluster, TopicConfig, TopicInfo } from '../../kafka/index.ts'
import { type CapturedOffsets, positionsOf } from '../../offsets/index.ts'
import { lineOfError } from '../render/error-text.ts'
import type { Session } from '../session.ts'
import { brokerVersion } from './broker-version.ts'
import type {
  ClusterReport,
  ReportedBroker,
  ReportedGroup,
  ReportedReading,
  ReportedTopic,
} from './cluster-report.ts'

export interface Gathered {
  readonly report: ClusterReport
  /** What could not be read, a sentence each: the report is without it. */
  readonly missing: readonly string[]
}

/** Reads what a report says of a cluster. What the principal may not see is left out and named. */
export async function gatherReport(
  cluster: Cluster,
  captured: CapturedOffsets,
  session: Session,
): Promise<Gathered> {
  const { signal, clock } = session
  const missing: string[] = captured.failed.map(
    ({ item, error }) => `The positions of group ${item} could not be read: ${lineOfError(error)}`,
  )
  if (captured.unmeasured)
    missing.push(`The lag of the groups is not known: ${lineOfError(captured.unmeasured)}`)
  const part = async <T>(what: string, otherwise: T, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      signal.throwIfAborted()
      missing.push(`${what} could not be read: ${lineOfError(error)}`)
      return otherwise
    }
  }
  const [brokers, infos, groups] = await Promise.all([
    cluster.brokers(),
    cluster.topics(undefined, { signal }),
    groupsOf(cluster, captured, missing),
  ])
  const [versions, messages, configs] = await Promise.all([
    Promise.all(brokers.map(({ id }) => brokerVersion(cluster, id, signal))),
    part('The ends of the logs', new Map<string, bigint>(), () => countMessages(cluster, infos, signal)),
    part('The settings of the topics', new Map<string, readonly TopicConfig[]>(), () =>
      cluster.topicConfigs(
        infos.map(({ name }) => name),
        { signal },
      ),
    ),
  ])
  const sorted = [...infos].sort((a, b) => (a.name < b.name ? -1 : 1))
  return {
    missing,
    report: {
      taken: clock.now(),
      clusterId: cluster.clusterId,
      addresses: cluster.options.bootstrap,
      brokers: [...brokers]
        .map((broker, index): ReportedBroker => {
          const held = infos.flatMap((topic) =>
            topic.partitions.filter(({ replicas }) => replicas.includes(broker.id)),
          )
          return {
            id: broker.id,
            address: `${broker.host.includes(':') ? `[${broker.host}]` : broker.host}:${broker.port}`,
            rack: broker.rack,
            version: versions[index] ?? '',
            partitions: held.length,
            leaders: held.filter(({ leader }) => leader === broker.id).length,
            underReplicated: held.filter(({ isr, replicas }) => isr.length < replicas.length).length,
          }
        })
        .sort((a, b) => a.id - b.id),
      topics: sorted.map((topic) =>
        reportedTopic(topic, messages.get(topic.name) ?? 0n, configs.get(topic.name) ?? []),
      ),
      groups,
    },
  }
}

function reportedTopic(
  { name, internal, partitions }: TopicInfo,
  messages: bigint,
  configs: readonly TopicConfig[],
): ReportedTopic {
  return {
    name,
    internal: internal || name.startsWith('__'),
    partitions: partitions.length,
    replicationFactor: Math.max(0, ...partitions.map(({ replicas }) => replicas.length)),
    messages,
    underReplicated: partitions.filter(({ isr, replicas }) => isr.length < replicas.length).length,
    offline: partitions.filter(({ leader }) => leader === undefined).length,
    configs: Object.fromEntries(
      configs.filter(({ source }) => source === 'topic').map(({ name, value }) => [name, value]),
    ),
  }
}

/** Offsets between the ends of the logs, by topic. Partitions without a leader are not waited for. */
async function countMessages(
  cluster: Cluster,
  topics: readonly TopicInfo[],
  signal: AbortSignal,
): Promise<Map<string, bigint>> {
  const partitions = topics.flatMap(({ name: topic, partitions }) =>
    partitions.filter(({ leader }) => leader !== undefined).map(({ partition }) => ({ topic, partition })),
  )
  const ask = (at: 'earliest' | 'latest') =>
    cluster.listOffsets(
      partitions.map((partition) => ({ ...partition, at })),
      { signal },
    )
  const [starts, ends] = await Promise.all([ask('earliest'), ask('latest')])
  const counts = new Map<string, bigint>()
  const add = (topic: string, by: bigint) => counts.set(topic, (counts.get(topic) ?? 0n) + by)
  for (const { topic, offset } of ends) add(topic, offset ?? 0n)
  for (const { topic, offset } of starts) add(topic, -(offset ?? 0n))
  return counts
}

async function groupsOf(
  cluster: Cluster,
  { file }: CapturedOffsets,
  missing: string[],
): Promise<readonly ReportedGroup[]> {
  const listed = await cluster.listGroups()
  const described = await cluster.describeGroups(listed)
  const members = new Map(described.done.map((group) => [group.group, group.members.length]))
  for (const { item, error } of described.failed) {
    missing.push(`The members of group ${item} could not be read: ${lineOfError(error)}`)
  }
  const reading = new Map<string, Map<string, Omit<ReportedReading, 'topic'>>>()
  for (const [{ group }, topic, { lag }] of positionsOf(file)) {
    const topics = reading.get(group) ?? new Map<string, Omit<ReportedReading, 'topic'>>()
    reading.set(group, topics)
    const sum = topics.get(topic) ?? { partitions: 0, lag: 0n }
    const all = sum.lag === undefined || lag === undefined ? undefined : sum.lag + lag
    topics.set(topic, { partitions: sum.partitions + 1, lag: all })
  }
  return listed
    .map(({ group, type, state }) => ({
      name: group,
      type,
      state,
      members: members.get(group) ?? 0,
      reading: [...(reading.get(group) ?? [])].map(([topic, sum]) => ({ topic, ...sum })),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}
