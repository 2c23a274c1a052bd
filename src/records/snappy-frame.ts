import { compressSync, uncompressSync } from 'snappy'
import { freeWhole, TidemarkError } from '../base/index.ts'

/**
 * Kafka's Java client writes snappy in the frame of the xerial library: magic, two versions, then blocks of
 * `int32 length, raw snappy`. Some other clients write one raw block. Both are read; the frame is written.
 */
const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const FRAME_HEADER = 16
/** The Java library's block size, which readers are made for. */
const BLOCK = 32 * 1024
/** Copies into a Buffer of node's own: an external one costs more than the decompression of a small block. */
const COPY = Object.freeze({ copyOutputData: true })
/** The tightest element turns 3 bytes into 64. */
const MOST_EXPANSION = 22

/** Throws RECORD_CORRUPT for lengths that cannot be; what the library throws for the rest is left to the caller. */
export function readSnappy(input: Buffer, maxBytes: number): Buffer {
  const parts: Buffer[] = []
  const total = eachBlock(input, maxBytes, (part) => parts.push(part))
  const [only] = parts
  return parts.length === 1 && only ? only : Buffer.concat(parts, total)
}

/** The same to the beginning of `target`, which is larger than `maxBytes`: answers how many bytes it gave. Nothing is left to the garbage collector. */
export function unpackSnappy(input: Buffer, target: Buffer, maxBytes: number): number {
  let to = 0
  return eachBlock(input, maxBytes, (part) => {
    to += part.copy(target, to)
    freeWhole(part)
  })
}

/** Decompresses block after block; answers the bytes of all. */
function eachBlock(input: Buffer, maxBytes: number, take: (part: Buffer) => void): number {
  if (!startsFrame(input, 0)) {
    checkLength(input, maxBytes)
    const part = uncompressBlock(input)
    // It may be freed by whoever takes it.
    const { length } = part
    take(part)
    return length
  }
  let total = 0
  let at = 0
  while (at < input.length) {
    // Frames may follow one another: a header stands where a length is expected.
    if (startsFrame(input, at)) {
      at += FRAME_HEADER
      continue
    }
    if (input.length - at < 4) throw damaged('its frame is cut')
    const length = input.readInt32BE(at)
    at += 4
    if (length < 0 || length > input.length - at) throw damaged('a block is cut')
    const block = input.subarray(at, at + length)
    at += length
    if (length === 0) continue
    checkLength(block, maxBytes - total)
    const part = uncompressBlock(block)
    total += part.length
    take(part)
  }
  return total
}

function startsFrame(input: Buffer, at: number): boolean {
  return (
    input.length - at >= FRAME_HEADER && input.compare(MAGIC, 0, MAGIC.length, at, at + MAGIC.length) === 0
  )
}

function uncompressBlock(block: Buffer): Buffer {
  return uncompressSync(block, { asBuffer: true, ...COPY }) as Buffer
}

/** A block begins with its decompressed length, which the library allocates at once: so it is believed only in reason. */
function checkLength(block: Buffer, maxBytes: number): void {
  let length = 0
  let scale = 1
  for (let at = 0; at < 5; at++) {
    const byte = block[at]
    if (byte === undefined) break
    length += (byte & 0x7f) * scale
    scale *= 0x80
    if (byte < 0x80) {
      if (length > maxBytes)
        throw damaged(`a block claims ${length} bytes, more than the ${maxBytes} allowed`)
      if (length > block.length * MOST_EXPANSION)
        throw damaged(`a block of ${block.length} bytes claims ${length}`)
      return
    }
  }
  throw damaged('a block has no length')
}

function damaged(reason: string): TidemarkError {
  return new TidemarkError('RECORD_CORRUPT', `The snappy data of a batch cannot be decompressed: ${reason}`)
}

/** One frame of blocks of 32 KiB. */
export function writeSnappy(input: Buffer): Buffer {
  const target = Buffer.allocUnsafe(snappyFrameBound(input.length))
  return target.subarray(0, packSnappy(input, target))
}

/** Bytes that {@link packSnappy} may take. */
export function snappyFrameBound(length: number): number {
  // What the library allocates for each block: 32 + n + n / 6.
  return FRAME_HEADER + Math.ceil(length / BLOCK) * 36 + length + Math.ceil(length / 6)
}

/** The frame at the beginning of `target`, which has room for {@link snappyFrameBound}; answers its length. */
export function packSnappy(input: Buffer, target: Buffer): number {
  MAGIC.copy(target)
  target.writeInt32BE(1, 8)
  target.writeInt32BE(1, 12)
  let to = FRAME_HEADER
  for (let at = 0; at < input.length; at += BLOCK) {
    const block = compressSync(input.subarray(at, at + BLOCK), COPY)
    to = target.writeInt32BE(block.length, to)
    to += block.copy(target, to)
    freeWhole(block)
  }
  return to
}
