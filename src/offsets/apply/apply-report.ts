import type { TidemarkError } from '../../base/index.ts'
import type { PlanEntry } from '../plan/plan.ts'
import type { CommitFigures } from './commit-figures.ts'

/**
 * What became of one entry: `set` was committed and read back, `deleted` is gone when read back. `now` is the position that the group
 * has there, as last read; undefined when it has none, or it could not be read (the error says so).
 */
export type EntryOutcome = { readonly entry: PlanEntry; readonly now: bigint | undefined } & (
  | { readonly outcome: 'set' | 'deleted' | 'kept' | 'skipped' }
  | { readonly outcome: 'failed' | 'refused'; readonly error: TidemarkError }
)

/** What became of one group. */
export interface GroupOutcome {
  readonly group: string
  /**
   * `done`: every position of the plan is in place. `partial`: some are. `failed`: none of those to be set
   * is. `refused`: the group was left alone.
   */
  readonly outcome: 'done' | 'partial' | 'failed' | 'refused'
  readonly entries: readonly EntryOutcome[]
  /** Ms from the commit request to its answer; undefined when nothing was to be committed, or nothing was answered. */
  readonly commitMs: number | undefined
  /** Commit requests beyond the first. */
  readonly retries: number
  /**
   * When the target forgets the positions unless a consumer joins before, at the latest: ms since the epoch. Of a classic
   * group that had consumers, brokers count from when the last one left. Undefined when not known or nothing is kept.
   */
  readonly expires: number | undefined
}

export interface ApplyReport {
  readonly clusterId: string
  readonly planHash: string
  /** Undefined when no snapshot was asked for, or nothing was to be set. */
  readonly snapshotId: string | undefined
  readonly groups: readonly GroupOutcome[]
  /** Partitions by outcome. */
  readonly counts: Readonly<Record<EntryOutcome['outcome'], number>>
  /** Undefined when nothing was committed. */
  readonly commits: CommitFigures | undefined
  /**
   * How long the target keeps positions of a group without members, in minutes; undefined when it may not be
   * read.
   */
  readonly retentionMinutes: number | undefined
}
