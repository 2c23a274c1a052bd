import type { PartitionStatus } from '../status.ts'
import type { Route } from '../topics/routes.ts'
import type { TargetTopic } from '../topics/target-topics.ts'
import type { LineQueue } from './intake.ts'
import type { LineBook } from './line-book.ts'
import type { BatchWish } from './outgoing.ts'

/** One source partition while a worker has its shard. */
export interface Line {
  readonly route: Route
  readonly target: TargetTopic
  readonly book: LineBook
  readonly queue: LineQueue
  readonly wish: BatchWish
  /** Topic id that is fetched, where the source has them. */
  topicId: string | undefined
  state: 'copying' | 'held' | 'lost' | 'failed'
  reason: string | undefined
  /** Ms (monotonic) from which on a failed one is fetched again; of a lost one, when it was lost. */
  retryAt: number
  /** Ms since the epoch of the last entry in the map topic. */
  publishedAt: number
  /** Last stable offset of the source as seen last. */
  sourceEnd: bigint | undefined
  /** Everything before is committed on the target. */
  committed: bigint
  /** Ms between the newest record's time and its commit. */
  delay: number | undefined
  records: number
  bytes: number
  /** Copied in the open transaction. */
  pending: { records: number; bytes: number; newest: number }
}

export function lineStatus(line: Line, shard: number): PartitionStatus {
  return {
    topic: line.route.topic.source.name,
    partition: line.route.partition,
    targetTopic: line.target.name,
    shard,
    state: line.state === 'lost' ? 'held' : line.state,
    reason: line.reason,
    next: line.committed,
    sourceEnd: line.sourceEnd,
    delay: line.delay,
    records: line.records,
    bytes: line.bytes,
  }
}
