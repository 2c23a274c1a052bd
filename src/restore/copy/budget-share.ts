import type { Budget } from '../../base/index.ts'

/**
 * One lane's part of a budget. Closing it gives back what is still taken: a lane that fails leaves batches behind that nobody
 * will ever report as landed.
 */
export class BudgetShare {
  readonly #budget: Budget
  #taken = 0
  #closed = false

  constructor(budget: Budget) {
    this.#budget = budget
  }

  async take(amount: number, signal: AbortSignal): Promise<void> {
    await this.#budget.take(amount, signal)
    if (this.#closed) this.#budget.give(amount)
    else this.#taken += amount
  }

  give(amount: number): void {
    if (this.#closed) return
    this.#taken -= amount
    this.#budget.give(amount)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#budget.give(this.#taken)
  }
}
