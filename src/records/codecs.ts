import zlib from 'node:zlib'
import { compressFrameSync } from 'lz4-napi'
import { TidemarkError } from '../base/index.ts'
import { codecId } from './batch-header.ts'
import { readLz4Frame } from './lz4-frame.ts'
import { readSnappy, writeSnappy } from './snappy-frame.ts'
import { readZstd } from './zstd-frames.ts'

/** The codecs of the Kafka protocol. */
export type CodecName = keyof typeof codecId

const names = Object.keys(codecId) as CodecName[]

/**
 * Bytes that the records of one batch may decompress to unless the caller says otherwise: far more than any producer puts into
 * one batch, and little enough that a frame made to explode does not take the process with it.
 */
export const DEFAULT_MAX_DECOMPRESSED = 512 * 1024 * 1024

/** Name of a codec number from a batch's attributes; undefined for numbers that mean nothing. */
export function codecName(id: number): CodecName | undefined {
  return names[id]
}

/**
 * Decompresses what one batch holds, as any Kafka client may have written it: gzip; snappy raw or in the frame of the Java
 * client; the LZ4 frame format; zstd with or without content size. `none` answers the input itself.
 * Throws RECORD_CORRUPT when the bytes are not of that codec, are cut, or grow beyond `maxBytes`.
 */
export function decompress(codec: CodecName, input: Buffer, maxBytes = DEFAULT_MAX_DECOMPRESSED): Buffer {
  try {
    switch (codec) {
      case 'none':
        return input
      case 'gzip':
        return zlib.gunzipSync(input, { maxOutputLength: maxBytes, chunkSize: chunkFor(input.length) })
      case 'snappy':
        return readSnappy(input, maxBytes)
      case 'lz4':
        return readLz4Frame(input, maxBytes)
      case 'zstd':
        return readZstd(input, maxBytes, chunkFor(input.length))
    }
  } catch (cause) {
    if (cause instanceof TidemarkError) throw cause
    const tooLarge = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
    throw new TidemarkError(
      'RECORD_CORRUPT',
      tooLarge
        ? `The ${codec} data of a batch decompresses to more than ${maxBytes} bytes`
        : `The ${codec} data of a batch cannot be decompressed`,
      { cause },
    )
  }
}

/** zlib collects its output in pieces of this size: few calls for large batches, little waste for small ones. */
function chunkFor(compressed: number): number {
  return Math.min(1 << 20, Math.max(1 << 14, compressed * 4))
}

/**
 * Compresses the records of one batch so that every Kafka client reads them: snappy in the Java client's frame, LZ4 frames
 * with independent blocks. `level` is for gzip (default 6) and zstd (default 3); the others have none.
 * The same input gives the same output as long as the libraries stay the same.
 */
export function compress(codec: CodecName, input: Buffer, level?: number): Buffer {
  switch (codec) {
    case 'none':
      return input
    case 'gzip':
      return zlib.gzipSync(input, level === undefined ? {} : { level })
    case 'snappy':
      return writeSnappy(input)
    case 'lz4':
      return compressFrameSync(input)
    case 'zstd':
      return zlib.zstdCompressSync(
        input,
        level === undefined ? {} : { params: { [zlib.constants.ZSTD_c_compressionLevel]: level } },
      )
  }
}
