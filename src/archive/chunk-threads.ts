import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { type Answer, toMessage } from './chunk-message.ts'
import type { ChunkWork, ChunkWorkDone } from './chunk-work.ts'

/** A thread takes about ten megabytes. */
const mostThreads = Math.max(1, Math.min(8, availableParallelism()))
/** Ms of work that may lie before a thread until another one is worth starting. */
const patience = 40
/** Ms that a MiB takes, about. */
const pace: Readonly<Record<ChunkWork['type'], number>> = { digest: 1, pack: 5, unpack: 3 }

interface Waiting {
  readonly cost: number
  readonly resolve: (done: ChunkWorkDone) => void
  readonly reject: (error: unknown) => void
}

const threads: ChunkThread[] = []

/**
 * Has the work done by another thread, on the memory where it lies, which must be shared and stay as it is until this resolves.
 * Rejects with a plain error.
 */
export function inAnotherThread(work: ChunkWork): Promise<ChunkWorkDone> {
  const { length } = work.type === 'unpack' ? work.target : work.bytes
  return freest().run(work, (length / 2 ** 20) * pace[work.type])
}

function freest(): ChunkThread {
  let best: ChunkThread | undefined
  for (const thread of threads) if (!best || thread.load < best.load) best = thread
  if (best && (best.load < patience || threads.length >= mostThreads)) return best
  const thread = new ChunkThread(() => {
    const index = threads.indexOf(thread)
    if (index >= 0) threads.splice(index, 1)
  })
  threads.push(thread)
  return thread
}

/** One worker. It keeps the process alive only while somebody waits for it. */
class ChunkThread {
  readonly #worker: Worker
  readonly #ended: () => void
  readonly #waiting = new Map<number, Waiting>()
  #last = 0
  #load = 0

  constructor(ended: () => void) {
    this.#ended = ended
    const name = import.meta.url.endsWith('.ts') ? './chunk-worker.ts' : './chunk-worker.js'
    this.#worker = new Worker(new URL(name, import.meta.url))
    this.#worker.unref()
    this.#worker.on('message', (answer: Answer) => this.#answered(answer))
    this.#worker.on('error', (error) => this.#fail(error))
    this.#worker.on('exit', () => this.#fail(new Error('a thread for chunks has ended')))
  }

  /** Ms of work that lie before it, about. */
  get load(): number {
    return this.#load
  }

  run(work: ChunkWork, cost: number): Promise<ChunkWorkDone> {
    return new Promise((resolve, reject) => {
      const id = ++this.#last
      this.#worker.ref()
      this.#load += cost
      this.#waiting.set(id, { cost, resolve, reject })
      this.#worker.postMessage(toMessage(work, id))
    })
  }

  #answered({ id, done, error }: Answer): void {
    const waiting = this.#waiting.get(id)
    if (!waiting) return
    this.#waiting.delete(id)
    this.#load = this.#waiting.size === 0 ? 0 : this.#load - waiting.cost
    if (this.#waiting.size === 0) this.#worker.unref()
    if (done) waiting.resolve(done)
    else waiting.reject(new Error(error))
  }

  #fail(error: unknown): void {
    this.#ended()
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
