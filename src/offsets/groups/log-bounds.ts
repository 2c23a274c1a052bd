import type { Cluster, OffsetSpec, TopicPartition } from '../../kafka/index.ts'
import type { LogBounds } from '../translate/translation.ts'

/** Logs of partitions: their bounds where they are known, and which partitions there are. */
export interface KnownLogs {
  readonly bounds: ReadonlyMap<string, ReadonlyMap<number, LogBounds>>
  /** Partitions of each topic, in order. Topics that do not exist, or may not be described, are left out. */
  readonly partitions: ReadonlyMap<string, readonly number[]>
  /** Why bounds are missing. */
  readonly failed: readonly Error[]
}

/**
 * Log start and log end of topics, for showing: a partition without a leader is not waited for, and what cannot be told is left
 * out and named.
 */
export async function knownLogs(
  cluster: Pick<Cluster, 'topics' | 'tryListOffsets'>,
  topics: readonly string[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<KnownLogs> {
  if (topics.length === 0) return { bounds: new Map(), partitions: new Map(), failed: [] }
  const found = await cluster.topics(topics, options)
  const led = found.flatMap(({ name: topic, partitions }) =>
    partitions.filter(({ leader }) => leader !== undefined).map(({ partition }) => ({ topic, partition })),
  )
  const ask = (at: OffsetSpec) =>
    cluster.tryListOffsets(
      led.map((place: TopicPartition) => ({ ...place, at })),
      options,
    )
  const [starts, ends] = await Promise.all([ask('earliest'), ask('latest')])
  const startOf = new Map(starts.done.map((one) => [`${one.topic}/${one.partition}`, one.offset]))
  const bounds = new Map<string, Map<number, LogBounds>>()
  for (const { topic, partition, offset: logEnd } of ends.done) {
    const logStart = startOf.get(`${topic}/${partition}`)
    if (logStart === undefined || logEnd === undefined) continue
    const table = bounds.get(topic) ?? new Map<number, LogBounds>()
    bounds.set(topic, table)
    table.set(partition, { logStart, logEnd })
  }
  return {
    bounds,
    partitions: new Map(
      found.map(({ name, partitions }) => [
        name,
        partitions.map(({ partition }) => partition).sort((a, b) => a - b),
      ]),
    ),
    failed: [...starts.failed, ...ends.failed].map(({ error }) => error),
  }
}
