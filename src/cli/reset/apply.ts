import type { Cluster } from '../../kafka/index.ts'
import type { ApplyOptions, ApplyReport, Plan, SnapshotPlace } from '../../offsets/index.ts'
import type { ResetFlags } from '../flags/reset-flags.ts'
import type { Session } from '../session.ts'
import type { PlanSurroundings } from './plan-for.ts'
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
  /** The command that undoes it; undefined where nothing was saved. */
  readonly wayBack: string | undefined
}

/** The command that goes back to what was saved before; undefined where nothing was. */
export async function wayBack(
  { snapshotPath, path, config }: ResetFlags,
  { snapshotId }: ApplyReport,
  { prefix, url }: Pick<PlanSurroundings['snapshots'], 'prefix' | 'url'>,
): Promise<string | undefined> {
  if (snapshotId === undefined) return undefined
  const { bashQuote } = await import('../../offsets/index.ts')
  const inArchive = prefix !== ''
  const place = snapshotPath ?? (inArchive ? path : url)
  const where = place === undefined ? `-c ${bashQuote(config ?? '')}` : `--path ${bashQuote(place)}`
  return `kafka-backup offset-rollback rollback ${where} --snapshot-id ${snapshotId}`
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
    return { plan, report, wayBack: await wayBack(resetFlags, report, snapshots) }
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
