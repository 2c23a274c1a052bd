import type { ClusterOptions } from '../../kafka/index.ts'
import type { InternalTopicChoice } from '../job.ts'

/** What to do about something that the original either fails for or passes over. */
export type FailOrIgnore = 'fail' | 'ignore'

/** How much of the offset map is kept in memory. */
export interface MapKeeping {
  /** Ms for which a mapping is kept; `topic` = as long as the mapping topic's `retention.ms` says. */
  readonly time: number | 'topic'
  /** Mappings kept for each source partition. */
  readonly count: number
  /** Ms between two looks for what is too old or too much. */
  readonly schedule: number
}

/** Everything that the sync of groups needs, checked beforehand. Independent of any file format. */
export interface SyncJob {
  /** Name of the pipeline that copies the topics. */
  readonly name: string
  readonly source: ClusterOptions
  readonly target: ClusterOptions
  /** Name of this program, for those who wait for it. */
  readonly workerId: string | undefined
  /** Ms without a heartbeat after which the turn of a program goes to another. */
  readonly sessionTimeout: number
  /** Ms between two rounds. */
  readonly pollInterval: number
  /** Names, globs, `~regex`; never empty. */
  readonly groups: readonly string[]
  /** What the metadata of our commits begins with. */
  readonly guardPrefix: string
  /** False: commits go back, over newer mappings and over the application's own commits. */
  readonly guarded: boolean
  readonly followRewinds: boolean
  readonly overrideOwn: boolean
  readonly mapTopic: InternalTopicChoice
  readonly mapKeeping: MapKeeping
  /** Where commits without a guard in their metadata are remembered, and groups that were handed over. */
  readonly controlTopic: InternalTopicChoice
  /** Ms that the topics may take to be read at the start. */
  readonly loadTimeout: number
  /** Control topics whose settings would lose what is in them are refused. */
  readonly validateTopics: boolean
  /** How often, and with how many ms between, a topic that was created is looked for. */
  readonly creationChecks: { readonly attempts: number; readonly delay: number }
  readonly onMultipleMappings: FailOrIgnore
  readonly onActiveGroup: FailOrIgnore
  /** Alias of the source for MirrorMaker 2's checkpoints; undefined = none are written. */
  readonly mm2Alias: string | undefined
}
