import { checkLz4Frame } from '../records/index.ts'
import { mostCompressed, type PackingCodec } from './chunk-codec.ts'
import { ChunkPool } from './chunk-memory.ts'
import { isShared } from './chunk-message.ts'
import { inAnotherThread } from './chunk-threads.ts'
import { type ChunkWork, type ChunkWorkDone, doChunkWork } from './chunk-work.ts'
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
  const memory = packs.take(mostCompressed(bytes.length))
  const { digest, length } = await done({ type: 'pack', bytes, codec, level, target: memory }, bytes.length)
  return { stored: memory.subarray(0, length), digest, release: () => packs.give(memory) }
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
  if (codec === 'lz4' && !isWholeFrame(stored, target.length)) {
    if ((await sha256(stored)) !== digest) return false
    checkLz4Frame(stored, target.length)
  }
  if (isShared(target) || target.length <= worthAThread) return await into(target)
  const memory = packs.take(target.length)
  const raw = memory.subarray(0, target.length)
  const whole = await into(raw)
  raw.copy(target)
  packs.give(memory)
  return whole

  async function into(memory: Buffer): Promise<boolean> {
    const work = { type: 'unpack', bytes: stored, codec, digest, target: memory } as const
    return (await done(work, memory.length)).digest === digest
  }
}

async function done(work: ChunkWork, rawLength: number): Promise<ChunkWorkDone> {
  if (rawLength <= worthAThread) return doChunkWork(work)
  return await withShared(work.bytes, (bytes) => inAnotherThread({ ...work, bytes }))
}

function isWholeFrame(stored: Buffer, rawLength: number): boolean {
  try {
    checkLz4Frame(stored, rawLength)
    return true
  } catch {
    return false
  }
}
