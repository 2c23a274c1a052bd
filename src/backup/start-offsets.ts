import type { Cluster, TopicPartition } from '../kafka/index.ts'
import type { StartAt } from './job.ts'

type Offsets = ReadonlyMap<string, bigint>

/**
 * Where the partitions of topics that the backup does not hold yet are begun, by `topic/partition`. Those that are not in the answer
 * begin at the log start. An offset outside the log is moved to its nearer end.
 */
export async function startOffsets(
  cluster: Cluster,
  startAt: StartAt,
  partitions: readonly TopicPartition[],
  logStarts: Offsets,
  ends: Offsets,
  signal: AbortSignal,
): Promise<Offsets> {
  const found = new Map<string, bigint>()
  if (startAt.type === 'earliest' || partitions.length === 0) return found
  const wanted = new Map<string, bigint | undefined>()
  if (startAt.type === 'timestamp') {
    const at = { timestamp: startAt.timestamp }
    const asked = partitions.map(({ topic, partition }) => ({ topic, partition, at }))
    for (const { topic, partition, offset } of await cluster.listOffsets(asked, { signal })) {
      wanted.set(`${topic}/${partition}`, offset)
    }
  }
  for (const { topic, partition } of partitions) {
    const name = `${topic}/${partition}`
    const start = logStarts.get(name)
    const end = ends.get(name)
    if (start === undefined || end === undefined) continue
    const chosen = chosenOffset(startAt, topic, partition, wanted.get(name), end)
    if (chosen !== undefined) found.set(name, chosen < start ? start : chosen > end ? end : chosen)
  }
  return found
}

function chosenOffset(
  startAt: StartAt,
  topic: string,
  partition: number,
  listed: bigint | undefined,
  end: bigint,
): bigint | undefined {
  switch (startAt.type) {
    case 'earliest':
      return undefined
    case 'latest':
      return end
    case 'timestamp':
      return listed ?? end
    case 'specific':
      return startAt.offsets[topic]?.[String(partition)]
  }
}
