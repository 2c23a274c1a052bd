import type { Clock } from '../../base/index.ts'
import type { Producer } from '../../kafka/index.ts'

/** Ms that a transaction stays open. Its records can be read only when it has been committed. */
const OPEN_FOR = 1_000

/**
 * Commits what all lanes send in one transaction after the other. Lanes stop at the gate while one is being committed; what has
 * landed counts only then.
 */
export class TransactionPump {
  /** Aborts with the reason when a transaction could not be committed: then all since the last commit must be sent anew. */
  readonly broken: AbortSignal
  readonly #producer: Producer
  readonly #clock: Clock
  readonly #break = new AbortController()
  readonly #stop = new AbortController()
  readonly #staged: (() => void)[] = []
  #gate: PromiseWithResolvers<void> | undefined
  #next = Promise.withResolvers<void>()
  readonly #work: Promise<void>

  constructor(producer: Producer, clock: Clock) {
    this.#producer = producer
    this.#clock = clock
    this.broken = this.#break.signal
    this.#next.promise.catch(() => {})
    producer.begin()
    this.#work = this.#run()
  }

  /** Resolves when the gate is open. What is sent in the same turn of the event loop belongs to the open transaction. */
  async pass(): Promise<void> {
    while (this.#gate) await this.#gate.promise
    this.broken.throwIfAborted()
  }

  /** To be called when the transaction that is open now has been committed. */
  stage(work: () => void): void {
    this.#staged.push(work)
  }

  /** Resolves when everything that was sent before counts. */
  async committed(): Promise<void> {
    this.broken.throwIfAborted()
    const { promise } = this.#next
    await promise
  }

  /** Commits what is open, and ends. Rejects when that fails. */
  async end(): Promise<void> {
    this.#stop.abort()
    await this.#work
    this.broken.throwIfAborted()
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.#clock.sleep(OPEN_FOR, this.#stop.signal).catch(() => {})
      const last = this.#stop.signal.aborted
      if (!(await this.#commit(last)) || last) return
    }
  }

  async #commit(last: boolean): Promise<boolean> {
    const gate = Promise.withResolvers<void>()
    this.#gate = gate
    const done = this.#next
    this.#next = Promise.withResolvers()
    this.#next.promise.catch(() => {})
    try {
      await this.#producer.commit()
      for (const work of this.#staged.splice(0)) work()
      if (!last) this.#producer.begin()
      done.resolve()
      return true
    } catch (error) {
      this.#staged.length = 0
      this.#break.abort(error)
      done.reject(error)
      this.#next.reject(error)
      // Readers of the target are not kept waiting for a transaction that nobody will commit.
      await this.#producer.abort().catch(() => {})
      return false
    } finally {
      this.#gate = undefined
      gate.resolve()
    }
  }
}
