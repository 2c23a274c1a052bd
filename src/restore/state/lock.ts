import { randomUUID } from 'node:crypto'
import { type Clock, isTidemarkError, TidemarkError } from '../../base/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import { isGone, isTellable, type Owner, thisProcess } from './owner.ts'
import { decodeState, encodeState } from './state-object.ts'

/** Ms between two renewals. */
const RENEW_EVERY = 5_000
/** An owner elsewhere that has not renewed for this long is dead. */
const DEAD_AFTER = 30_000
/** How often one who waits for that looks. */
const LOOK_EVERY = 2_000

interface LockObject {
  readonly owner: Owner
  readonly renewed: number
  readonly released: boolean
}

export interface LockContext {
  readonly store: ObjectStore
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Says that an owner elsewhere may be dead, and for how long it is waited for. */
  readonly onWait?: (owner: string, ms: number) => void
  /** @default 30_000 */
  readonly deadAfter?: number
}

/**
 * Keeps a second run of the same restore out. Each owner has a number one higher than the last, in an object that is made only
 * if absent, so that of any number who try at once one wins. See `docs/restore.md`.
 */
export class Lock implements AsyncDisposable {
  /** Grows with every owner: what is written under a lower number does not count. */
  readonly number: number
  /** Aborts, with RESTORE_IN_USE, when another run has taken the lock over. */
  readonly lost: AbortSignal
  readonly #prefix: string
  readonly #context: LockContext
  readonly #owner: Owner
  readonly #loss = new AbortController()
  readonly #timer: NodeJS.Timeout
  #renewing: Promise<void> = Promise.resolve()
  #released = false

  private constructor(prefix: string, number: number, owner: Owner, context: LockContext) {
    this.#prefix = prefix
    this.number = number
    this.#owner = owner
    this.#context = context
    this.lost = this.#loss.signal
    this.#timer = setInterval(() => {
      this.#renewing = this.#renewing.then(() => this.#renew()).catch(() => {})
    }, RENEW_EVERY)
    this.#timer.unref()
  }

  /**
   * Takes the lock below `prefix`. Waits for an owner that may be dead; rejects with RESTORE_IN_USE, naming it, when
   * it lives.
   */
  static async take(prefix: string, context: LockContext): Promise<Lock> {
    const owner = thisProcess(randomUUID())
    for (;;) {
      context.signal.throwIfAborted()
      const highest = await highestLock(prefix, context)
      if (highest) await untilFree(prefix, highest, context)
      const number = (highest ?? 0) + 1
      const object: LockObject = { owner, renewed: context.clock.now(), released: false }
      const made = await context.store.put(
        lockKey(prefix, number),
        encodeState({ header: object, blobs: [] }),
        {
          ifAbsent: true,
          signal: context.signal,
        },
      )
      // A put whose answer was lost and that was sent again finds what it has made itself.
      const mine = made || (await readLock(prefix, number, context))?.owner.token === owner.token
      if (mine) return new Lock(prefix, number, owner, context)
    }
  }

  /** Rejects with RESTORE_IN_USE when another run has taken the lock over. */
  async check(): Promise<void> {
    this.lost.throwIfAborted()
    const next = await this.#context.store.head(lockKey(this.#prefix, this.number + 1))
    if (next === undefined) return
    const error = inUse('it has taken the lock over')
    this.#loss.abort(error)
    throw error
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#released) return
    this.#released = true
    clearInterval(this.#timer)
    await this.#renewing
    // A lock that cannot be released counts as that of a dead process soon.
    if (!this.lost.aborted) await this.#write(true).catch(() => {})
  }

  async #renew(): Promise<void> {
    if (this.#released) return
    await this.check()
    await this.#write(false)
  }

  async #write(released: boolean): Promise<void> {
    const object: LockObject = { owner: this.#owner, renewed: this.#context.clock.now(), released }
    await this.#context.store.put(
      lockKey(this.#prefix, this.number),
      encodeState({ header: object, blobs: [] }),
    )
  }
}

async function highestLock(prefix: string, { store, signal }: LockContext): Promise<number | undefined> {
  let highest: number | undefined
  for await (const { key } of store.list(`${prefix}/lock/`, { signal })) {
    const number = Number(key.slice(key.lastIndexOf('/') + 1).replace(/\.lock$/, ''))
    if (Number.isSafeInteger(number)) highest = Math.max(highest ?? 0, number)
  }
  return highest
}

/** Resolves when the lock is released or its owner dead. */
async function untilFree(prefix: string, number: number, context: LockContext): Promise<void> {
  const { clock, signal } = context
  const deadAfter = context.deadAfter ?? DEAD_AFTER
  const first = await readLock(prefix, number, context)
  if (first?.released || (first && isGone(first.owner))) return
  const owner = first ? `process ${first.owner.pid} on ${first.owner.host}` : 'an unknown process'
  if (first && isTellable(first.owner)) throw inUse(owner)
  context.onWait?.(owner, deadAfter)
  const since = clock.monotonic()
  while (clock.monotonic() - since < deadAfter) {
    await clock.sleep(Math.min(LOOK_EVERY, deadAfter), signal)
    const now = await readLock(prefix, number, context)
    if (now?.released) return
    if (now && now.renewed !== first?.renewed) throw inUse(owner)
  }
}

async function readLock(
  prefix: string,
  number: number,
  context: LockContext,
): Promise<LockObject | undefined> {
  try {
    const bytes = await context.store.get(lockKey(prefix, number), { signal: context.signal })
    return decodeState(bytes)?.header as LockObject | undefined
  } catch (error) {
    // A store that replaces an object in two steps may show it missing or half for a moment.
    if (isTidemarkError(error, 'STORAGE_NOT_FOUND')) return undefined
    throw error
  }
}

function lockKey(prefix: string, number: number): string {
  return `${prefix}/lock/${String(number).padStart(8, '0')}.lock`
}

function inUse(owner: string): TidemarkError {
  return new TidemarkError('RESTORE_IN_USE', `Another run of this restore is under way: ${owner}`, {
    hint: 'Wait for it to end, or stop it, then run the same command again.',
  })
}
