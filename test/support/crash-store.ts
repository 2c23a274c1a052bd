import { TidemarkError } from '../../src/base/index.ts'
import type {
  Bytes,
  CallOptions,
  ObjectInfo,
  ObjectStore,
  ObjectWriter,
  PutOptions,
} from '../../src/storage/store.ts'

/**
 * What a store sees of a process that is killed: at one of its calls, before or after it takes effect, and never
 * again from then on. Everything after that rejects, so that the code which would be dead learns nothing and changes nothing.
 */
export class CrashStore implements ObjectStore {
  readonly url: string
  readonly putLimit: number
  readonly #inner: ObjectStore
  readonly #after: boolean
  #left: number

  /** `calls`: how many succeed before the crash; `after`: whether the last one still takes effect. */
  constructor(inner: ObjectStore, calls: number, after: boolean) {
    this.#inner = inner
    this.#left = calls
    this.#after = after
    this.url = inner.url
    this.putLimit = inner.putLimit
  }

  get crashed(): boolean {
    return this.#left < 0
  }

  put(key: string, bytes: Bytes, options?: PutOptions): Promise<boolean> {
    return this.#call(() => this.#inner.put(key, bytes, options))
  }

  async create(key: string, options?: CallOptions): Promise<ObjectWriter> {
    const writer = await this.#call(() => this.#inner.create(key, options))
    return {
      get size() {
        return writer.size
      },
      write: (bytes, call) => this.#call(() => writer.write(bytes, call)),
      close: (call) => this.#call(() => writer.close(call)),
      abort: () => writer.abort(),
    }
  }

  get(key: string, options?: CallOptions): Promise<Buffer> {
    return this.#call(() => this.#inner.get(key, options))
  }

  read(key: string, position: number, target: Buffer, options?: CallOptions): Promise<void> {
    return this.#call(() => this.#inner.read(key, position, target, options))
  }

  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    return this.#call(() => this.#inner.head(key, options))
  }

  async *list(
    prefix: string,
    options?: CallOptions & { readonly startAfter?: string },
  ): AsyncIterable<ObjectInfo> {
    await this.#call(async () => {})
    yield* this.#inner.list(prefix, options)
  }

  delete(keys: readonly string[], options?: CallOptions): Promise<void> {
    return this.#call(() => this.#inner.delete(keys, options))
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #call<T>(work: () => Promise<T>): Promise<T> {
    this.#left--
    if (this.#left >= 0) return await work()
    if (this.#left === -1 && this.#after) await work()
    throw new TidemarkError('STORAGE_UNAVAILABLE', 'The process is dead')
  }
}
