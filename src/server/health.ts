/** What `/readyz` answers. */
export interface HealthReport {
  readonly ready: boolean
  /** Each part that is not ready, and why. */
  readonly waiting: Readonly<Record<string, string>>
}

/** Which parts of a program do their work. Ready when all of them do. */
export class Health {
  readonly #waiting = new Map<string, string>()

  /** Every part begins as `starting`. */
  constructor(parts: readonly string[]) {
    for (const part of parts) this.#waiting.set(part, 'starting')
  }

  /** The part does its work. */
  ready(part: string): void {
    this.#waiting.delete(part)
  }

  /** The part does not, for a reason. */
  unready(part: string, why: string): void {
    this.#waiting.set(part, why)
  }

  report(): HealthReport {
    return { ready: this.#waiting.size === 0, waiting: Object.fromEntries(this.#waiting) }
  }
}
