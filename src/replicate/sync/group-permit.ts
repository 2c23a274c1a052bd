import { type Clock, TidemarkError } from '../../base/index.ts'
import type { TargetMemory } from './target-memory.ts'
import type { Turn } from './turn-book.ts'

/** Ms for which a look at the control topic holds. Less than the pause of a fail-over between its key and its commits. */
const fresh = 500

/**
 * Asked right before each commit, repeated ones too: whether the program still has the turn, and whether the group was handed over since
 * the round looked. Between the two a round of thousands of groups, or a commit that is tried again, may take long.
 */
export class GroupPermits {
  readonly #turn: Turn
  readonly #memory: Pick<TargetMemory, 'refreshControl' | 'handedOver'>
  readonly #clock: Clock
  #lookedAt: number
  #look: Promise<void> | undefined

  /** The control topic was looked at just now. */
  constructor(turn: Turn, memory: Pick<TargetMemory, 'refreshControl' | 'handedOver'>, clock: Clock) {
    this.#turn = turn
    this.#memory = memory
    this.#clock = clock
    this.#lookedAt = clock.monotonic()
  }

  /** Rejects with TURN_TAKEN, or POSITION_NOT_KEPT for a group that was handed over. */
  async of(group: string): Promise<void> {
    if (this.#clock.monotonic() - this.#lookedAt > fresh) await this.#lookAgain()
    if (this.#memory.handedOver(group) !== undefined) {
      throw new TidemarkError(
        'POSITION_NOT_KEPT',
        `Consumer group '${group}' was handed over while the round went on: its positions are left as they are`,
        { details: { group } },
      )
    }
    await this.#turn.permit()
  }

  /** Everybody who asks at the same time shares one look. */
  async #lookAgain(): Promise<void> {
    const began = this.#clock.monotonic()
    this.#look ??= this.#memory
      .refreshControl()
      .then(() => {
        this.#lookedAt = began
      })
      .finally(() => {
        this.#look = undefined
      })
    await this.#look
  }
}
