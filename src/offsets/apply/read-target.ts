import type { Cluster, GroupPositions, ListedOffset, Outcome, TopicInfo } from '../../kafka/index.ts'
import type { TopicIds } from '../plan/plan.ts'
import type { LogTable } from '../plan/planner.ts'
import type { LogBounds } from '../translate/translation.ts'

/** What a plan is held against: the groups' positions on the target, and the logs of its topics. */
export interface TargetState {
  readonly current: Outcome<string, GroupPositions>
  readonly logs: LogTable
  /** Ids of the topics; not of those on brokers that have none. */
  readonly topicIds: TopicIds
}

/**
 * Reads both, with as few requests as the cluster allows. Topics that do not exist are left out of the logs.
 */
export async function readTarget(
  cluster: Pick<Cluster, 'topics' | 'listOffsets' | 'fetchPositions'>,
  groups: readonly string[],
  topics: readonly string[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<TargetState> {
  const [current, target] = await Promise.all([
    groups.length === 0 ? { done: [], failed: [] } : cluster.fetchPositions(groups, options),
    readTopics(cluster, topics, options),
  ])
  return { current, ...target }
}

/** Log start and log end of every partition of the topics. */
export async function readLogs(
  cluster: Pick<Cluster, 'topics' | 'listOffsets'>,
  topics: readonly string[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<LogTable> {
  return (await readTopics(cluster, topics, options)).logs
}

/** The same with the ids of the topics: one that was deleted and created again is another topic. */
export async function readTopics(
  cluster: Pick<Cluster, 'topics' | 'listOffsets'>,
  topics: readonly string[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<Pick<TargetState, 'logs' | 'topicIds'>> {
  if (topics.length === 0) return { logs: new Map(), topicIds: new Map() }
  const infos = await cluster.topics(topics, options)
  const partitions = infos.flatMap(({ name, partitions }) =>
    partitions.map(({ partition }) => ({ topic: name, partition })),
  )
  const [starts, ends] = await Promise.all([
    cluster.listOffsets(
      partitions.map((partition) => ({ ...partition, at: 'earliest' as const })),
      options,
    ),
    cluster.listOffsets(
      partitions.map((partition) => ({ ...partition, at: 'latest' as const })),
      options,
    ),
  ])
  const logs = new Map<string, Map<number, LogBounds>>()
  const startOf = byPlace(starts)
  for (const { topic, partition, offset } of ends) {
    const logStart = startOf.get(`${topic}/${partition}`)
    if (offset === undefined || logStart === undefined) continue
    const table = logs.get(topic) ?? new Map<number, LogBounds>()
    logs.set(topic, table)
    table.set(partition, { logStart, logEnd: offset })
  }
  return { logs, topicIds: idsOf(infos) }
}

/** Ids by name. */
export function idsOf(infos: readonly TopicInfo[]): TopicIds {
  return new Map(infos.flatMap(({ name, id }) => (id === undefined ? [] : [[name, id] as const])))
}

function byPlace(offsets: readonly ListedOffset[]): ReadonlyMap<string, bigint | undefined> {
  return new Map(offsets.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]))
}
