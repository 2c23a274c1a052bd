import { isTidemarkError, systemClock, TidemarkError } from '../../base/index.ts'
import type { Cluster, FetchedBatches, PositionReader } from '../../kafka/index.ts'
import { batches, decodeBatch, dropAborted, header } from '../../records/index.ts'

/** A record of one of the pipeline's own topics. */
export interface TopicRecord {
  readonly partition: number
  readonly offset: bigint
  readonly key: Buffer | null
  /** Null = deleted. */
  readonly value: Buffer | null
}

/** Ms between two looks at a partition whose end is still part of an open transaction. */
const lookPause = 10
const fetchBytes = 4 << 20

/** The committed records of whole batches, from `fromOffset` on. Throws RECORD_CORRUPT. */
export function committedRecords(fetched: FetchedBatches, take: (record: TopicRecord) => void): void {
  const { buffer, start, end, aborted, topic, partition, fromOffset } = fetched
  for (const range of dropAborted(buffer, start, end, aborted, { topic, partition }).kept) {
    for (const at of batches(buffer, range.start, range.end, {
      complete: true,
      place: { topic, partition },
    })) {
      if (header.isControl(buffer, at)) continue
      for (const { offset, key, value } of decodeBatch(buffer, at)) {
        if (offset >= fromOffset) take({ partition, offset, key, value })
      }
    }
  }
}

/**
 * Reads a partition's committed records from `from` up to its log end as it is when this is called; waits for transactions that are
 * open before that end, for `patience` ms at most: then rejects with REQUEST_TIMEOUT. Answers the offset after what was read. What
 * retention takes away meanwhile is passed over.
 */
export async function readToEnd(
  cluster: Cluster,
  reader: PositionReader,
  place: { readonly topic: string; readonly partition: number },
  from: bigint,
  take: (record: TopicRecord) => void,
  signal: AbortSignal,
  patience = Number.POSITIVE_INFINITY,
): Promise<bigint> {
  const deadline = systemClock.monotonic() + patience
  const [listed] = await cluster.listOffsets([{ ...place, at: 'latest' }], { signal })
  const end = listed?.offset ?? 0n
  let next = from
  while (next < end) {
    try {
      const one = await reader.fetch(place, next, {
        isolation: 'read_committed',
        maxBytes: fetchBytes,
        signal,
      })
      if (one.fetched) {
        committedRecords(one.fetched, take)
        next = one.fetched.nextOffset
      } else if (one.lastStableOffset >= end) {
        // The cleaner has taken what was between.
        next = end
      } else if (systemClock.monotonic() > deadline) throw stillOpen(place.topic, place.partition)
      else await systemClock.sleep(lookPause, signal)
    } catch (error) {
      if (!isTidemarkError(error, 'OFFSET_OUT_OF_RANGE')) throw error
      const { logStartOffset } = await reader.bounds(place, signal)
      if (logStartOffset <= next) throw error
      next = logStartOffset
    }
  }
  return next
}

/** A transaction of somebody keeps a topic of the pipeline's own from being read. */
export function stillOpen(topic: string, partition: number): TidemarkError {
  return new TidemarkError(
    'REQUEST_TIMEOUT',
    `An open transaction keeps ${topic}/${partition} from being read to its end`,
    { details: { topic, partition }, hint: 'Raise coordination.commit.syncTimeout, or end the transaction.' },
  )
}
