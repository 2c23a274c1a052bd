import { hash, webcrypto } from 'node:crypto'
import { Worker } from 'node:worker_threads'

/** Below this, handing the bytes to another thread costs more than hashing them. */
const worthAThread = 128 * 1024

/**
 * SHA-256 in hex. Large inputs are hashed off the main thread: in a worker without a copy when the memory is shared between
 * threads (`chunk-memory.ts`), else in the thread pool, which takes a copy. The bytes must not change until it resolves.
 */
export async function sha256(bytes: Uint8Array): Promise<string> {
  if (bytes.length < worthAThread) return hash('sha256', bytes)
  if (bytes.buffer instanceof SharedArrayBuffer) return await thread().digest(bytes, bytes.buffer)
  // Without the assertion the type would leave room for shared memory, which was dealt with.
  const digest = await webcrypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)
  return Buffer.from(digest).toString('hex')
}

interface Answer {
  readonly id: number
  readonly digest: string
}

interface Waiting {
  readonly resolve: (digest: string) => void
  readonly reject: (error: unknown) => void
}

let shared: DigestThread | undefined

function thread(): DigestThread {
  shared ??= new DigestThread()
  return shared
}

/** One worker for the process. It keeps the process alive only while somebody waits for it. */
class DigestThread {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  #last = 0

  constructor() {
    const name = import.meta.url.endsWith('.ts') ? './digest-worker.ts' : './digest-worker.js'
    this.#worker = new Worker(new URL(name, import.meta.url))
    this.#worker.unref()
    this.#worker.on('message', ({ id, digest }: Answer) => {
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (this.#waiting.size === 0) this.#worker.unref()
      waiting?.resolve(digest)
    })
    this.#worker.on('error', (error) => this.#fail(error))
    this.#worker.on('exit', () => this.#fail(new Error('the hashing thread has ended')))
  }

  digest(bytes: Uint8Array, memory: SharedArrayBuffer): Promise<string> {
    return new Promise((resolve, reject) => {
      const id = ++this.#last
      this.#worker.ref()
      this.#waiting.set(id, { resolve, reject })
      this.#worker.postMessage({ id, memory, offset: bytes.byteOffset, length: bytes.length })
    })
  }

  #fail(error: unknown): void {
    if (shared === this) shared = undefined
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
