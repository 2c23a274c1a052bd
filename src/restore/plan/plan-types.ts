import type { TopicDescription } from '../../archive/index.ts'
import type { ErrorCode } from '../../base/index.ts'
import type { TopicConfig } from '../../kafka/index.ts'
import type { RestoreNotice } from '../job.ts'

/** What the archive holds of one source partition, as far as the plan needs it. */
export interface SourcePartition {
  readonly partition: number
  /** Upper bounds, before a time window cuts batches. */
  readonly records: number
  readonly bytes: number
  readonly chunks: number
  /** Bytes of the largest batch; 0 for none. */
  readonly largestBatch: number
  /** Offsets that the archive accounts for begin here and end before `next`. */
  readonly from: bigint
  readonly next: bigint
  /** Source log end as seen last. */
  readonly endOffset: bigint
}

/** One topic of the archive, its newest generation. */
export interface SourceTopic {
  readonly topic: string
  readonly topicId: string | undefined
  readonly description: TopicDescription | undefined
  /** In order. */
  readonly partitions: readonly SourcePartition[]
}

/** A target topic as it was before the restore touched it. */
export interface TargetTopicFacts {
  readonly name: string
  readonly id: string | undefined
  readonly partitions: number
  /** Log start and log end by partition. */
  readonly starts: readonly bigint[]
  readonly ends: readonly bigint[]
  /** Effective settings. */
  readonly configs: readonly TopicConfig[]
}

/** The target cluster as it was before the restore touched it. */
export interface TargetFacts {
  readonly clusterId: string
  readonly brokers: number
  /** Names of the topic settings that the target knows; empty = it did not say. */
  readonly knownConfigs: readonly string[]
  /** Existing target topics, by name. */
  readonly topics: readonly TargetTopicFacts[]
}

/** A source partition in a lane. */
export interface LaneInput {
  readonly topic: string
  readonly topicId: string | undefined
  readonly source: SourcePartition
}

/** How a merging lane finds the partition of a record. */
export type Spread =
  | { readonly type: 'one' }
  | { readonly type: 'murmur2' | 'round-robin'; readonly partitions: number }

/** Source partitions that feed target partitions; see `docs/restore.md`. */
export interface Lane {
  /** Target topic and partition, or topic and `*`: unique and the same in every run. */
  readonly key: string
  readonly target: string
  readonly inputs: readonly LaneInput[]
  readonly outputs: readonly number[]
  readonly spread: Spread
}

/** What happens to one target topic. */
export interface PlannedTopic {
  readonly target: string
  readonly sources: readonly string[]
  readonly action: 'create' | 'use'
  readonly partitions: number
  /** For a topic to be created; undefined = the broker's default. */
  readonly replicationFactor: number | undefined
  /** Nobody else's records are expected in it: it is created, or began empty and appending was not asked for. */
  readonly exclusive: boolean
  /** Records of existing partitions are to be deleted first. */
  readonly purge: boolean
  /** Settings that it should have in the end, as far as the restore decides: those of the source and overrides. */
  readonly finalConfigs: Readonly<Record<string, string>>
  /** Largest batch that it will take, in bytes. */
  readonly limit: number
  /** The settings of a topic to be created hold a message size that takes the largest batch. */
  readonly largestBatch: number
  readonly lanes: readonly Lane[]
  /** What has to be looked for in the records before anything is sent. */
  readonly scan: { readonly sizes: boolean; readonly nullKeys: boolean }
}

/** Why a restore cannot begin. */
export interface Obstacle {
  readonly code: ErrorCode
  readonly message: string
  readonly hint?: string
  readonly topic?: string
  readonly partition?: number
  readonly offset?: bigint
}

/** All that a restore will do: a pure function of job, archive and target. */
export interface RestorePlan {
  readonly backupId: string
  readonly commit: number
  readonly sourceClusterId: string
  /** Value of the cluster header, and name of the source in maps. */
  readonly sourceName: string
  readonly targetClusterId: string
  /** Hash of everything that shapes what is sent where. */
  readonly hash: string
  readonly topics: readonly PlannedTopic[]
  /** Upper bounds. */
  readonly records: number
  readonly bytes: number
  readonly obstacles: readonly Obstacle[]
  readonly notices: readonly RestoreNotice[]
}
