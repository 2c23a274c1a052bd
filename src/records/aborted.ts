import type { ErrorDetails } from '../base/index.ts'
import * as header from './batch-header.ts'
import { readControlRecord } from './control-record.ts'
import { batchEnd } from './walk.ts'

/** One aborted transaction as a fetch response lists it. */
export interface AbortedProducer {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

/** Contiguous bytes of a buffer, whole batches. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** Half-open range of offsets. */
export interface DroppedOffsets {
  readonly from: bigint
  readonly to: bigint
}

/** What READ_COMMITTED leaves of a response. */
export interface Committed {
  /** The bytes to keep, in order; neighbours that touch are one range. Control batches are kept. */
  readonly kept: readonly ByteRange[]
  /** Records in the batches left out. */
  readonly droppedRecords: number
  /** Offsets that the batches left out cover, in order; neighbours that touch are one range. */
  readonly dropped: readonly DroppedOffsets[]
}

/**
 * Leaves out the aborted transactions' batches among the whole batches in [`start`, `end`), by their headers. `aborted`
 * is the list that came with the same response, in any order; it describes these bytes alone: nothing is remembered
 * from one call to the next, since the next response has a list of its own that begins before its first batch.
 *
 * Before each batch the transactions that began at or before its last offset become active; an abort marker ends that of its
 * producer; a transactional data batch of an active producer is left out. A producer may abort many times in one
 * response. Control batches are always kept: they hold no data, and say when a transaction was decided.
 * Throws RECORD_CORRUPT when a batch or marker cannot be read.
 */
export function dropAborted(
  buffer: Buffer,
  start: number,
  end: number,
  aborted: readonly AbortedProducer[],
  place?: ErrorDetails,
): Committed {
  if (aborted.length === 0) {
    return { kept: start === end ? [] : [{ start, end }], droppedRecords: 0, dropped: [] }
  }
  const pending = [...aborted].sort((a, b) => compare(a.firstOffset, b.firstOffset))
  const active = new Set<bigint>()
  const kept: ByteRange[] = []
  const dropped: DroppedOffsets[] = []
  let droppedRecords = 0
  let soFar = 0
  let keptFrom = start
  let at = start
  for (;;) {
    const next = batchEnd(buffer, at, end, place)
    if (next === undefined) break
    // Transactions came with format 2: an older message belongs to none.
    if (header.magic(buffer, at) === 2) {
      const last = header.lastOffset(buffer, at)
      for (let entry = pending[soFar]; entry && entry.firstOffset <= last; entry = pending[++soFar]) {
        active.add(entry.producerId)
      }
      if (active.size > 0 && header.isTransactional(buffer, at)) {
        const producer = header.producerId(buffer, at)
        if (header.isControl(buffer, at)) {
          if (readControlRecord(buffer, at, place)?.type === 'abort') active.delete(producer)
        } else if (active.has(producer)) {
          if (at > keptFrom) kept.push({ start: keptFrom, end: at })
          keptFrom = next
          droppedRecords += header.recordsCount(buffer, at)
          addRange(dropped, header.baseOffset(buffer, at), last + 1n)
        }
      }
    }
    at = next
  }
  if (at > keptFrom) kept.push({ start: keptFrom, end: at })
  return { kept, droppedRecords, dropped }
}

function addRange(ranges: DroppedOffsets[], from: bigint, to: bigint): void {
  const before = ranges.at(-1)
  if (before?.to === from) ranges[ranges.length - 1] = { from: before.from, to }
  else ranges.push({ from, to })
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}
