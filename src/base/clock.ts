import { setTimeout as delay } from 'node:timers/promises'

/** Time has one door, so that tests can stand still. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Milliseconds that only ever grow; for measuring. */
  monotonic(): number
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** Ms, some 24 days: a timer that is set for longer fires at once. */
const longestTimer = 2 ** 31 - 1

export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms: number, signal?: AbortSignal) => {
    try {
      const options = signal ? { signal } : {}
      let left = ms
      for (; left > longestTimer; left -= longestTimer) await delay(longestTimer, undefined, options)
      await delay(left, undefined, options)
    } catch (error) {
      signal?.throwIfAborted()
      throw error
    }
  },
})
