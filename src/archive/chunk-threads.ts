import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { type Answer, toMessage } from './chunk-message.ts'
import { type ChunkWork, type ChunkWorkDone, doChunkWork } from './chunk-work.ts'

/** A thread takes about ten megabytes. */
const mostThreads = Math.max(1, Math.min(8, availableParallelism()))
/** Ms of work that may lie before a thread until another one is worth starting. */
const patience = 40
/** Ms that a MiB takes, about. */
const pace: Readonly<Record<ChunkWork['type'], number>> = { digest: 1, pack: 5, unpack: 3 }

interface Waiting {
  readonly work: ChunkWork
  readonly cost: number
  readonly resolve: (done: ChunkWorkDone | PromiseLike<ChunkWorkDone>) => void
  readonly reject: (error: unknown) => void
}

const threads: ChunkThread[] = []

/**
 * Has the work done by another thread, on the memory where it lies, which must be shared and stay as it is until this resolves or
 * rejects. Rejects with what {@link doChunkWork} throws, and nothing else: where a thread cannot be started, or dies, its work
 * is done here.
 */
export async function inAnotherThread(work: ChunkWork): Promise<ChunkWorkDone> {
  const { length } = work.type === 'unpack' ? work.target : work.bytes
  const thread = freest()
  return thread ? await thread.run(work, (length / 2 ** 20) * pace[work.type]) : doChunkWork(work)
}

function freest(): ChunkThread | undefined {
  let best: ChunkThread | undefined
  for (const thread of threads) if (!best || thread.load < best.load) best = thread
  if (best && (best.load < patience || threads.length >= mostThreads)) return best
  try {
    const thread = new ChunkThread(() => {
      const index = threads.indexOf(thread)
      if (index >= 0) threads.splice(index, 1)
    })
    threads.push(thread)
    return thread
  } catch {
    return best
  }
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
    for (const end of ['error', 'messageerror', 'exit']) this.#worker.on(end, () => this.#lost())
  }

  /** Ms of work that lie before it, about. */
  get load(): number {
    return this.#load
  }

  run(work: ChunkWork, cost: number): Promise<ChunkWorkDone> {
    return new Promise((resolve, reject) => {
      const id = ++this.#last
      this.#worker.postMessage(toMessage(work, id))
      this.#worker.ref()
      this.#load += cost
      this.#waiting.set(id, { work, cost, resolve, reject })
    })
  }

  #answered({ id, done, error }: Answer): void {
    const waiting = this.#waiting.get(id)
    if (!waiting) return
    this.#waiting.delete(id)
    this.#load = this.#waiting.size === 0 ? 0 : this.#load - waiting.cost
    if (this.#waiting.size === 0) this.#worker.unref()
    if (done) waiting.resolve(done)
    else waiting.reject(error)
  }

  /** The thread has ended, or talks nonsense. What it had before it is done here, when it is surely not at it any more. */
  #lost(): void {
    this.#ended()
    const left = [...this.#waiting.values()]
    this.#waiting.clear()
    const ended = this.#worker.terminate()
    for (const { work, resolve } of left) resolve(ended.then(() => doChunkWork(work)))
  }
}
