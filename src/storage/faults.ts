import { type Clock, systemClock, TidemarkError } from '../base/index.ts'
import { sizeOf, sliceOf } from './bytes.ts'
import type { Bytes, CallOptions, ObjectStore, ObjectWriter, PutOptions } from './store.ts'
import { type StoreCall, StoreWrapper } from './wrapper.ts'

/**
 * What goes wrong: the call fails before anything is done; it is done and then answered with the error, as when the
 * answer is lost (not for `write`, which would then be made twice); it takes `ms` longer; a share of the bytes is
 * written and then the connection breaks; it never answers until its signal aborts it.
 */
export type FaultEffect =
  | { readonly kind: 'fail'; readonly error?: TidemarkError }
  | { readonly kind: 'fail-after'; readonly error?: TidemarkError }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'cut'; readonly share?: number }
  | { readonly kind: 'hang' }

/** A rule: which calls are hit, and how. */
export interface Fault {
  /** @default every call */
  readonly calls?: readonly StoreCall[]
  /** @default every key */
  readonly keys?: (key: string) => boolean
  /** First of the matching calls that is hit, counted from 1. @default 1 */
  readonly from?: number
  /** How many in a row. @default 1 */
  readonly times?: number
  readonly effect: FaultEffect
}

interface Rule {
  readonly fault: Fault
  seen: number
}

/** A store that goes wrong by plan, to try what its users do then. Rules are asked in the order given; one hits a call. */
export class FaultStore extends StoreWrapper {
  readonly #rules: readonly Rule[]
  readonly #clock: Clock
  /** Writers whose connection broke half-way. */
  readonly #cut = new WeakSet<ObjectWriter>()
  #hits = 0

  constructor(inner: ObjectStore, faults: readonly Fault[], clock: Clock = systemClock) {
    super(inner)
    this.#rules = faults.map((fault) => ({ fault, seen: 0 }))
    this.#clock = clock
  }

  /** How many calls have been hit so far: a test that injects nothing proves nothing. */
  get hits(): number {
    return this.#hits
  }

  override put(key: string, bytes: Bytes, options: PutOptions = {}): Promise<boolean> {
    const cut = async (share: number) => {
      const writer = await this.inner.create(key, options)
      await writer.write(sliceOf(bytes, 0, Math.floor(sizeOf(bytes) * share)))
      await writer.abort()
      throw broken(key, true)
    }
    return this.#hit('put', key, options, () => this.inner.put(key, bytes, options), cut)
  }

  protected override async write(
    writer: ObjectWriter,
    key: string,
    bytes: Bytes,
    options: CallOptions,
  ): Promise<void> {
    // What was written is gone with the connection: such a call cannot be made again.
    if (this.#cut.has(writer)) throw broken(key, false)
    const cut = async (share: number) => {
      await writer.write(sliceOf(bytes, 0, Math.floor(sizeOf(bytes) * share)))
      await writer.abort()
      this.#cut.add(writer)
      throw broken(key, false)
    }
    await this.#hit('write', key, options, () => writer.write(bytes, options), cut)
  }

  protected around<T>(
    call: StoreCall,
    key: string,
    options: CallOptions,
    work: () => Promise<T>,
  ): Promise<T> {
    return this.#hit(call, key, options, work, () => Promise.reject(broken(key, true)))
  }

  async #hit<T>(
    call: StoreCall,
    key: string,
    options: CallOptions,
    work: () => Promise<T>,
    cut: (share: number) => Promise<never>,
  ): Promise<T> {
    const effect = this.#effect(call, key)
    switch (effect?.kind) {
      case undefined:
        return await work()
      case 'fail':
        throw effect.error ?? broken(key, true)
      case 'fail-after':
        await work()
        throw effect.error ?? broken(key, true)
      case 'delay':
        await this.#clock.sleep(effect.ms, options.signal)
        return await work()
      case 'cut':
        return await cut(effect.share ?? 0.5)
      case 'hang':
        return await forever(options.signal)
    }
  }

  #effect(call: StoreCall, key: string): FaultEffect | undefined {
    for (const rule of this.#rules) {
      const { calls, keys, from = 1, times = 1, effect } = rule.fault
      if ((calls && !calls.includes(call)) || (keys && !keys(key))) continue
      rule.seen++
      if (rule.seen < from || rule.seen >= from + times) continue
      this.#hits++
      return effect
    }
    return undefined
  }
}

function broken(key: string, retriable: boolean): TidemarkError {
  return new TidemarkError('STORAGE_UNAVAILABLE', `The connection to the store broke at ${key}`, {
    retriable,
    details: { object: key, outcome: 'unknown' },
  })
}

async function forever(signal: AbortSignal | undefined): Promise<never> {
  signal?.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
  return await promise
}
