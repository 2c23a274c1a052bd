import { setTimeout as delay } from 'node:timers/promises'
import type { Cluster } from '../../src/kafka/index.ts'

/** Milliseconds between two looks at a log. */
export const lookEvery = 10
/** Milliseconds after which a copy is given up that does not move. */
const patience = 180_000

/** Last stable offsets of a topic: up to where a reader of committed records sees. */
export class LogEnds {
  readonly #cluster: Cluster
  readonly #topic: string
  #partitions: readonly number[] = []

  constructor(cluster: Cluster, topic: string) {
    this.#cluster = cluster
    this.#topic = topic
  }

  /** By partition; empty while there is no such topic. */
  async look(): Promise<readonly bigint[]> {
    const topic = this.#topic
    if (this.#partitions.length === 0) {
      const info = (await this.#cluster.topics()).find(({ name }) => name === topic)
      this.#partitions = info?.partitions.map(({ partition }) => partition) ?? []
    }
    const asked = this.#partitions.map((partition) => ({ topic, partition, at: 'last-stable' as const }))
    return (await this.#cluster.listOffsets(asked)).map(({ offset }) => offset ?? 0n)
  }

  /** Their sum. */
  async total(): Promise<number> {
    return Number((await this.look()).reduce((sum, offset) => sum + offset, 0n))
  }

  /** Resolves when their sum has come to `total`. Rejects with what `check` rejects with, and when nothing moves for minutes. */
  async untilAtLeast(total: number, check: () => Promise<void>): Promise<void> {
    let last = -1
    let since = performance.now()
    for (;;) {
      const now = await this.total()
      if (now >= total) return
      if (now !== last) since = performance.now()
      else if (performance.now() - since > patience) throw new Error(`${this.#topic} stands still at ${now}`)
      last = now
      await check()
      await delay(lookEvery)
    }
  }

  /** Resolves when they have not moved for so many milliseconds, or after `most`. */
  async untilStill(still: number, most = 60_000): Promise<void> {
    const deadline = performance.now() + most
    let last = -1
    let since = performance.now()
    while (performance.now() < deadline) {
      const now = await this.total()
      if (now !== last) since = performance.now()
      else if (performance.now() - since >= still) return
      last = now
      await delay(lookEvery)
    }
  }
}
