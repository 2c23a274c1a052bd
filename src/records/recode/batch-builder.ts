import { TidemarkError } from '../../base/index.ts'
import * as header from '../batch-header.ts'
import { type CodecName, compress } from '../codecs.ts'
import type { RecordCursor } from '../record-cursor.ts'
import { varintSize, varlongSize, writeVarint, writeVarlong } from '../varint.ts'
import type { SlabPool } from './slab-pool.ts'

const { HEADER_SIZE, codecId } = header

/** Below this a delta and its zigzag form are exact as numbers. */
const SMALL = 2 ** 48
/** The format's length fields have 31 bits. */
const LARGEST = 0x7fff_ffff

/** A batch that was built, without a producer and without a CRC: both are written when it is sent. */
export interface BuiltBatch {
  readonly bytes: Buffer
  /** Gives its memory back. */
  readonly release: () => void
  readonly records: number
  /** Ms since the epoch; −1 for none. */
  readonly maxTimestamp: bigint
}

/**
 * Builds a dense v2 batch from records as they are encoded elsewhere: keys and values are copied, not decoded. One builder
 * builds many batches, one after the other, in one piece of memory.
 */
export class BatchBuilder {
  #buffer: Buffer
  #end = HEADER_SIZE
  #count = 0
  #base = 0n
  #baseNumber = 0
  #baseExact = true
  #max = 0n
  #maxNumber = 0
  readonly #level: number | undefined

  constructor(options: { readonly level?: number; readonly initialBytes?: number } = {}) {
    this.#level = options.level
    this.#buffer = Buffer.allocUnsafeSlow(options.initialBytes ?? 64 * 1024)
  }

  get count(): number {
    return this.#count
  }

  /** Bytes of the batch so far, header included, not compressed. */
  get size(): number {
    return this.#end
  }

  /**
   * Appends the cursor's record with the time that consumers see. `headers` are encoded headers, count first, up to
   * `headersLength`; without them the record keeps its own. Unless the record is the first, one that would make the
   * batch larger than `limit` bytes (not compressed) is not appended: answers false.
   */
  add(cursor: RecordCursor, limit: number, headers?: Buffer, headersLength = 0): boolean {
    const { body, keyAt, headersAt, end } = cursor
    const time = cursor.timestampNumber
    const first = this.#count === 0
    if (first) this.#begin(cursor)
    const small = time - this.#baseNumber
    const exact = small < SMALL && small > -SMALL && Number.isSafeInteger(time) && this.#baseExact
    const delta = exact ? small : BigInt.asIntN(64, cursor.timestamp - this.#base)
    const content = headersAt - keyAt
    const tail = headers ? headersLength : end - headersAt
    const length = 1 + deltaSize(delta) + varintSize(this.#count) + content + tail
    const size = length + varintSize(length)
    if (!first && this.#end + size > limit) return false
    if (this.#end + size > LARGEST) {
      throw new TidemarkError('RECORD_TOO_LARGE', 'A record does not fit into a batch', { details: { size } })
    }
    this.#reserve(size)
    const target = this.#buffer
    let to = writeVarint(target, this.#end, length)
    target[to++] = 0
    to = writeDelta(target, to, delta)
    to = writeVarint(target, to, this.#count)
    to += body.copy(target, to, keyAt, headersAt)
    if (headers) to += headers.copy(target, to, 0, headersLength)
    else if (tail === 1) target[to++] = body[headersAt] as number
    else to += body.copy(target, to, headersAt, end)
    this.#end = to
    this.#count++
    if (time > this.#maxNumber || !Number.isSafeInteger(time)) this.#raiseMax(cursor.timestamp)
    return true
  }

  /**
   * The batch; begins anew. There must be a record in it. A batch that is within `limit` as it is and grows beyond it by
   * compression stays uncompressed.
   */
  finish(wanted: CodecName, memory: Pick<SlabPool, 'take'>, limit = 0): BuiltBatch {
    const body = this.#buffer.subarray(HEADER_SIZE, this.#end)
    const compressed = compress(wanted, body, this.#level)
    const grown = this.#end <= limit && HEADER_SIZE + compressed.length > limit
    const codec = grown ? 'none' : wanted
    const packed = grown ? body : compressed
    const { bytes, release } = memory.take(HEADER_SIZE + packed.length)
    packed.copy(bytes, HEADER_SIZE)
    header.writeDenseHeader(bytes, {
      codec: codecId[codec],
      records: this.#count,
      baseTimestamp: this.#base,
      maxTimestamp: this.#max,
    })
    const built = { bytes, release, records: this.#count, maxTimestamp: this.#max }
    this.clear()
    return built
  }

  /** Forgets what was added. */
  clear(): void {
    this.#end = HEADER_SIZE
    this.#count = 0
  }

  #begin(cursor: RecordCursor): void {
    this.#base = cursor.timestamp
    this.#baseNumber = Number(this.#base)
    this.#baseExact = Number.isSafeInteger(this.#baseNumber)
    this.#max = this.#base
    this.#maxNumber = this.#baseNumber
  }

  #raiseMax(timestamp: bigint): void {
    if (timestamp <= this.#max) return
    this.#max = timestamp
    this.#maxNumber = Number(timestamp)
  }

  #reserve(more: number): void {
    const needed = this.#end + more
    if (needed <= this.#buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(this.#buffer.length * 2, LARGEST)))
    this.#buffer.copy(grown, 0, 0, this.#end)
    this.#buffer = grown
  }
}

function deltaSize(delta: number | bigint): number {
  if (typeof delta === 'bigint') return varlongSize(delta)
  let zigzag = delta >= 0 ? delta * 2 : -delta * 2 - 1
  let bytes = 1
  for (; zigzag >= 0x80; zigzag = Math.floor(zigzag / 0x80)) bytes++
  return bytes
}

function writeDelta(target: Buffer, at: number, delta: number | bigint): number {
  if (typeof delta === 'bigint') return writeVarlong(target, at, delta)
  if (delta < 0x4000_0000 && delta > -0x4000_0000) return writeVarint(target, at, delta)
  let zigzag = delta >= 0 ? delta * 2 : -delta * 2 - 1
  let to = at
  for (; zigzag >= 0x80; zigzag = Math.floor(zigzag / 0x80)) target[to++] = (zigzag % 0x80) | 0x80
  target[to++] = zigzag
  return to
}
