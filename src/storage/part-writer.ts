import { type Budget, invariant } from '../base/index.ts'
import { piecesOf } from './bytes.ts'
import type { SegmentPool } from './segment-pool.ts'
import type { Bytes, CallOptions, ObjectWriter } from './store.ts'

/** How one object is sent in parts: what a store with multipart uploads, block lists or the like has to offer. */
export interface PartUpload {
  /** Bytes in every part but the last. */
  readonly partSize: number
  /** Sends the whole object at once: it turned out smaller than a part. */
  whole(pieces: readonly Buffer[], signal: AbortSignal): Promise<void>
  /** Sends a part, counted from 1, and answers what `complete` has to name it by. Called concurrently. */
  part(number: number, pieces: readonly Buffer[], signal: AbortSignal): Promise<string>
  /** Makes the object of its parts, in order. May be called again after it was rejected. */
  complete(tags: readonly string[], signal: AbortSignal): Promise<void>
  /** Drops the parts. */
  abort(): Promise<void>
}

interface Part {
  readonly number: number
  /** Memory of the pool. */
  readonly segments: Buffer[]
  /** Bytes of the last segment that are used. */
  used: number
  /** The part's bytes, in order; they lie in the segments. */
  readonly pieces: Buffer[]
  size: number
}

/** Parts of one object under way at once. */
const partsAtOnce = 4

/**
 * Collects what is written into parts and sends them while the next is collected. Memory is bounded: the part being
 * collected takes only what was written; full ones wait for one of the store's `slots`, and while one waits no more is
 * collected. So all writers of a store together hold at most `slots` parts, and one more each.
 *
 * A part that could not be sent is kept. The error comes out of the call under way or the next one; when that call is made
 * again, the part is sent again, and the call goes on behind the bytes that it had already taken.
 */
export class PartWriter implements ObjectWriter {
  readonly #upload: PartUpload
  readonly #pool: SegmentPool
  readonly #slots: Budget
  readonly #own = new AbortController()
  readonly #signal: AbortSignal
  readonly #flying = new Set<Promise<void>>()
  readonly #tags: string[] = []
  #failed: Part[] = []
  #error: unknown
  /** A caller has been told of the error: the next call is another try. */
  #told = false
  #filling: Part
  /** Bytes of the present call that were taken before it was rejected. */
  #taken = 0
  #size = 0
  #state: 'open' | 'closed' | 'aborted' = 'open'

  constructor(upload: PartUpload, pool: SegmentPool, slots: Budget, signal: AbortSignal | undefined) {
    this.#upload = upload
    this.#pool = pool
    this.#slots = slots
    this.#signal = signal ? AbortSignal.any([signal, this.#own.signal]) : this.#own.signal
    this.#filling = emptyPart(1)
  }

  get size(): number {
    return this.#size
  }

  async write(bytes: Bytes, options: CallOptions = {}): Promise<void> {
    await this.#begin(options)
    let skip = this.#taken
    for (const piece of piecesOf(bytes)) {
      let at = Math.min(skip, piece.length)
      skip -= at
      while (at < piece.length) {
        if (this.#filling.size === this.#upload.partSize) await this.#sendFilled(options)
        const taken = this.#fill(piece, at)
        at += taken
        this.#taken += taken
        this.#size += taken
      }
    }
    this.#taken = 0
  }

  async close(options: CallOptions = {}): Promise<void> {
    if (this.#state === 'closed') return
    await this.#begin(options)
    if (this.#filling.number === 1) {
      await this.#upload.whole(this.#filling.pieces, this.#either(options))
    } else {
      if (this.#filling.size > 0) await this.#sendFilled(options)
      while (this.#flying.size > 0) await this.#landing(options)
      this.#raise()
      const parts = this.#filling.number - 1
      invariant(
        Object.keys(this.#tags).length === parts,
        'an object was closed before all its parts had arrived',
      )
      await this.#upload.complete(this.#tags, this.#either(options))
    }
    this.#state = 'closed'
  }

  async abort(): Promise<void> {
    if (this.#state !== 'open') return
    this.#state = 'aborted'
    this.#own.abort()
    await Promise.all(this.#flying)
    await this.#upload.abort().catch(() => undefined)
  }

  async #begin(options: CallOptions): Promise<void> {
    invariant(this.#state === 'open', 'a write to an object that was closed or aborted')
    this.#signal.throwIfAborted()
    options.signal?.throwIfAborted()
    if (this.#error === undefined) return
    if (!this.#told) this.#raise()
    this.#error = undefined
    this.#told = false
    const again = this.#failed
    this.#failed = []
    for (const part of again) await this.#send(part, options)
  }

  #raise(): void {
    if (this.#error === undefined) return
    this.#told = true
    throw this.#error
  }

  #fill(piece: Uint8Array, from: number): number {
    const part = this.#filling
    const left = Math.min(piece.length - from, this.#upload.partSize - part.size)
    let segment = part.segments.at(-1)
    let start = part.used
    if (!segment || start >= segment.length) {
      segment = this.#pool.take()
      part.segments.push(segment)
      start = 0
    }
    const taken = Math.min(left, segment.length - start)
    // Node's own copy: from memory that threads share, V8's `set` takes twice as long, and out of step with the source four times.
    asBuffer(piece).copy(segment, start, from, from + taken)
    append(part.pieces, segment, start, start + taken)
    part.used = start + taken
    part.size += taken
    return taken
  }

  async #sendFilled(options: CallOptions): Promise<void> {
    this.#raise()
    const part = this.#filling
    await this.#send(part, options)
    this.#filling = emptyPart(part.number + 1)
  }

  /** Waits for a place and lets the part fly. */
  async #send(part: Part, options: CallOptions): Promise<void> {
    while (this.#flying.size >= partsAtOnce) await this.#landing(options)
    await this.#slots.take(1, this.#either(options))
    const flight: Promise<void> = this.#upload
      .part(part.number, part.pieces, this.#signal)
      .then(
        (tag) => {
          this.#tags[part.number - 1] = tag
          for (const segment of part.segments.splice(0)) this.#pool.give(segment)
        },
        (error: unknown) => {
          this.#failed.push(part)
          this.#error ??= error
        },
      )
      .finally(() => {
        this.#slots.give(1)
        this.#flying.delete(flight)
      })
    this.#flying.add(flight)
  }

  /** Until one of the parts under way has landed or failed, or the caller loses patience. */
  async #landing(options: CallOptions): Promise<void> {
    const { signal } = options
    if (!signal) {
      await Promise.race(this.#flying)
      return
    }
    signal.throwIfAborted()
    const { promise, reject } = Promise.withResolvers<never>()
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await Promise.race([...this.#flying, promise])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  #either(options: CallOptions): AbortSignal {
    return options.signal ? AbortSignal.any([options.signal, this.#signal]) : this.#signal
  }
}

function emptyPart(number: number): Part {
  return { number, segments: [], used: 0, pieces: [], size: 0 }
}

/** Adds bytes of a segment; to the last piece, where they come right behind it. */
function append(pieces: Buffer[], segment: Buffer, start: number, end: number): void {
  const last = pieces.at(-1)
  const begin = last?.buffer === segment.buffer ? last.byteOffset - segment.byteOffset : -1
  if (last && begin >= 0 && begin + last.length === start) {
    pieces[pieces.length - 1] = segment.subarray(begin, end)
  } else {
    pieces.push(segment.subarray(start, end))
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
