import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { TcpProxy } from './tcp-proxy.ts'

/** A way to cut connections; resolves when one was cut, or when the signal aborts. */
export type Cut = (proxy: TcpProxy, signal: AbortSignal) => Promise<void>

/** In the middle of what clients send: after so many more bytes, at most. */
export const cutRequest =
  (most: number): Cut =>
  async (proxy, signal) => {
    proxy.rules.cutAfterUp = randomInt(1, most)
    await until(() => proxy.rules.cutAfterUp === undefined, signal)
    proxy.rules.cutAfterUp = undefined
  }

/** In the middle of what the server answers. */
export const cutAnswer =
  (most: number): Cut =>
  async (proxy, signal) => {
    proxy.rules.cutAfterDown = randomInt(1, most)
    await until(() => proxy.rules.cutAfterDown === undefined, signal)
    proxy.rules.cutAfterDown = undefined
  }

/** Lets requests through, keeps the answers back for so many ms, and cuts. */
export const loseAnswers =
  (ms: number): Cut =>
  async (proxy, signal) => {
    proxy.rules.swallowDown = true
    await delay(ms, undefined, { signal }).catch(() => {})
    proxy.cut()
    proxy.rules.swallowDown = false
  }

/**
 * Cuts in one way after the other until told to stop. In between `headway` waits until something more has got through, so that
 * whatever the machine's speed the work comes to an end.
 */
export async function cutAgainAndAgain(
  proxy: TcpProxy,
  ways: readonly Cut[],
  headway: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  for (let round = 0; !signal.aborted; round++) {
    await ways[round % ways.length]?.(proxy, signal)
    await headway()
  }
}

/** Looks again and again until it is so, or until told to stop. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  signal: AbortSignal,
  pause = 5,
): Promise<void> {
  while (!signal.aborted && !(await holds())) await delay(pause)
}
