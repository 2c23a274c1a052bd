/** Memory for chunks that is shared between threads, so that hashing it takes no copy. It is not counted by the garbage collector: reuse it. */
export function chunkMemory(size: number): Buffer {
  return Buffer.from(new SharedArrayBuffer(size))
}

/** Bytes that a pool keeps for later, unless told otherwise. */
const keptBytes = 64 * 1024 * 1024

/** Reused memory for chunks: fresh large buffers cost page faults, and linger until the garbage collector comes by. */
export class ChunkPool {
  readonly #most: number
  readonly #kept: Buffer[] = []
  #bytes = 0

  /** `most`: bytes kept for later. */
  constructor(most = keptBytes) {
    this.#most = most
  }

  /** Memory of at least so many bytes. */
  take(size: number): Buffer {
    let best = -1
    for (const [i, { length }] of this.#kept.entries()) {
      // What is far too large is left for those who need it.
      if (length < size || length > 4 * size) continue
      if (best < 0 || length < (this.#kept[best]?.length ?? 0)) best = i
    }
    const [found] = best < 0 ? [] : this.#kept.splice(best, 1)
    if (!found) return chunkMemory(roomy(size))
    this.#bytes -= found.length
    return found
  }

  /** Gives memory of `take` back, once. */
  give(memory: Buffer): void {
    if (this.#bytes + memory.length > this.#most) return
    this.#bytes += memory.length
    this.#kept.push(memory)
  }
}

/** A size that later chunks of about the same size fit into. */
function roomy(size: number): number {
  const step = Math.max(4096, 2 ** Math.floor(Math.log2(Math.max(1, size))) / 8)
  return Math.ceil(size / step) * step
}
