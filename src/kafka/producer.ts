import { invariant, TidemarkError } from '../base/index.ts'
import type { PartitionProducer, PartitionProducerOptions, ProducerOptions } from './data-types.ts'
import { PositionReader } from './fetch-once.ts'
import { mayPass } from './leader-finder.ts'
import { ProduceFinder } from './produce-finder.ts'
import { ProduceLane, type ProduceLaneHost } from './produce-lane.ts'
import { type PartitionHost, ProducePartition } from './produce-partition.ts'
import { isFenced, TransactionCoordinator } from './produce-transaction.ts'
import { ProduceTrouble } from './produce-trouble.ts'
import type { Cluster, ProducerIdentity, TopicPartition } from './types.ts'

const defaults = {
  settleMs: 10_000,
  inFlight: 5,
  connections: 4,
  memory: 64 << 20,
  partitionMemory: 16 << 20,
  requestBytes: 4 << 20,
  patience: 300_000,
}
/** A broker remembers the last five batches of a producer. */
const mostInFlight = 5
/** Partitions that a connection has before another one is opened: a request of several batches costs the broker little more than one. */
const partitionsFirst = 2
/** Bytes that a sender is taken to need when it is let go on. */
const usualBatch = 64 << 10

/**
 * Writes raw batches to many partitions, each exactly once and in order, whatever timestamps they carry:
 *
 *     each partition is pinned to one of a few connections to its leader
 *     a request takes one batch of each partition that may send; at most five of a partition are without an answer
 *     an acknowledgement says where the batch stands: `landed`
 *     when something fails, nothing more is sent for the partition until all its answers are in; then
 *       certainly not appended  → sent again as it was
 *       anything else           → the log is read back (`recover`): what carries our producer id has landed, the rest is sent
 *                                 again under the next epoch. With a connection cut, the log must have settled first
 *       refused for good        → the partition fails, the others go on
 *
 * A batch of unknown outcome is never sent again blindly: a broker forgets the sequences of a producer whose records are old,
 * and would take it twice.
 *
 * With `transactional`, all that is sent between `begin` and `commit` counts or none of it; then an unknown outcome ends the
 * transaction, and the caller sends it anew.
 *
 * Not promised: that batches are checked. Holes, control batches and LogAppendTime are for the caller to encode again. Before
 * Kafka 4.1 a topic that is deleted and created again while it is written is found out by its offsets, after the first batch.
 */
export class Producer implements AsyncDisposable {
  readonly #cluster: Cluster
  readonly #options: ProducerOptions
  readonly #patience: number
  readonly #memory: number
  readonly #closing = new AbortController()
  readonly #partitions = new Map<string, ProducePartition>()
  readonly #lanes = new Map<number, ProduceLane[]>()
  readonly #laneOf = new Map<ProducePartition, ProduceLane>()
  readonly #starving = new Set<ProducePartition>()
  readonly #reader: PositionReader
  readonly #finder: ProduceFinder
  readonly #partitionHost: PartitionHost
  readonly #laneHost: ProduceLaneHost
  readonly #work = new Set<Promise<void>>()
  readonly #coordinator: TransactionCoordinator | undefined
  #identity: ProducerIdentity
  #bytes = 0
  #open = false
  #broken: Error | undefined
  /** A commit of which nobody knows whether it happened. */
  #undecided: Error | undefined
  readonly #toEnlist = new Set<ProducePartition>()
  #enlisting = false

  constructor(cluster: Cluster, options: ProducerOptions) {
    this.#cluster = cluster
    this.#options = options
    this.#identity = options.identity
    this.#memory = options.memory ?? defaults.memory
    this.#patience = cluster.options.deliveryTimeout ?? defaults.patience
    const { signal } = this.#closing
    const inFlight = Math.min(options.inFlight ?? defaults.inFlight, mostInFlight)
    this.#reader = new PositionReader(cluster)
    this.#coordinator =
      options.transactional && new TransactionCoordinator(cluster, options.transactional.id, signal)
    const trouble = new ProduceTrouble({
      reader: this.#reader,
      transactional: options.transactional !== undefined,
      patience: this.#patience,
      settleMs: options.settleMs ?? defaults.settleMs,
      renew: options.renew,
      signal,
      detach: (partition) => this.#detach(partition),
      displace: (partition, error) => this.#displace(partition, error),
      fail: (partition, error) => this.#fail(partition, error),
      break: (error) => this.#break(error),
    })
    this.#partitionHost = {
      inFlight,
      transactional: options.transactional !== undefined,
      partitionMemory: options.partitionMemory ?? defaults.partitionMemory,
      queued: (bytes) => {
        this.#bytes += bytes
      },
      freed: (bytes) => this.#freed(bytes),
      roomForAll: () => this.#bytes < this.#memory,
      starving: (partition) => this.#starving.add(partition),
      ready: (partition) => this.#ready(partition),
      troubled: (partition, judged) => this.#watch(trouble.settle(partition, judged)),
    }
    this.#laneHost = {
      signal,
      inFlight,
      requestBytes: options.requestBytes ?? defaults.requestBytes,
      transactionalId: options.transactional?.id ?? null,
      connect: (broker) => cluster.connect(broker, { signal }),
      failed: (lane, error) => this.#laneFailed(lane, error),
    }
    this.#finder = new ProduceFinder({
      cluster,
      signal,
      patience: this.#patience,
      place: (partition) => this.#place(partition),
      fail: (partition, error) => this.#fail(partition, error),
    })
    this.#watch(this.#finder.run())
  }

  /** Bytes of batches queued and unacknowledged. */
  get memoryUsed(): number {
    return this.#bytes
  }

  /** The way into a partition. Once for each. */
  partition(options: PartitionProducerOptions): PartitionProducer {
    const key = keyOf(options)
    invariant(!this.#partitions.has(key), 'a partition of a producer was opened twice', {
      topic: options.topic,
      partition: options.partition,
    })
    const partition = new ProducePartition(options, this.#identity, this.#partitionHost)
    this.#partitions.set(key, partition)
    this.#finder.add(partition)
    return partition
  }

  /** Begins a transaction. Partitions join it with their first batch. */
  begin(): void {
    invariant(this.#coordinator, 'the producer has no transactional id')
    invariant(!this.#open, 'a transaction is open already')
    if (this.#broken) throw this.#broken
    this.#open = true
    for (const partition of this.#partitions.values()) {
      partition.unlist()
      this.#ready(partition)
    }
  }

  /** Adds partitions to the open transaction with one request; otherwise each is added when its first batch is sent. */
  async addPartitions(partitions: readonly TopicPartition[]): Promise<void> {
    invariant(this.#open, 'no transaction is open')
    const found = partitions.map((place) => this.#partitions.get(keyOf(place)))
    await this.#enlist(found.filter((partition) => partition !== undefined).filter((p) => !p.enlisted))
  }

  /**
   * Waits until all that was sent has landed, and commits: when this resolves, it counts, for good. Rejects with what went wrong;
   * then `abort` ends the transaction, and what it was to hold must be sent anew. When the coordinator cannot be reached to
   * the end, nobody knows whether it counts: `details.outcome` of the error is `unknown`, `abort` rejects too, and whoever
   * takes the transactional id over has to read the log back (`recover`, committed).
   */
  async commit(): Promise<void> {
    invariant(this.#open && this.#coordinator, 'no transaction is open')
    await Promise.all([...this.#partitions.values()].map((partition) => partition.flush()))
    if (this.#broken) throw this.#broken
    const any = [...this.#partitions.values()].some((partition) => partition.enlisted)
    if (any) {
      try {
        await this.#coordinator.end(this.#identity, true)
      } catch (error) {
        this.#undecided = isFenced(error) ? undefined : undecided(this.#options.transactional?.id, error)
        this.#broken = this.#undecided ?? (error as Error)
        throw this.#broken
      }
    }
    this.#open = false
  }

  /**
   * Ends the transaction without effect: nothing sent in it counts, whether it landed or not. After something went wrong it
   * takes the transactional id over again, under a higher epoch; rejects when another owner has taken it.
   */
  async abort(): Promise<void> {
    const transactional = this.#options.transactional
    invariant(this.#open && this.#coordinator && transactional, 'no transaction is open')
    if (this.#undecided) throw this.#undecided
    const partitions = [...this.#partitions.values()]
    for (const partition of partitions) if (!partition.failure) partition.dropQueued()
    await Promise.allSettled(partitions.map((partition) => partition.flush()))
    if (isFenced(this.#broken)) throw this.#broken
    if (this.#broken === undefined) {
      if (partitions.some((partition) => partition.enlisted))
        await this.#coordinator.end(this.#identity, false)
    } else {
      this.#identity = await this.#cluster.initProducerId(transactional)
      this.#broken = undefined
      for (const partition of partitions) {
        partition.restart(this.#identity)
        this.#displace(partition)
      }
    }
    this.#open = false
  }

  /** Closes all connections. What has not landed fails with CONNECTION_LOST; its outcome is for a recovery to find. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    for (const lanes of this.#lanes.values()) for (const lane of lanes) lane.stop()
    const error = new TidemarkError('CONNECTION_LOST', 'The producer was closed before everything had landed')
    for (const partition of this.#partitions.values()) partition.fail(error)
    await this.#coordinator?.[Symbol.asyncDispose]()
    await this.#reader[Symbol.asyncDispose]()
    await Promise.all(this.#work)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #ready(partition: ProducePartition): void {
    if (this.#coordinator && !partition.enlisted) {
      // What is sent outside a transaction waits for the next one.
      if (!this.#open || !partition.waiting || partition.failure) return
      this.#toEnlist.add(partition)
      if (!this.#enlisting) this.#watch(this.#enlistWaiting())
      return
    }
    this.#laneOf.get(partition)?.ready(partition)
  }

  /** Adds partitions to the transaction as they come, many at a time. */
  async #enlistWaiting(): Promise<void> {
    this.#enlisting = true
    try {
      while (this.#toEnlist.size > 0) {
        // What comes in the same turn of the event loop goes together.
        await new Promise((resolve) => setImmediate(resolve))
        const partitions = [...this.#toEnlist]
        this.#toEnlist.clear()
        await this.#enlist(partitions).catch(() => {})
      }
    } finally {
      this.#enlisting = false
    }
  }

  async #enlist(partitions: readonly ProducePartition[]): Promise<void> {
    if (partitions.length === 0 || !this.#coordinator) return
    try {
      await this.#coordinator.add(this.#identity, partitions)
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#break(error as Error)
      throw error
    }
    for (const partition of partitions) {
      partition.enlisted = true
      this.#laneOf.get(partition)?.ready(partition)
    }
  }

  /** The transaction cannot be committed any more. */
  #break(error: Error): void {
    this.#broken ??= error
    for (const partition of this.#partitions.values()) partition.fail(this.#broken)
  }

  #freed(bytes: number): void {
    this.#bytes -= bytes
    let grant = this.#memory - this.#bytes
    for (const partition of this.#starving) {
      if (grant <= 0) break
      if (!partition.admit()) this.#starving.delete(partition)
      grant -= usualBatch
    }
  }

  /** The lane's connection has failed. Partitions with requests on it are troubled; the others only need another lane. */
  #laneFailed(lane: ProduceLane, error: Error): void {
    if (this.#closing.signal.aborted) return
    for (const partition of lane.partitions) {
      lane.remove(partition)
      this.#laneOf.delete(partition)
      if (partition.unanswered > 0 || partition.halted) continue
      if (mayPass(error)) this.#displace(partition, partition.waiting ? error : undefined)
      else this.#fail(partition, error)
    }
  }

  #detach(partition: ProducePartition): void {
    this.#laneOf.get(partition)?.remove(partition)
    this.#laneOf.delete(partition)
  }

  /** Takes a partition from its lane; its leader is found again. */
  #displace(partition: ProducePartition, error?: Error): void {
    this.#detach(partition)
    partition.halted = true
    if (!partition.failure) this.#finder.add(partition, error)
  }

  #place(partition: ProducePartition): void {
    if (partition.leader === undefined || partition.failure || this.#closing.signal.aborted) return
    const lanes = (this.#lanes.get(partition.leader) ?? []).filter((lane) => !lane.stopped)
    this.#lanes.set(partition.leader, lanes)
    let lane = lanes[0]
    for (const other of lanes) if (!lane || other.partitions.size < lane.partitions.size) lane = other
    const most =
      this.#options.connections ?? this.#cluster.options.connectionsPerBroker ?? defaults.connections
    if (!lane || (lane.partitions.size >= partitionsFirst && lanes.length < most)) {
      lane = new ProduceLane(partition.leader, this.#laneHost)
      lanes.push(lane)
    }
    this.#laneOf.set(partition, lane)
    partition.halted = false
    lane.add(partition)
    this.#ready(partition)
  }

  #fail(partition: ProducePartition, error: Error): void {
    this.#detach(partition)
    partition.halted = true
    if (this.#coordinator) this.#break(error)
    else partition.fail(error)
  }

  /** Keeps an eye on something that runs beside: its failing is a defect. */
  #watch(work: Promise<void>): void {
    const watched = work
      .catch((error: Error) => {
        for (const partition of this.#partitions.values()) this.#fail(partition, error)
      })
      .finally(() => this.#work.delete(watched))
    this.#work.add(watched)
  }
}

function undecided(id: string | undefined, cause: unknown): TidemarkError {
  const reason = cause instanceof Error ? `: ${cause.message}` : ''
  return new TidemarkError(
    'REQUEST_TIMEOUT',
    `It is not known whether the transaction of ${JSON.stringify(id)} was committed${reason}`,
    { details: { outcome: 'unknown' }, hint: 'Run it again: the target is read back first.', cause },
  )
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
