import type { Clock } from '../../base/index.ts'
import type { RestoreState } from '../state/restore-state.ts'

/** Ms until the first checkpoint; then twice as long each time, up to the longest. */
const FIRST = 500
const LONGEST = 5_000
/** How much of the time writing them may take. */
const SHARE = 0.05

/** Makes progress durable now and then while the copy runs. */
export class Checkpoints {
  /** Aborts with the reason when the journal can no longer be written. */
  readonly failed: AbortSignal
  readonly #failure = new AbortController()
  readonly #stop = new AbortController()
  readonly #work: Promise<void>

  constructor(state: RestoreState, clock: Clock) {
    this.failed = this.#failure.signal
    this.#work = this.#run(state, clock)
  }

  /** Ends them. Rejects with what kept the journal from being written. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#work
    this.failed.throwIfAborted()
  }

  async #run(state: RestoreState, clock: Clock): Promise<void> {
    let pause = FIRST
    while (!this.#stop.signal.aborted) {
      await clock.sleep(pause, this.#stop.signal).catch(() => {})
      if (this.#stop.signal.aborted) return
      const before = clock.monotonic()
      try {
        await state.save()
      } catch (error) {
        this.#failure.abort(error)
        return
      }
      pause = Math.max(Math.min(2 * pause, LONGEST), (clock.monotonic() - before) / SHARE)
    }
  }
}
