import { hash } from 'node:crypto'
import { freeBehind } from '../base/index.ts'
import { compress, decompress, type PackingCodec } from './chunk-codec.ts'

/** What is to be done with a chunk's bytes, by whichever thread. */
export type ChunkWork =
  | { readonly type: 'digest'; readonly bytes: Buffer }
  | {
      readonly type: 'pack'
      readonly bytes: Buffer
      readonly codec: PackingCodec
      readonly level: number | undefined
      readonly target: Buffer
    }
  | {
      readonly type: 'unpack'
      readonly bytes: Buffer
      readonly codec: PackingCodec
      /** SHA-256 that the bytes must have: others are not decompressed. */
      readonly digest: string
      /** Filled to its end. */
      readonly target: Buffer
    }

/** What came of it. */
export interface ChunkWorkDone {
  /** SHA-256 in hex of the stored bytes: of those given, or of those that were made. */
  readonly digest: string
  /** Bytes in the target. */
  readonly length: number
}

/** Does it, here and now. Throws a plain error for bytes that cannot be decompressed, and a target that is too small. */
export function doChunkWork(work: ChunkWork): ChunkWorkDone {
  switch (work.type) {
    case 'digest':
      return { digest: hash('sha256', work.bytes), length: 0 }
    case 'pack': {
      const length = fill(work.target, compress(work.codec, work.bytes, work.level))
      return { digest: hash('sha256', work.target.subarray(0, length)), length }
    }
    case 'unpack': {
      const digest = hash('sha256', work.bytes)
      if (digest !== work.digest) return { digest, length: 0 }
      return { digest, length: fill(work.target, decompress(work.codec, work.bytes, work.target.length)) }
    }
  }
}

/** The library's memory is fresh each time, and would set off a whole garbage collection for every few dozen megabytes. */
function fill(target: Buffer, made: Buffer): number {
  const { length } = made
  if (length > target.length) throw new Error(`${length} bytes do not fit into ${target.length}`)
  made.copy(target)
  freeBehind(made)
  return length
}
