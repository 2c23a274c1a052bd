import { decompressFrameSync } from 'lz4-napi'
import { TidemarkError } from '../base/index.ts'

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
