import { systemClock, TidemarkError } from '../base/index.ts'
import type { BrokerConnection } from './broker-connection.ts'
import type { FetchEvent, FetchedBatches } from './data-types.ts'
import { judgeRefusal } from './fetch-judge.ts'
import { LaneQueue } from './fetch-lane-queue.ts'
import type { FetchMemory } from './fetch-memory.ts'
import type { Doubt, FetchPartition } from './fetch-partition.ts'

/** What lanes need of their fetcher. */
export interface LaneHost {
  readonly memory: FetchMemory
  readonly committed: boolean
  readonly maxBytes: number
  readonly maxWait: number
  readonly gather: number
  readonly maxPartitions: number
  readonly rack: string
  /** Aborts when the fetcher ends. */
  readonly signal: AbortSignal
  connect(broker: number): Promise<BrokerConnection>
  /** Hands batches or an event of a partition to the sink, unless it was removed. */
  deliver(partition: FetchPartition, what: FetchedBatches | FetchEvent): void
  /** Takes over a partition that has left its lane: its leader is to be found, or what a broker said to be confirmed. */
  doubt(partition: FetchPartition, doubt: Doubt, error: Error): void
  /** Takes over a partition that has left its lane for another broker. */
  place(partition: FetchPartition): void
  /** Ends a partition that has left its lane. */
  lost(partition: FetchPartition, error: Error): void
  /** The partition has nothing more to do and has left its lane. */
  finished(partition: FetchPartition): void
}

/** Takes what is to be delivered: at once, or when the next request is on its way. */
export type Emit = (partition: FetchPartition, what: FetchedBatches | FetchEvent) => void

/** Ms for which only the leader is asked after a follower could not help. */
const followerPause = 60_000
/** Ms after which the leader is asked again which follower is near. */
const followerLease = 300_000

/** The partitions of one lane, and what can become of each. */
export class LaneBook {
  readonly broker: number
  readonly host: LaneHost
  readonly queue = new LaneQueue()
  /** Partitions that want more than a fetch: a comparison of epochs, a look beyond a hole, or their end. */
  readonly chores = new Set<FetchPartition>()
  /** Those of which [next, stop) is known to be empty. */
  readonly closing = new Set<FetchPartition>()
  /** Ms (monotonic) before which the broker is to be left alone. */
  pausedUntil = 0
  /** Fetch version of the connection. */
  version = 0
  #connection: BrokerConnection | undefined

  constructor(broker: number, host: LaneHost) {
    this.broker = broker
    this.host = host
  }

  get connection(): BrokerConnection {
    if (!this.#connection) throw new TidemarkError('INTERNAL', 'a lane was used before it was connected')
    return this.#connection
  }

  set connection(connection: BrokerConnection) {
    this.#connection = connection
  }

  closeConnection(): void {
    this.#connection?.close()
  }

  add(partition: FetchPartition, closing = false): void {
    this.queue.add(partition)
    this.chores.add(partition)
    if (closing) this.closing.add(partition)
  }

  holds(partition: FetchPartition): boolean {
    return this.queue.find(partition.topic, partition.partition, false) === partition
  }

  remove(partition: FetchPartition): void {
    this.queue.remove(partition)
    this.chores.delete(partition)
    this.closing.delete(partition)
  }

  /** A broker refused the partition. */
  refused(partition: FetchPartition, error: number): void {
    const refusal = judgeRefusal(partition, error, this.connection.address)
    if (partition.replica !== undefined && refusal.type !== 'lost') {
      this.backToLeader(partition)
      return
    }
    this.remove(partition)
    if (refusal.type === 'lost') this.host.lost(partition, refusal.error)
    else this.host.doubt(partition, refusal.type === 'range' ? 'range' : 'leader', refusal.error)
  }

  doubt(partition: FetchPartition, doubt: Doubt, error: Error): void {
    this.remove(partition)
    this.host.doubt(partition, doubt, error)
  }

  /** The leader names a follower that is nearer. */
  follow(partition: FetchPartition, replica: number): void {
    partition.replica = replica
    partition.replicaUntil = systemClock.monotonic() + followerLease
    this.remove(partition)
    this.host.place(partition)
  }

  backToLeader(partition: FetchPartition): void {
    partition.replica = undefined
    partition.empties = 0
    partition.leaderOnlyUntil = systemClock.monotonic() + followerPause
    this.remove(partition)
    this.host.place(partition)
  }

  /** The leader's log and what we have seen of the partition part somewhere before `next`. */
  diverged(partition: FetchPartition, epoch: number, endOffset: bigint, emit: Emit): void {
    const seenTo = partition.next
    const divergence = partition.diverge(epoch, endOffset)
    if (divergence < seenTo) emit(partition, { type: 'truncated', ...place(partition), divergence, seenTo })
  }

  /** Reports once that an open transaction holds the stop back. */
  held(partition: FetchPartition, lastStableOffset: bigint, emit: Emit): void {
    if (partition.heldAt === lastStableOffset) return
    partition.heldAt = lastStableOffset
    emit(partition, { type: 'held', ...place(partition), lastStableOffset })
  }

  /** [next, stop) is known to be empty: to be ended with the next chores. */
  close(partition: FetchPartition): void {
    this.closing.add(partition)
    this.chores.add(partition)
  }

  finish(partition: FetchPartition, emit: Emit): void {
    const { next, lastEpoch } = partition
    emit(partition, { type: 'done', ...place(partition), nextOffset: next, leaderEpoch: lastEpoch })
    this.remove(partition)
    this.host.finished(partition)
  }
}

/** Topic and partition alone. */
export function place({ topic, partition }: FetchPartition): { topic: string; partition: number } {
  return { topic, partition }
}
