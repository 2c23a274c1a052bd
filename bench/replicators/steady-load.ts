import { setTimeout as delay } from 'node:timers/promises'
import { JavaAdmin } from '../../test/support/java-admin.ts'
import type { JavaClient } from '../../test/support/java-client.ts'

/** Milliseconds between two portions. */
const tick = 20
const value = 'x'.repeat(100)

/** A producer that writes numbered records of a hundred bytes at a steady rate, to all partitions of a new topic in turn. */
export class SteadyLoad {
  readonly #write: (from: number, to: number) => void
  readonly #flush: () => Promise<void>
  readonly #perTick: number
  readonly #stop = new AbortController()
  readonly #done: Promise<void>
  #written = 0

  private constructor(write: (from: number, to: number) => void, flush: () => Promise<void>, rate: number) {
    this.#write = write
    this.#flush = flush
    this.#perTick = (rate * tick) / 1000
    this.#done = this.#run()
  }

  /** Makes the topic and begins. `rate`: records a second. */
  static async start(java: JavaClient, bootstrap: string, topic: string, rate: number): Promise<SteadyLoad> {
    const partitions = 4
    await new JavaAdmin(java, bootstrap).createTopic(topic, partitions)
    const producer = await java.producer({ 'bootstrap.servers': bootstrap, acks: 'all' })
    const write = (from: number, to: number) => {
      for (let i = from; i < to; i++)
        producer.send({ topic, partition: i % partitions, key: String(i), value })
    }
    return new SteadyLoad(write, () => producer.flush(), rate)
  }

  /** Stops when all is durable; how many records there are, numbered from 0 in their keys. */
  async stop(): Promise<number> {
    this.#stop.abort()
    await this.#done
    await this.#flush()
    return this.#written
  }

  async #run(): Promise<void> {
    const started = performance.now()
    while (!this.#stop.signal.aborted) {
      const due = Math.floor(((performance.now() - started) / tick) * this.#perTick)
      this.#write(this.#written, due)
      this.#written = due
      await delay(tick)
    }
  }
}
