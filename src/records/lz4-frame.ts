import { decompressFrameSync } from 'lz4-napi'
import { TidemarkError } from '../base/index.ts'
import { lz4BlockBound, readLz4Block, writeLz4Block } from './lz4-block.ts'

const MAGIC = 0x184d2204
const VERSION_MASK = 0xc0
const VERSION_1 = 0x40
const BLOCK_CHECKSUM = 0x10
const CONTENT_SIZE = 0x08
const CONTENT_CHECKSUM = 0x04
const DICTIONARY = 0x01
const UNCOMPRESSED = 0x8000_0000
/** One byte of LZ4 gives at most this many. */
const MOST_EXPANSION = 255

/** What Java's producer and librdkafka write: independent blocks, no checksums but that of the header, no content size. */
const PLAIN = 0x60
/** The header's checksum in such a frame, by block size. */
const plainChecksum: Readonly<Record<number, number>> = Object.freeze({
  64: 0x82,
  80: 0xfb,
  96: 0x51,
  112: 0x73,
})
const HEADER = 7
/** Blocks of 64 KiB are what every reader keeps memory for. */
const BLOCK = 64 << 10
const BLOCK_CODE = 0x40

/** The blocks of a frame as its header announces them. */
interface Layout {
  /** The byte after the frame. */
  readonly end: number
  /** Bytes that the frame cannot exceed when decompressed. */
  readonly atMost: number
  /** Position and length of each compressed block; raw ones carry a negative length. */
  readonly blocks: readonly (readonly [at: number, length: number])[]
}

/**
 * Decompresses one LZ4 frame, as Java's and all other clients write it (block checksums, content size and content
 * checksum may be there or not). What follows the frame is ignored, as the Java client does.
 * Throws RECORD_CORRUPT for a frame that is malformed, cut, or grows beyond `maxBytes`: found out before memory is taken.
 */
export function readLz4Frame(input: Buffer, maxBytes: number): Buffer {
  const layout = boundedLayout(input, maxBytes)
  return decompressFrameSync(layout.end === input.length ? input : input.subarray(0, layout.end))
}

/** Whether {@link unpackLz4Frame} reads this frame. */
export function isPlainLz4Frame(input: Buffer): boolean {
  if (input.length < HEADER || input.readUInt32LE(0) !== MAGIC || input[4] !== PLAIN) return false
  return plainChecksum[input[5] as number] === input[6]
}

/**
 * Decompresses a plain frame to the beginning of `target`, without taking memory. Answers how many bytes it gave, or −1 when it is
 * damaged, cut or gives more than `most`.
 */
export function unpackLz4Frame(input: Buffer, target: Buffer, most: number): number {
  const blockLimit = blockSize(input[5] as number)
  let to = 0
  for (let at = HEADER; ; ) {
    if (input.length - at < 4) return -1
    const word = input.readUInt32LE(at)
    at += 4
    if (word === 0) return to
    const raw = word >= UNCOMPRESSED
    const length = raw ? word - UNCOMPRESSED : word
    if (length > input.length - at || length > blockLimit) return -1
    const limit = Math.min(most, to + blockLimit)
    if (raw) {
      if (length > limit - to) return -1
      to += input.copy(target, to, at, at + length)
    } else {
      to = readLz4Block(input, at, at + length, target, to, limit)
      if (to < 0) return -1
    }
    at += length
  }
}

/** Bytes that {@link packLz4Frame} may take. */
export function lz4FrameBound(length: number): number {
  return (
    HEADER + Math.floor(length / BLOCK) * (4 + lz4BlockBound(BLOCK)) + 4 + lz4BlockBound(length % BLOCK) + 4
  )
}

/**
 * Compresses into a frame as Java's producer writes it, at the beginning of `target`, which has room for {@link lz4FrameBound};
 * takes no memory. Answers the frame's length.
 */
export function packLz4Frame(input: Buffer, target: Buffer): number {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
  target.writeUInt32LE(MAGIC, 0)
  target[4] = PLAIN
  target[5] = BLOCK_CODE
  target[6] = plainChecksum[BLOCK_CODE] as number
  let to = HEADER
  for (let at = 0; at < input.length; at += BLOCK) {
    const blockEnd = Math.min(input.length, at + BLOCK)
    const length = blockEnd - at
    const end = writeLz4Block(input, view, at, blockEnd, target, to + 4)
    if (end - to - 4 < length) {
      target.writeUInt32LE(end - to - 4, to)
      to = end
    } else {
      target.writeUInt32LE(UNCOMPRESSED + length, to)
      to += 4 + input.copy(target, to + 4, at, blockEnd)
    }
  }
  target.writeUInt32LE(0, to)
  return to + 4
}

/** Throws RECORD_CORRUPT for a frame that is damaged or would give more than `maxBytes`, before anything is decompressed. */
export function checkLz4Frame(input: Buffer, maxBytes: number): void {
  boundedLayout(input, maxBytes)
}

function boundedLayout(input: Buffer, maxBytes: number): Layout {
  const layout = readLayout(input)
  if (layout.atMost > maxBytes && exactSize(input, layout) > maxBytes) {
    throw damaged(`it holds more than the ${maxBytes} bytes allowed`)
  }
  return layout
}

function readLayout(input: Buffer): Layout {
  if (input.length < 7 || input.readUInt32LE(0) !== MAGIC) throw damaged('it is not an LZ4 frame')
  const flags = input.readUInt8(4)
  if ((flags & VERSION_MASK) !== VERSION_1) throw damaged('its version is not known')
  if (flags & DICTIONARY) throw damaged('it needs a dictionary')
  const blockLimit = blockSize(input.readUInt8(5))
  const blocks: (readonly [number, number])[] = []
  let atMost = 0
  let at = 6 + (flags & CONTENT_SIZE ? 8 : 0) + 1
  for (;;) {
    // A frame without its end mark is cut: the library would pass over it.
    if (input.length - at < 4) throw damaged('it is cut')
    const word = input.readUInt32LE(at)
    at += 4
    if (word === 0) break
    const raw = word >= UNCOMPRESSED
    const length = raw ? word - UNCOMPRESSED : word
    const after = at + length + (flags & BLOCK_CHECKSUM ? 4 : 0)
    if (after > input.length) throw damaged('a block is cut')
    if (length > blockLimit) throw damaged(`a block of ${length} bytes exceeds the frame's ${blockLimit}`)
    blocks.push([at, raw ? -length : length])
    atMost += raw ? length : Math.min(blockLimit, length * MOST_EXPANSION)
    at = after
  }
  const end = at + (flags & CONTENT_CHECKSUM ? 4 : 0)
  if (end > input.length) throw damaged('it is cut')
  return { end, atMost, blocks }
}

function blockSize(descriptor: number): number {
  const code = (descriptor >> 4) & 7
  if (code < 4) throw damaged('its block size is not known')
  return 1 << (8 + 2 * code)
}

/** Adds up what the blocks give, sequence by sequence, without writing it: only asked for when the cheap bound is too high. */
function exactSize(input: Buffer, layout: Layout): number {
  let total = 0
  for (const [start, length] of layout.blocks) {
    if (length < 0) {
      total -= length
      continue
    }
    const end = start + length
    let at = start
    while (at < end) {
      const token = input.readUInt8(at++)
      let literals = token >> 4
      if (literals === 15) [literals, at] = extended(input, at, end, literals)
      total += literals
      at += literals
      if (at >= end) break
      at += 2
      let match = token & 15
      if (match === 15) [match, at] = extended(input, at, end, match)
      total += match + 4
    }
  }
  return total
}

function extended(input: Buffer, from: number, end: number, base: number): [number, number] {
  let length = base
  let at = from
  while (at < end) {
    const byte = input.readUInt8(at++)
    length += byte
    if (byte !== 255) break
  }
  return [length, at]
}

function damaged(reason: string): TidemarkError {
  return new TidemarkError('RECORD_CORRUPT', `The LZ4 data of a batch cannot be decompressed: ${reason}`)
}
