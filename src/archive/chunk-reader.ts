import { decompress } from './chunk-codec.ts'
import { damaged } from './damaged.ts'
import { chunkMemory, sha256 } from './digest.ts'
import type { Chunk } from './model.ts'
import type { BackupPlace } from './place.ts'

/** How a chunk is read. */
export interface ReadChunkOptions {
  readonly signal?: AbortSignal
  /** Memory for the batches, used when it is large enough and the codec allows it. */
  readonly into?: Buffer
}

/** The batches of a chunk, checked. Rejects with ARCHIVE_DAMAGED naming object, topic, partition and offsets. */
export async function readChunk(
  place: BackupPlace,
  chunk: Chunk,
  options: ReadChunkOptions = {},
): Promise<Buffer> {
  const stored = memoryFor(chunk, options.into)
  await place.read(chunk.object, chunk.position, stored, options.signal ? { signal: options.signal } : {})
  if ((await sha256(stored)) !== chunk.sha256) {
    throw chunkDamaged(chunk, 'its stored bytes do not match their SHA-256')
  }
  if (chunk.codec === 'none') {
    if (stored.length !== chunk.rawLength) throw chunkDamaged(chunk, 'its stored and its raw length differ')
    return stored
  }
  try {
    return await decompress(chunk.codec, stored, chunk.rawLength)
  } catch (cause) {
    throw chunkDamaged(chunk, `it cannot be decompressed (${chunk.codec})`, cause)
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

function memoryFor({ codec, storedLength }: Chunk, into: Buffer | undefined): Buffer {
  if (codec === 'none' && into && into.length >= storedLength) return into.subarray(0, storedLength)
  return storedLength >= 128 * 1024 ? chunkMemory(storedLength) : Buffer.allocUnsafeSlow(storedLength)
}
