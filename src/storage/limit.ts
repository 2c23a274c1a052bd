import { Budget, type Clock, systemClock } from '../base/index.ts'
import { sizeOf } from './bytes.ts'
import type { Bytes, CallOptions, ObjectStore, ObjectWriter, PutOptions } from './store.ts'
import { type StoreCall, StoreWrapper } from './wrapper.ts'

/** How much of a store a job may use. */
export interface StoreLimits {
  /** Calls under way at once. @default unlimited */
  readonly calls?: number
  /** Bytes a second in both directions together, after a burst of one second. @default unlimited */
  readonly bytesPerSecond?: number
  readonly clock?: Clock
}

/**
 * Bounds the calls under way and the rate of bytes. A writer that keeps sending in the background (multipart uploads) is
 * bounded by its driver; here it is paced by what is written.
 */
export class LimitStore extends StoreWrapper {
  readonly #places: Budget | undefined
  readonly #rate: number
  readonly #clock: Clock
  /** Time, in ms of the monotonic clock, up to which the rate is used up. */
  #paidUntil = Number.NEGATIVE_INFINITY

  constructor(inner: ObjectStore, limits: StoreLimits) {
    super(inner)
    this.#places = limits.calls === undefined ? undefined : new Budget(limits.calls)
    this.#rate = limits.bytesPerSecond ?? Number.POSITIVE_INFINITY
    this.#clock = limits.clock ?? systemClock
  }

  override async put(key: string, bytes: Bytes, options: PutOptions = {}): Promise<boolean> {
    await this.#pace(sizeOf(bytes), options)
    return await super.put(key, bytes, options)
  }

  override async get(key: string, options: CallOptions = {}): Promise<Buffer> {
    const bytes = await super.get(key, options)
    // The size is known only now: whoever comes next waits for it.
    await this.#pace(bytes.length, options)
    return bytes
  }

  override async read(
    key: string,
    position: number,
    target: Buffer,
    options: CallOptions = {},
  ): Promise<void> {
    await this.#pace(target.length, options)
    await super.read(key, position, target, options)
  }

  protected override async write(
    writer: ObjectWriter,
    key: string,
    bytes: Bytes,
    options: CallOptions,
  ): Promise<void> {
    await this.#pace(sizeOf(bytes), options)
    await super.write(writer, key, bytes, options)
  }

  protected around<T>(
    call: StoreCall,
    _key: string,
    options: CallOptions,
    work: () => Promise<T>,
  ): Promise<T> {
    // Giving up must not wait behind the work that is given up.
    return this.#places && call !== 'abort' ? this.#places.with(1, work, options.signal) : work()
  }

  /** Waits until the bytes fit the rate; a second's worth may have been saved up. */
  async #pace(bytes: number, options: CallOptions): Promise<void> {
    if (this.#rate === Number.POSITIVE_INFINITY || bytes === 0) return
    const now = this.#clock.monotonic()
    this.#paidUntil = Math.max(this.#paidUntil, now - 1000) + (bytes / this.#rate) * 1000
    if (this.#paidUntil > now) await this.#clock.sleep(this.#paidUntil - now, options.signal)
  }
}
