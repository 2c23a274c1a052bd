import type { Clock, RateLimit, Telemetry } from '../../base/index.ts'
import type { Cluster } from '../../kafka/index.ts'
import type { SlabPool } from '../../records/index.ts'
import type { ControlTable } from '../control/control-table.ts'
import type { ReplicateJob } from '../job.ts'
import type { ReplicationEvent } from '../status.ts'
import type { Route } from '../topics/routes.ts'
import type { TargetTopics } from '../topics/target-topics.ts'
import type { Intake } from './intake.ts'

/** A topic of the pipeline's own, and how many partitions it has. */
export interface OwnTopic {
  readonly name: string
  readonly id: string | undefined
  readonly partitions: number
  /** Largest batch that it takes. */
  readonly limit: number
}

/** What a worker has done, in all its shards. */
export interface Totals {
  committed: number
  aborted: number
  records: number
  bytes: number
  duplicates: number
  returned: number
  mapRuns: number
}

/** What the shards of a worker share. */
export interface ShardContext {
  readonly job: ReplicateJob
  readonly source: Cluster
  readonly target: Cluster
  readonly control: ControlTable
  readonly controlTopic: OwnTopic
  readonly mapTopic: OwnTopic | undefined
  readonly targets: TargetTopics
  readonly intake: Intake
  /** Memory for batches that are joined or built anew, by all shards. */
  readonly slabs: SlabPool
  readonly limit: RateLimit
  readonly clock: Clock
  readonly telemetry: Telemetry
  readonly totals: Totals
  /** Source partitions of a shard that are to be copied, by `routeKey`. */
  routes(shard: number): ReadonlyMap<string, Route>
  /** Ms (monotonic) of the last look at the source's topics. */
  routesAsked(): number
  /** Whether a partition would be copied if it were there, and is not. */
  misses(topic: string, partition: number): boolean
  /** Something happened at the source. */
  happened(event: ReplicationEvent): void
  /**
   * To be waited for before the first record of an ownership. Rejects with TARGET_CHANGED when the shard was copied before, and the
   * control topic does not know how far. Never comes back where the pipeline is refused as a whole.
   */
  mayBegin(shard: number): Promise<void>
  /** Whether the group says that this worker still has its shards. */
  confirm(): Promise<boolean>
}
