import type { Clock, Progress, Telemetry } from '../base/index.ts'
import type { ObjectStore } from './store.ts'

/** What every job is handed. */
export interface JobContext {
  readonly store: ObjectStore
  readonly signal: AbortSignal
  readonly telemetry: Telemetry
  readonly progress: Progress
  readonly clock: Clock
}
