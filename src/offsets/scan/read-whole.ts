import { TidemarkError } from '../../base/index.ts'
import { type Cluster, type FetchEvent, Fetcher } from '../../kafka/index.ts'
import type { PartitionScan } from './partition-scan.ts'

/** What the ways of reading are given. */
export interface ReadOptions {
  /** Partitions read at once. */
  readonly parallel: number
  /** Bytes for what is being received. */
  readonly memory: number | undefined
  readonly signal: AbortSignal
  /** Called for every piece read. */
  readonly advanced: (scan: PartitionScan, bytes: number, records: number, nextOffset: bigint) => void
  /** Called when a partition is read to its end. */
  readonly ended: (scan: PartitionScan) => void
}

/**
 * Reads partitions from start to stop, every record. Rejects with what ends a scan (RECORD_CORRUPT, AUTHORIZATION_FAILED,
 * TARGET_CHANGED, …): half of a map is none.
 */
export async function readWhole(
  cluster: Cluster,
  scans: readonly PartitionScan[],
  options: ReadOptions,
): Promise<void> {
  if (scans.length === 0) return
  const waiting = scans.values()
  const open = new Map<string, PartitionScan>()
  const failing = new AbortController()
  const known = (place: { readonly topic: string; readonly partition: number }) =>
    open.get(`${place.topic}/${place.partition}`)
  const begin = () => {
    const { value: scan } = waiting.next()
    if (!scan) return
    const { topic, partition, topicId, start, stop } = scan.task
    open.set(`${topic}/${partition}`, scan)
    fetcher.add({ topic, partition, topicId, from: start, stop, lastFetchedEpoch: -1 })
  }
  const fetcher = new Fetcher(
    cluster,
    { isolation: 'read_committed', ...(options.memory !== undefined && { memory: options.memory }) },
    {
      batches(fetched) {
        try {
          const scan = known(fetched)
          if (!scan || failing.signal.aborted) return
          const records = scan.take(fetched)
          options.advanced(scan, fetched.end - fetched.start, records, fetched.nextOffset)
        } catch (error) {
          failing.abort(error)
        } finally {
          fetched.release()
        }
      },
      event(event) {
        const scan = known(event)
        const failure = failureOf(event)
        if (failure) failing.abort(failure)
        if (event.type !== 'done' || !scan || failing.signal.aborted) return
        open.delete(`${event.topic}/${event.partition}`)
        options.ended(scan)
        begin()
      },
    },
  )
  for (let i = 0; i < options.parallel; i++) begin()
  await fetcher.run(AbortSignal.any([options.signal, failing.signal]))
}

/** What makes a map of what was read so far worthless. That retention took records away while they were read does not. */
function failureOf(event: FetchEvent): Error | undefined {
  const { topic, partition } = event
  const changed = (what: string) =>
    new TidemarkError('TARGET_CHANGED', `Partition ${partition} of ${topic} ${what} while it was scanned`, {
      hint: 'Scan it again.',
      details: { topic, partition },
    })
  switch (event.type) {
    case 'lost':
      return event.error
    case 'recreated':
      return changed('was deleted and created again')
    case 'truncated':
      return changed(`lost its records from offset ${event.divergence} on`)
    default:
      return undefined
  }
}
