import type { Cluster, TopicPartition } from '../../kafka/index.ts'
import type { OffsetForTime } from '../plan/from-file.ts'
import { type LogTable, place } from '../plan/planner.ts'

/** A partition, and a time in ms since the epoch. */
export interface AskedTime extends TopicPartition {
  readonly time: bigint
}

/**
 * Asks a cluster for the first record at or after each time. Where there is none, the answer is the end of the log; of
 * partitions that are not in the table of logs it is undefined, and they are not asked for.
 */
export async function offsetsForTimes(
  cluster: Pick<Cluster, 'listOffsets'>,
  asked: Iterable<AskedTime>,
  logs: LogTable,
  options: { readonly signal?: AbortSignal } = {},
): Promise<OffsetForTime> {
  const known = new Map<string, Map<bigint, bigint>>()
  const times = new Map<string, AskedTime[]>()
  for (const one of asked) {
    if (logs.get(one.topic)?.get(one.partition) === undefined) continue
    const key = place(one.topic, one.partition)
    const list = times.get(key) ?? []
    times.set(key, list)
    if (!list.some(({ time }) => time === one.time)) list.push(one)
  }
  // A request may name a partition once: as many rounds as one of them has different times.
  for (let round = 0; ; round++) {
    const now = [...times.values()].flatMap((list) => list[round] ?? [])
    if (now.length === 0) break
    const listed = await cluster.listOffsets(
      now.map(({ topic, partition, time }) => ({ topic, partition, at: { timestamp: time } })),
      options,
    )
    const found = new Map(listed.map((one) => [place(one.topic, one.partition), one.offset]))
    for (const { topic, partition, time } of now) {
      const key = place(topic, partition)
      const offset = found.get(key) ?? logs.get(topic)?.get(partition)?.logEnd
      const offsets = known.get(key) ?? new Map<bigint, bigint>()
      known.set(key, offsets)
      if (offset !== undefined) offsets.set(time, offset)
    }
  }
  return (topic, partition, time) => known.get(place(topic, partition))?.get(time)
}
