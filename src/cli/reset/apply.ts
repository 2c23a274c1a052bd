import type { Cluster } from '../../kafka/index.ts'
import type { ApplyOptions, ApplyReport, Plan, SnapshotPlace } from '../../offsets/index.ts'
import type { ResetFlags } from '../flags/reset-flags.ts'
import type { Session } from '../session.ts'
import { idleDeadline, planWhenIdle } from './wait-for-consumers.ts'

/** Flags of the commands that set positions. */
export interface ApplyFlags {
  readonly snapshot: boolean
  readonly wait?: string
}

/** What a command chooses about the applying itself. */
export type ApplyChoices = Pick<ApplyOptions, 'onRefusal' | 'allowMoved' | 'concurrency' | 'retries'>

/** A plan, and what became of it. */
export interface Applied {
  readonly plan: Plan
  readonly report: ApplyReport
}

/** Makes the plan that the flags ask for, when the groups are left alone, and applies it. `onPlan` sees it before. */
export async function planAndApply(
  resetFlags: ResetFlags,
  flags: ApplyFlags,
  choices: ApplyChoices,
  session: Session,
  onPlan: (plan: Plan) => void = () => {},
): Promise<Applied> {
  const deadline = await idleDeadline(flags.wait, session)
  return await planWhenIdle(resetFlags, session, deadline, async (plan, { cluster, snapshots }) => {
    onPlan(plan)
    const report = await applyAndSave(plan, cluster, snapshots, flags, choices, session)
    const inArchive =
      resetFlags.snapshotPath === undefined && (resetFlags.path ?? resetFlags.config) !== undefined
    if (report.snapshotId !== undefined && !inArchive)
      session.log('info', `The snapshot is in ${snapshots.url}`)
    return { plan, report }
  })
}

/** Applies a plan, the positions before saved unless the flags say otherwise. */
export async function applyAndSave(
  plan: Plan,
  cluster: Cluster,
  snapshots: SnapshotPlace,
  flags: ApplyFlags,
  choices: ApplyChoices,
  { signal, clock, progress }: Session,
): Promise<ApplyReport> {
  const { applyPlan, checkRecorded } = await import('../../offsets/index.ts')
  checkRecorded(plan, flags.snapshot)
  const snapshot = flags.snapshot ? snapshots : 'none'
  return await applyPlan(plan, cluster, { signal, clock, progress, ...choices, snapshot })
}
