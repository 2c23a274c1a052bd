import type { PackingCodec } from './chunk-codec.ts'
import { ChunkPool } from './chunk-memory.ts'
import { damaged } from './damaged.ts'
import { sha256 } from './digest.ts'
import type { Chunk } from './model.ts'
import { unpack } from './packing.ts'
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
  const { into, signal } = options
  const target =
    into && into.length >= rawLength ? into.subarray(0, rawLength) : Buffer.allocUnsafeSlow(rawLength)
  if (codec === 'none') {
    if (storedLength !== rawLength) throw chunkDamaged(chunk, 'its stored and its raw length differ')
    await read(place, chunk, target, signal)
    if ((await sha256(target)) !== chunk.sha256) throw changed(chunk)
    return target
  }
  const memory = scratch.take(storedLength)
  const stored = memory.subarray(0, storedLength)
  try {
    await read(place, chunk, stored, signal)
  } catch (error) {
    scratch.drop(memory)
    throw error
  }
  try {
    if (!(await unpacked(chunk, codec, stored, target))) throw changed(chunk)
    return target
  } finally {
    scratch.give(memory)
  }
}

async function read(
  place: BackupPlace,
  { object, position }: Chunk,
  target: Buffer,
  signal: AbortSignal | undefined,
): Promise<void> {
  await place.read(object, position, target, signal ? { signal } : {})
}

async function unpacked(chunk: Chunk, codec: PackingCodec, stored: Buffer, target: Buffer): Promise<boolean> {
  try {
    return await unpack(codec, stored, chunk.sha256, target)
  } catch (cause) {
    throw chunkDamaged(chunk, `it cannot be decompressed (${codec})`, cause)
  }
}

function changed(chunk: Chunk) {
  return chunkDamaged(chunk, 'its stored bytes do not match their SHA-256')
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
