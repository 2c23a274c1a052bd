import {
  attribute,
  attributes,
  baseTimestamp,
  codec,
  codecId,
  HEADER_SIZE,
  maxTimestamp,
  recordsCount,
  size,
  writeDenseHeader,
} from './batch-header.ts'
import { varintSize, writeVarint } from './varint.ts'

/** Bytes by which a record may grow: its offset delta by 4, its time delta by 6, its length by 2. */
const GROWTH = 12
/** Bytes of a time delta that is read and written as an exact number. */
const TIME_BYTES = 7
/** Differences up to here keep time deltas within {@link TIME_BYTES} and exact. */
const LARGEST_SHIFT = 2 ** 46
/** What any attribute makes of a batch that cannot be joined: the broker's times, a marker. */
const UNFIT = attribute.logAppendTime | attribute.control
/** Copying fewer bytes than this one by one is quicker than asking for it. */
const FEW = 48

/**
 * Joins small batches into one large one, which is not compressed: the bytes of keys, values and headers are copied as they lie; only
 * length, time delta and offset delta of each record are written anew, because they count from the beginning of the batch. A
 * broker spends as much on a batch as on a hundred kilobytes in it, so what was produced in small pieces is written back several times faster.
 *
 *     joiner.begin(memory)
 *     while joiner.add(buffer, at):  next batch
 *     bytes = joiner.finish()       a dense v2 batch without producer and CRC, or undefined when nothing was added
 *
 * Batches are joined as they come: whether offsets between them are missing is the caller's concern.
 */
export class BatchJoiner {
  #target: Buffer = Buffer.alloc(0)
  #end = 0
  #count = 0
  #base = 0n
  #max = 0n

  /** Records so far. */
  get count(): number {
    return this.#count
  }

  /** Bytes of records for which there is memory left. */
  get room(): number {
    return this.#target.length - this.#end
  }

  /** Begins a batch in this memory, which must hold more than a header. */
  begin(memory: Buffer): void {
    this.#target = memory
    this.#end = HEADER_SIZE
    this.#count = 0
  }

  /**
   * Adds the dense v2 data batch at `at`. Answers false, and has added nothing, when it does not surely fit or is not to be joined: compressed,
   * with the broker's times or times centuries away, not as the format says.
   */
  add(buffer: Buffer, at: number): boolean {
    if (codec(buffer, at) !== codecId.none) return false
    return this.#add(buffer, at, buffer, at + HEADER_SIZE, at + size(buffer, at))
  }

  /** The same for a compressed batch, whose decompressed records are these. */
  addRecords(buffer: Buffer, at: number, decompressed: Buffer): boolean {
    return this.#add(buffer, at, decompressed, 0, decompressed.length)
  }

  #add(buffer: Buffer, at: number, source: Buffer, from: number, to: number): boolean {
    const records = recordsCount(buffer, at)
    if (to - from + records * GROWTH > this.room) return false
    if ((attributes(buffer, at) & UNFIT) !== 0 || records === 0) return false
    const base = baseTimestamp(buffer, at)
    if (this.#count === 0) this.#base = base
    const shift = Number(base - this.#base)
    if (shift > LARGEST_SHIFT || shift < -LARGEST_SHIFT) return false
    const end = this.#copy(source, from, to, records, shift)
    if (end < 0) return false
    const max = maxTimestamp(buffer, at)
    if (this.#count === 0 || max > this.#max) this.#max = max
    this.#end = end
    this.#count += records
    return true
  }

  /** The batch, in the memory that it was begun in. */
  finish(): Buffer | undefined {
    if (this.#count === 0) return undefined
    const bytes = this.#target.subarray(0, this.#end)
    writeDenseHeader(bytes, {
      codec: codecId.none,
      records: this.#count,
      baseTimestamp: this.#base,
      maxTimestamp: this.#max,
    })
    this.#count = 0
    return bytes
  }

  /** Copies records; answers where they end in the target, or −1 when they are not as the format says. */
  #copy(source: Buffer, from: number, end: number, records: number, shift: number): number {
    const target = this.#target
    let to = this.#end
    let offset = this.#count
    let at = from
    for (let i = 0; i < records; i++, offset++) {
      // Length.
      let raw = 0
      let bits = 0
      let byte = 0x80
      for (; byte >= 0x80 && bits <= 28 && at < end; bits += 7) {
        byte = source[at++] as number
        raw |= (byte & 0x7f) << bits
      }
      const length = (raw >>> 1) ^ -(raw & 1)
      if (byte >= 0x80 || length < 4 || length > end - at) return -1
      const next = at + length
      // Attributes, which nothing uses and a broker wants to be nothing.
      if (source[at++] !== 0) return -1
      // Time delta.
      let zigzag = 0
      let scale = 1
      const timeEnd = at + TIME_BYTES
      byte = 0x80
      while (byte >= 0x80 && at < timeEnd && at < next) {
        byte = source[at++] as number
        zigzag += (byte & 0x7f) * scale
        scale *= 0x80
      }
      if (byte >= 0x80) return -1
      const delta = (zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2) + shift
      // Offset delta: of a dense batch, the number of the record.
      raw = 0
      bits = 0
      byte = 0x80
      for (; byte >= 0x80 && bits <= 28 && at < next; bits += 7) {
        byte = source[at++] as number
        raw |= (byte & 0x7f) << bits
      }
      if (byte >= 0x80 || ((raw >>> 1) ^ -(raw & 1)) !== i) return -1
      // Written anew.
      zigzag = delta >= 0 ? delta * 2 : -delta * 2 - 1
      const content = next - at
      to = writeVarint(target, to, 1 + numberSize(zigzag) + varintSize(offset) + content)
      target[to++] = 0
      for (; zigzag >= 0x80; zigzag = Math.floor(zigzag / 0x80)) target[to++] = (zigzag % 0x80) | 0x80
      target[to++] = zigzag
      to = writeVarint(target, to, offset)
      if (content < FEW) while (at < next) target[to++] = source[at++] as number
      else {
        source.copy(target, to, at, next)
        to += content
        at = next
      }
    }
    return at === end ? to : -1
  }
}

/** Bytes of a number in the form of a varint. */
function numberSize(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  let bytes = 2
  for (let rest = Math.floor(value / 0x4000); rest > 0; rest = Math.floor(rest / 0x80)) bytes++
  return bytes
}
