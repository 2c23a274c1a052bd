import { isTidemarkError, systemClock, TidemarkError } from '../base/index.ts'
import type { ItemResult } from './item-batch.ts'
import type { CommittedGroup, Failure, GroupCommit, Position } from './types.ts'

type Send = (
  group: string,
  positions: readonly Position[],
) => Promise<readonly ItemResult<Position, Position>[]>

/**
 * The positions of one group on their way: those still to be committed, and what became of the others. Each position is
 * settled by itself: what is done is not sent again, what failed for good is given up at once, what failed in passing stays open.
 */
export class CommitJob {
  readonly group: string
  /** A share group: its start offsets are set. */
  readonly share: boolean
  readonly #done: Position[] = []
  readonly #failed: Failure<Position>[] = []
  #open: readonly Position[]
  #lastError: TidemarkError | undefined
  #requests = 0
  #uncertain = false
  #ms: number | undefined

  constructor({ group, share = false, positions }: GroupCommit) {
    this.group = group
    this.share = share
    this.#open = positions
  }

  /** What is still to be committed. */
  get open(): readonly Position[] {
    return this.#open
  }

  /** Why the open ones are still open. */
  get lastError(): TidemarkError | undefined {
    return this.#lastError
  }

  /** One request with everything that is open. Never rejects. */
  async send(commit: Send): Promise<void> {
    const sent = this.#open
    const started = systemClock.monotonic()
    this.#requests++
    let results: readonly ItemResult<Position, Position>[]
    try {
      results = await commit(this.group, sent)
    } catch (error) {
      this.#settle(sent, asTidemark(error, this.group), true)
      return
    }
    this.#ms = systemClock.monotonic() - started
    const unanswered = new Set(sent)
    const again: Position[] = []
    for (const result of results) {
      const { item } = result
      if (!unanswered.delete(item)) continue
      if ('result' in result) this.#done.push(item)
      else if (result.error.retriable) {
        again.push(item)
        // The coordinator may have written the commit and lost its office before it was replicated.
        this.#uncertain = true
        this.#lastError = result.error
      } else this.#failed.push({ item, error: result.error })
    }
    for (const item of unanswered) this.#failed.push({ item, error: leftOut(this.group) })
    this.#open = again
  }

  /** Nothing could be sent. */
  notSent(error: TidemarkError): void {
    this.#settle(this.#open, error, false)
  }

  /** Whatever is open has failed, each for its last reason, or for the given one where nothing was tried. */
  giveUp(error: TidemarkError): void {
    const reason = this.#lastError ?? error
    for (const item of this.#open) this.#failed.push({ item, error: reason })
    this.#open = []
  }

  outcome(): CommittedGroup {
    return {
      group: this.group,
      done: this.#done,
      failed: this.#failed,
      ms: this.#ms,
      retries: Math.max(0, this.#requests - 1),
      uncertain: this.#uncertain,
    }
  }

  #settle(positions: readonly Position[], error: TidemarkError, sent: boolean): void {
    this.#lastError = error
    if (error.retriable) {
      if (sent && error.details.outcome !== 'not-sent') this.#uncertain = true
      return
    }
    for (const item of positions) this.#failed.push({ item, error })
    this.#open = []
  }
}

/** Any error as one of ours. */
export function asTidemark(error: unknown, group: string): TidemarkError {
  if (isTidemarkError(error)) return error
  const message = error instanceof Error ? error.message : String(error)
  return new TidemarkError('INTERNAL', `The commit of group ${JSON.stringify(group)} failed: ${message}`, {
    cause: error,
    details: { group },
  })
}

function leftOut(group: string): TidemarkError {
  return new TidemarkError(
    'PROTOCOL_ERROR',
    `A broker left a position of group '${group}' out of its answer`,
    {
      details: { group },
    },
  )
}
