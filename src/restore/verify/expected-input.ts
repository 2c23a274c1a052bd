import type { RecordCursor } from '../../records/index.ts'
import type { LaneContext } from '../copy/lane-context.ts'
import { MergeInput } from '../copy/merge-input.ts'
import type { TransactionChoice } from '../copy/transaction-choice.ts'
import type { TimeWindow } from '../job.ts'

/** Bytes of a chunk that are kept at once where many inputs are read together. */
const WINDOW = 1 << 20

/**
 * The records of one source partition that a restore should have written, in order. Which of them the time window takes is judged
 * here, record by record, apart from the code that restores.
 */
export class ExpectedInput implements AsyncDisposable {
  readonly index: number
  readonly partition: number
  /** Largest time of the wanted records so far: the order in which inputs are merged. */
  clock = -1
  readonly #input: MergeInput
  readonly #window: TimeWindow | undefined
  readonly #choice: TransactionChoice | undefined

  private constructor(
    input: MergeInput,
    partition: number,
    window: TimeWindow | undefined,
    choice: TransactionChoice | undefined,
  ) {
    this.#input = input
    this.index = input.index
    this.partition = partition
    this.#window = window
    this.#choice = choice
  }

  static async open(
    context: LaneContext,
    index: number,
    window: TimeWindow | undefined,
    choice: TransactionChoice | undefined,
  ): Promise<ExpectedInput> {
    const input = await MergeInput.open(context, index, { next: 0n, clock: -1n }, WINDOW)
    return new ExpectedInput(input, context.lane.inputs[index]?.source.partition ?? -1, window, choice)
  }

  get cursor(): RecordCursor {
    return this.#input.cursor
  }

  get offset(): number {
    return this.#input.offset
  }

  /** Moves to the next wanted record in memory; false when more must be loaded. */
  step(): boolean {
    while (this.#input.step()) if (this.#take()) return true
    return false
  }

  /** Moves to the next wanted record; false at the end. */
  async advance(): Promise<boolean> {
    while (await this.#input.advance()) if (this.#take()) return true
    return false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input[Symbol.asyncDispose]()
  }

  #take(): boolean {
    if (!this.#wanted()) return false
    this.clock = Math.max(this.clock, this.cursor.timestampNumber)
    return true
  }

  #wanted(): boolean {
    const window = this.#window
    if (!window) return true
    const { transaction, offset, cursor } = this.#input
    if (this.#choice && transaction !== undefined) {
      const taken = this.#choice.takes(transaction, offset)
      if (taken !== undefined) return taken
    }
    const time = cursor.timestamp
    if (window.start !== undefined && time < window.start) return false
    return window.end === undefined || time <= window.end
  }
}
