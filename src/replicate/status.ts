import type { MapEvent } from './map-topic/map-event.ts'

/** Where the copy of one source partition stands, as the worker that has it sees it. */
export interface PartitionStatus {
  readonly topic: string
  readonly partition: number
  readonly targetTopic: string
  readonly shard: number
  readonly state: 'copying' | 'held' | 'failed'
  /** Why it is not copied; undefined while it is. */
  readonly reason: string | undefined
  /** Next source offset; everything before is committed on the target. */
  readonly next: bigint
  /** Last stable offset of the source as seen last; undefined before anything was seen. */
  readonly sourceEnd: bigint | undefined
  /** Ms between the time of the newest record copied and its commit on the target; undefined before the first. */
  readonly delay: number | undefined
  readonly records: number
  readonly bytes: number
}

export interface ReplicationEvent extends MapEvent {
  readonly topic: string
  readonly partition: number
}

/** What one worker does now. */
export interface ReplicationStatus {
  readonly pipeline: string
  readonly worker: string
  /** Ms since the epoch. */
  readonly since: number
  readonly state: 'starting' | 'running' | 'stopping' | 'ended'
  /** Shards that the worker has. */
  readonly shards: readonly number[]
  readonly workers: number
  readonly partitions: readonly PartitionStatus[]
  /** The newest events, oldest first. */
  readonly events: readonly ReplicationEvent[]
  /** Topics that are selected but not copied, and why. */
  readonly failedTopics: readonly {
    readonly topic: string
    readonly code: string
    readonly message: string
  }[]
  readonly transactions: { readonly committed: number; readonly aborted: number }
  readonly records: number
  readonly bytes: number
  /** Records that may have been copied twice: at least once, after a worker died. */
  readonly duplicates: number
  /** Records that were not copied because they come from the target. */
  readonly returned: number
}

/** What a worker did, when it has ended. */
export interface ReplicationReport extends ReplicationStatus {
  readonly interrupted: boolean
  readonly durationMs: number
}
