import { Budget } from '../base/index.ts'

/** Responses smaller than this share of a full one get memory of their own size. */
const smallShare = 4
/** From this many bytes on that size is a power of two, so that the memory can be used again by the next response. */
const leastKept = 16 << 10
/** Beside the batches: what a response says of each partition. */
const overhead = 256 << 10

/** The memory of one response, given back when the last holder lets go. */
export class ResponseMemory {
  readonly buffer: Buffer
  #holders = 1
  readonly #free: () => void

  constructor(buffer: Buffer, free: () => void) {
    this.buffer = buffer
    this.#free = free
  }

  retain(): void {
    this.#holders++
  }

  release(): void {
    if (--this.#holders === 0) this.#free()
  }
}

/**
 * The memory for all responses of a fetcher, from one budget. Room for a response is reserved before it is asked for;
 * the memory itself is handed out when it arrives and its size is known. Buffers are kept and used again, as far as the budget goes: left
 * to the garbage collector, a steady stream of small responses would take many times the memory that is in use. A response beyond its
 * reservation (one oversized batch) is taken all the same: it is there already, and those who come next wait until the budget is in
 * order again.
 */
export class FetchMemory {
  readonly fullSize: number
  readonly #budget: Budget
  /** Bytes that are with holders. A reservation is not among them: there is no memory behind it yet. */
  #claimed = 0
  /** By their size. */
  readonly #idle = new Map<number, Buffer[]>()
  #idleBytes = 0
  readonly #allocate: (bytes: number) => Buffer

  constructor(total: number, maxBytes: number, allocate: (bytes: number) => Buffer = Buffer.allocUnsafeSlow) {
    this.#allocate = allocate
    this.fullSize = maxBytes + overhead
    this.#budget = new Budget(Math.max(total, this.fullSize))
  }

  get used(): number {
    return this.#budget.used
  }

  /** Bytes of buffers that are kept for responses to come. */
  get idle(): number {
    return this.#idleBytes
  }

  /** What must be reserved for a response of `maxBytes` bytes of batches. */
  need(maxBytes: number): number {
    return Math.min(maxBytes + overhead, this.fullSize)
  }

  tryReserve(bytes: number): boolean {
    return this.#budget.tryTake(bytes)
  }

  reserve(bytes: number, signal: AbortSignal): Promise<void> {
    return this.#budget.take(bytes, signal)
  }

  /** Gives a reservation back that was not used. */
  unreserve(bytes: number): void {
    this.#budget.give(bytes)
  }

  /** Memory for a response of `size` bytes; uses up the reservation. */
  claim(size: number, reserved: number): ResponseMemory {
    const full = reserved === this.fullSize && size <= this.fullSize && size >= this.fullSize / smallShare
    const bytes = full ? this.fullSize : size < leastKept ? size : powerOfTwo(size, this.fullSize)
    this.#settle(bytes, reserved)
    this.#claimed += bytes
    const kept = this.#take(bytes)
    this.#trim()
    const buffer = kept ?? (full ? this.#allocate(bytes) : Buffer.allocUnsafeSlow(bytes))
    return new ResponseMemory(buffer, () => {
      this.#claimed -= bytes
      this.#keep(buffer)
      this.#budget.give(bytes)
    })
  }

  #take(bytes: number): Buffer | undefined {
    const buffer = this.#idle.get(bytes)?.pop()
    if (buffer) this.#idleBytes -= bytes
    return buffer
  }

  #keep(buffer: Buffer): void {
    const { length } = buffer
    if (length < leastKept || length > this.fullSize) return
    // What oversized responses took may be beyond the budget, and is not kept.
    if (this.#claimed + this.#idleBytes + length > this.#budget.total) return
    const alike = this.#idle.get(length)
    if (alike) alike.push(buffer)
    else this.#idle.set(length, [buffer])
    this.#idleBytes += length
  }

  /**
   * Lets go of idle buffers, so that with those in use they do not exceed the total. Small ones first: a large one may be memory that
   * threads share, of which the garbage collector knows nothing, so that a stream of new ones would pile up.
   */
  #trim(): void {
    const excess = () => this.#claimed + this.#idleBytes > this.#budget.total
    if (!excess()) return
    for (const bytes of [...this.#idle.keys()].sort((a, b) => a - b)) {
      const alike = this.#idle.get(bytes)
      while (excess() && alike?.pop()) this.#idleBytes -= bytes
    }
  }

  #settle(needed: number, reserved: number): void {
    if (needed > reserved) this.#budget.overdraw(needed - reserved)
    else if (reserved > needed) this.#budget.give(reserved - needed)
  }
}

/** The power of two from `size` on; `size` itself where that would be beyond `most`. */
function powerOfTwo(size: number, most: number): number {
  const power = 2 ** Math.ceil(Math.log2(size))
  return power <= most ? power : size
}
