import type { PositionCapture } from '../../archive/index.ts'
import type { MapSet } from '../map/map-set.ts'
import type { Plan } from './plan.ts'
import { makePlan, type PlanInput } from './planner.ts'
import type { SelectedGroups } from './select-groups.ts'
import { type TranslationOptions, translateGroups } from './translate-groups.ts'

export interface BackupPlanOptions
  extends Pick<PlanInput, 'clusterId' | 'created' | 'current' | 'logs' | 'outOfRange' | 'retentionMinutes'>,
    Omit<TranslationOptions, 'always'> {
  readonly backupId: string
}

/**
 * A plan that puts the selected groups on the target where they stood on the source when the backup captured
 * them. Pure. Nothing is left out silently: a captured position that yields none is an entry with action
 * `SKIP` and a reason.
 */
export function planFromBackup(
  capture: PositionCapture,
  selected: SelectedGroups,
  maps: MapSet,
  options: BackupPlanOptions,
): Plan {
  const { wanted, notices } = translateGroups(selected.groups, maps, options)
  return makePlan({
    clusterId: options.clusterId,
    created: options.created,
    origin: {
      type: 'backup',
      backupId: options.backupId,
      restoreId: maps.restoreId,
      captured: capture.taken,
    },
    wanted,
    notices: [...selected.notices, ...notices],
    current: options.current,
    logs: options.logs,
    retentionMinutes: options.retentionMinutes,
    ...(options.outOfRange && { outOfRange: options.outOfRange }),
  })
}
