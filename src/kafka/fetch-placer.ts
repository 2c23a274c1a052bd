import { systemClock, TidemarkError } from '../base/index.ts'
import type { FetchEvent } from './data-types.ts'
import { place } from './fetch-lane-book.ts'
import type { FetchPartition } from './fetch-partition.ts'
import { attemptPause, LeaderFinder, mayPass } from './leader-finder.ts'
import type { Cluster, PartitionInfo, TopicInfo } from './types.ts'

export interface PlacerHost {
  readonly cluster: Cluster
  /** Aborts when the fetcher ends. */
  readonly signal: AbortSignal
  /** Ms for which a partition may be in trouble. */
  readonly patience: number
  /** The partition's leader is known and nothing is in doubt any more. */
  place(partition: FetchPartition): void
  deliver(partition: FetchPartition, event: FetchEvent): void
  /** Nothing more is to be done for the partition. */
  finished(partition: FetchPartition): void
}

/** Attempts with metadata that is older than what is known, before it is believed all the same. */
const staleAttempts = 20
/** A topic is gone when metadata has not named it this many times and for this many ms. */
const missingTimes = 3
const missingFor = 5000
/**
 * Finds the leader of partitions, all that are in doubt with one metadata request, again and again with growing pauses
 * until it is there or patience ends. What a broker says of a log's bounds is believed when the leader by fresh metadata
 * says so too.
 */
export class FetchPlacer {
  readonly #host: PlacerHost
  readonly #finder: LeaderFinder<FetchPartition>
  readonly #doubted: FetchPartition[] = []
  readonly #confirming = new Set<Promise<void>>()

  constructor(host: PlacerHost) {
    this.#host = host
    this.#finder = new LeaderFinder({
      cluster: host.cluster,
      signal: host.signal,
      found: (partition, topic) => this.#found(partition, topic),
      failed: (partition, error) => this.#failed(partition, error),
    })
  }

  /** Takes a partition in: at once when it is new, after a pause when something went wrong. */
  add(partition: FetchPartition, error?: Error): void {
    const now = systemClock.monotonic()
    if (error) {
      partition.trouble = error
      partition.troubleSince ??= now
      if (now - partition.troubleSince > this.#host.patience) {
        this.lost(partition, error)
        return
      }
    }
    this.#finder.add(partition, error ? attemptPause(partition.attempts++) : 0)
  }

  remove(partition: FetchPartition): void {
    this.#finder.remove(partition)
  }

  lost(partition: FetchPartition, error: Error): void {
    this.#host.deliver(partition, { type: 'lost', ...place(partition), error })
    this.#host.finished(partition)
  }

  /** Runs until the fetcher ends. */
  async run(): Promise<void> {
    await this.#finder.run()
    await Promise.all(this.#confirming)
  }

  #found(partition: FetchPartition, topic: TopicInfo | undefined): void {
    if (partition.ended || !this.#settle(partition, topic)) return
    if (partition.doubt === 'leader') {
      this.#host.place(partition)
      return
    }
    // Those that are found together are confirmed together.
    if (this.#doubted.length === 0) queueMicrotask(() => this.#confirmDoubted())
    this.#doubted.push(partition)
  }

  #confirmDoubted(): void {
    const doubted = this.#doubted.splice(0)
    const confirming = this.#confirm(doubted).finally(() => this.#confirming.delete(confirming))
    this.#confirming.add(confirming)
  }

  #failed(partition: FetchPartition, error: Error): void {
    if (partition.ended) return
    if (mayPass(error)) this.add(partition, error)
    else this.lost(partition, error)
  }

  /** Takes over what metadata says of a partition. False when that was not enough, or was its end. */
  #settle(partition: FetchPartition, topic: TopicInfo | undefined): boolean {
    const info = topic?.partitions.find((candidate) => candidate.partition === partition.partition)
    if (!topic || !info) {
      this.#missing(partition)
      return false
    }
    if (partition.topicId !== undefined && topic.id !== undefined && topic.id !== partition.topicId) {
      const event = { type: 'recreated', ...place(partition), topicId: topic.id } as const
      this.#host.deliver(partition, event)
      this.#host.finished(partition)
      return false
    }
    partition.missing = 0
    partition.topicId ??= topic.id
    return this.#settleLeader(partition, info)
  }

  #settleLeader(partition: FetchPartition, info: PartitionInfo): boolean {
    const { topic, partition: number } = partition
    if (info.leader === undefined) {
      const error = new TidemarkError(
        'BROKER_ERROR',
        `Partition ${number} of topic ${JSON.stringify(topic)} has no leader`,
        { retriable: true, details: { topic, partition: number } },
      )
      this.add(partition, error)
      return false
    }
    // A broker that lags behind tells of the leader before: it is passed over for a while.
    if (info.leaderEpoch < partition.leaderEpoch && partition.attempts < staleAttempts) {
      this.add(partition, partition.trouble ?? staleMetadata(partition))
      return false
    }
    partition.leader = info.leader
    partition.leaderEpoch = info.leaderEpoch
    return true
  }

  #missing(partition: FetchPartition): void {
    const now = systemClock.monotonic()
    if (partition.missing++ === 0) partition.missingSince = now
    const { topic, partition: number } = partition
    const error = new TidemarkError(
      'TOPIC_NOT_FOUND',
      `Partition ${number} of topic ${JSON.stringify(topic)} does not exist any more`,
      { details: { topic, partition: number } },
    )
    const gone = partition.missing >= missingTimes && now - partition.missingSince >= missingFor
    if (gone) this.lost(partition, error)
    else this.add(partition, error)
  }

  /** Asks the leaders for the bounds of logs: all at once, and one by one where that fails. */
  async #confirm(partitions: readonly FetchPartition[]): Promise<void> {
    const { cluster, signal } = this.#host
    try {
      const asked = partitions.flatMap((p) => [
        { ...place(p), at: 'earliest' as const },
        { ...place(p), at: 'latest' as const },
      ])
      const answers = await cluster.listOffsets(asked, { signal })
      partitions.forEach((partition, i) => {
        const start = answers[2 * i]?.offset
        const end = answers[2 * i + 1]?.offset
        if (partition.ended) return
        if (start === undefined || end === undefined) {
          this.add(partition, partition.trouble ?? staleMetadata(partition))
        } else {
          this.#judgeBounds(partition, start, end)
        }
      })
    } catch (reason) {
      if (signal.aborted) return
      const error = reason instanceof Error ? reason : new Error(String(reason))
      if (partitions.length > 1) {
        for (const partition of partitions) await this.#confirm([partition])
      } else {
        for (const partition of partitions) {
          partition.doubt = 'leader'
          if (!partition.ended) this.add(partition, error)
        }
      }
    }
  }

  /** The leader's log holds [start, end). */
  #judgeBounds(partition: FetchPartition, start: bigint, end: bigint): void {
    const { next, stop } = partition
    if (next < start) {
      const to = stop !== undefined && stop < start ? stop : start
      if (to > next) {
        const event = { type: 'gap', reason: 'retention', ...place(partition), from: next, to } as const
        this.#host.deliver(partition, event)
        partition.jump(to)
      }
    } else if (next > end) {
      this.#host.deliver(partition, { type: 'truncated', ...place(partition), divergence: end, seenTo: next })
      partition.truncateTo(end)
    } else if (partition.doubt === 'short' && stop !== undefined && end < stop) {
      this.#host.deliver(partition, { type: 'truncated', ...place(partition), divergence: end, seenTo: stop })
      partition.stop = end
    } else if (partition.doubt === 'range') {
      // The leader has the offset after all: asked again, with growing pauses while the contradiction lasts.
      partition.doubt = 'leader'
      this.add(partition, partition.trouble ?? staleMetadata(partition))
      return
    }
    partition.doubt = 'leader'
    partition.empties = 0
    this.#host.place(partition)
  }
}

function staleMetadata({ topic, partition }: FetchPartition): TidemarkError {
  return new TidemarkError(
    'BROKER_ERROR',
    `Brokers do not agree on the leader of partition ${partition} of topic ${JSON.stringify(topic)}`,
    { retriable: true, details: { topic, partition } },
  )
}
