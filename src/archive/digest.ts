import { hash } from 'node:crypto'
import { ChunkPool } from './chunk-memory.ts'
import { isShared } from './chunk-message.ts'
import { inAnotherThread } from './chunk-threads.ts'

/** Below this, handing the bytes to another thread costs more than hashing them. */
const worthAThread = 128 * 1024

const copies = new ChunkPool()

/**
 * SHA-256 in hex. Large inputs are hashed in another thread: where they lie when their memory is shared between threads
 * (`chunk-memory.ts`), else from a copy. The bytes must not change until it resolves.
 */
export async function sha256(bytes: Buffer): Promise<string> {
  if (bytes.length < worthAThread) return hash('sha256', bytes)
  return await withShared(bytes, async (shared) => {
    const { digest } = await inAnotherThread({ type: 'digest', bytes: shared })
    return digest
  })
}

/** Hands over the bytes where they lie, or a copy, in memory that threads share. */
export async function withShared<T>(bytes: Buffer, work: (shared: Buffer) => Promise<T>): Promise<T> {
  if (isShared(bytes)) return await work(bytes)
  const memory = copies.take(bytes.length)
  try {
    bytes.copy(memory)
    return await work(memory.subarray(0, bytes.length))
  } finally {
    copies.give(memory)
  }
}
