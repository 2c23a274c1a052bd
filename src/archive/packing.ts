import { hash } from 'node:crypto'
import { checkLz4Frame } from '../records/index.ts'
import { compress, mostCompressed, type PackingCodec } from './chunk-codec.ts'
import { ChunkPool } from './chunk-memory.ts'
import { isShared } from './chunk-message.ts'
import { inAnotherThread } from './chunk-threads.ts'
import { doChunkWork } from './chunk-work.ts'
import { sha256, withShared } from './digest.ts'

/** Up to this size the way to another thread and back costs several times what the work does. */
const worthAThread = 16 * 1024

const packs = new ChunkPool()

/** A compressed chunk. */
export interface Packed {
  readonly stored: Buffer
  /** SHA-256 of `stored`, in hex. */
  readonly digest: string
  /** Gives its memory back, once. */
  readonly release: () => void
}

/** Compresses a chunk and hashes what came out, large ones in another thread. `level` as for {@link compress}. */
export async function pack(codec: PackingCodec, bytes: Buffer, level: number | undefined): Promise<Packed> {
  if (bytes.length <= worthAThread) {
    const stored = compress(codec, bytes, level)
    return { stored, digest: hash('sha256', stored), release: () => {} }
  }
  const memory = packs.take(mostCompressed(bytes.length))
  const release = () => packs.give(memory)
  try {
    const work = { type: 'pack', codec, level, target: memory } as const
    const { digest, length } = await withShared(bytes, (shared) =>
      inAnotherThread({ ...work, bytes: shared }),
    )
    return { stored: memory.subarray(0, length), digest, release }
  } catch (error) {
    release()
    throw error
  }
}

/**
 * Checks a compressed chunk and decompresses it into `target`, which must be as long as it was; large ones in another thread.
 * Answers false when its SHA-256 is another one. Rejects with a plain error when it cannot be decompressed to that length.
 */
export async function unpack(
  codec: PackingCodec,
  stored: Buffer,
  digest: string,
  target: Buffer,
): Promise<boolean> {
  if (codec === 'lz4') {
    try {
      checkLz4Frame(stored, target.length)
    } catch (error) {
      if ((await sha256(stored)) !== digest) return false
      throw error
    }
  }
  const work = { type: 'unpack', bytes: stored, codec, digest } as const
  if (target.length <= worthAThread) return doChunkWork({ ...work, target }).digest === digest
  const elsewhere = async (memory: Buffer) => {
    const done = await withShared(stored, (bytes) => inAnotherThread({ ...work, bytes, target: memory }))
    return done.digest === digest
  }
  if (isShared(target)) return await elsewhere(target)
  const memory = packs.take(target.length)
  try {
    const raw = memory.subarray(0, target.length)
    const whole = await elsewhere(raw)
    raw.copy(target)
    return whole
  } finally {
    packs.give(memory)
  }
}
