/** Wakes one waiter: what rings while nobody waits is heard by the next. */
export class Bell {
  #rung = false
  #ring: (() => void) | undefined

  ring(): void {
    this.#rung = true
    this.#ring?.()
  }

  /** Resolves when it rings, or after `ms`. */
  async wait(ms: number): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.max(0, Math.min(ms, 2 ** 31 - 1)))
        this.#ring = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#ring = undefined
    }
    this.#rung = false
  }
}
