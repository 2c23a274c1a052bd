import type { ErrorDetails } from '../base/index.ts'
import type { FetchedBatches } from '../kafka/index.ts'
import {
  batchEnd,
  checkCrcs,
  decodeBatch,
  dropAborted,
  header,
  type Survey,
  survey,
  upgradeLegacy,
} from '../records/index.ts'

/** What of a response is to be kept. */
export interface Sifted {
  /** Whole batches; in the response's own memory, or in new memory where old formats had to be converted. */
  readonly bytes: Buffer
  readonly survey: Survey
  /** How many of the records lie below the asked offset: the batch that it cuts through is kept whole. */
  readonly recordsBefore: number
  readonly aborted: readonly { readonly from: bigint; readonly to: bigint }[]
  readonly abortedRecords: number
}

/**
 * Checks every batch's CRC, leaves out what lies below the asked offset and what was aborted, and surveys the rest.
 * Record formats 0 and 1 become batches here. Throws RECORD_CORRUPT.
 */
export function sift(fetched: FetchedBatches, isolation: 'read_committed' | 'read_uncommitted'): Sifted {
  const place: ErrorDetails = { topic: fetched.topic, partition: fetched.partition }
  const { buffer, start, end } = upgradeLegacy(fetched.buffer, fetched.start, fetched.end, place)
  const from = firstWanted(buffer, start, end, fetched.fromOffset, place)
  checkCrcs(buffer, from, end, place)
  const aborted = isolation === 'read_committed' ? fetched.aborted : []
  const { kept, dropped, droppedRecords } = dropAborted(buffer, from, end, aborted, place)
  const below = from < end ? recordsBelow(buffer, from, fetched.fromOffset) : 0
  const cutIsKept = kept[0]?.start === from
  // What is left out leaves a hole: closing it moves a few bytes and keeps the piece in one range.
  let to = kept[0]?.start ?? from
  const first = to
  for (const range of kept) {
    if (range.start !== to) buffer.copyWithin(to, range.start, range.end)
    to += range.end - range.start
  }
  return {
    bytes: buffer.subarray(first, to),
    survey: survey(buffer, first, to, { complete: true, place }),
    recordsBefore: cutIsKept ? below : 0,
    aborted: dropped,
    abortedRecords: cutIsKept ? droppedRecords : droppedRecords - below,
  }
}

/** A response may begin with a batch that ends before the asked offset. */
function firstWanted(
  buffer: Buffer,
  start: number,
  end: number,
  offset: bigint,
  place: ErrorDetails,
): number {
  let at = start
  for (;;) {
    const next = batchEnd(buffer, at, end, place)
    if (next === undefined || header.lastOffset(buffer, at) >= offset) return at
    at = next
  }
}

/** Records of a batch below an offset. Only a batch with holes has to be decoded for that. */
function recordsBelow(buffer: Buffer, at: number, offset: bigint): number {
  const base = header.baseOffset(buffer, at)
  if (base >= offset || header.isControl(buffer, at)) return 0
  const whole = header.recordsCount(buffer, at) === header.lastOffsetDelta(buffer, at) + 1
  if (whole) return Number(offset - base)
  return decodeBatch(buffer, at).filter((record) => record.offset < offset).length
}
