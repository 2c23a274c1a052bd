import { isTidemarkError } from '../../base/index.ts'
import { type Cluster, PositionReader } from '../../kafka/index.ts'
import type { PartitionScan } from './partition-scan.ts'
import type { ReadOptions } from './read-whole.ts'

/** Bytes of a stretch that is read. */
const STRETCH_BYTES = 1 << 20

/**
 * Reads a share of each partition: a stretch of about a megabyte, then goes on beyond so many offsets that the share is kept; the
 * first and the last stretch are always read. Answers the scans, in order; undefined for partitions of which what was read
 * shows that they need not hold the copy in its order, so that only reading them whole helps.
 */
export async function readSample(
  cluster: Cluster,
  scans: readonly PartitionScan[],
  rate: number,
  options: ReadOptions,
): Promise<(PartitionScan | undefined)[]> {
  await using reader = new PositionReader(cluster)
  const done: (PartitionScan | undefined)[] = scans.map(() => undefined)
  const waiting = scans.entries()
  const worker = async () => {
    for (const [index, scan] of waiting) {
      try {
        await sample(reader, scan, rate, options)
      } catch (error) {
        // Retention has overtaken it.
        if (!isTidemarkError(error, 'OFFSET_OUT_OF_RANGE')) throw error
        continue
      }
      if (scan.doubtful) continue
      done[index] = scan
      options.ended(scan)
    }
  }
  await Promise.all(Array.from({ length: Math.min(options.parallel, scans.length) }, worker))
  return done
}

async function sample(
  reader: PositionReader,
  scan: PartitionScan,
  rate: number,
  options: ReadOptions,
): Promise<void> {
  const { stop, start } = scan.task
  const place = { topic: scan.task.topic, partition: scan.task.partition }
  let at = start
  while (at < stop && !scan.doubtful) {
    options.signal.throwIfAborted()
    const fetched = await reader.fetchFrom(place, at, { maxBytes: STRETCH_BYTES, signal: options.signal })
    // Nothing more that may be read: the cleaner has taken the end.
    if (!fetched) return
    const records = scan.take(fetched)
    const { nextOffset: next } = fetched
    options.advanced(scan, fetched.end - fetched.start, records, next)
    const length = next - at
    const lastStretch = stop - length
    const beyond = next + BigInt(Math.round(Number(length) * (1 / rate - 1)))
    at = beyond < lastStretch ? beyond : lastStretch
    if (at > next) scan.jump()
    else at = next
  }
}
