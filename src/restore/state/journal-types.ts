import type { ErrorCode } from '../../base/index.ts'
import type { ProducerIdentity } from '../../kafka/index.ts'
import type { RestoreNotice } from '../job.ts'
import type { JobShape } from '../plan/plan-hash.ts'
import type { TargetFacts } from '../plan/plan-types.ts'
import type { Seam } from './seams.ts'

/** How far a restore came; each stage is durable before what follows it begins. See `docs/restore.md`. */
export type Stage = 'prepared' | 'opened' | 'copied' | 'positioned' | 'done'

/** One target topic in the journal. */
export interface JournalTopic {
  readonly target: string
  /** Topic id at the target; undefined before the topic was created, and on brokers without topic ids. */
  readonly id: string | undefined
  /** The restore creates it. */
  readonly created: boolean
  readonly exclusive: boolean
  /** Settings as they were set on the existing topic before they were relaxed: null where they were inherited. */
  readonly before: Readonly<Record<string, string | null>>
  /** Log end of each partition before our first batch; empty before `opened`. */
  readonly ends: readonly bigint[]
  /** Its settings are in force, apart from those that wait. */
  readonly settled: boolean
  /** Settings that wait until `restore finish`: null = to be inherited. */
  readonly waiting: Readonly<Record<string, string | null>>
  readonly waitingReason: string
  /** Why the copy of the topic ended for good in the last run. */
  readonly failure: { readonly code: ErrorCode; readonly message: string } | undefined
}

/** A point in a lane's stream; all records before it have been handed out. */
export interface LaneCursor {
  /** For each input: next source offset wanted, and the largest time so far, which orders a merge. */
  readonly inputs: readonly { readonly next: bigint; readonly clock: bigint }[]
  /** For each output: records of the stream before this point. */
  readonly emitted: readonly bigint[]
  /** Records that took a partition in turn. */
  readonly turn: bigint
}

/** What is known to lie in a target partition. */
export interface LandedState {
  /** Records of the stream that have landed. */
  readonly records: bigint
  /** Target offset after the last of them: where reading back begins. */
  readonly next: bigint
  /** Whose batches they are, and the highest epoch used. */
  readonly producerId: bigint
  readonly epoch: number
  /** Where the epoch was raised, in order. */
  readonly seams: readonly Seam[]
}

/** The same as the journal holds it: programs before seams wrote none. */
export type StoredLanded = Omit<LandedState, 'seams'> & Partial<Pick<LandedState, 'seams'>>

/** One lane in the journal: those that were begun. */
export interface JournalLane {
  readonly key: string
  readonly done: boolean
  readonly cursor: LaneCursor
  readonly landed: readonly StoredLanded[]
  /** Bytes sent of each input's records. */
  readonly bytes: readonly number[]
  /** Smallest of the batches' largest times, ms; undefined = none. Tells what retention would delete. */
  readonly oldest: bigint | undefined
  /** Maps so far: input, place of the output, and which blob holds the map. */
  readonly maps: readonly { readonly input: number; readonly output: number; readonly blob: number }[]
}

/** The journal of a restore: everything that the next start needs to know. */
export interface JournalHeader {
  readonly version: 1
  readonly restoreId: string
  readonly backupId: string
  readonly commit: number
  readonly sourceClusterId: string
  readonly sourceName: string
  readonly targetClusterId: string
  /** Hash of the job, whatever the commit. */
  readonly jobHash: string
  readonly planHash: string
  /** What the hash of the job is made of: enough to say later what should be where. */
  readonly shape: JobShape
  readonly created: number
  readonly updated: number
  readonly stage: Stage
  readonly facts: TargetFacts
  /** Undefined before `opened`. */
  readonly producer: ProducerIdentity | undefined
  readonly topics: readonly JournalTopic[]
  readonly lanes: readonly JournalLane[]
  /** Which groups were asked for, as a hash; undefined before their positions were applied. */
  readonly groupsAsked: string | undefined
  readonly notices: readonly RestoreNotice[]
}
