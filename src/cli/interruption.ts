import { TidemarkError } from '../base/index.ts'

/** Longest time in ms between the first signal and the end. */
const longest = 30_000

export interface InterruptionOptions {
  /** Said at the first signal. */
  readonly announce: (signal: string) => void
  /** Ends the process at once, with the status for an interruption. */
  readonly giveUp: (why: string) => void
}

/**
 * Turns SIGINT, SIGTERM and SIGHUP into an abort with reason INTERRUPTED, so that jobs finish their commit. A second signal, or the end of
 * the grace time, gives up at once: what was committed stays, the rest is done again by the next run.
 */
export class Interruption {
  readonly #controller = new AbortController()
  readonly #options: InterruptionOptions
  #grace = longest

  constructor(options: InterruptionOptions) {
    this.#options = options
  }

  /** Begins to take the process's signals. */
  listen(): void {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => this.#received(name))
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** How long in ms a stopped job may take to settle; at most 30 s. */
  set grace(ms: number) {
    this.#grace = Math.min(ms, longest)
  }

  #received(name: string): void {
    if (this.#controller.signal.aborted) {
      this.#options.giveUp('second signal: stopped at once')
      return
    }
    this.#options.announce(name)
    setTimeout(
      () => this.#options.giveUp(`not settled within ${this.#grace / 1000} s: stopped`),
      // A little earlier, so that the process itself is gone in time.
      Math.max(0, this.#grace - 500),
    ).unref()
    this.#controller.abort(
      new TidemarkError('INTERRUPTED', `Stopped by ${name}`, {
        hint: 'Run the same command again: it goes on where it stopped.',
      }),
    )
  }
}
