/**
 * LZ4 blocks, read and written in memory that is there already. The library takes fresh memory with every call, tens of kilobytes for
 * each small batch, and what the kernel needs to provide it costs several times what the codec does. A block is a row of sequences:
 *
 *     token       high four bits: literals, low four: length of the match − 4; 15 goes on in the bytes that follow, each up to 255
 *     literals    copied as they are
 *     distance    uint16, little-endian: how far back the match lies; the last sequence ends before it
 */

/** Copying fewer bytes than this one by one is quicker than asking for it. */
const FEW = 32
/** A match is this long at least. */
const SHORTEST = 4
/** Shorter ones save a byte or two, and are found in any text by chance: they take more time than all else. */
const WORTHWHILE = 6
/** No match begins in this many bytes before the end, and none reaches into the last {@link LAST_LITERALS}. */
const NO_MATCH = 12
const LAST_LITERALS = 5
/** Matches lie at most this far back. */
const FARTHEST = 65_535
const HASH_BITS = 13
const HASH_FACTOR = -1640531535
const TWO_FACTOR = 0x2c1b3c6d
/** After so many tries in vain the steps grow: what cannot be compressed is passed over quickly. */
const PATIENCE_BITS = 5

/** Bytes that a block of so many may take. */
export function lz4BlockBound(length: number): number {
  return length + Math.ceil(length / 255) + 16
}

/**
 * Decompresses the block [`from`, `end`) of `source` to `start` in `target`. Answers where it ends there, or −1 when the bytes
 * are not of the format or would reach beyond `limit`. Matches do not reach before `start`.
 */
export function readLz4Block(
  source: Buffer,
  from: number,
  end: number,
  target: Buffer,
  start: number,
  limit: number,
): number {
  let at = from
  let to = start
  while (at < end) {
    const token = source[at++] as number
    let length = token >>> 4
    if (length === 15) {
      for (let more = 255; more === 255; length += more) {
        if (at >= end) return -1
        more = source[at++] as number
      }
    }
    if (length > end - at || length > limit - to) return -1
    if (length < FEW) {
      const stop = at + length
      while (at < stop) target[to++] = source[at++] as number
    } else {
      source.copy(target, to, at, at + length)
      at += length
      to += length
    }
    if (at === end) return to
    if (end - at < 2) return -1
    const distance = (source[at] as number) | ((source[at + 1] as number) << 8)
    at += 2
    if (distance === 0 || distance > to - start) return -1
    length = token & 15
    if (length === 15) {
      for (let more = 255; more === 255; length += more) {
        if (at >= end) return -1
        more = source[at++] as number
      }
    }
    length += SHORTEST
    if (length > limit - to) return -1
    const read = to - distance
    if (length >= FEW && distance >= length) {
      target.copyWithin(to, read, read + length)
      to += length
    } else {
      // A match may overlap what it writes: then it repeats itself.
      const stop = to + length
      for (let i = read; to < stop; ) target[to++] = target[i++] as number
    }
  }
  return -1
}

/** Where four bytes were seen last, by their hash. */
const seen = new Int32Array(1 << HASH_BITS)

/**
 * Compresses [`from`, `end`) of what `view` shows, which is `source`, as one block to `at` in `target`, which has room for
 * {@link lz4BlockBound}. Answers where it ends there.
 */
export function writeLz4Block(
  source: Buffer,
  view: DataView,
  from: number,
  end: number,
  target: Buffer,
  at: number,
): number {
  const lastStart = end - NO_MATCH
  const lastEnd = end - LAST_LITERALS
  seen.fill(from - FARTHEST - 1)
  let to = at
  let anchor = from
  let pos = from
  let tries = 1 << PATIENCE_BITS
  while (pos <= lastStart) {
    const word = view.getInt32(pos, true)
    const more = view.getInt16(pos + 4, true)
    const hash = hashOf(word, more)
    let match = seen[hash] as number
    seen[hash] = pos
    if (
      pos - match > FARTHEST ||
      ((view.getInt32(match, true) ^ word) | (view.getInt16(match + 4, true) ^ more)) !== 0
    ) {
      pos += tries++ >> PATIENCE_BITS
      continue
    }
    tries = 1 << PATIENCE_BITS
    while (pos > anchor && match > from && source[pos - 1] === source[match - 1]) {
      pos--
      match--
    }
    const matchEnd = commonEnd(source, view, pos + WORTHWHILE, match + WORTHWHILE, lastEnd)
    const literals = pos - anchor
    const length = matchEnd - pos - SHORTEST
    const distance = pos - match
    target[to++] = (Math.min(literals, 15) << 4) | Math.min(length, 15)
    if (literals >= 15) to = writeMore(target, to, literals - 15)
    if (literals < FEW) while (anchor < pos) target[to++] = source[anchor++] as number
    else to += source.copy(target, to, anchor, pos)
    target[to++] = distance & 0xff
    target[to++] = distance >>> 8
    if (length >= 15) to = writeMore(target, to, length - 15)
    pos = matchEnd
    anchor = matchEnd
    if (pos <= lastStart) seen[hashOf(view.getInt32(pos - 2, true), view.getInt16(pos + 2, true))] = pos - 2
  }
  const literals = end - anchor
  target[to++] = Math.min(literals, 15) << 4
  if (literals >= 15) to = writeMore(target, to, literals - 15)
  return to + source.copy(target, to, anchor, end)
}

/** Of six bytes. */
function hashOf(four: number, two: number): number {
  return Math.imul(four ^ Math.imul(two, TWO_FACTOR), HASH_FACTOR) >>> (32 - HASH_BITS)
}

/** Where the bytes from `a` and from `b` on, which lies before, begin to differ; at most `end`. */
function commonEnd(source: Buffer, view: DataView, a: number, b: number, end: number): number {
  let one = a
  let other = b
  for (; one + 4 <= end; one += 4, other += 4) {
    const difference = view.getInt32(one, true) ^ view.getInt32(other, true)
    if (difference !== 0) return one + ((31 - Math.clz32(difference & -difference)) >> 3)
  }
  while (one < end && source[one] === source[other]) {
    one++
    other++
  }
  return one
}

function writeMore(target: Buffer, at: number, rest: number): number {
  let to = at
  let left = rest
  for (; left >= 255; left -= 255) target[to++] = 255
  target[to++] = left
  return to
}
