import { freeWhole } from '../base/index.ts'
import { type CodecName, decompress } from './codecs.ts'
import { isPlainLz4Frame, lz4FrameBound, packLz4Frame, unpackLz4Frame } from './lz4-frame.ts'
import { packSnappy, snappyFrameBound, unpackSnappy } from './snappy-frame.ts'
import { packZstd, unpackZstd, zstdBound } from './zstd-frames.ts'

/** Codecs that are quick enough for batches to be packed again on the way; gzip costs several times what it would save. */
export type QuickCodec = Exclude<CodecName, 'none' | 'gzip'>

export function isQuick(codec: CodecName | undefined): codec is QuickCodec {
  return codec === 'lz4' || codec === 'snappy' || codec === 'zstd'
}

/** Memory that is used again and again: what is answered lies there until the next call. */
let unpacked = Buffer.alloc(0)
let packed = Buffer.alloc(0)

/**
 * The bytes that were compressed, or undefined when the input is not of the codec or gives more than `most` bytes; little more memory
 * than that is taken. They lie in memory that the next call uses again.
 */
export function unpack(codec: QuickCodec, input: Buffer, most: number): Buffer | undefined {
  if (unpacked.length <= most) unpacked = Buffer.allocUnsafeSlow(most + 1)
  try {
    const length = unpackInto(codec, input, unpacked, most)
    return length < 0 ? undefined : unpacked.subarray(0, length)
  } catch {
    // The libraries have errors of their own for bytes that are not of their format.
    return undefined
  }
}

function unpackInto(codec: QuickCodec, input: Buffer, target: Buffer, most: number): number {
  switch (codec) {
    case 'lz4': {
      if (isPlainLz4Frame(input)) return unpackLz4Frame(input, target, most)
      const bytes = decompress('lz4', input, most)
      const length = bytes.copy(target)
      freeWhole(bytes)
      return length
    }
    case 'snappy':
      return unpackSnappy(input, target, most)
    case 'zstd':
      return unpackZstd(input, target, most)
  }
}

/** Compresses for every Kafka client, at the codec's usual level. The answer lies in memory that the next call uses again. */
export function pack(codec: QuickCodec, input: Buffer): Buffer {
  const bound = bounds[codec](input.length)
  if (packed.length < bound) packed = Buffer.allocUnsafeSlow(bound)
  return packed.subarray(0, packers[codec](input, packed))
}

const bounds = { lz4: lz4FrameBound, snappy: snappyFrameBound, zstd: zstdBound }
const packers = { lz4: packLz4Frame, snappy: packSnappy, zstd: packZstd }
