import { varintSize, varlongSize, writeVarint, writeVarlong } from './varint.ts'

/** A header to be written. */
export interface EncodableHeader {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
}

/** A record to be written; a decoded record is one. */
export interface EncodableRecord {
  /** Needed only where offsets are kept. */
  readonly offset?: bigint
  /** Ms since the epoch; −1 for none. */
  readonly timestamp: bigint
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers?: readonly EncodableHeader[]
}

/** A timestamp delta: a number where that is exact, which is nearly always. */
export type TimestampDelta = number | bigint

/** Below this a delta and its zigzag form are exact as numbers. */
const SMALL_DELTA = 2 ** 48

/** `timestamp − base` as records carry it: wraps in 64 bits like the reader's addition does. */
export function timestampDelta(timestamp: bigint, base: bigint): TimestampDelta {
  const delta = timestamp - base
  const number = Number(delta)
  return number < SMALL_DELTA && number > -SMALL_DELTA ? number : BigInt.asIntN(64, delta)
}

/** Bytes of a record without its leading length. */
export function recordLength(record: EncodableRecord, offsetDelta: number, time: TimestampDelta): number {
  let length = 1 + deltaSize(time) + varintSize(offsetDelta) + fieldSize(record.key) + fieldSize(record.value)
  const headers = record.headers
  if (headers === undefined) return length + 1
  length += varintSize(headers.length)
  for (const header of headers) length += fieldSize(header.key) + fieldSize(header.value)
  return length
}

function fieldSize(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : varintSize(bytes.length) + bytes.length
}

function deltaSize(delta: TimestampDelta): number {
  if (typeof delta === 'bigint') return varlongSize(delta)
  let zigzag = delta >= 0 ? delta * 2 : -delta * 2 - 1
  let bytes = 1
  for (; zigzag >= 0x80; zigzag = Math.floor(zigzag / 0x80)) bytes++
  return bytes
}

/** Writes a record of the given {@link recordLength} at `at`; answers the byte after it. */
export function writeRecord(
  target: Buffer,
  at: number,
  record: EncodableRecord,
  offsetDelta: number,
  time: TimestampDelta,
  length: number,
): number {
  let to = writeVarint(target, at, length)
  target[to++] = 0
  to = writeDelta(target, to, time)
  to = writeVarint(target, to, offsetDelta)
  to = writeField(target, to, record.key)
  to = writeField(target, to, record.value)
  const headers = record.headers
  if (headers === undefined) {
    target[to++] = 0
    return to
  }
  to = writeVarint(target, to, headers.length)
  for (const header of headers) {
    to = writeField(target, to, header.key)
    to = writeField(target, to, header.value)
  }
  return to
}

/** Shorter than this, a loop beats the call into the engine. */
const SHORT = 24

function writeField(target: Buffer, at: number, bytes: Uint8Array | null): number {
  if (bytes === null) {
    target[at] = 1
    return at + 1
  }
  const length = bytes.length
  const to = writeVarint(target, at, length)
  if (length > SHORT) target.set(bytes, to)
  else for (let i = 0; i < length; i++) target[to + i] = bytes[i] as number
  return to + length
}

function writeDelta(target: Buffer, at: number, delta: TimestampDelta): number {
  if (typeof delta === 'bigint') return writeVarlong(target, at, delta)
  let zigzag = delta >= 0 ? delta * 2 : -delta * 2 - 1
  let to = at
  for (; zigzag >= 0x80; zigzag = Math.floor(zigzag / 0x80)) target[to++] = (zigzag % 0x80) | 0x80
  target[to++] = zigzag
  return to
}
