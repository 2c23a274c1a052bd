import type { Clock } from './clock.ts'

/** A bucket that fills at a steady rate and holds a second's worth. */
class Bucket {
  readonly #rate: number
  #level: number
  #filled: number

  constructor(rate: number, now: number) {
    this.#rate = rate
    this.#level = rate
    this.#filled = now
  }

  /** Takes `amount`, below zero if need be; answers the ms after which the level is not negative any more. */
  take(amount: number, now: number): number {
    this.#level = Math.min(this.#rate, this.#level + ((now - this.#filled) / 1000) * this.#rate)
    this.#filled = now
    this.#level -= amount
    return this.#level >= 0 ? 0 : (-this.#level / this.#rate) * 1000
  }
}

/** One limit for a whole job, however many partitions are copied at once. */
export class RateLimit {
  readonly #clock: Clock
  readonly #bytes: Bucket | undefined
  readonly #records: Bucket | undefined

  /** Rates a second; undefined = no limit. */
  constructor(bytes: number | undefined, records: number | undefined, clock: Clock) {
    this.#clock = clock
    const now = clock.monotonic()
    this.#bytes = bytes === undefined ? undefined : new Bucket(bytes, now)
    this.#records = records === undefined ? undefined : new Bucket(records, now)
  }

  get unlimited(): boolean {
    return !this.#bytes && !this.#records
  }

  /** Waits until these bytes and records may go. */
  async take(bytes: number, records: number, signal: AbortSignal): Promise<void> {
    const now = this.#clock.monotonic()
    const pause = Math.max(this.#bytes?.take(bytes, now) ?? 0, this.#records?.take(records, now) ?? 0)
    if (pause > 0) await this.#clock.sleep(pause, signal)
  }
}
