import { type Clock, isTidemarkError, TidemarkError } from '../../base/index.ts'
import type { TurnAssignment, TurnHolder } from '../workers/turn-membership.ts'

/** What a program knows of the turn. */
export type Standing =
  | { readonly type: 'unknown' }
  | { readonly type: 'mine' }
  | { readonly type: 'standby'; readonly holder: TurnHolder }

/** The turn, as a round that has begun with it holds it. Each rejects with TURN_TAKEN when it is not this program's any more. */
export interface Turn {
  /** Another number each time that the turn has come to this program: what it knew of the target's side may be old then. */
  readonly spell: number
  /** Asks the coordinator now. */
  confirm(): Promise<void>
  /** For each request that changes something, right before it: asks only when the last answer is not fresh. */
  permit(): Promise<void>
}

export interface TurnBookOptions {
  readonly clock: Clock
  /** Ms after the last heartbeat before which nobody else can have the turn. */
  readonly sessionTimeout: number
  /** Asks the coordinator whether the last assignment still holds. */
  readonly ask: () => Promise<boolean>
}

interface Moment {
  readonly monotonic: number
  readonly now: number
}

/**
 * Whose turn it is, from what the group says.
 *
 *     asked                                    the coordinator may give the turn to another
 *       |---- S/3 ----|---------------------------------|
 *       requests leave  what has left arrives             S = session timeout
 *
 * A turn that was away in between, and has come back, is another one: what a round has read before is old.
 *
 * Not promised: that a request which left in time arrives in time, when the network keeps it longer than two thirds of a session.
 */
export class TurnBook {
  readonly #options: TurnBookOptions
  #standing: Standing = { type: 'unknown' }
  #generation = 0
  /** Grows whenever the turn comes to this program. */
  #spell = 0
  #asked: Moment | undefined
  readonly #listeners = new Set<() => void>()

  constructor(options: TurnBookOptions) {
    this.#options = options
  }

  get standing(): Standing {
    return this.#standing
  }

  /** What the program claims when it joins. */
  get claim(): { readonly holds: boolean; readonly generation: number } {
    return { holds: this.#standing.type === 'mine', generation: this.#generation }
  }

  /** Calls the listener whenever the group has said something, until the answer is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Tells those who listen to look again. */
  ring(): void {
    for (const listener of this.#listeners) listener()
  }

  assigned({ generation, yours, holder }: TurnAssignment): void {
    this.#generation = generation
    if (yours && this.#standing.type !== 'mine') {
      this.#spell++
      this.#asked = undefined
    }
    this.#become(yours ? { type: 'mine' } : { type: 'standby', holder })
  }

  expelled(): void {
    this.#become({ type: 'unknown' })
  }

  /** The turn, if it is this program's. */
  take(): Turn | undefined {
    if (this.#standing.type !== 'mine') return undefined
    const spell = this.#spell
    return { spell, confirm: () => this.#confirm(spell), permit: () => this.#permit(spell) }
  }

  #become(standing: Standing): void {
    this.#standing = standing
    this.ring()
  }

  async #permit(spell: number): Promise<void> {
    const fresh = this.#asked !== undefined && this.#age(this.#asked) < this.#options.sessionTimeout / 3
    if (!fresh || !this.#has(spell)) await this.#confirm(spell)
  }

  async #confirm(spell: number): Promise<void> {
    const asked = this.#moment()
    const holds = this.#has(spell) && (await this.#answer(spell))
    if (!holds || !this.#has(spell)) throw this.#taken()
    // An answer that took long is as old as the question.
    if (this.#age(asked) > this.#options.sessionTimeout / 3) throw this.#taken()
    this.#asked = asked
  }

  async #answer(spell: number): Promise<boolean> {
    try {
      return await this.#options.ask()
    } catch (error) {
      // That the coordinator cannot be reached is told as what it is.
      if (isTidemarkError(error) && this.#has(spell)) throw error
      return false
    }
  }

  #has(spell: number): boolean {
    return this.#standing.type === 'mine' && this.#spell === spell
  }

  #moment(): Moment {
    const { clock } = this.#options
    return { monotonic: clock.monotonic(), now: clock.now() }
  }

  /** By the clock that has gone further: one of them stands still while a machine sleeps. */
  #age(moment: Moment): number {
    const { clock } = this.#options
    return Math.max(clock.monotonic() - moment.monotonic, clock.now() - moment.now)
  }

  #taken(): TidemarkError {
    const standing = this.#standing
    return new TidemarkError(
      'TURN_TAKEN',
      standing.type === 'standby'
        ? `The turn went to another program: ${standing.holder.program}`
        : 'Whose turn it is could not be confirmed: the programs of the pipeline settle it anew',
    )
  }
}
