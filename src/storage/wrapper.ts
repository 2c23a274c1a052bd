import type { Bytes, CallOptions, ObjectInfo, ObjectStore, ObjectWriter, PutOptions } from './store.ts'

/** The calls of a store. `write`, `close` and `abort` are those of a writer; `list` stands for each step of a listing. */
export type StoreCall =
  | 'put'
  | 'create'
  | 'write'
  | 'close'
  | 'abort'
  | 'get'
  | 'read'
  | 'head'
  | 'list'
  | 'delete'

/** A store around another. Every call goes through `around`; a wrapper overrides what needs more than that. */
export abstract class StoreWrapper implements ObjectStore {
  readonly url: string
  readonly putLimit: number
  protected readonly inner: ObjectStore

  constructor(inner: ObjectStore) {
    this.inner = inner
    this.url = inner.url
    this.putLimit = inner.putLimit
  }

  /** Does `work`, in whatever way the wrapper is for. */
  protected abstract around<T>(
    call: StoreCall,
    key: string,
    options: CallOptions,
    work: () => Promise<T>,
  ): Promise<T>

  put(key: string, bytes: Bytes, options: PutOptions = {}): Promise<boolean> {
    return this.around('put', key, options, () => this.inner.put(key, bytes, options))
  }

  async create(key: string, options: CallOptions = {}): Promise<ObjectWriter> {
    const writer = await this.around('create', key, options, () => this.inner.create(key, options))
    const both = (call: CallOptions = {}): CallOptions => either(options.signal, call.signal)
    return {
      get size() {
        return writer.size
      },
      write: (bytes, call) => this.write(writer, key, bytes, both(call)),
      close: (call) => this.around('close', key, both(call), () => writer.close(call)),
      abort: () => this.around('abort', key, {}, () => writer.abort()),
    }
  }

  /** A write to an object that was created through this wrapper. */
  protected write(writer: ObjectWriter, key: string, bytes: Bytes, options: CallOptions): Promise<void> {
    return this.around('write', key, options, () => writer.write(bytes, options))
  }

  get(key: string, options: CallOptions = {}): Promise<Buffer> {
    return this.around('get', key, options, () => this.inner.get(key, options))
  }

  read(key: string, position: number, target: Buffer, options: CallOptions = {}): Promise<void> {
    return this.around('read', key, options, () => this.inner.read(key, position, target, options))
  }

  head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    return this.around('head', key, options, () => this.inner.head(key, options))
  }

  /** Only each step is within the wrapper's care: between two steps the caller may use the store. */
  async *list(
    prefix: string,
    options: CallOptions & { readonly startAfter?: string } = {},
  ): AsyncIterable<ObjectInfo> {
    const open = this.inner.list(prefix, options)[Symbol.asyncIterator]()
    try {
      for (;;) {
        const step = await this.around('list', prefix, options, () => open.next())
        if (step.done) return
        yield step.value
      }
    } finally {
      await open.return?.()
    }
  }

  delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    return this.around('delete', keys[0] ?? '', options, () => this.inner.delete(keys, options))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.inner[Symbol.asyncDispose]()
  }
}

function either(a: AbortSignal | undefined, b: AbortSignal | undefined): CallOptions {
  const signal = a && b && a !== b ? AbortSignal.any([a, b]) : (a ?? b)
  return signal ? { signal } : {}
}
