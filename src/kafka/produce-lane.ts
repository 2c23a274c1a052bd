import { systemClock, TidemarkError } from '../base/index.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { apiKey, code } from './data-codes.ts'
import { judgeLost, judgeProduce } from './produce-judge.ts'
import type { ProducePartition, Sent } from './produce-partition.ts'
import { produceFlexible, produceRequest, produceTopicIds, produceVersions } from './produce-request.ts'
import { produceResponse } from './produce-response.ts'

export interface ProduceLaneHost {
  /** Aborts when the producer ends. */
  readonly signal: AbortSignal
  /** Requests without an answer, at most. */
  readonly inFlight: number
  readonly requestBytes: number
  readonly transactionalId: string | null
  connect(broker: number): Promise<BrokerConnection>
  /** The lane has failed: its partitions need another one. */
  failed(lane: ProduceLane, error: Error): void
}

/** One batch in a request. */
interface Entry {
  readonly partition: ProducePartition
  readonly sent: Sent
}

/** Ms that a leader waits for its replicas, and ms until the connection is given up: throttled brokers answer late. */
const replicaTime = 30_000
const answerTime = 120_000

/**
 * One connection to one broker, with partitions of its own. A request takes one batch of each partition that may send, as far as
 * they fit; a few requests are under way at once. A lane lives as long as its connection.
 */
export class ProduceLane {
  readonly broker: number
  readonly partitions = new Set<ProducePartition>()
  readonly #host: ProduceLaneHost
  /** Those that may have something to send, in the order in which their turn comes. */
  readonly #ready = new Set<ProducePartition>()
  #connection: BrokerConnection | undefined
  #connecting = false
  #inFlight = 0
  #pausedUntil = 0
  #scheduled = false
  #stopped = false

  constructor(broker: number, host: ProduceLaneHost) {
    this.broker = broker
    this.#host = host
  }

  get stopped(): boolean {
    return this.#stopped
  }

  add(partition: ProducePartition): void {
    this.partitions.add(partition)
    this.ready(partition)
  }

  remove(partition: ProducePartition): void {
    this.partitions.delete(partition)
    this.#ready.delete(partition)
  }

  /** The partition may have something to send. What becomes ready in the same turn of the event loop goes together. */
  ready(partition: ProducePartition): void {
    if (!partition.sendable) return
    this.#ready.add(partition)
    this.#schedule()
  }

  /** Closes the connection: what is without an answer fails. */
  stop(): void {
    this.#stopped = true
    this.#connection?.close()
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    while (!this.#stopped && this.#ready.size > 0 && this.#inFlight < this.#host.inFlight) {
      const pause = this.#pausedUntil - systemClock.monotonic()
      if (pause > 0) {
        setTimeout(() => this.#pump(), Math.ceil(pause))
        return
      }
      if (!this.#connection?.fresh) {
        // What is under way on a connection that expires still ends there.
        if (this.#inFlight === 0 || !this.#connection?.open) this.#reconnect()
        return
      }
      const entries = this.#gather()
      if (entries.length === 0) return
      this.#send(this.#connection, entries)
    }
  }

  #reconnect(): void {
    if (this.#connecting) return
    this.#connecting = true
    this.#connection?.close()
    this.#host.connect(this.broker).then(
      (connection) => {
        this.#connecting = false
        this.#connection = connection
        if (this.#stopped) connection.close()
        else this.#pump()
      },
      (error: Error) => this.#fail(error),
    )
  }

  /** One batch of each partition whose turn it is, as far as they fit into a request. */
  #gather(): Entry[] {
    const entries: Entry[] = []
    let bytes = 0
    for (const partition of this.#ready) {
      if (bytes >= this.#host.requestBytes) break
      const size = partition.nextSize
      // What does not fit stays in front: the next request begins with it.
      if (partition.sendable && bytes > 0 && bytes + size > this.#host.requestBytes) break
      this.#ready.delete(partition)
      if (!partition.sendable) continue
      const sent = partition.take()
      bytes += size
      entries.push({ partition, sent })
    }
    // Those that may send more come again, behind all others.
    for (const { partition } of entries) if (partition.sendable) this.#ready.add(partition)
    return entries
  }

  #send(connection: BrokerConnection, entries: readonly Entry[]): void {
    const version = this.#version(connection, entries)
    if (version === undefined) {
      const error = new TidemarkError(
        'UNSUPPORTED_VERSION',
        `Broker ${connection.address} offers no Produce version between ${produceVersions.min} and ${produceVersions.max}`,
        { details: { broker: connection.address, outcome: 'not-sent' } },
      )
      this.#unanswered(entries, error)
      this.#fail(error)
      return
    }
    const items = entries.map(({ partition, sent: { batch } }) => ({
      topic: partition.topic,
      topicId: partition.topicId,
      partition: partition.partition,
      buffer: batch.buffer,
      start: batch.start,
      end: batch.end,
    }))
    const { transactionalId } = this.#host
    this.#inFlight++
    const exchange = {
      apiKey: apiKey.produce,
      apiVersion: version,
      flexible: version >= produceFlexible,
      body: produceRequest(version, items, { transactionalId, timeout: replicaTime }),
      timeout: answerTime,
    }
    connection.request(exchange, (error, frame) => {
      if (frame !== undefined) return this.#answered(connection, entries, frame, version)
      this.#inFlight--
      this.#unanswered(entries, error)
      this.#fail(error as Error)
    })
  }

  #version(connection: BrokerConnection, entries: readonly Entry[]): number | undefined {
    const { min, max, names, transactional } = produceVersions
    if (this.#host.transactionalId !== null) return connection.versionFor(apiKey.produce, min, transactional)
    const ids = entries.every(({ partition }) => partition.topicId !== undefined)
    return connection.versionFor(apiKey.produce, min, ids ? max : names)
  }

  #answered(connection: BrokerConnection, entries: readonly Entry[], frame: Buffer, version: number): void {
    this.#inFlight--
    const open = new Answers(entries, version >= produceTopicIds)
    try {
      const throttle = produceResponse(frame, version, (topic, partition, error, baseOffset, message) => {
        const entry = open.take(topic, partition)
        if (entry) this.#judge(connection, entry, error, baseOffset, message)
      })
      if (throttle > 0) this.#pausedUntil = systemClock.monotonic() + throttle
      const rest = open.rest()
      if (rest.length > 0) throw unanswered(connection)
    } catch (error) {
      this.#unanswered(open.rest(), error)
      this.#fail(error as Error)
      return
    }
    this.#pump()
  }

  #judge(
    connection: BrokerConnection,
    { partition, sent }: Entry,
    error: number,
    baseOffset: bigint,
    message: string | null,
  ): void {
    if (error === code.none) {
      partition.acknowledged(sent, baseOffset)
      return
    }
    const bytes = sent.batch.end - sent.batch.start
    const judged = judgeProduce(partition, error, baseOffset, message, { bytes }, connection.address)
    partition.failed(sent, judged)
  }

  #unanswered(entries: readonly Entry[], error: unknown): void {
    const judged = judgeLost(error)
    for (const { partition, sent } of entries) partition.failed(sent, judged)
  }

  #fail(error: Error): void {
    if (this.#stopped) return
    this.stop()
    this.#host.failed(this, error)
  }
}

/** Finds the entry that an answer is for. Answers that come in the order of the request, as they usually do, need no look-up. */
class Answers {
  readonly #entries: readonly Entry[]
  readonly #byId: boolean
  readonly #taken: boolean[]
  #next = 0
  #places: Map<string, number> | undefined

  constructor(entries: readonly Entry[], byId: boolean) {
    this.#entries = entries
    this.#byId = byId
    this.#taken = new Array<boolean>(entries.length).fill(false)
  }

  take(topic: string, partition: number): Entry | undefined {
    const index = this.#find(topic, partition)
    if (index === undefined || this.#taken[index]) return undefined
    this.#taken[index] = true
    this.#next = index + 1
    return this.#entries[index]
  }

  rest(): Entry[] {
    return this.#entries.filter((_, index) => !this.#taken[index])
  }

  #find(topic: string, partition: number): number | undefined {
    const next = this.#entries[this.#next]
    if (next && next.partition.partition === partition && this.#topic(next) === topic) return this.#next
    this.#places ??= new Map(
      this.#entries.map((entry, index) => [`${this.#topic(entry)}/${entry.partition.partition}`, index]),
    )
    return this.#places.get(`${topic}/${partition}`)
  }

  #topic({ partition }: Entry): string {
    return this.#byId ? partition.topicKey : partition.topic
  }
}

function unanswered(connection: BrokerConnection): TidemarkError {
  return new TidemarkError(
    'PROTOCOL_ERROR',
    `Broker ${connection.address} did not answer for every batch of a request`,
    { retriable: true, details: { broker: connection.address, outcome: 'unknown' } },
  )
}
