import { type Arrival, BY_RANK, BY_SOURCE, type SeekBy } from './seek.ts'

/*
 * Payloads of blocks, little endian. Both begin with a kind byte.
 *
 * Packed (1): n−1 | three widths in bits | pad to 5 bytes | three u32 minima
 *             | n counts | n−1 source gaps | n−1 target gaps
 *   A count is stored less one; a gap is the number of offsets between two runs. Every column is stored less
 *   its minimum, in as few bits as its largest value needs: transactions of equal size take no bits.
 * Bits (2):   pad | u16 span−1 | u16 records before each 512 bits | span bits, padded to whole words
 *   A bit for each source offset of the span, from a present first to a present last; the target side has no
 *   jumps.
 */
export const PACKED = 1
const BITS = 2
/** Runs in a packed block, at most: what a seek may have to step over. */
export const PACKED_RUNS = 64
/** Source offsets in a bitmap block, at most. */
export const BITS_SPAN = 65_536
/** Bytes that must follow the last payload, since columns are read four bytes at a time. */
export const PAYLOAD_PAD = 4
/**
 * A count or gap at or above this is never put into a packed column, so that one four-byte read always holds
 * a value.
 */
export const PACKED_LIMIT = 1 << 24

const PACKED_HEADER = 17
const BITS_HEADER = 4
const RANK_EVERY = 512

export function kindOf(view: DataView, at: number): number {
  return view.getUint8(at)
}

/** Runs to be packed: counts, and the gaps before each; the gaps of the first are ignored. */
export interface RunColumns {
  readonly count: Uint32Array
  readonly sourceGap: Uint32Array
  readonly targetGap: Uint32Array
}

/** Bytes that runs [from, to) take packed. */
export function packedSize(runs: RunColumns, from: number, to: number): number {
  const n = to - from
  const bits =
    width(runs.count, from, to) * n +
    (width(runs.sourceGap, from + 1, to) + width(runs.targetGap, from + 1, to)) * (n - 1)
  return PACKED_HEADER + Math.ceil(bits / 8)
}

/** Writes runs [from, to) packed and answers the number of bytes. `out` must be zeroed there. */
export function writePacked(runs: RunColumns, from: number, to: number, out: Uint8Array, at: number): number {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength)
  view.setUint8(at, PACKED)
  view.setUint8(at + 1, to - from - 1)
  const base = at + PACKED_HEADER
  let bit = 0
  const column = (index: number, values: Uint32Array, start: number, less: number) => {
    const bits = width(values, start, to)
    const minimum = least(values, start, to)
    view.setUint8(at + 2 + index, bits)
    view.setUint32(at + 5 + index * 4, minimum - less, true)
    for (let i = start; i < to; i++, bit += bits) {
      const value = (values[i] as number) - minimum
      const byte = base + (bit >>> 3)
      if (bits > 0) view.setUint32(byte, (view.getUint32(byte, true) | (value << (bit & 7))) >>> 0, true)
    }
  }
  column(0, runs.count, from, 1)
  column(1, runs.sourceGap, from + 1, 0)
  column(2, runs.targetGap, from + 1, 0)
  return PACKED_HEADER + Math.ceil(bit / 8)
}

/** Steps over the runs of a packed block until one holds or follows what is sought. */
export function seekPacked(view: DataView, at: number, by: SeekBy, value: number, out: Arrival): boolean {
  const n = view.getUint8(at + 1) + 1
  const countBits = view.getUint8(at + 2)
  const sourceBits = view.getUint8(at + 3)
  const targetBits = view.getUint8(at + 4)
  const countLeast = view.getUint32(at + 5, true) + 1
  const sourceLeast = view.getUint32(at + 9, true)
  const targetLeast = view.getUint32(at + 13, true)
  const base = at + PACKED_HEADER
  let countAt = 0
  let sourceAt = countBits * n
  let targetAt = sourceAt + sourceBits * (n - 1)
  let source = 0
  let target = 0
  let rank = 0
  for (let i = 0; i < n; i++) {
    const count = countLeast + bitsAt(view, base, countAt, countBits)
    const here = by === BY_SOURCE ? source : by === BY_RANK ? rank : target
    if (value < here + count) {
      const into = value > here ? value - here : 0
      out[0] = source + into
      out[1] = target + into
      out[2] = rank + into
      return true
    }
    if (i === n - 1) break
    source += count + sourceLeast + bitsAt(view, base, sourceAt, sourceBits)
    target += count + targetLeast + bitsAt(view, base, targetAt, targetBits)
    rank += count
    countAt += countBits
    sourceAt += sourceBits
    targetAt += targetBits
  }
  return false
}

/** The runs of a packed block, relative to its first record. */
export function* walkPacked(view: DataView, at: number): Generator<readonly [number, number, number]> {
  const n = view.getUint8(at + 1) + 1
  const bits = [view.getUint8(at + 2), view.getUint8(at + 3), view.getUint8(at + 4)] as const
  const least = [
    view.getUint32(at + 5, true),
    view.getUint32(at + 9, true),
    view.getUint32(at + 13, true),
  ] as const
  const base = at + PACKED_HEADER
  const sources = bits[0] * n
  const targets = sources + bits[1] * (n - 1)
  let source = 0
  let target = 0
  for (let i = 0; i < n; i++) {
    const count = least[0] + 1 + bitsAt(view, base, i * bits[0], bits[0])
    yield [source, target, count]
    if (i === n - 1) return
    source += count + least[1] + bitsAt(view, base, sources + i * bits[1], bits[1])
    target += count + least[2] + bitsAt(view, base, targets + i * bits[2], bits[2])
  }
}

/** Bytes that a bitmap over `span` source offsets takes. */
export function bitsSize(span: number): number {
  return BITS_HEADER + 2 * Math.ceil(span / RANK_EVERY) + 4 * Math.ceil(span / 32)
}

/** Writes runs [from, to) as a bitmap and answers the number of bytes. `out` must be zeroed there. */
export function writeBits(
  runs: RunColumns,
  from: number,
  to: number,
  span: number,
  out: Uint8Array,
  at: number,
): number {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength)
  view.setUint8(at, BITS)
  view.setUint16(at + 2, span - 1, true)
  const first = at + BITS_HEADER + 2 * Math.ceil(span / RANK_EVERY)
  let bit = 0
  for (let i = from; i < to; i++) {
    if (i > from) bit += runs.sourceGap[i] as number
    for (const end = bit + (runs.count[i] as number); bit < end; bit++) {
      const byte = first + (bit >>> 3)
      out[byte] = (out[byte] as number) | (1 << (bit & 7))
    }
  }
  let rank = 0
  for (let start = 0, slot = at + BITS_HEADER; start < span; start += RANK_EVERY, slot += 2) {
    view.setUint16(slot, rank, true)
    const words = Math.ceil(Math.min(RANK_EVERY, span - start) / 32)
    for (let w = 0; w < words; w++) rank += ones(view.getUint32(first + (start >>> 3) + w * 4, true))
  }
  return bitsSize(span)
}

/** The first present source offset at or after `distance`, with its ordinal. */
export function seekBits(view: DataView, at: number, distance: number, out: Arrival): boolean {
  const span = view.getUint16(at + 2, true) + 1
  if (distance >= span) return false
  const first = at + BITS_HEADER + 2 * Math.ceil(span / RANK_EVERY)
  let rank = view.getUint16(at + BITS_HEADER + 2 * Math.floor(distance / RANK_EVERY), true)
  let word = Math.floor(distance / RANK_EVERY) * (RANK_EVERY / 32)
  const last = distance >>> 5
  for (; word < last; word++) rank += ones(view.getUint32(first + word * 4, true))
  const within = distance & 31
  let bits = view.getUint32(first + word * 4, true)
  rank += ones(bits & ((1 << within) - 1))
  bits = (bits & (-1 << within)) >>> 0
  while (bits === 0) bits = view.getUint32(first + ++word * 4, true)
  out[0] = word * 32 + 31 - Math.clz32(bits & -bits)
  out[1] = rank
  out[2] = rank
  return true
}

/** The `rank`-th present source offset; the caller knows that there are so many. */
export function findInBits(view: DataView, at: number, rank: number, out: Arrival): void {
  const span = view.getUint16(at + 2, true) + 1
  const groups = Math.ceil(span / RANK_EVERY)
  const first = at + BITS_HEADER + 2 * groups
  let low = 0
  let high = groups
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if (view.getUint16(at + BITS_HEADER + 2 * middle, true) <= rank) low = middle
    else high = middle
  }
  let left = rank - view.getUint16(at + BITS_HEADER + 2 * low, true)
  let word = low * (RANK_EVERY / 32)
  let bits = view.getUint32(first + word * 4, true)
  for (let here = ones(bits); left >= here; here = ones(bits)) {
    left -= here
    bits = view.getUint32(first + ++word * 4, true)
  }
  for (; left > 0; left--) bits &= bits - 1
  out[0] = word * 32 + 31 - Math.clz32(bits & -bits)
  out[1] = rank
  out[2] = rank
}

/** The runs of a bitmap block, relative to its first record. */
export function* walkBits(view: DataView, at: number): Generator<readonly [number, number, number]> {
  const span = view.getUint16(at + 2, true) + 1
  const first = at + BITS_HEADER + 2 * Math.ceil(span / RANK_EVERY)
  let target = 0
  let count = 0
  for (let bit = 0; bit < span; bit++) {
    if (((view.getUint8(first + (bit >>> 3)) >>> (bit & 7)) & 1) === 1) {
      count++
    } else if (count > 0) {
      yield [bit - count, target, count]
      target += count
      count = 0
    }
  }
  if (count > 0) yield [span - count, target, count]
}

/**
 * Records in a block, or undefined when its bytes [at, end) do not make one: for checking what was read from
 * a file.
 */
export function checkedCount(view: DataView, at: number, end: number): number | undefined {
  if (end - at < BITS_HEADER) return undefined
  if (kindOf(view, at) === BITS) {
    const span = view.getUint16(at + 2, true) + 1
    if (bitsSize(span) !== end - at) return undefined
    const first = at + BITS_HEADER + 2 * Math.ceil(span / RANK_EVERY)
    const present = (bit: number) => ((view.getUint8(first + (bit >>> 3)) >>> (bit & 7)) & 1) === 1
    if (!present(0) || !present(span - 1)) return undefined
    let count = 0
    for (let word = 0; word < Math.ceil(span / 32); word++) {
      if (word % (RANK_EVERY / 32) === 0) {
        if (view.getUint16(at + BITS_HEADER + (word * 64) / RANK_EVERY, true) !== count) return undefined
      }
      count += ones(view.getUint32(first + word * 4, true))
    }
    return count
  }
  if (kindOf(view, at) !== PACKED || end - at < PACKED_HEADER) return undefined
  const n = view.getUint8(at + 1) + 1
  const widths = [view.getUint8(at + 2), view.getUint8(at + 3), view.getUint8(at + 4)] as const
  if (n > PACKED_RUNS || widths.some((w) => w > 24)) return undefined
  const bits = widths[0] * n + (widths[1] + widths[2]) * (n - 1)
  if (PACKED_HEADER + Math.ceil(bits / 8) !== end - at) return undefined
  let count = 0
  for (const [, , c] of walkPacked(view, at)) count += c
  return count
}

function bitsAt(view: DataView, base: number, bit: number, bits: number): number {
  if (bits === 0) return 0
  return (view.getUint32(base + (bit >>> 3), true) >>> (bit & 7)) & ((1 << bits) - 1)
}

function ones(word: number): number {
  let x = word - ((word >>> 1) & 0x55555555)
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333)
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

function least(values: Uint32Array, from: number, to: number): number {
  let minimum = from < to ? 0xffffffff : 0
  for (let i = from; i < to; i++) if ((values[i] as number) < minimum) minimum = values[i] as number
  return minimum
}

function width(values: Uint32Array, from: number, to: number): number {
  let minimum = 0xffffffff
  let maximum = 0
  for (let i = from; i < to; i++) {
    const value = values[i] as number
    if (value < minimum) minimum = value
    if (value > maximum) maximum = value
  }
  return maximum > minimum ? 32 - Math.clz32(maximum - minimum) : 0
}
