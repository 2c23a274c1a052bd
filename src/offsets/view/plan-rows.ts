import { expiryOf, type Plan, type PlanAction, type PlanNotice } from '../plan/plan.ts'

/** A line of the plan's table; `-` stands where there is no position. */
export interface PlanRow {
  readonly topic: string
  readonly partition: string
  readonly current: string
  readonly target: string
  readonly action: PlanAction
  /** Why it is not plain, or empty. */
  readonly note: string
}

export interface PlanTable {
  readonly groups: readonly { readonly group: string; readonly rows: readonly PlanRow[] }[]
  /** Partitions whose position would change. */
  readonly toReset: number
  /** Partitions that would lose their position. */
  readonly toDelete: number
  /** Records that will be read again. */
  readonly reread: number
  /** Which map translated, in words. */
  readonly map: string | undefined
  /** When the target would forget what is set now; ms since the epoch, undefined when nothing is set or it is not known. */
  readonly expires: number | undefined
  readonly notices: readonly PlanNotice[]
}

/** The plan as its table shows it. */
export function planTable(plan: Plan): PlanTable {
  const groups = [...Map.groupBy(plan.entries, ({ group }) => group)].map(([group, entries]) => ({
    group,
    rows: entries.map(({ topic, partition, current, target, action, reason }) => ({
      topic,
      partition: String(partition),
      current: current === undefined ? '-' : String(current.offset),
      target: target === undefined ? '-' : String(target),
      action,
      note: reason,
    })),
  }))
  const toReset = plan.entries.filter(({ action }) => action === 'SET').length
  return {
    groups,
    toReset,
    map: plan.map,
    expires: toReset === 0 ? undefined : expiryOf(plan),
    toDelete: plan.entries.filter(({ action }) => action === 'DELETE').length,
    reread: plan.entries.reduce((sum, { action, reread }) => sum + (action === 'SET' ? reread : 0), 0),
    notices: plan.notices,
  }
}
