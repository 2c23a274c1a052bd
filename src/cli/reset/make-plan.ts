import type { Plan, PlanNotice, PlanOrigin, TargetState, WantedPosition } from '../../offsets/index.ts'
import { byLog } from './by-log.ts'
import { byPositions } from './by-positions.ts'
import type { ResetContext } from './reset-context.ts'
import { isGiven, type ResetOptions } from './reset-options.ts'

/** What a strategy wants, and what that is held against. */
export interface Wanted {
  readonly wanted: readonly WantedPosition[]
  readonly notices: readonly PlanNotice[]
  readonly target: TargetState
  readonly origin: PlanOrigin
  /** Which map translated, in words. */
  readonly map?: string
}

/**
 * Plans to put groups where the strategy says. Changes nothing. Rejects with BACKUP_NOT_FOUND, GROUP_NOT_FOUND, RESTORE_NOT_FOUND,
 * TOPIC_NOT_FOUND, HEADERS_NOT_FOUND, SOURCE_MISMATCH, FILE_NOT_READABLE, CONFIG_INVALID.
 */
export async function makeResetPlan(options: ResetOptions, context: ResetContext): Promise<Plan> {
  const { makePlan, retentionMinutes } = await import('../../offsets/index.ts')
  const { cluster } = context
  const { target, ...wanted } = await (isGiven(options.strategy) ? byPositions : byLog)(options, context)
  return makePlan({
    ...wanted,
    clusterId: cluster.clusterId,
    created: context.context.clock.now(),
    strategy: options.strategy,
    retentionMinutes: await retentionMinutes(cluster),
    current: target.current,
    logs: target.logs,
    topicIds: target.topicIds,
    outOfRange: options.outOfRange,
  })
}
