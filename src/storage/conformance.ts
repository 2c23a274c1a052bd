import { randomBytes } from 'node:crypto'
import { type Clock, systemClock, TidemarkError } from '../base/index.ts'
import { listAll, type StoreCheck } from './checks/check.ts'
import { listingChecks } from './checks/listing.ts'
import { objectChecks } from './checks/objects.ts'
import { writingChecks } from './checks/writing.ts'
import type { ObjectStore } from './store.ts'

/** How one check went. */
export interface StoreCheckResult {
  readonly name: string
  /** What holds if `ok`, as a sentence. */
  readonly promise: string
  readonly ok: boolean
  readonly ms: number
  /** Why not. */
  readonly error?: unknown
}

/** Options of {@link checkStore}. */
export interface StoreCheckOptions {
  readonly signal?: AbortSignal
  /** Called as each check ends. */
  readonly onResult?: (result: StoreCheckResult) => void
  readonly clock?: Clock
}

const cleanUpRounds = 12

/** All checks, in the order in which they are run. */
const storeChecks: readonly StoreCheck[] = [...objectChecks, ...listingChecks, ...writingChecks]

/**
 * Tries every promise of {@link ObjectStore} on a real store: the suite that each driver is held to, and what a user runs
 * on a bucket before trusting it. Works below a prefix of its own (`storage-check-…/`), writes some 150 MB, and removes
 * what it made, also when interrupted.
 *
 * Rejects when the store cannot be used at all (the first object cannot be written: wrong credentials, no bucket), and
 * with the signal's reason. A promise that is not kept is a result, not a rejection; one called `cleanup` is among the
 * results when something could not be removed.
 */
export async function checkStore(
  store: ObjectStore,
  options: StoreCheckOptions = {},
): Promise<readonly StoreCheckResult[]> {
  const { onResult, clock = systemClock, signal = new AbortController().signal } = options
  const root = `storage-check-${randomBytes(6).toString('hex')}/`
  const results: StoreCheckResult[] = []
  const record = (result: StoreCheckResult) => {
    results.push(result)
    onResult?.(result)
  }
  await store.put(`${root}begin`, Buffer.from('A check of this store is under way.\n'), { signal })
  try {
    for (const check of storeChecks) {
      const { name, promise } = check
      const started = clock.monotonic()
      const ms = () => Math.round(clock.monotonic() - started)
      try {
        await check.run({ store, signal, prefix: `${root}${name}/` })
        record({ name, promise, ok: true, ms: ms() })
      } catch (error) {
        signal.throwIfAborted()
        record({ name, promise, ok: false, ms: ms(), error })
      }
    }
  } finally {
    const error = await cleanUp(store, root, clock)
    if (error !== undefined) {
      record({ name: 'cleanup', promise: 'What the check made is removed.', ok: false, ms: 0, error })
    }
  }
  return results
}

/** Answers what went wrong. Not bound to the signal: an interrupted check cleans up as well. */
async function cleanUp(store: ObjectStore, root: string, clock: Clock): Promise<unknown> {
  const bench = { store, prefix: root, signal: new AbortController().signal }
  try {
    for (let round = 1; ; round++) {
      const left = await listAll(bench, '')
      if (left.length === 0) return undefined
      if (round > cleanUpRounds) {
        return new TidemarkError(
          'STORAGE_UNSUPPORTED',
          `${left.length} objects below ${root} cannot be removed`,
        )
      }
      // A put that was interrupted may still arrive at the server: look again.
      if (round > 1) await clock.sleep(250)
      await store.delete(left.map((info) => info.key))
    }
  } catch (error) {
    return error
  }
}
