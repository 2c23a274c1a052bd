import type { TidemarkError } from '../../base/index.ts'
import type { RestoreNotice } from '../job.ts'
import type { JournalContent } from '../state/journal.ts'
import type { RestoreState } from '../state/restore-state.ts'
import type { Environment } from './environment.ts'
import type { MadePlan } from './make-plan.ts'

/** What the phases of one run share. */
export interface Phase {
  readonly environment: Environment
  readonly made: MadePlan
  readonly state: RestoreState
  /** As it was when the run began; undefined for a restore that begins. */
  readonly journal: JournalContent | undefined
  /** What this run has to say beside what the journal keeps. */
  readonly notices: RestoreNotice[]
  /** Aborts when the run must end: interrupted, or the lock lost. */
  readonly signal: AbortSignal
}

/** Why topics failed, by name on the target. */
export type Failures = Map<string, TidemarkError>
