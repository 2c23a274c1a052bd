import { isTidemarkError } from '../../base/index.ts'
import type { Cluster } from '../../kafka/index.ts'

/** What is taken when the target does not tell: that of brokers before Kafka 2.0, and the shortest that is usual. */
const shortestUsual = 24 * 3_600_000

/** Ms for which the target keeps the positions of a group without members after its last commit; undefined when it does not tell. */
export async function offsetsRetention(cluster: Pick<Cluster, 'brokerConfig'>): Promise<number | undefined> {
  try {
    const minutes = Number(await cluster.brokerConfig('offsets.retention.minutes'))
    return Number.isFinite(minutes) && minutes > 0 ? minutes * 60_000 : undefined
  } catch (error) {
    if (isTidemarkError(error, 'AUTHORIZATION_FAILED')) return undefined
    throw error
  }
}

/**
 * When each position was committed last, as far as this process knows: brokers do not tell. What is not known is taken to be old, so
 * that a start makes every commit young again.
 */
export class CommitAges {
  /** Ms after which a commit is made again: a third of the retention, so that two may fail. */
  readonly interval: number
  readonly #last = new Map<string, number>()

  constructor(retention: number | undefined) {
    this.interval = Math.floor((retention ?? shortestUsual) / 3)
  }

  isAging(key: string, now: number): boolean {
    const last = this.#last.get(key)
    return last === undefined || now - last >= this.interval
  }

  committed(key: string, now: number): void {
    this.#last.set(key, now)
  }
}
