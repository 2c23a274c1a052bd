import { type Clock, isTidemarkError, type RetryPolicy, retry, type Telemetry } from '../base/index.ts'
import { piecesOf, sizeOf } from './bytes.ts'
import type { Bytes, CallOptions, ObjectInfo, ObjectStore, PutOptions } from './store.ts'
import { type StoreCall, StoreWrapper } from './wrapper.ts'

/** Half a minute of patience in all: a store that is away for longer ends the job, which can go on later. */
export const storeRetries: RetryPolicy = Object.freeze({ attempts: 8, delay: 200, maxDelay: 10_000 })

/** What the retry wrapper is handed. */
export interface RetryStoreOptions {
  /** @default storeRetries */
  readonly policy?: RetryPolicy
  readonly clock?: Clock
  readonly telemetry?: Telemetry
}

/**
 * Tries again what failed in passing.
 *
 * A conditional put whose outcome is unknown is not just repeated: the repetition would find the object there and call
 * it lost although it had won. From then on "already there" is answered by reading the object: our bytes mean that we
 * won. Callers put a random token into what they make if absent, so that equal bytes cannot be another's.
 */
export class RetryStore extends StoreWrapper {
  readonly #options: RetryStoreOptions

  constructor(inner: ObjectStore, options: RetryStoreOptions = {}) {
    super(inner)
    this.#options = options
  }

  override async put(key: string, bytes: Bytes, options: PutOptions = {}): Promise<boolean> {
    let unsure = false
    return await this.around('put', key, options, async () => {
      try {
        if (await this.inner.put(key, bytes, options)) return true
        return unsure && (await this.#holds(key, bytes, options))
      } catch (error) {
        if (isTidemarkError(error) && error.details.outcome === 'unknown') unsure = true
        throw error
      }
    })
  }

  /** A listing that breaks off goes on behind the last key seen. */
  override async *list(
    prefix: string,
    options: CallOptions & { readonly startAfter?: string } = {},
  ): AsyncIterable<ObjectInfo> {
    let last = options.startAfter
    let open: AsyncIterator<ObjectInfo> | undefined
    const next = async () => {
      const from = { ...options, ...(last !== undefined && { startAfter: last }) }
      open ??= this.inner.list(prefix, from)[Symbol.asyncIterator]()
      try {
        return await open.next()
      } catch (error) {
        open = undefined
        throw error
      }
    }
    try {
      for (;;) {
        const step = await this.around('list', prefix, options, next)
        if (step.done) return
        last = step.value.key
        yield step.value
      }
    } finally {
      await open?.return?.()
    }
  }

  protected around<T>(
    call: StoreCall,
    key: string,
    options: CallOptions,
    work: () => Promise<T>,
  ): Promise<T> {
    const { policy = storeRetries, clock, telemetry } = this.#options
    return retry(policy, work, {
      ...(options.signal && { signal: options.signal }),
      ...(clock && { clock }),
      onRetry: (error, attempt, delay) => {
        const reason = error instanceof Error ? error.message : String(error)
        telemetry?.count('storage_retries', 1, { op: call })
        telemetry?.log('warn', `${call} of ${key} is tried again in ${Math.round(delay)} ms: ${reason}`, {
          store: this.url,
          object: key,
          attempt,
        })
      },
    })
  }

  /** Whether the object is the one that we tried to make. */
  async #holds(key: string, bytes: Bytes, options: CallOptions): Promise<boolean> {
    const info = await this.inner.head(key, options)
    if (info === undefined || info.size !== sizeOf(bytes)) return false
    const there = await this.inner.get(key, options)
    if (there.length !== info.size) return false
    let at = 0
    for (const piece of piecesOf(bytes)) {
      if (there.compare(piece, 0, piece.length, at, at + piece.length) !== 0) return false
      at += piece.length
    }
    return true
  }
}
