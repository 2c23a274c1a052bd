import { invariant } from '../base/index.ts'
import { piecesOf, sizeOf } from './bytes.ts'
import { checkKey, checkPrefix, compareKeys } from './keys.ts'
import type { Bytes, CallOptions, ObjectInfo, ObjectStore, ObjectWriter, PutOptions } from './store.ts'
import { endsBefore, notFound } from './store-errors.ts'

interface Entry {
  readonly pieces: readonly Buffer[]
  readonly size: number
  readonly modified: number
}

/** Objects in the memory of this process: for tests, and for measuring what a job costs without a disk. */
export class MemoryStore implements ObjectStore {
  readonly url: string
  readonly putLimit = 64 * 1024 * 1024
  readonly #objects = new Map<string, Entry>()
  readonly #allocate: (bytes: number) => Buffer
  /** Keys in order; made when first asked for after a change. */
  #order: readonly string[] | undefined

  /** `allocate` gives the memory that bytes are copied into. @default fresh memory */
  constructor(name = '', allocate: (bytes: number) => Buffer = Buffer.allocUnsafeSlow) {
    this.url = `memory://${name}`
    this.#allocate = allocate
  }

  async put(key: string, bytes: Bytes, options: PutOptions = {}): Promise<boolean> {
    checkKey(key)
    options.signal?.throwIfAborted()
    if (options.ifAbsent === true && this.#objects.has(key)) return false
    const pieces = piecesOf(bytes).map((piece) => copy(piece, this.#allocate))
    this.#set(key, pieces, sizeOf(bytes))
    return true
  }

  async create(key: string, options: CallOptions = {}): Promise<ObjectWriter> {
    checkKey(key)
    options.signal?.throwIfAborted()
    return new MemoryWriter(this.#allocate, (pieces, size) => this.#set(key, pieces, size), options.signal)
  }

  async get(key: string, options: CallOptions = {}): Promise<Buffer> {
    const { pieces, size } = this.#entry(key, options)
    return Buffer.concat(pieces, size)
  }

  async read(key: string, position: number, target: Buffer, options: CallOptions = {}): Promise<void> {
    const { pieces, size } = this.#entry(key, options)
    if (position + target.length > size) throw endsBefore(key, size, position, target.length)
    let at = 0
    for (const piece of pieces) {
      const from = Math.max(0, position - at)
      const into = Math.max(0, at - position)
      if (from < piece.length && into < target.length) piece.copy(target, into, from)
      at += piece.length
    }
  }

  async head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    checkKey(key)
    options.signal?.throwIfAborted()
    const entry = this.#objects.get(key)
    return entry && { key, size: entry.size, modified: entry.modified }
  }

  async *list(
    prefix: string,
    options: CallOptions & { readonly startAfter?: string } = {},
  ): AsyncIterable<ObjectInfo> {
    checkPrefix(prefix)
    this.#order ??= [...this.#objects.keys()].sort(compareKeys)
    const after = options.startAfter
    for (const key of this.#order) {
      options.signal?.throwIfAborted()
      if (!key.startsWith(prefix) || (after !== undefined && compareKeys(key, after) <= 0)) continue
      const entry = this.#objects.get(key)
      if (entry) yield { key, size: entry.size, modified: entry.modified }
    }
  }

  async delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    for (const key of keys) checkKey(key)
    options.signal?.throwIfAborted()
    for (const key of keys) this.#objects.delete(key)
    this.#order = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #set(key: string, pieces: readonly Buffer[], size: number): void {
    if (!this.#objects.has(key)) this.#order = undefined
    this.#objects.set(key, { pieces, size, modified: Date.now() })
  }

  #entry(key: string, options: CallOptions): Entry {
    checkKey(key)
    options.signal?.throwIfAborted()
    const entry = this.#objects.get(key)
    if (!entry) throw notFound(key, this.url)
    return entry
  }
}

class MemoryWriter implements ObjectWriter {
  readonly #allocate: (bytes: number) => Buffer
  readonly #publish: (pieces: readonly Buffer[], size: number) => void
  readonly #signal: AbortSignal | undefined
  #pieces: Buffer[] = []
  #state: 'open' | 'closed' | 'aborted' = 'open'
  #size = 0

  constructor(
    allocate: (bytes: number) => Buffer,
    publish: (pieces: readonly Buffer[], size: number) => void,
    signal: AbortSignal | undefined,
  ) {
    this.#allocate = allocate
    this.#publish = publish
    this.#signal = signal
  }

  get size(): number {
    return this.#size
  }

  async write(bytes: Bytes, options: CallOptions = {}): Promise<void> {
    invariant(this.#state === 'open', 'a write to an object that was closed or aborted')
    this.#signal?.throwIfAborted()
    options.signal?.throwIfAborted()
    for (const piece of piecesOf(bytes)) this.#pieces.push(copy(piece, this.#allocate))
    this.#size += sizeOf(bytes)
  }

  async close(options: CallOptions = {}): Promise<void> {
    if (this.#state === 'closed') return
    invariant(this.#state === 'open', 'an aborted object was closed')
    this.#signal?.throwIfAborted()
    options.signal?.throwIfAborted()
    this.#state = 'closed'
    this.#publish(this.#pieces, this.#size)
  }

  async abort(): Promise<void> {
    if (this.#state === 'open') this.#state = 'aborted'
    this.#pieces = []
  }
}

function copy(piece: Uint8Array, allocate: (bytes: number) => Buffer): Buffer {
  const own = allocate(piece.length)
  own.set(piece)
  return own
}

const shared = new Map<string, MemoryStore>()

/** The store of that name, the same for every caller in this process. */
export function memoryStore(name: string): MemoryStore {
  let store = shared.get(name)
  if (!store) {
    store = new MemoryStore(name)
    shared.set(name, store)
  }
  return store
}
