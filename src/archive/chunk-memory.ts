/** Memory for chunks that is shared between threads, so that hashing it takes no copy. It is not counted by the garbage collector: reuse it. */
export function chunkMemory(size: number): Buffer {
  return Buffer.from(new SharedArrayBuffer(size))
}

/** Bytes that a pool has beyond the most that was ever in use at once. */
const spareBytes = 16 * 1024 * 1024

/**
 * Reused memory for chunks. Fresh large buffers cost page faults; and no garbage collector counts memory that is shared between
 * threads, while every thread that has seen a piece holds it until it collects for another reason: what is let go may stay for
 * long. So a pool keeps as much as was ever in use at once, and a little more, and makes something new only where nothing that it
 * has is large enough. When the sizes change, what was used longest ago goes first.
 */
export class ChunkPool {
  /** Free pieces, the one given back longest ago first. */
  readonly #kept: Buffer[] = []
  #keptBytes = 0
  #used = 0
  #peak = 0

  /** Bytes handed out and kept. */
  get bytes(): number {
    return this.#keptBytes + this.#used
  }

  /** Memory of at least so many bytes. To be given back, or dropped. */
  take(size: number): Buffer {
    const wanted = roomy(size)
    const full = this.bytes + wanted > Math.max(this.#peak, this.#used + wanted) + spareBytes
    // What is far too large is left for those who need it, unless there is no room for more.
    const memory = this.#find(size, full ? Number.POSITIVE_INFINITY : 4 * size) ?? chunkMemory(wanted)
    this.#used += memory.length
    this.#peak = Math.max(this.#peak, this.#used)
    this.#trim()
    return memory
  }

  /** Gives memory of `take` back, once, when nobody reads or writes it any more. */
  give(memory: Buffer): void {
    this.#used -= memory.length
    this.#keptBytes += memory.length
    this.#kept.push(memory)
  }

  /** Lets memory of `take` go: something may still be on its way into it. */
  drop(memory: Buffer): void {
    this.#used -= memory.length
  }

  #find(size: number, most: number): Buffer | undefined {
    let best = -1
    for (const [i, { length }] of this.#kept.entries()) {
      if (length < size || length > most) continue
      if (best < 0 || length < (this.#kept[best]?.length ?? 0)) best = i
    }
    if (best < 0) return undefined
    const [found] = this.#kept.splice(best, 1)
    this.#keptBytes -= found?.length ?? 0
    return found
  }

  #trim(): void {
    while (this.bytes > this.#peak + spareBytes) {
      const oldest = this.#kept.shift()
      if (!oldest) return
      this.#keptBytes -= oldest.length
    }
  }
}

/** A size that later chunks of about the same size fit into. */
function roomy(size: number): number {
  const step = Math.max(4096, 2 ** Math.floor(Math.log2(Math.max(1, size))) / 8)
  return Math.ceil(size / step) * step
}
