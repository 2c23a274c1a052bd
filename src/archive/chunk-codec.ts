import { promisify } from 'node:util'
import {
  constants,
  gunzipSync,
  gzipSync,
  zstdCompressSync,
  zstdDecompress,
  zstdDecompressSync,
} from 'node:zlib'
import { compressFrameSync, decompressFrameSync } from 'lz4-napi'
import type { ChunkCodec } from './model.ts'

/** What compresses. */
export type PackingCodec = Exclude<ChunkCodec, 'none'>

const zstdDecompressAsync = promisify(zstdDecompress)

/** Room beyond the expected size: with none left the library would allocate as much again to find that it was the end. */
const spare = 64

/**
 * Faster than the library's own 3 by half to two and a half times, and on JSON and random text no larger.
 */
const zstdLevel = 1

/** Bytes that so many may become, at most: what cannot be compressed is stored in blocks, with a little more around each. */
export function mostCompressed(length: number): number {
  return length + (length >> 8) + 1024
}

/** Compresses into one frame or member. `level` as the codec understands it; lz4 has none. */
export function compress(codec: PackingCodec, bytes: Buffer, level: number | undefined): Buffer {
  const chunkSize = mostCompressed(bytes.length)
  switch (codec) {
    case 'zstd':
      return zstdCompressSync(bytes, {
        pledgedSrcSize: bytes.length,
        chunkSize,
        params: { [constants.ZSTD_c_compressionLevel]: level ?? zstdLevel },
      })
    case 'gzip':
      return gzipSync(bytes, { chunkSize, ...(level !== undefined && { level }) })
    case 'lz4':
      return compressFrameSync(bytes)
  }
}

/**
 * Decompresses. Throws a plain error when the bytes are not valid or do not make `rawLength` bytes. An lz4 frame must have been
 * looked at before (`checkLz4Frame`): its library takes whatever memory a frame asks for.
 */
export function decompress(codec: PackingCodec, stored: Buffer, rawLength: number): Buffer {
  const raw = expand(codec, stored, rawLength)
  if (raw.length !== rawLength) throw new Error(`${raw.length} bytes came out instead of ${rawLength}`)
  return raw
}

function expand(codec: PackingCodec, stored: Buffer, rawLength: number): Buffer {
  const limits = { chunkSize: rawLength + spare, maxOutputLength: Math.max(1, rawLength) }
  switch (codec) {
    case 'zstd':
      return zstdDecompressSync(stored, limits)
    case 'gzip':
      return gunzipSync(stored, limits)
    case 'lz4':
      return decompressFrameSync(stored)
  }
}

/** Decompresses a Zstandard frame of unknown size, up to `most` bytes. Rejects with a plain error. */
export async function expandFrame(stored: Buffer, most: number): Promise<Buffer> {
  return await zstdDecompressAsync(stored, { maxOutputLength: most, chunkSize: 1024 * 1024 })
}
