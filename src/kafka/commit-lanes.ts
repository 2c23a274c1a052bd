import type { BrokerConnection } from './broker-connection.ts'
import type { Session } from './session.ts'

/** Commits for which one more connection is worth its opening. */
const commitsPerLane = 4

/**
 * Connections for many commits at once. A broker works on one request of a connection at a time, and answers a commit only when
 * it is replicated: commits overlap only on different connections.
 */
export class CommitLanes implements Disposable {
  readonly #session: Session
  readonly #signal: AbortSignal
  readonly #most: number
  readonly #idle = new Map<number, BrokerConnection[]>()

  /** `most`: connections in use at once, over all brokers. */
  constructor(session: Session, most: number, signal: AbortSignal) {
    this.#session = session
    this.#most = most
    this.#signal = signal
  }

  /** How many lanes a broker gets that has so many commits, when so many brokers have some. */
  width(commits: number, brokers: number): number {
    const share = Math.max(1, Math.floor(this.#most / brokers))
    return Math.min(share, Math.ceil(commits / commitsPerLane))
  }

  /**
   * Runs work for each item over `width` connections to a broker. What cannot be begun, because no connection can be had or the
   * signal has aborted, is returned, with the reason. `work` must not reject.
   */
  async run<Item>(
    broker: number,
    items: readonly Item[],
    width: number,
    work: (item: Item, connection: BrokerConnection) => Promise<void>,
  ): Promise<{ readonly left: readonly Item[]; readonly reason: unknown }> {
    let next = 0
    let reason: unknown
    const lane = async () => {
      let connection: BrokerConnection | undefined
      while (next < items.length && !this.#signal.aborted) {
        try {
          connection ??= await this.#take(broker)
        } catch (error) {
          reason ??= error
          return
        }
        const item = items[next]
        if (item === undefined) break
        next++
        await work(item, connection)
        if (connection.fresh) continue
        // One commit that was lost costs the others nothing.
        connection.close()
        connection = undefined
      }
      if (connection !== undefined) this.#give(broker, connection)
    }
    await Promise.all(Array.from({ length: width }, lane))
    return { left: items.slice(next), reason }
  }

  [Symbol.dispose](): void {
    for (const connection of [...this.#idle.values()].flat()) connection.close()
    this.#idle.clear()
  }

  async #take(broker: number): Promise<BrokerConnection> {
    const idle = this.#idle.get(broker) ?? []
    for (let connection = idle.pop(); connection !== undefined; connection = idle.pop()) {
      if (connection.fresh) return connection
      connection.close()
    }
    return await this.#session.pool.open(broker, this.#signal)
  }

  #give(broker: number, connection: BrokerConnection): void {
    const idle = this.#idle.get(broker)
    if (idle) idle.push(connection)
    else this.#idle.set(broker, [connection])
  }
}
