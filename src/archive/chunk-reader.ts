import { decompress } from './chunk-codec.ts'
import { ChunkPool, freeNow } from './chunk-memory.ts'
import { damaged } from './damaged.ts'
import { sha256 } from './digest.ts'
import type { Chunk, ChunkCodec } from './model.ts'
import type { BackupPlace } from './place.ts'

/** How a chunk is read. */
export interface ReadChunkOptions {
  readonly signal?: AbortSignal
  /** Memory for the batches, used when it is large enough. */
  readonly into?: Buffer
}

/** Compressed bytes live only until they are decompressed. */
const scratch = new ChunkPool()

/** The batches of a chunk, checked. Rejects with ARCHIVE_DAMAGED naming object, topic, partition and offsets. */
export async function readChunk(
  place: BackupPlace,
  chunk: Chunk,
  options: ReadChunkOptions = {},
): Promise<Buffer> {
  const { codec, storedLength, rawLength } = chunk
  const into =
    options.into && options.into.length >= rawLength ? options.into.subarray(0, rawLength) : undefined
  if (codec === 'none') {
    if (storedLength !== rawLength) throw chunkDamaged(chunk, 'its stored and its raw length differ')
    return await readStored(place, chunk, into ?? Buffer.allocUnsafeSlow(storedLength), options.signal)
  }
  const memory = scratch.take(storedLength)
  const stored = await readStored(place, chunk, memory.subarray(0, storedLength), options.signal)
  const raw = await decompressed(chunk, codec, stored)
  // Only now: after a failed or aborted read something may still be on its way into the memory.
  scratch.give(memory)
  if (!into) return raw
  raw.copy(into)
  freeNow(raw)
  return into
}

async function readStored(
  place: BackupPlace,
  chunk: Chunk,
  target: Buffer,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  await place.read(chunk.object, chunk.position, target, signal ? { signal } : {})
  if ((await sha256(target)) !== chunk.sha256) {
    throw chunkDamaged(chunk, 'its stored bytes do not match their SHA-256')
  }
  return target
}

async function decompressed(
  chunk: Chunk,
  codec: Exclude<ChunkCodec, 'none'>,
  stored: Buffer,
): Promise<Buffer> {
  try {
    return await decompress(codec, stored, chunk.rawLength)
  } catch (cause) {
    throw chunkDamaged(chunk, `it cannot be decompressed (${codec})`, cause)
  }
}

/** ARCHIVE_DAMAGED for one chunk. */
export function chunkDamaged(chunk: Chunk, what: string, cause?: unknown) {
  const { topic, partition, firstOffset, lastOffset, object, position, storedLength } = chunk
  const name = `${topic}/${partition}, offsets ${firstOffset} to ${lastOffset}`
  return damaged(
    object,
    `is damaged in the chunk at ${position} (${name}): ${what}`,
    { topic, partition, offset: firstOffset, lastOffset, position, length: storedLength },
    cause,
  )
}
