import { type ErrorDetails, isTidemarkError } from '../base/index.ts'
import { baseOffset, codecId, lastOffset, magic } from './batch-header.ts'
import { type CodecName, codecName, decompress } from './codecs.ts'
import { corrupt } from './corrupt.ts'
import { encodeBatch } from './encode.ts'
import { repairLegacyLz4 } from './legacy-lz4.ts'
import { type LegacyMessage, legacyCrcMatches, readLegacyMessage } from './legacy-message.ts'
import type { EncodableRecord } from './record-encoding.ts'
import { batchEnd, batches } from './walk.ts'

type PlainRecord = EncodableRecord & { readonly offset: bigint }

/** Uncompressed messages are gathered into batches of about this many bytes. */
const GATHER_BYTES = 64 * 1024
/** Largest distance of two offsets in a batch: its deltas have 31 bits. */
const WIDEST_SPAN = 0x7fff_fffen

/**
 * The same records as format 2: every message of formats 0 and 1 in [`start`, `end`) becomes part of a batch, batches of
 * format 2 are copied as they are. Offsets are kept, holes and all. Times are those that consumers saw (the broker's where it set
 * them) as CreateTime; format 0 knows none: −1. A compressed message set becomes a batch of the same codec; messages without
 * are gathered. There are no headers, producers or transactions in these formats, and no leader epoch.
 *
 * The bytes must be whole messages. Throws RECORD_CORRUPT where they are not, where a CRC does not match, or where a
 * compressed set cannot be read.
 */
export function convertLegacy(buffer: Buffer, start: number, end: number, place?: ErrorDetails): Buffer {
  const done: Buffer[] = []
  let gathered: PlainRecord[] = []
  let gatheredFrom = start
  let last = -1n
  const flush = () => {
    if (gathered.length > 0) done.push(encodeBatch(gathered, { codec: 'none', offsets: 'keep' }))
    gathered = []
  }
  for (const at of batches(buffer, start, end, { complete: true, ...(place && { place }) })) {
    const next = batchEnd(buffer, at, end, place) ?? end
    if (baseOffset(buffer, at) <= last) {
      throw corrupt(buffer, at, `what comes before it ends at offset ${last}`, place)
    }
    const batch = magic(buffer, at) === 2
    last = batch ? lastOffset(buffer, at) : baseOffset(buffer, at)
    if (batch) {
      flush()
      done.push(buffer.subarray(at, next))
      continue
    }
    if (!legacyCrcMatches(buffer, at, next)) throw corrupt(buffer, at, 'its CRC-32 does not match', place)
    const message = readLegacyMessage(buffer, at, next, place)
    if (message.codec !== codecId.none) {
      flush()
      done.push(convertSet(buffer, at, message, place))
      continue
    }
    const [first] = gathered
    if (first && (next - gatheredFrom > GATHER_BYTES || message.offset - first.offset > WIDEST_SPAN)) flush()
    if (gathered.length === 0) gatheredFrom = at
    gathered.push(message)
  }
  flush()
  return Buffer.concat(done)
}

/**
 * Where the whole batches of [`start`, `end`) lie as format 2: where they are, or, when there are messages of formats 0 and 1 among
 * them, converted in new memory. Throws RECORD_CORRUPT.
 */
export function upgradeLegacy(
  buffer: Buffer,
  start: number,
  end: number,
  place?: ErrorDetails,
): { readonly buffer: Buffer; readonly start: number; readonly end: number } {
  for (const at of batches(buffer, start, end, place && { place })) {
    if (magic(buffer, at) === 2) continue
    const whole = convertLegacy(buffer, start, end, place)
    return { buffer: whole, start: 0, end: whole.length }
  }
  return { buffer, start, end }
}

/** A compressed message holds a message set; the outer offset is that of the last message in it. */
function convertSet(
  buffer: Buffer,
  at: number,
  outer: LegacyMessage,
  place: ErrorDetails | undefined,
): Buffer {
  const codec = codecName(outer.codec)
  if (codec === undefined || codec === 'zstd') throw corrupt(buffer, at, 'its codec is not known', place)
  if (outer.value === null) throw corrupt(buffer, at, 'its compressed message set is missing', place)
  const set = unpack(buffer, at, outer, outer.value, codec, place)
  const inner: LegacyMessage[] = []
  for (const innerAt of batches(set, 0, set.length, { complete: true, ...(place && { place }) })) {
    const innerEnd = batchEnd(set, innerAt, set.length, place) ?? set.length
    if (magic(set, innerAt) === 2) throw corrupt(buffer, at, 'there is a batch inside a message set', place)
    const message = readLegacyMessage(set, innerAt, innerEnd, place)
    if (message.codec !== codecId.none) throw corrupt(buffer, at, 'a message set is compressed twice', place)
    inner.push(message)
  }
  const last = inner.at(-1)
  if (last === undefined) throw corrupt(buffer, at, 'its compressed message set is empty', place)
  const shift = offsetShift(outer, last)
  if (shift < 0n) throw corrupt(buffer, at, 'its inner offsets lie beyond its own', place)
  const records: PlainRecord[] = []
  let previous = -1n
  for (const message of inner) {
    const offset = message.offset + shift
    if (offset <= previous || last.offset + shift - offset > WIDEST_SPAN) {
      throw corrupt(buffer, at, 'its inner offsets do not grow, or lie too far apart', place)
    }
    previous = offset
    const timestamp = outer.logAppendTime && message.magic === 1 ? outer.timestamp : message.timestamp
    records.push({ offset, timestamp, key: message.key, value: message.value })
  }
  return encodeBatch(records, { codec, offsets: 'keep' })
}

/**
 * What to add to inner offsets. Format 0 has absolute ones; format 1 counts from the first message, so that the broker had
 * only the outer one to set. Some producers left an outer 0 beside absolute ones.
 */
function offsetShift(outer: LegacyMessage, last: LegacyMessage): bigint {
  return outer.magic === 0 || outer.offset === 0n ? 0n : outer.offset - last.offset
}

function unpack(
  buffer: Buffer,
  at: number,
  outer: LegacyMessage,
  value: Buffer,
  codec: CodecName,
  place: ErrorDetails | undefined,
): Buffer {
  try {
    return decompress(codec, codec === 'lz4' && outer.magic === 0 ? repairLegacyLz4(value) : value)
  } catch (cause) {
    throw isTidemarkError(cause) ? corrupt(buffer, at, cause.message, place, cause) : cause
  }
}
