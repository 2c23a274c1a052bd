import type { BackupReader } from '../../archive/index.ts'
import { invariant } from '../../base/index.ts'
import { batchEnd, header, readControlRecord } from '../../records/index.ts'
import type { RestoreNotice, TimeWindow } from '../job.ts'
import type { RestorePlan } from '../plan/plan-types.ts'
import { TransactionChoice, type TransactionEnd } from './transaction-choice.ts'
import { groupMarkers, type Marker } from './transaction-groups.ts'

export interface TransactionScan {
  /** What is taken of a source partition. */
  readonly choice: (topic: string, partition: number) => TransactionChoice
  readonly notices: readonly RestoreNotice[]
}

/**
 * Reads the markers of all selected partitions, and decides transaction by transaction whether the window takes it: when all of its
 * markers lie in it. Batches are looked at by their headers alone.
 */
export async function scanTransactions(
  reader: BackupReader,
  plan: RestorePlan,
  window: TimeWindow,
  signal: AbortSignal,
): Promise<TransactionScan> {
  const markers: Marker[] = []
  const places: string[] = []
  for (const input of plan.topics.flatMap((topic) => topic.lanes.flatMap((lane) => lane.inputs))) {
    const place = places.length
    places.push(placeKey(input.topic, input.source.partition))
    const index = (await reader.topic(input.topic, input.topicId)).partitions.get(input.source.partition)
    // Latest data time of each producer's transaction that is open at this point of the partition.
    const open = new Map<bigint, number>()
    for (const ref of index?.chunks ?? []) {
      const bytes = await reader.read(ref.chunk, { signal })
      readChunk(bytes, Number(ref.from), Number(ref.to), place, open, markers)
    }
  }
  const transactions = groupMarkers(markers)
  const ends = places.map(() => new Map<bigint, TransactionEnd[]>())
  let cut = 0
  for (const transaction of transactions) {
    const inside = transaction.filter((marker) => lies(window, marker.time)).length
    const taken = inside === transaction.length
    if (inside > 0 && !taken) cut++
    for (const { place, producerId, offset } of transaction) {
      const byProducer = ends[place]
      const known = byProducer?.get(producerId)
      if (known) known.push({ marker: offset, taken })
      else byProducer?.set(producerId, [{ marker: offset, taken }])
    }
  }
  for (const byProducer of ends) {
    for (const list of byProducer.values()) list.sort((a, b) => a.marker - b.marker)
  }
  const choices = new Map(places.map((key, i) => [key, new TransactionChoice(ends[i] ?? new Map())]))
  const none = new TransactionChoice(new Map())
  const message = `${cut} transactions were being decided when the time window begins or ends: they are left out, in all their topics`
  return {
    choice: (topic, partition) => choices.get(placeKey(topic, partition)) ?? none,
    notices: cut === 0 ? [] : [{ code: 'transactions-cut', message }],
  }
}

function readChunk(
  bytes: Buffer,
  from: number,
  to: number,
  place: number,
  open: Map<bigint, number>,
  markers: Marker[],
): void {
  for (let at = 0; at < bytes.length; ) {
    const end = batchEnd(bytes, at, bytes.length)
    invariant(end !== undefined, 'a chunk holds whole batches')
    const offset = header.lastOffsetNumber(bytes, at)
    if (header.isTransactional(bytes, at) && offset >= from && offset < to) {
      const producerId = header.producerId(bytes, at)
      if (!header.isControl(bytes, at)) {
        open.set(producerId, Math.max(open.get(producerId) ?? -1, header.maxTimestampNumber(bytes, at)))
      } else if (readControlRecord(bytes, at)?.type === 'commit') {
        markers.push({
          place,
          producerId,
          epoch: header.producerEpoch(bytes, at),
          offset,
          time: header.maxTimestampNumber(bytes, at),
          lastData: open.get(producerId),
        })
        open.delete(producerId)
      } else {
        open.delete(producerId)
      }
    }
    at = end
  }
}

function lies({ start, end }: TimeWindow, time: number): boolean {
  return (start === undefined || BigInt(time) >= start) && (end === undefined || BigInt(time) <= end)
}

function placeKey(topic: string, partition: number): string {
  return `${topic}/${partition}`
}
