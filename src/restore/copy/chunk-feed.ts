import type { BackupReader, Chunk, ChunkPool, ChunkRef } from '../../archive/index.ts'
import { invariant, Lease } from '../../base/index.ts'
import { batchEnd } from '../../records/index.ts'
import type { BudgetShare } from './budget-share.ts'

/** A chunk in memory, or a piece of it: whole batches, checked and decompressed. */
export interface LoadedChunk {
  readonly ref: ChunkRef
  readonly bytes: Buffer
  /** The reader's own hold on the memory: to be released when the walk is done. */
  readonly lease: Lease
}

export interface FeedOptions {
  readonly signal: AbortSignal
  /** Reads the next chunk while the current one is used. @default true */
  readonly ahead?: boolean
  /**
   * Keeps at most this many bytes of a chunk (one batch at least), and reads the chunk again for the next piece. What is kept is
   * not taken from the budget: the caller has set it aside.
   */
  readonly window?: number
  /**
   * Reuses memory: for a caller that keeps nothing of a chunk beyond its lease, not even views of records. Not together with
   * `window`.
   */
  readonly pool?: ChunkPool
}

/**
 * Reads the chunks of one source partition in order, one ahead: while a chunk is sent, the next is read, checked and
 * decompressed. What lies in memory is taken from the budget, so many feeds together stay within it.
 */
export class ChunkFeed implements AsyncDisposable {
  readonly #reader: BackupReader
  readonly #refs: Iterator<ChunkRef>
  readonly #budget: BudgetShare
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  readonly #ahead: boolean
  readonly #window: number | undefined
  readonly #pool: ChunkPool | undefined
  #next: Promise<LoadedChunk | undefined> | undefined
  /** Of the chunk that is given out in pieces: where the next piece begins. */
  #partial: { readonly ref: ChunkRef; readonly position: number } | undefined

  constructor(reader: BackupReader, refs: Iterable<ChunkRef>, budget: BudgetShare, options: FeedOptions) {
    this.#reader = reader
    this.#refs = refs[Symbol.iterator]()
    this.#budget = budget
    this.#signal = AbortSignal.any([options.signal, this.#stop.signal])
    this.#ahead = options.ahead ?? true
    this.#window = options.window
    this.#pool = options.pool
  }

  /** The next chunk, or undefined after the last. Rejects with ARCHIVE_DAMAGED and the errors of the store. */
  async next(): Promise<LoadedChunk | undefined> {
    const loading = this.#next ?? this.#load()
    this.#next = undefined
    const loaded = await loading
    if (loaded && this.#ahead) {
      this.#next = this.#load()
      // Whoever asks for it gets the error; until then nobody waits.
      this.#next.catch(() => {})
    }
    return loaded
  }

  async #load(): Promise<LoadedChunk | undefined> {
    const { ref, position } = this.#partial ?? { ref: this.#nextRef(), position: 0 }
    if (!ref) return undefined
    const { chunk } = ref
    // While a chunk is decompressed, its compressed bytes are there too; and, into memory that threads do not share, a second copy.
    const second = this.#pool ? 0 : chunk.rawLength
    const packed = chunk.codec === 'none' ? 0 : chunk.storedLength + second
    await this.#budget.take(chunk.rawLength + packed, this.#signal)
    let held = chunk.rawLength + packed
    try {
      const memory = this.#pool?.take(chunk.rawLength)
      const bytes = await this.#read(chunk, memory)
      if (this.#window !== undefined) return this.#piece(ref, bytes, position, this.#window)
      this.#budget.give(packed)
      held = 0
      const release = () => {
        if (memory) this.#pool?.give(memory)
        this.#budget.give(chunk.rawLength)
      }
      return { ref, bytes, lease: new Lease(release) }
    } finally {
      this.#budget.give(held)
    }
  }

  async #read(chunk: Chunk, memory: Buffer | undefined): Promise<Buffer> {
    try {
      return await this.#reader.read(chunk, { signal: this.#signal, ...(memory && { into: memory }) })
    } catch (error) {
      if (memory) this.#pool?.drop(memory)
      throw error
    }
  }

  #nextRef(): ChunkRef | undefined {
    const step = this.#refs.next()
    return step.done ? undefined : step.value
  }

  #piece(ref: ChunkRef, bytes: Buffer, from: number, window: number): LoadedChunk {
    const place = { topic: ref.chunk.topic, partition: ref.chunk.partition }
    let to = from
    while (to < bytes.length && (to === from || to - from < window)) {
      const end = batchEnd(bytes, to, bytes.length, place)
      invariant(end !== undefined, 'a chunk holds whole batches', place)
      if (to > from && end - from > window) break
      to = end
    }
    this.#partial = to < bytes.length ? { ref, position: to } : undefined
    const whole = from === 0 && to === bytes.length
    const kept = whole ? bytes : Buffer.from(bytes.subarray(from, to))
    return { ref, bytes: kept, lease: new Lease(() => {}) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    const unused = await this.#next?.catch(() => undefined)
    this.#next = undefined
    unused?.lease.release()
  }
}
