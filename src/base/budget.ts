import { invariant } from './errors.ts'

interface Waiter {
  readonly amount: number
  readonly grant: () => void
}

/**
 * A counted resource shared by many users, first come first served: bytes of memory, or places for concurrent
 * work. A request larger than the whole is granted alone, when everything else has been given back, so that one
 * oversized batch can never stall the job.
 */
export class Budget {
  readonly total: number
  #used = 0
  readonly #waiters: Waiter[] = []

  constructor(total: number) {
    invariant(total > 0, 'a budget needs a positive total')
    this.total = total
  }

  get used(): number {
    return this.#used
  }

  /** Takes `amount` now if it fits and nobody waits; otherwise answers false. */
  tryTake(amount: number): boolean {
    if (this.#waiters.length > 0 || !this.#fits(amount)) return false
    this.#used += amount
    return true
  }

  /** Waits until `amount` fits. Rejects with the signal's reason when aborted. */
  async take(amount: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    if (this.tryTake(amount)) return
    await new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        amount,
        grant: () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      const onAbort = () => {
        const at = this.#waiters.indexOf(waiter)
        if (at >= 0) this.#waiters.splice(at, 1)
        this.#drain()
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiters.push(waiter)
    })
  }

  /**
   * Takes `amount` at once, beyond the total if need be: for what is already there and cannot wait. Whoever asks next waits
   * until enough has been given back.
   */
  overdraw(amount: number): void {
    this.#used += amount
  }

  /** Gives `amount` back. */
  give(amount: number): void {
    this.#used -= amount
    invariant(this.#used >= 0, 'more was given back to a budget than was taken')
    this.#drain()
  }

  /** Runs `work` while holding `amount`. */
  async with<T>(amount: number, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.take(amount, signal)
    try {
      return await work()
    } finally {
      this.give(amount)
    }
  }

  #fits(amount: number): boolean {
    return this.#used + amount <= this.total || this.#used === 0
  }

  #drain(): void {
    for (
      let next = this.#waiters[0];
      next !== undefined && this.#fits(next.amount);
      next = this.#waiters[0]
    ) {
      this.#waiters.shift()
      this.#used += next.amount
      next.grant()
    }
  }
}
