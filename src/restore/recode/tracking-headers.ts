import { trackingHeaderNames } from '../../offsets/index.ts'
import { varintSize, writeVarint } from '../../records/index.ts'

/** How many of them a record gets. */
export const TRACKING_HEADERS = 4

const PREFIX = Buffer.from('x-kafka-backup-')
const SUFFIXES = Object.values(trackingHeaderNames).map((name) => Buffer.from(name.slice(PREFIX.length)))

/** Whether the bytes [`start`, `end`) are the name of a tracking header. */
export function isTrackingHeader(bytes: Buffer, start: number, end: number): boolean {
  const length = end - start
  if (length <= PREFIX.length || bytes[start] !== 0x78) return false
  if (bytes.compare(PREFIX, 0, PREFIX.length, start, start + PREFIX.length) !== 0) return false
  const from = start + PREFIX.length
  return SUFFIXES.some((s) => end - from === s.length && bytes.compare(s, 0, s.length, from, end) === 0)
}

/** Writes the tracking headers of one source partition's records as they are encoded in a record. */
export class TrackingHeaders {
  readonly #offsetKey = encodedField(Buffer.from(trackingHeaderNames.offset))
  readonly #timestampKey = encodedField(Buffer.from(trackingHeaderNames.timestamp))
  /** Partition and cluster, keys and values: the same for all records. */
  readonly #constant: Buffer

  constructor(partition: number, cluster: string) {
    this.#constant = Buffer.concat(
      [trackingHeaderNames.partition, String(partition), trackingHeaderNames.cluster, cluster].map((text) =>
        encodedField(Buffer.from(text)),
      ),
    )
  }

  /** Bytes that {@link write} takes at most. */
  get room(): number {
    return this.#offsetKey.length + this.#constant.length + this.#timestampKey.length + 2 * 24
  }

  /** Writes all four at `at`, in the order offset, partition, cluster, timestamp; answers the byte after them. */
  write(target: Buffer, at: number, offset: number | bigint, timestamp: number | bigint): number {
    let to = at + this.#offsetKey.copy(target, at)
    to = writeDecimal(target, to, offset)
    to += this.#constant.copy(target, to)
    to += this.#timestampKey.copy(target, to)
    return writeDecimal(target, to, timestamp)
  }
}

/** A value field holding a decimal number. */
function writeDecimal(target: Buffer, at: number, value: number | bigint): number {
  if (typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER)
    return writeDigits(target, at, value)
  const text = value.toString()
  // A length below 64 is one byte.
  target[at] = text.length << 1
  return at + 1 + target.write(text, at + 1, 'latin1')
}

/** Numbers are taken apart into two that 32-bit arithmetic can divide. */
const SPLIT = 1_000_000_000

/** The same without making a text, which takes longer than everything else that is done to a small record. */
function writeDigits(target: Buffer, at: number, value: number): number {
  const high = Math.floor(value / SPLIT)
  let low = (value - high * SPLIT) | 0
  const lowDigits = high > 0 ? 9 : digitsOf(low)
  let rest = high | 0
  const length = lowDigits + (high > 0 ? digitsOf(rest) : 0)
  target[at] = length << 1
  let to = at + length
  for (let i = 0; i < lowDigits; i++) {
    const next = (low / 10) | 0
    target[to--] = 48 + low - next * 10
    low = next
  }
  while (rest > 0) {
    const next = (rest / 10) | 0
    target[to--] = 48 + rest - next * 10
    rest = next
  }
  return at + 1 + length
}

function digitsOf(value: number): number {
  let digits = 1
  for (let rest = (value / 10) | 0; rest > 0; rest = (rest / 10) | 0) digits++
  return digits
}

function encodedField(bytes: Buffer): Buffer {
  const field = Buffer.alloc(varintSize(bytes.length) + bytes.length)
  bytes.copy(field, writeVarint(field, 0, bytes.length))
  return field
}
