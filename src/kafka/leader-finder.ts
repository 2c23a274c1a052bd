import { type ErrorCode, isTidemarkError, systemClock } from '../base/index.ts'
import type { Cluster, TopicInfo, TopicPartition } from './types.ts'

export interface FinderHost<Item> {
  readonly cluster: Cluster
  /** Aborts when the search is over for good. */
  readonly signal: AbortSignal
  /** What fresh metadata says of the item's topic; undefined when it does not name it. */
  found(item: Item, topic: TopicInfo | undefined): void
  /** Metadata cannot be had, or not for this topic. */
  failed(item: Item, error: Error): void
}

/** Ms within which what is nearly due comes along with the rest. */
const together = 25

/** Asks for the metadata of partitions whose leader must be found: of all that are due with one request. */
export class LeaderFinder<Item extends TopicPartition> {
  readonly #host: FinderHost<Item>
  /** From when on (ms, monotonic) each is looked for. */
  readonly #waiting = new Map<Item, number>()
  #wake: (() => void) | undefined

  constructor(host: FinderHost<Item>) {
    this.#host = host
  }

  /** Looks for the item after `pause` ms. */
  add(item: Item, pause: number): void {
    this.#waiting.set(item, systemClock.monotonic() + pause)
    this.#wake?.()
  }

  remove(item: Item): void {
    this.#waiting.delete(item)
  }

  /** Runs until the signal aborts. */
  async run(): Promise<void> {
    const { signal } = this.#host
    signal.addEventListener('abort', () => this.#wake?.(), { once: true })
    while (!signal.aborted) {
      const due = this.#due()
      if (due.length > 0) await this.#find(due)
      else await this.#rest()
    }
  }

  #due(): Item[] {
    const soon = systemClock.monotonic() + together
    const due: Item[] = []
    for (const [item, at] of this.#waiting) if (at <= soon) due.push(item)
    for (const item of due) this.#waiting.delete(item)
    return due
  }

  async #rest(): Promise<void> {
    let next = Number.POSITIVE_INFINITY
    for (const at of this.#waiting.values()) next = Math.min(next, at)
    await new Promise<void>((resolve) => {
      const pause = next - systemClock.monotonic()
      const timer = Number.isFinite(next) ? setTimeout(resolve, Math.max(1, pause)) : undefined
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = undefined
  }

  async #find(items: readonly Item[]): Promise<void> {
    const { cluster, signal } = this.#host
    try {
      const topics = await cluster.topics([...new Set(items.map((item) => item.topic))], { signal })
      const byName = new Map(topics.map((topic) => [topic.name, topic]))
      for (const item of items) this.#host.found(item, byName.get(item.topic))
    } catch (reason) {
      if (signal.aborted) return
      const error = reason instanceof Error ? reason : new Error(String(reason))
      const topic = isTidemarkError(error) ? error.details.topic : undefined
      for (const item of items) {
        // When metadata is refused for one topic's sake, the others are asked for again without it.
        if (topic !== undefined && item.topic !== topic) this.add(item, 0)
        else this.#host.failed(item, error)
      }
    }
  }
}

/** What stands in the way of everything, and does not go away by waiting. */
const final: ReadonlySet<ErrorCode> = new Set([
  'AUTHENTICATION_FAILED',
  'AUTHORIZATION_FAILED',
  'UNSUPPORTED_VERSION',
  'SOURCE_MISMATCH',
  'CONFIG_INVALID',
  'INTERNAL',
])

/**
 * Whether it helps to wait and try again, after an error with a connection or with metadata. The brokers of a cluster that has
 * been found are known to speak Kafka: an address that seems not to is one that was cut off in the middle of its answer.
 */
export function mayPass(error: unknown): boolean {
  return !isTidemarkError(error) || error.retriable || !final.has(error.code)
}

/** Ms to pause before the next attempt, the first being number 0. */
export function attemptPause(attempt: number): number {
  return Math.min(1000, 25 * 2 ** Math.min(attempt, 10))
}
