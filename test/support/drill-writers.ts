import { setTimeout as delay } from 'node:timers/promises'
import type { JavaProducer, WrittenRecord } from './java-client.ts'
import type { ReplicateLab } from './replicate-lab.ts'

/** How the records of a topic are written; `compacted`: few keys, again and again, now and then deleted. */
export type WriterKind = 'plain' | 'transactional' | 'compacted'

export interface WrittenTopic {
  readonly topic: string
  readonly partitions: number
  readonly kind: WriterKind
}

/** Settings under which a log is cleaned while it is written to: a segment ends after some seconds. */
export const cleanedWhileWritten = {
  'cleanup.policy': 'compact',
  'segment.ms': '3000',
  'min.cleanable.dirty.ratio': '0.01',
  'max.compaction.lag.ms': '1000',
}

/** Records a round, over all partitions. */
const perRound = 24
/** Ms between two rounds: some hundred records a second, so that a reader at the end has not millions to read. */
const pause = 100
const keysEach = 12

/** Writes until stopped, through whatever happens to its cluster: plainly, or in transactions of which a third is aborted. */
export class DrillWriter {
  readonly #lab: ReplicateLab
  readonly #written: WrittenTopic
  #running = true
  #rounds = 0

  constructor(lab: ReplicateLab, written: WrittenTopic) {
    this.#lab = lab
    this.#written = written
  }

  stop(): void {
    this.#running = false
  }

  async run(): Promise<void> {
    let producer: JavaProducer | undefined
    while (this.#running) {
      try {
        producer ??= await this.#open()
        await this.#write(producer)
      } catch {
        // The broker was killed: what became of the last ones is for the reader to tell.
        producer = undefined
        await delay(200)
      }
      await delay(pause)
    }
    await producer?.close().catch(() => {})
  }

  get #transactional(): boolean {
    return this.#written.kind === 'transactional'
  }

  async #open(): Promise<JavaProducer> {
    return await this.#lab.java.producer({
      'bootstrap.servers': this.#lab.source.bootstrap,
      'delivery.timeout.ms': '120000',
      'linger.ms': '2',
      ...(this.#transactional && { 'transactional.id': this.#written.topic }),
    })
  }

  async #write(producer: JavaProducer): Promise<void> {
    const round = this.#rounds++
    if (this.#transactional) await producer.begin()
    for (let i = 0; i < perRound; i++) producer.send(this.#record(round, i))
    await producer.flush()
    if (this.#transactional) await (round % 3 === 0 ? producer.abort() : producer.commit())
  }

  /** No two records of a partition are alike: the round is in the key or in the value, or else the time tells. */
  #record(round: number, i: number): WrittenRecord {
    const { topic, partitions, kind } = this.#written
    const place = { topic, partition: i % partitions }
    if (kind !== 'compacted') return { ...place, key: `${round}`, value: `${round}-${i}` }
    const deleted = (round + i) % 17 === 0
    return { ...place, key: `k${(round * 7 + i) % keysEach}-${i}`, value: deleted ? null : `${round}-${i}` }
  }
}
