import { type ErrorDetails, TidemarkError } from '../base/index.ts'
import {
  baseOffset,
  codec,
  HEADER_SIZE,
  isControl,
  LOG_OVERHEAD,
  lastOffsetDelta,
  leaderEpoch,
  magic,
  maxTimestamp,
  position,
  recordsCount,
} from './batch-header.ts'
import { corrupt } from './corrupt.ts'

/** Smallest message of formats 0 and 1: crc, magic, attributes, (timestamp,) key length, value length. */
const SMALLEST_LEGACY = [14, 22]

/**
 * The byte after the batch at `at`, or undefined when the batch is cut off by `end` (also when nothing is left), which is
 * how a fetch response may end. Message sets of formats 0 and 1 are stepped over likewise, one message at a time.
 * Throws RECORD_CORRUPT, with `place` in its details, for what cannot be a batch: so that a loop over the answers always
 * moves on, and the accessors of `batch-header.ts` are safe on everything it has passed.
 */
export function batchEnd(buffer: Buffer, at: number, end: number, place?: ErrorDetails): number | undefined {
  if (end - at < position.crc) return undefined
  const length = buffer.readInt32BE(at + position.batchLength)
  const version = buffer.readInt8(at + position.magic)
  if (version === 2) {
    if (length < HEADER_SIZE - LOG_OVERHEAD) {
      throw corrupt(buffer, at, `its length of ${length} bytes is less than a header`, place)
    }
    if (length + LOG_OVERHEAD > end - at) return undefined
    checkCounts(buffer, at, place)
    return at + length + LOG_OVERHEAD
  }
  const smallest = SMALLEST_LEGACY[version]
  if (smallest === undefined) throw corrupt(buffer, at, `its format (magic ${version}) is not known`, place)
  if (length < smallest) {
    throw corrupt(
      buffer,
      at,
      `its length of ${length} bytes is less than a message of format ${version}`,
      place,
    )
  }
  return length + LOG_OVERHEAD > end - at ? undefined : at + length + LOG_OVERHEAD
}

function checkCounts(buffer: Buffer, at: number, place: ErrorDetails | undefined): void {
  const delta = lastOffsetDelta(buffer, at)
  const count = recordsCount(buffer, at)
  if (delta < 0 || count < 0 || count - 1 > delta) {
    throw corrupt(buffer, at, `it claims ${count} records up to offset delta ${delta}`, place)
  }
  if (buffer.readInt32BE(at) < 0) throw corrupt(buffer, at, 'its base offset is negative', place)
}

/**
 * Positions of the whole batches in [`start`, `end`), in order; stops before a batch that is cut off. With
 * `complete`, a cut off batch is RECORD_CORRUPT too: for bytes that should hold whole batches only.
 */
export function* batches(
  buffer: Buffer,
  start: number,
  end: number,
  options: { readonly complete?: boolean; readonly place?: ErrorDetails } = {},
): Generator<number, void, undefined> {
  let at = start
  for (let next = batchEnd(buffer, at, end, options.place); next !== undefined; ) {
    yield at
    at = next
    next = batchEnd(buffer, at, end, options.place)
  }
  if (options.complete && at !== end) throw cutOff(at, end, options.place)
}

function cutOff(at: number, end: number, place: ErrorDetails | undefined): TidemarkError {
  return new TidemarkError('RECORD_CORRUPT', `The last ${end - at} bytes are not a whole record batch`, {
    details: { ...place, position: at },
  })
}

/** What the headers of a run of whole batches say. */
export interface Survey {
  /** The byte after the last whole batch. */
  readonly end: number
  readonly batches: number
  /** Base offset of the first batch; 0 when there is none. */
  readonly firstOffset: bigint
  /** Last offset that the last batch covers; −1 when there is none. */
  readonly lastOffset: bigint
  /** Data records; control records do not count. */
  readonly records: number
  /** Control batches: transaction markers. */
  readonly controlBatches: number
  /** Largest record timestamp of the data batches in ms; −1 for none. */
  readonly maxTimestamp: bigint
  /** Bytes of the largest batch. */
  readonly largestBatch: number
  /** Leader epoch of the last batch; −1 when there is none. */
  readonly leaderEpoch: number
  /** Data batches that their producer, or the broker, had compressed. */
  readonly compressedBatches: number
  /** Messages of formats 0 and 1 are among them; what is counted above is then a lower bound: convert first (`legacy.ts`). */
  readonly legacy: boolean
}

/**
 * Reads the headers of all whole batches in [`start`, `end`): what an index wants to know of them, in one pass.
 * Throws RECORD_CORRUPT where a header cannot be, where offsets do not grow, and, with `complete`, where the last batch
 * is cut off. CRCs are not checked (`checksum.ts`).
 */
export function survey(
  buffer: Buffer,
  start: number,
  end: number,
  options: { readonly complete?: boolean; readonly place?: ErrorDetails } = {},
): Survey {
  let count = 0
  let records = 0
  let controls = 0
  let compressed = 0
  let largest = 0
  let legacy = false
  let latest = -1n
  let last = -1n
  let lastEpoch = -1
  let at = start
  for (;;) {
    const next = batchEnd(buffer, at, end, options.place)
    if (next === undefined) break
    const first = baseOffset(buffer, at)
    if (first <= last) throw corrupt(buffer, at, `the batch before it ends at offset ${last}`, options.place)
    count++
    largest = Math.max(largest, next - at)
    if (magic(buffer, at) === 2) {
      last = first + BigInt(lastOffsetDelta(buffer, at))
      lastEpoch = leaderEpoch(buffer, at)
      if (isControl(buffer, at)) controls++
      else {
        records += recordsCount(buffer, at)
        if (codec(buffer, at) !== 0) compressed++
        const newest = maxTimestamp(buffer, at)
        if (newest > latest) latest = newest
      }
    } else {
      last = first
      legacy = true
      records++
    }
    at = next
  }
  if (options.complete && at !== end) throw cutOff(at, end, options.place)
  return {
    end: at,
    batches: count,
    firstOffset: count === 0 ? 0n : baseOffset(buffer, start),
    lastOffset: last,
    records,
    controlBatches: controls,
    maxTimestamp: latest,
    largestBatch: largest,
    leaderEpoch: lastEpoch,
    compressedBatches: compressed,
    legacy,
  }
}
