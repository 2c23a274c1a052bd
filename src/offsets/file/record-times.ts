import { Budget } from '../../base/index.ts'
import { type Cluster, type FetchedBatches, PositionReader, type TopicPartition } from '../../kafka/index.ts'
import { batches, convertLegacy, header, RecordCursor } from '../../records/index.ts'

/** A position in a log. */
export interface LogPosition extends TopicPartition {
  readonly offset: bigint
}

/** Ms since the epoch, or undefined where nothing can be said: an empty log, or no right to read it. */
export type RecordTime = (position: LogPosition) => bigint | undefined

const parallel = 32
/** A fetch answers with at least one whole batch: more is not needed. */
const maxBytes = 1

/**
 * The time of the first record at or after each position. At the end of a log, where there is none yet, it is the time of the
 * newest record: who begins there reads that one again, and misses none that came later.
 */
export async function recordTimes(
  cluster: Cluster,
  positions: Iterable<LogPosition>,
  options: { readonly signal?: AbortSignal } = {},
): Promise<{ readonly timeOf: RecordTime; readonly failed: readonly Error[] }> {
  const key = ({ topic, partition, offset }: LogPosition) => `${topic}/${partition}/${offset}`
  const asked = new Map([...positions].map((position) => [key(position), position]))
  const times = new Map<string, bigint>()
  const failed: Error[] = []
  const places = new Budget(parallel)
  await using reader = new PositionReader(cluster)
  await Promise.all(
    [...asked].map(([name, position]) =>
      places.with(
        1,
        async () => {
          try {
            const time =
              (await timeAt(reader, position, options)) ??
              (await newestTime(cluster, reader, position, options))
            if (time !== undefined) times.set(name, time)
          } catch (error) {
            options.signal?.throwIfAborted()
            failed.push(error instanceof Error ? error : new Error(String(error)))
          }
        },
        options.signal,
      ),
    ),
  )
  return { timeOf: (position) => times.get(key(position)), failed }
}

/** Undefined at the end of the log. A position before the log's start is the start. */
async function timeAt(
  reader: PositionReader,
  position: LogPosition,
  options: { readonly signal?: AbortSignal },
): Promise<bigint | undefined> {
  const { logStartOffset, highWatermark } = await reader.bounds(position, options.signal)
  let offset = position.offset < logStartOffset ? logStartOffset : position.offset
  while (offset < highWatermark) {
    const fetched = await reader.fetchFrom(position, offset, { ...options, maxBytes })
    if (fetched === undefined) return undefined
    const time = firstTime(fetched, offset)
    if (time !== undefined) return time
    offset = fetched.nextOffset
  }
  return undefined
}

async function newestTime(
  cluster: Cluster,
  reader: PositionReader,
  { topic, partition }: LogPosition,
  options: { readonly signal?: AbortSignal },
): Promise<bigint | undefined> {
  const [newest] = await cluster.listOffsets([{ topic, partition, at: 'max-timestamp' }], options)
  if (newest?.offset === undefined) return undefined
  const fetched = await reader.fetchFrom({ topic, partition }, newest.offset, { ...options, maxBytes })
  return fetched && firstTime(fetched, newest.offset)
}

/** The time of the first record from an offset on; control records are none. */
function firstTime(fetched: FetchedBatches, from: bigint): bigint | undefined {
  const place = { topic: fetched.topic, partition: fetched.partition }
  const legacy = [...batches(fetched.buffer, fetched.start, fetched.end)].some(
    (at) => header.magic(fetched.buffer, at) !== 2,
  )
  const bytes = fetched.buffer.subarray(fetched.start, fetched.end)
  const buffer = legacy ? convertLegacy(bytes, 0, bytes.length, place) : bytes
  for (const at of batches(buffer, 0, buffer.length)) {
    if (header.isControl(buffer, at) || header.lastOffset(buffer, at) < from) continue
    const cursor = new RecordCursor(buffer, at, { place })
    while (cursor.next()) if (cursor.offset >= from) return cursor.timestamp
  }
  return undefined
}
