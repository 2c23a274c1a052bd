import { type ErrorDetails, isTidemarkError, type TidemarkError } from '../base/index.ts'
import * as header from './batch-header.ts'
import { codecName, DEFAULT_MAX_DECOMPRESSED, decompress } from './codecs.ts'
import { corrupt } from './corrupt.ts'

/** One header of a record. Keys are bytes: they need not be UTF-8. Null and empty values differ. */
export interface RecordHeader {
  readonly key: Buffer
  readonly value: Buffer | null
}

export interface DecodeOptions {
  /** Goes into the details of errors: topic, partition, object. */
  readonly place?: ErrorDetails
  /** Bytes that the records may decompress to. @default 512 MiB */
  readonly maxBytes?: number
}

const NO_HEADERS: readonly RecordHeader[] = Object.freeze([])
/** Deltas up to here are exact as numbers, also after a base timestamp of any real date has been added. */
const SMALL_DELTA_BYTES = 7
const SAFE = 2 ** 52

/**
 * Goes through the records of one batch without making an object for each: `next()` moves on, the fields and methods
 * describe the record moved to. Each record is:
 *
 *     length          varint    bytes that follow
 *     attributes      int8      unused
 *     timestampDelta  varlong   from the batch's baseTimestamp
 *     offsetDelta     varint    from the batch's baseOffset
 *     keyLength       varint    −1 for null, then the key
 *     valueLength     varint    −1 for null, then the value
 *     headersCount    varint    then each: key length, key, value length (−1 for null), value
 *
 * Keys, values and headers are views: of the batch where it is not compressed, else of memory of their own.
 * Everything throws RECORD_CORRUPT where the bytes do not fit this; headers are looked at only when asked for.
 */
export class RecordCursor {
  /** The bytes that positions below refer to. */
  readonly body: Buffer
  /** Of the current record: its offset minus the batch's base offset. */
  offsetDelta = -1
  /** Position of the current record's key length: from here to `headersAt` lie key and value as they are encoded. */
  keyAt = 0
  /** Position of the current record's headers count. */
  headersAt = 0
  /** The byte after the current record. */
  end: number
  /** Of the header that `nextHeader` moved to: where its key begins, and the byte after it. */
  headerKeyAt = 0
  headerKeyEnd = 0
  /** Where its value begins; −1 where that is null. */
  headerValueAt = -1
  headerValueEnd = 0
  readonly #batch: Buffer
  readonly #at: number
  readonly #place: ErrorDetails | undefined
  readonly #limit: number
  readonly #lastDelta: number
  readonly #appendTime: bigint | undefined
  readonly #baseTimestamp: bigint
  readonly #baseTimestampNumber: number
  #left: number
  #headersLeft = 0
  #pos: number
  #delta = 0
  #bigDelta: bigint | undefined
  #keyStart = 0
  #keyLength = -1
  #valueStart = 0
  #valueLength = -1

  /** Opens the whole v2 batch at `at`; decompresses it if need be. */
  constructor(batch: Buffer, at: number, options: DecodeOptions = {}) {
    this.#batch = batch
    this.#at = at
    this.#place = options.place
    this.#left = header.recordsCount(batch, at)
    this.#lastDelta = header.lastOffsetDelta(batch, at)
    // The broker's time holds for all records. Without it the deltas count from baseTimestamp, also where the cleaner has
    // put the delete horizon there: it has then made the deltas anew.
    this.#appendTime = header.isLogAppendTime(batch, at) ? header.maxTimestamp(batch, at) : undefined
    this.#baseTimestamp = header.baseTimestamp(batch, at)
    this.#baseTimestampNumber = Number(this.#baseTimestamp)
    const from = at + header.HEADER_SIZE
    const to = at + header.size(batch, at)
    const codec = codecName(header.codec(batch, at))
    if (codec === undefined) throw this.#corrupt('its codec is not known')
    if (codec === 'none' || from === to) {
      this.body = batch
      this.#pos = from
      this.#limit = to
    } else {
      try {
        this.body = decompress(codec, batch.subarray(from, to), options.maxBytes ?? DEFAULT_MAX_DECOMPRESSED)
      } catch (cause) {
        throw isTidemarkError(cause, 'RECORD_CORRUPT') ? this.#corrupt(cause.message, cause) : cause
      }
      this.#pos = 0
      this.#limit = this.body.length
    }
    this.end = this.#pos
  }

  /** Moves to the next record; false after the last one. */
  next(): boolean {
    this.#pos = this.end
    if (this.#left === 0) {
      if (this.#pos !== this.#limit) throw this.#corrupt('there are bytes after its last record')
      return false
    }
    this.#left--
    const length = this.#varint(this.#limit)
    if (length < 0 || length > this.#limit - this.#pos) throw this.#corrupt('a record is cut')
    const end = this.#pos + length
    this.end = end
    this.#pos++
    this.#readTimestampDelta(end)
    const before = this.offsetDelta
    this.offsetDelta = this.#varint(end)
    if (this.offsetDelta <= before || this.offsetDelta > this.#lastDelta) {
      throw this.#corrupt(`a record has the offset delta ${this.offsetDelta} after ${before}`)
    }
    this.keyAt = this.#pos
    this.#keyLength = this.#varint(end)
    this.#keyStart = this.#pos
    this.#skip(this.#keyLength, end)
    this.#valueLength = this.#varint(end)
    this.#valueStart = this.#pos
    this.#skip(this.#valueLength, end)
    this.headersAt = this.#pos
    return true
  }

  get offset(): bigint {
    return header.baseOffset(this.#batch, this.#at) + BigInt(this.offsetDelta)
  }

  /** Ms since the epoch; the broker's time in a LogAppendTime batch; −1 for none. */
  get timestamp(): bigint {
    if (this.#appendTime !== undefined) return this.#appendTime
    return BigInt.asIntN(64, this.#baseTimestamp + (this.#bigDelta ?? BigInt(this.#delta)))
  }

  /** {@link timestamp} as a number, without making a `bigint` for it: rounded only where it is no real time. */
  get timestampNumber(): number {
    const base = this.#baseTimestampNumber
    if (this.#appendTime === undefined && this.#bigDelta === undefined && Math.abs(base) < SAFE) {
      return base + this.#delta
    }
    return Number(this.timestamp)
  }

  /** The key; null and empty differ. */
  key(): Buffer | null {
    return this.#keyLength < 0 ? null : this.body.subarray(this.#keyStart, this.#keyStart + this.#keyLength)
  }

  /** The value; null (a tombstone in a compacted topic) and empty differ. */
  value(): Buffer | null {
    return this.#valueLength < 0
      ? null
      : this.body.subarray(this.#valueStart, this.#valueStart + this.#valueLength)
  }

  /** How many headers the record says it has. From here `nextHeader` goes through them. */
  headersCount(): number {
    this.#pos = this.headersAt
    const count = this.#varint(this.end)
    // Each takes two bytes at least: so no loop below runs longer than the record.
    if (count < 0 || count > (this.end - this.#pos) / 2)
      throw this.#corrupt('a record claims too many headers')
    if (count === 0 && this.#pos !== this.end) throw this.#corrupt('a record has bytes after its end')
    this.#headersLeft = count
    return count
  }

  /**
   * Moves to the next header without making anything of it; false after the last one. `headersCount` comes first, and nothing
   * but this between it and the last header.
   */
  nextHeader(): boolean {
    if (this.#headersLeft === 0) {
      if (this.#pos !== this.end) throw this.#corrupt('a record has bytes after its headers')
      return false
    }
    this.#headersLeft--
    const keyLength = this.#varint(this.end)
    if (keyLength < 0) throw this.#corrupt('a header has no key')
    this.headerKeyAt = this.#pos
    this.#skip(keyLength, this.end)
    this.headerKeyEnd = this.#pos
    const valueLength = this.#varint(this.end)
    this.headerValueAt = valueLength < 0 ? -1 : this.#pos
    this.#skip(valueLength, this.end)
    this.headerValueEnd = this.#pos
    return true
  }

  /** The headers, in order, repeated keys and all. */
  headers(): readonly RecordHeader[] {
    const count = this.headersCount()
    if (count === 0) return NO_HEADERS
    const headers: RecordHeader[] = []
    while (this.nextHeader()) {
      headers.push({
        key: this.body.subarray(this.headerKeyAt, this.headerKeyEnd),
        value: this.headerValueAt < 0 ? null : this.body.subarray(this.headerValueAt, this.headerValueEnd),
      })
    }
    return headers
  }

  #skip(length: number, end: number): void {
    if (length > end - this.#pos) throw this.#corrupt('a field reaches beyond its record')
    if (length > 0) this.#pos += length
  }

  #varint(end: number): number {
    const { body } = this
    let raw = 0
    for (let shift = 0; shift <= 28; shift += 7) {
      const byte = this.#pos < end ? body[this.#pos++] : undefined
      if (byte === undefined) throw this.#corrupt('a number is cut')
      raw |= (byte & 0x7f) << shift
      if (byte < 0x80) return (raw >>> 1) ^ -(raw & 1)
    }
    throw this.#corrupt('a number is longer than it can be')
  }

  #readTimestampDelta(end: number): void {
    const { body } = this
    const start = this.#pos
    let raw = 0
    let scale = 1
    for (let i = 0; i < SMALL_DELTA_BYTES; i++) {
      const byte = this.#pos < end ? body[this.#pos++] : undefined
      if (byte === undefined) throw this.#corrupt('a number is cut')
      raw += (byte & 0x7f) * scale
      if (byte < 0x80) {
        this.#bigDelta = undefined
        this.#delta = raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2
        return
      }
      scale *= 0x80
    }
    this.#pos = start
    this.#bigDelta = this.#varlong(end)
  }

  #varlong(end: number): bigint {
    let raw = 0n
    for (let shift = 0n; shift <= 63n; shift += 7n) {
      const byte = this.#pos < end ? this.body[this.#pos++] : undefined
      if (byte === undefined) throw this.#corrupt('a number is cut')
      raw |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asIntN(64, (BigInt.asUintN(64, raw) >> 1n) ^ -(raw & 1n))
    }
    throw this.#corrupt('a number is longer than it can be')
  }

  #corrupt(reason: string, cause?: unknown): TidemarkError {
    return corrupt(this.#batch, this.#at, reason, this.#place, cause)
  }
}
