import { invariant, systemClock } from '../base/index.ts'
import type { FetchAssignment, FetchEvent, FetchedBatches, FetcherOptions, FetchSink } from './data-types.ts'
import { FetchLane } from './fetch-lane.ts'
import type { LaneHost } from './fetch-lane-book.ts'
import { FetchMemory } from './fetch-memory.ts'
import { type Doubt, FetchPartition } from './fetch-partition.ts'
import { FetchPlacer } from './fetch-placer.ts'
import type { Cluster } from './types.ts'

const defaults = { memory: 64 << 20, maxBytes: 8 << 20, maxWait: 500, maxPartitions: 1000 }
const defaultLanes = 4
const defaultPatience = 300_000

/**
 * Reads partitions raw, arranged by broker:
 *
 *     for each broker that leads (or is the nearest replica of) assigned partitions: a few lanes, each a connection with
 *     partitions of its own and one fetch in flight
 *       ask for the partitions whose turn it is, from their next offsets on
 *       read the batch headers of the answer, move the offsets on, ask again
 *       hand the batches to the sink, in the memory that they were received into
 *     partitions that a broker refuses, or whose broker fails, leave their lane; their leader is found again
 *
 * The memory of all responses comes from one budget: while the sink holds on to it, the next requests wait. For each partition
 * everything comes in order: batches without a gap in between that is not an event, and events where they belong.
 *
 * Not promised: batches are not checked against their CRC, and aborted ones are among them (the list is). On brokers before
 * Kafka 3.1 a topic that is deleted and created again between two fetches is noticed only when the leader changes.
 */
export class Fetcher {
  readonly #cluster: Cluster
  readonly #sink: FetchSink
  readonly #active = new Map<string, FetchPartition>()
  readonly #lanes = new Map<number, FetchLane[]>()
  readonly #laneOf = new Map<FetchPartition, FetchLane>()
  readonly #running = new Set<Promise<void>>()
  readonly #ending = new AbortController()
  readonly #end = Promise.withResolvers<void>()
  readonly #placer: FetchPlacer
  readonly #host: LaneHost
  readonly #lasting: boolean
  #started = false

  constructor(cluster: Cluster, options: FetcherOptions, sink: FetchSink) {
    this.#cluster = cluster
    this.#sink = sink
    this.#end.promise.catch(() => {})
    this.#lasting = options.lasting ?? false
    const { signal } = this.#ending
    const maxBytes = options.maxBytes ?? defaults.maxBytes
    const shared = {
      signal,
      deliver: (partition: FetchPartition, what: FetchedBatches | FetchEvent) =>
        this.#deliver(partition, what),
      place: (partition: FetchPartition) => this.#place(partition),
      finished: (partition: FetchPartition) => this.#finished(partition),
    }
    this.#placer = new FetchPlacer({
      ...shared,
      cluster,
      patience: cluster.options.deliveryTimeout ?? defaultPatience,
    })
    this.#host = {
      ...shared,
      memory: new FetchMemory(options.memory ?? defaults.memory, maxBytes, options.allocate),
      committed: (options.isolation ?? 'read_committed') === 'read_committed',
      maxBytes,
      maxWait: options.maxWait ?? defaults.maxWait,
      gather: options.gather ?? 0,
      maxPartitions: options.maxPartitions ?? defaults.maxPartitions,
      rack: cluster.options.rack ?? '',
      connect: (broker) => cluster.connect(broker, { signal }),
      doubt: (partition, doubt, error) => this.#doubt(partition, doubt, error),
      lost: (partition, error) => {
        this.#laneOf.delete(partition)
        this.#placer.lost(partition, error)
      },
    }
  }

  /** Bytes of response memory in use: received and not yet released, or reserved for what is on its way. */
  get memoryUsed(): number {
    return this.#host.memory.used
  }

  /**
   * Starts fetching a partition; also while running, and when the sink hears that another one has ended. A partition can be
   * assigned once at a time.
   */
  add(assignment: FetchAssignment): void {
    const key = keyOf(assignment)
    invariant(!this.#active.has(key), 'a partition was assigned to a fetcher twice', {
      topic: assignment.topic,
      partition: assignment.partition,
    })
    const partition = new FetchPartition(assignment)
    this.#active.set(key, partition)
    this.#placer.add(partition)
  }

  /** Ends a partition: when this returns, nothing more of it is delivered. Harmless when it has ended already. */
  remove(topic: string, partition: number): void {
    const found = this.#active.get(keyOf({ topic, partition }))
    if (!found) return
    found.removed = true
    this.#laneOf.get(found)?.remove(found)
    this.#placer.remove(found)
    this.#finished(found)
  }

  /**
   * Fetches until no assignment is left, or, when it lasts, until aborted: bounded ones end at their stop, others when they are removed or lost. Rejects with
   * the signal's reason when aborted. When it settles, all connections are closed and nothing more is delivered; what
   * the sink still holds stays valid until released. Runs once.
   */
  async run(signal: AbortSignal): Promise<void> {
    invariant(!this.#started, 'a fetcher runs once')
    this.#started = true
    const onAbort = () => this.#end.reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    if (this.#active.size === 0 && !this.#lasting) this.#end.resolve()
    this.#watch(this.#placer.run())
    try {
      await this.#end.promise
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#ending.abort()
      for (const partition of this.#active.values()) partition.removed = true
      for (const lanes of this.#lanes.values()) for (const lane of lanes) lane.stop()
      await Promise.all(this.#running)
    }
  }

  /** Keeps an eye on something that runs beside: its failing is a defect, and ends the run. */
  #watch(work: Promise<void>): void {
    const watched = work
      .catch((error: unknown) => this.#end.reject(error))
      .finally(() => this.#running.delete(watched))
    this.#running.add(watched)
  }

  #deliver(partition: FetchPartition, what: FetchedBatches | FetchEvent): void {
    if ('type' in what) {
      if (!partition.removed) this.#sink.event(what)
    } else if (partition.removed) what.release()
    else this.#sink.batches(what)
  }

  #finished(partition: FetchPartition): void {
    if (partition.ended) return
    partition.ended = true
    this.#laneOf.delete(partition)
    this.#active.delete(keyOf(partition))
    // Its last event is delivered in this same turn, and may be answered with another assignment.
    queueMicrotask(() => {
      if (this.#active.size === 0 && this.#started && !this.#lasting) this.#end.resolve()
    })
  }

  #doubt(partition: FetchPartition, doubt: Doubt, error: Error): void {
    this.#laneOf.delete(partition)
    if (partition.ended) return
    partition.doubt = doubt
    this.#placer.add(partition, error)
  }

  /** Gives a partition to the least busy lane of its broker. */
  #place(partition: FetchPartition): void {
    if (partition.ended || this.#ending.signal.aborted) return
    const broker = partition.broker(systemClock.monotonic())
    if (broker === undefined) {
      this.#placer.add(partition)
      return
    }
    const lanes = this.#lanesOf(broker)
    let lane = lanes[0]
    for (const other of lanes) if (!lane || other.load < lane.load) lane = other
    const most = this.#cluster.options.connectionsPerBroker ?? defaultLanes
    if (!lane || (lane.load > 0 && lanes.length < most)) lane = this.#openLane(broker, lanes)
    this.#laneOf.set(partition, lane)
    lane.add(partition)
  }

  #lanesOf(broker: number): FetchLane[] {
    const lanes = (this.#lanes.get(broker) ?? []).filter((lane) => !lane.stopped)
    this.#lanes.set(broker, lanes)
    return lanes
  }

  #openLane(broker: number, lanes: FetchLane[]): FetchLane {
    const lane: FetchLane = new FetchLane(broker, this.#host, {
      idleSibling: () =>
        this.#lanes.get(broker)?.find((other) => other !== lane && other.load === 0 && !other.stopped),
      moved: (partition, to) => this.#laneOf.set(partition, to),
    })
    lanes.push(lane)
    this.#watch(lane.run())
    return lane
  }
}

function keyOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}/${partition}`
}
