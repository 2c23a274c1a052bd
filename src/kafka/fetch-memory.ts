import { Budget } from '../base/index.ts'

/** Responses smaller than this share of a full one get memory of their own size. */
const smallShare = 4
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
 * the memory itself is handed out when it arrives and its size is known. Buffers for full-size requests are kept and used
 * again, others are made to measure. A response beyond its reservation (one oversized batch) is taken all the same: it is
 * there already, and those who come next wait until the budget is in order again.
 */
export class FetchMemory {
  readonly fullSize: number
  readonly #budget: Budget
  readonly #idle: Buffer[] = []
  readonly #allocate: (bytes: number) => Buffer

  constructor(total: number, maxBytes: number, allocate: (bytes: number) => Buffer = Buffer.allocUnsafeSlow) {
    this.#allocate = allocate
    this.fullSize = maxBytes + overhead
    this.#budget = new Budget(Math.max(total, this.fullSize))
  }

  get used(): number {
    return this.#budget.used
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
    if (!full) return this.#measured(size, reserved)
    const buffer = this.#idle.pop() ?? this.#allocate(this.fullSize)
    return new ResponseMemory(buffer, () => {
      this.#idle.push(buffer)
      this.#budget.give(this.fullSize)
    })
  }

  #measured(size: number, reserved: number): ResponseMemory {
    this.#settle(size, reserved)
    // Idle full-size buffers do not count as used: let go of those that would take the whole beyond the total.
    while (
      this.#idle.length > 0 &&
      this.#budget.used + this.#idle.length * this.fullSize > this.#budget.total
    ) {
      this.#idle.pop()
    }
    return new ResponseMemory(Buffer.allocUnsafeSlow(size), () => this.#budget.give(size))
  }

  #settle(needed: number, reserved: number): void {
    if (needed > reserved) this.#budget.overdraw(needed - reserved)
    else if (reserved > needed) this.#budget.give(reserved - needed)
  }
}
