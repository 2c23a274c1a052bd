import { type Clock, systemClock } from './clock.ts'
import { isTidemarkError } from './errors.ts'

export interface RetryPolicy {
  /** Attempts in all, the first included. */
  readonly attempts: number
  /** First pause in ms; doubles each time up to `maxDelay`, with full jitter on the upper half. */
  readonly delay: number
  readonly maxDelay: number
  /** Gives up when this many ms have passed since the first attempt. */
  readonly deadline?: number
}

export interface RetryContext {
  readonly signal?: AbortSignal
  readonly clock?: Clock
  /** Whether to try again after this error. Default: errors born `retriable`. */
  readonly when?: (error: unknown) => boolean
  readonly onRetry?: (error: unknown, attempt: number, delay: number) => void
}

/** The only retry loop. Rejects with the last error. */
export async function retry<T>(
  policy: RetryPolicy,
  work: (attempt: number) => Promise<T>,
  context: RetryContext = {},
): Promise<T> {
  const clock = context.clock ?? systemClock
  const when = context.when ?? ((error: unknown) => isTidemarkError(error) && error.retriable)
  const started = clock.monotonic()
  for (let attempt = 1; ; attempt++) {
    context.signal?.throwIfAborted()
    try {
      return await work(attempt)
    } catch (error) {
      context.signal?.throwIfAborted()
      if (attempt >= policy.attempts || !when(error)) throw error
      const full = Math.min(policy.maxDelay, policy.delay * 2 ** (attempt - 1))
      const pause = full / 2 + Math.random() * (full / 2)
      if (policy.deadline !== undefined && clock.monotonic() - started + pause > policy.deadline) throw error
      context.onRetry?.(error, attempt, pause)
      await clock.sleep(pause, context.signal)
    }
  }
}
