import { systemClock, TidemarkError } from '../base/index.ts'
import { attemptPause, LeaderFinder, mayPass } from './leader-finder.ts'
import { targetChanged } from './produce-judge.ts'
import type { ProducePartition } from './produce-partition.ts'
import type { Cluster, TopicInfo } from './types.ts'

export interface ProduceFinderHost {
  readonly cluster: Cluster
  /** Aborts when the producer ends. */
  readonly signal: AbortSignal
  /** Ms for which a partition may be in trouble without anything landing. */
  readonly patience: number
  /** The partition's leader is known, and the end of its log. */
  place(partition: ProducePartition): void
  fail(partition: ProducePartition, error: Error): void
}

/** Ms after which a topic that metadata does not name is taken as gone; a new one may need a moment. */
const missingPatience = 10_000

/** Finds the leaders of partitions that are written, and where their logs end before the first batch. */
export class ProduceFinder {
  readonly #host: ProduceFinderHost
  readonly #finder: LeaderFinder<ProducePartition>
  readonly #missingSince = new Map<ProducePartition, number>()
  readonly #endless: ProducePartition[] = []

  constructor(host: ProduceFinderHost) {
    this.#host = host
    this.#finder = new LeaderFinder({
      cluster: host.cluster,
      signal: host.signal,
      found: (partition, topic) => this.#found(partition, topic),
      failed: (partition, error) => {
        if (mayPass(error)) this.add(partition, error)
        else host.fail(partition, error)
      },
    })
  }

  run(): Promise<void> {
    return this.#finder.run()
  }

  /** Looks for the partition's leader: at once, or after an error with a pause that grows. */
  add(partition: ProducePartition, error?: Error): void {
    if (error) {
      const now = systemClock.monotonic()
      partition.troubleSince ??= now
      if (now - partition.troubleSince > this.#host.patience) {
        this.#host.fail(partition, error)
        return
      }
    }
    this.#finder.add(partition, error ? attemptPause(partition.attempts++) : 0)
  }

  #found(partition: ProducePartition, topic: TopicInfo | undefined): void {
    if (partition.failure) return
    const info = topic?.partitions.find((candidate) => candidate.partition === partition.partition)
    if (!topic || !info) {
      this.#missing(partition)
      return
    }
    this.#missingSince.delete(partition)
    if (partition.topicId !== undefined && topic.id !== undefined && topic.id !== partition.topicId) {
      const hint = 'Keep topics as they are while they are written; restore it anew.'
      this.#host.fail(partition, targetChanged(partition, 'the topic was deleted and created again', hint))
      return
    }
    partition.topicId ??= topic.id
    if (info.leader === undefined || info.leaderEpoch < partition.leaderEpoch) {
      this.add(partition, leaderless(partition))
      return
    }
    partition.leader = info.leader
    partition.leaderEpoch = info.leaderEpoch
    if (partition.end !== undefined) {
      this.#host.place(partition)
      return
    }
    if (this.#endless.length === 0) queueMicrotask(() => this.#askEnds())
    this.#endless.push(partition)
  }

  #missing(partition: ProducePartition): void {
    const now = systemClock.monotonic()
    const since = this.#missingSince.get(partition) ?? now
    this.#missingSince.set(partition, since)
    const { topic, partition: number } = partition
    const error = new TidemarkError(
      'TOPIC_NOT_FOUND',
      `Partition ${number} of topic ${JSON.stringify(topic)} does not exist`,
      { details: { topic, partition: number } },
    )
    if (now - since > missingPatience) this.#host.fail(partition, error)
    else this.add(partition, error)
  }

  /** Where the logs end before our first batches: a recovery would begin to read there. */
  #askEnds(): void {
    const partitions = this.#endless.splice(0)
    const { cluster, signal } = this.#host
    const asked = partitions.map(({ topic, partition }) => ({ topic, partition, at: 'latest' as const }))
    cluster.listOffsets(asked, { signal }).then(
      (answers) => {
        partitions.forEach((partition, i) => {
          partition.end = answers[i]?.offset
          if (partition.failure) return
          if (partition.end === undefined) this.add(partition, leaderless(partition))
          else this.#host.place(partition)
        })
      },
      (error: Error) => {
        if (signal.aborted) return
        for (const partition of partitions) {
          if (mayPass(error)) this.add(partition, error)
          else this.#host.fail(partition, error)
        }
      },
    )
  }
}

function leaderless({ topic, partition }: ProducePartition): TidemarkError {
  return new TidemarkError(
    'BROKER_ERROR',
    `Partition ${partition} of topic ${JSON.stringify(topic)} has no leader`,
    { retriable: true, details: { topic, partition } },
  )
}
