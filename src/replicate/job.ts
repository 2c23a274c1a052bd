import type { ClusterOptions } from '../kafka/index.ts'

/** How a source topic's name becomes the target's. */
export type TopicRename =
  | { readonly type: 'same' }
  | { readonly type: 'affix'; readonly prefix: string; readonly suffix: string }
  /** `${topic}` stands for the source topic, `${pipeline}` for the pipeline's name, `${cluster}` for the source's name. */
  | { readonly type: 'template'; readonly template: string }

/** Headers that say where a record came from; each may be wanted alone. */
export interface TracingHeaders {
  readonly topic: boolean
  readonly partition: boolean
  readonly offset: boolean
  readonly pipeline: boolean
}

/**
 * What follows from a change at the source that costs records or mixes generations. Whatever it is, the change is recorded in
 * the map topic, logged, counted and shown by the status.
 *
 * - `continue`: copying goes on with what there is now
 * - `hold`: the partition is not copied any more until it is told otherwise; the others go on
 * - `stop`: the open transactions are finished, and the run ends with SOURCE_CHANGED
 */
export type ChangeAction = 'continue' | 'hold' | 'stop'

export interface ChangeActions {
  /** Records were deleted by retention before they were copied. */
  readonly gap: ChangeAction
  /** The source lost records that had been copied (an unclean election). They stay on the target. */
  readonly truncated: ChangeAction
  /** The topic was deleted and created again; the new one is appended to the copy of the old one. */
  readonly recreated: ChangeAction
  /** The topic or the partition is gone. There is nothing to go on with: `continue` and `hold` are the same. */
  readonly lost: ChangeAction
}

/** How an internal topic on the target is made when it is missing. Undefined values: the broker's. */
export interface InternalTopic {
  readonly partitions: number | undefined
  readonly replicationFactor: number | undefined
  readonly configs: Readonly<Record<string, string>>
}

/** A topic of the pipeline's own on the target. */
export interface InternalTopicChoice {
  readonly name: string
  /** Made like this when it is missing; undefined = it must be there. */
  readonly create: InternalTopic | undefined
}

/** Everything that the engine needs, checked beforehand. Independent of any file format. */
export interface ReplicateJob {
  /** Name of the pipeline: the same on every worker that is to share its work, and different from every other pipeline. */
  readonly name: string
  readonly source: ClusterOptions
  readonly target: ClusterOptions
  /** How headers, maps and templates name the source; undefined = its cluster id. */
  readonly sourceName: string | undefined
  /**
   * Name of this worker, unique in the pipeline and the same after a restart: then its work is not given to others while it
   * restarts. Undefined = made of the host's name and a number that no other process of this host has.
   */
  readonly workerId: string | undefined
  /** False: at least once, without transactions. */
  readonly exactlyOnce: boolean

  /** Names, globs, `~regex`. Empty include = every topic that is not internal. */
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  readonly rename: TopicRename
  /**
   * `source`: every record keeps its partition, and the target gets as many partitions as the source has. `key`: where the counts
   * differ, records find their partition by key (murmur2, as Java's producer does); those without a key go to their own
   * partition modulo the count.
   */
  readonly partitioning: 'source' | 'key'
  /** Where partitions begin that have no position yet. A topic that appears while running always begins at its beginning. */
  readonly startAt: 'earliest' | 'latest'
  /** Ms between looks for new topics, partitions and settings. */
  readonly topicRefresh: number

  /** False: target topics must be there. */
  readonly createTopics: boolean
  /** Changes of the source topic's settings are made on the target as well. */
  readonly followConfigs: boolean
  /** Undefined = as at the source, at most the number of brokers. */
  readonly replicationFactor: number | undefined
  /** Settings for every target topic, over those of the source. */
  readonly configOverrides: Readonly<Record<string, string>>
  /** Settings that are not taken over from the source. Names, globs, `~regex`. */
  readonly excludedConfigs: readonly string[]
  /** Records keep the time that consumers see at the source; else the target topic decides. */
  readonly keepTimestamps: boolean

  /** False: records go out without their headers. */
  readonly replicateHeaders: boolean
  readonly tracing: TracingHeaders
  /**
   * Another pipeline copies the other way: every record gets a provenance header, and records that come from the target are not
   * copied back. Without it a pair of pipelines that would copy each other's copies is refused with REPLICATION_LOOP.
   */
  readonly bidirectional: boolean

  /** Compacted topic with the positions, and what else belongs to the pipeline. */
  readonly controlTopic: InternalTopicChoice
  /** Undefined = no map is published. */
  readonly mapTopic: InternalTopicChoice | undefined
  /** Ms for which runs are gathered before they go to the map topic; until then they are in the control topic. 0 = none. */
  readonly mapPublishInterval: number
  /** Ms after which an idle partition's place is published again, so that the map topic's retention does not lose it. */
  readonly mapRefreshInterval: number

  /** Ms that pass between two commits of a shard with steady traffic; what comes after a pause is committed at once. */
  readonly commitInterval: number
  /** Bytes after which a transaction is committed before that. */
  readonly commitBytes: number
  /** Ms after which the target's brokers abort a transaction of a worker that hangs. */
  readonly transactionTimeout: number
  /** Ms without a sign of life after which a worker's shards are given to others. */
  readonly sessionTimeout: number

  readonly onChange: ChangeActions
  /** Bytes of memory for record batches in all. */
  readonly memory: number
  readonly fetchMaxBytes: number
  /** A second, for this worker; undefined = no limit. */
  readonly rateLimitBytes: number | undefined
  readonly rateLimitRecords: number | undefined
}

/** Values for whatever a caller has no opinion on. */
export const replicateDefaults = Object.freeze({
  sourceName: undefined,
  workerId: undefined,
  exactlyOnce: true,
  exclude: [],
  rename: { type: 'same' },
  partitioning: 'source',
  startAt: 'earliest',
  topicRefresh: 30_000,
  createTopics: true,
  followConfigs: true,
  replicationFactor: undefined,
  configOverrides: {},
  excludedConfigs: [],
  keepTimestamps: true,
  replicateHeaders: true,
  tracing: { topic: false, partition: false, offset: false, pipeline: false },
  bidirectional: false,
  controlTopic: {
    name: '__k2k_consumer-offsets',
    create: { partitions: 16, replicationFactor: undefined, configs: {} },
  },
  mapTopic: {
    name: '__k2k_offset_mappings',
    create: { partitions: 6, replicationFactor: undefined, configs: {} },
  },
  mapPublishInterval: 1_000,
  mapRefreshInterval: 6 * 3_600_000,
  commitInterval: 50,
  commitBytes: 16 << 20,
  transactionTimeout: 60_000,
  sessionTimeout: 10_000,
  onChange: { gap: 'continue', truncated: 'continue', recreated: 'continue', lost: 'continue' },
  memory: 24 << 20,
  fetchMaxBytes: 2 << 20,
  rateLimitBytes: undefined,
  rateLimitRecords: undefined,
} as const satisfies Omit<ReplicateJob, 'name' | 'source' | 'target' | 'include'>)
