import zlib from 'node:zlib'
import { freeBehind } from '../base/index.ts'

/** Pieces that node collects in are at least so large: they are surely not part of its own pool, and can be freed. */
const OWN = 72 << 10

/** A stream of zstd frames. Throws what node throws, and where more than `maxBytes` come out. `chunk`: bytes of the pieces in which node collects. */
export function readZstd(input: Buffer, maxBytes: number, chunk: number): Buffer {
  const parts: Buffer[] = []
  eachFrame(input, maxBytes, chunk, (part) => parts.push(part))
  const [only] = parts
  return parts.length === 1 && only ? only : Buffer.concat(parts)
}

/** The same to the beginning of `target`, which is larger than `maxBytes`: answers how many bytes it gave. Nothing is left to the garbage collector. */
export function unpackZstd(input: Buffer, target: Buffer, maxBytes: number): number {
  let to = 0
  eachFrame(input, maxBytes, Math.max(OWN, maxBytes + 1), (part) => {
    to += part.copy(target, to)
    freeBehind(part)
  })
  return to
}

/** Bytes that {@link packZstd} may take. */
export function zstdBound(length: number): number {
  return length + (length >> 8) + 1024
}

/** One frame at the beginning of `target`, which has room for {@link zstdBound}; answers its length. */
export function packZstd(input: Buffer, target: Buffer): number {
  const chunkSize = Math.max(OWN, zstdBound(input.length))
  const packed = zlib.zstdCompressSync(input, { chunkSize, pledgedSrcSize: input.length })
  const { length } = packed
  packed.copy(target)
  freeBehind(packed)
  return length
}

/** Node decompresses the first frame only, and tells how far it read. */
function eachFrame(input: Buffer, maxBytes: number, chunkSize: number, take: (part: Buffer) => void): void {
  let room = maxBytes
  let at = 0
  do {
    const options = { maxOutputLength: Math.max(room, 1), chunkSize, info: true }
    // With `info` the answer is not the buffer that the types promise.
    const { buffer, engine } = zlib.zstdDecompressSync(input.subarray(at), options) as unknown as {
      readonly buffer: Buffer
      readonly engine: { readonly bytesWritten: number }
    }
    if (engine.bytesWritten <= 0) throw new Error('no progress in zstd data')
    if (buffer.length > room) throw Object.assign(new Error('too large'), { code: 'ERR_BUFFER_TOO_LARGE' })
    room -= buffer.length
    at += engine.bytesWritten
    take(buffer)
  } while (at < input.length)
}
