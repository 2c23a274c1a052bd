import type { Cluster } from '../../kafka/index.ts'
import type { TargetFacts, TargetTopicFacts } from './plan-types.ts'

/** Looks at the target: which of these topics exist, where their logs begin and end, and what their settings are. */
export async function gatherTargetFacts(
  cluster: Cluster,
  names: readonly string[],
  signal: AbortSignal,
): Promise<TargetFacts> {
  const [brokers, infos, knownConfigs] = await Promise.all([
    cluster.brokers(),
    names.length === 0 ? [] : cluster.topics(names, { signal }),
    cluster.knownTopicConfigs(names),
  ])
  const existing = infos.map((info) => info.name)
  const partitions = infos.flatMap((info) =>
    info.partitions.map(({ partition }) => ({ topic: info.name, partition })),
  )
  const [starts, ends, configs] = await Promise.all([
    cluster.listOffsets(
      partitions.map((p) => ({ ...p, at: 'earliest' as const })),
      { signal },
    ),
    cluster.listOffsets(
      partitions.map((p) => ({ ...p, at: 'latest' as const })),
      { signal },
    ),
    existing.length === 0 ? new Map() : cluster.topicConfigs(existing, { signal }),
  ])
  const at = new Map<string, bigint>()
  for (const [what, list] of [['start', starts] as const, ['end', ends] as const]) {
    for (const { topic, partition, offset } of list) at.set(`${what} ${topic} ${partition}`, offset ?? 0n)
  }
  const topics = infos.map((info): TargetTopicFacts => {
    const numbers = info.partitions.map((p) => p.partition).sort((a, b) => a - b)
    return {
      name: info.name,
      id: info.id,
      partitions: info.partitions.length,
      starts: numbers.map((p) => at.get(`start ${info.name} ${p}`) ?? 0n),
      ends: numbers.map((p) => at.get(`end ${info.name} ${p}`) ?? 0n),
      configs: configs.get(info.name) ?? [],
    }
  })
  return {
    clusterId: cluster.clusterId,
    brokers: brokers.length,
    knownConfigs: [...knownConfigs].sort(),
    topics: topics.sort((a, b) => (a.name < b.name ? -1 : 1)),
  }
}
