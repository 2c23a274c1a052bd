import {
  type Clock,
  firstFew,
  noProgress,
  type Progress,
  systemClock,
  TidemarkError,
} from '../../base/index.ts'
import type { GroupPositions } from '../../kafka/index.ts'
import { checkPlanCluster } from '../plan/check-plan.ts'
import { hashPlan, type Plan } from '../plan/plan.ts'
import type { SnapshotPlace } from '../snapshot/snapshot-store.ts'
import type { ApplyReport } from './apply-report.ts'
import type { Refusal } from './as-refusal.ts'
import type { PositionsCluster } from './cluster.ts'
import { commitFigures } from './commit-figures.ts'
import { commitPlanned, type GroupEntries } from './commit-groups.ts'
import { type Findings, outcomeOfGroup } from './outcomes.ts'
import { readSettled } from './read-settled.ts'
import { type Checked, checkGroups } from './refusals.ts'
import { retentionMinutes } from './retention.ts'
import { topicIdsOf, writeSnapshot } from './snapshot.ts'

/** Twice `offsets.commit.timeout.ms` of a broker that was not told otherwise. */
const lateMs = 10_000

export interface ApplyOptions {
  readonly signal?: AbortSignal
  /** @default systemClock */
  readonly clock?: Clock
  /** Phases `check`, `commit` and `read back`, counted in groups. @default noProgress */
  readonly progress?: Pick<Progress, 'phase' | 'groups'>
  /** Where positions are saved before they are changed; `none` only when the user said so. */
  readonly snapshot: SnapshotPlace | 'none'
  /**
   * When one group must not be touched: `stop` rejects with the reason and changes nothing at all, `go-on`
   * leaves that group alone and reports it. @default 'stop'
   */
  readonly onRefusal?: 'stop' | 'go-on'
  /** Commits under way at once, over all coordinators. @default 32 */
  readonly concurrency?: number
  /** How often a position is tried again at most. @default as often as the delivery timeout allows */
  readonly retries?: number
  /** Ms between the two reads that tell whether a position moves; all groups are watched at once. @default 2000 */
  readonly watchMs?: number
  /** Apply although a position moved since the plan was made. @default false */
  readonly allowMoved?: boolean
}

/**
 * Makes a plan true: checks, snapshot, one commit for each group, and everything read back.
 *
 * Rejects before anything was changed with SOURCE_MISMATCH (another cluster), PLAN_ALTERED, and, unless told
 * to go on, GROUP_ACTIVE, PLAN_STALE, OFFSET_OUT_OF_RANGE or what kept a group from being read. From the
 * first commit on, failures are values in the report. Applying the same plan again is harmless.
 */
export async function applyPlan(
  plan: Plan,
  cluster: PositionsCluster,
  options: ApplyOptions,
): Promise<ApplyReport> {
  const { clock = systemClock, progress = noProgress, signal } = options
  checkPlan(plan, cluster)
  const groups: GroupEntries = [...Map.groupBy(plan.entries, ({ group }) => group)]
  const touched = new Set(touchedGroups(plan))
  progress.phase('check', { groups: touched.size })
  const checked = await check(plan, [...touched], cluster, options)
  if (options.onRefusal !== 'go-on') stopIfRefused(checked.refusals)
  const refused = new Map(checked.refusals.map(({ group, error }) => [group, error]))
  const setting = groups.filter(([group]) => touched.has(group) && !refused.has(group))
  const snapshotId = await saveBefore(plan, setting, checked, cluster, options)

  progress.phase('commit', { groups: setting.length })
  const started = clock.monotonic()
  const committed = await commitPlanned(setting, cluster, {
    clock,
    onGroup: () => progress.groups(1),
    ...(signal && { signal }),
    ...(options.concurrency !== undefined && { concurrency: options.concurrency }),
    ...(options.retries !== undefined && { retries: options.retries }),
  })
  const seconds = (clock.monotonic() - started) / 1000
  progress.phase('read back', { groups: setting.length })
  const findings: Findings = {
    committed,
    refused,
    seen: checked.positions,
    readBack: await readSettled(setting, committed, cluster, { clock, signal, lateMs }),
    retentionMinutes: setting.length === 0 ? undefined : await retentionMinutes(cluster),
  }
  progress.groups(setting.length)
  const outcomes = groups.map(([group, entries]) => outcomeOfGroup(group, entries, findings))
  const counts = { set: 0, deleted: 0, kept: 0, skipped: 0, failed: 0, refused: 0 }
  for (const { entries } of outcomes) for (const { outcome } of entries) counts[outcome]++
  const changing = setting.flatMap(([, entries]) => entries.filter(isChange)).length
  return {
    clusterId: cluster.clusterId,
    planHash: plan.hash,
    snapshotId,
    groups: outcomes,
    counts,
    commits: commitFigures(committed.values(), changing, seconds),
    retentionMinutes: findings.retentionMinutes,
  }
}

/**
 * Why groups would be refused if the plan were applied now: what {@link applyPlan} looks at before it changes anything. Rejects with
 * SOURCE_MISMATCH (another cluster) and PLAN_ALTERED.
 */
export async function refusalsOf(
  plan: Plan,
  cluster: PositionsCluster,
  options: Pick<ApplyOptions, 'signal' | 'clock' | 'watchMs' | 'allowMoved'> = {},
): Promise<readonly Refusal[]> {
  checkPlan(plan, cluster)
  return (await check(plan, touchedGroups(plan), cluster, options)).refusals
}

/** The groups of which a plan would change something, or cannot. */
export function touchedGroups(plan: Plan): readonly string[] {
  const touched = plan.entries.filter(({ action }) => action !== 'KEEP' && action !== 'SKIP')
  return [...new Set(touched.map(({ group }) => group))]
}

function isChange({ action }: Plan['entries'][number]): boolean {
  return action === 'SET' || action === 'DELETE'
}

async function check(
  plan: Plan,
  touched: readonly string[],
  cluster: PositionsCluster,
  {
    signal,
    clock = systemClock,
    watchMs = 2000,
    allowMoved = false,
  }: Pick<ApplyOptions, 'signal' | 'clock' | 'watchMs' | 'allowMoved'>,
): Promise<Checked> {
  if (touched.length === 0) return { refusals: [], positions: new Map<string, GroupPositions>() }
  return await checkGroups(plan, touched, cluster, { clock, watchMs, allowMoved, ...(signal && { signal }) })
}

async function saveBefore(
  plan: Plan,
  setting: GroupEntries,
  { positions }: Checked,
  cluster: PositionsCluster,
  { snapshot, signal, clock = systemClock }: ApplyOptions,
): Promise<string | undefined> {
  if (setting.length === 0 || snapshot === 'none') return undefined
  const groups = setting.flatMap(([group]) => positions.get(group) ?? [])
  const entries = setting.flatMap(([, entries]) => entries.filter(({ action }) => action === 'SET'))
  const { clusterId } = cluster
  const cancel = signal ? { signal } : {}
  const topicIds = await topicIdsOf(groups, entries, cluster, cancel)
  const content = { clusterId, created: clock.now(), planHash: plan.hash, topicIds, groups, entries }
  return await writeSnapshot(snapshot, content, cancel)
}

function checkPlan(plan: Plan, cluster: PositionsCluster): void {
  checkPlanCluster(plan, cluster.clusterId)
  if (hashPlan(plan) !== plan.hash) {
    throw new TidemarkError('PLAN_ALTERED', 'The plan was changed after it was made', {
      hint: 'Make the plan again, with the options that give what you want, and apply that.',
    })
  }
}

function stopIfRefused(refusals: readonly Refusal[]): void {
  const [first, ...more] = refusals
  if (first === undefined) return
  if (more.length === 0) throw first.error
  const { code, message, hint, details } = first.error
  const others = firstFew(more.map(({ group }) => `'${group}'`))
  throw new TidemarkError(code, `${message}; nor can ${others} be set`, {
    ...(hint !== undefined && { hint }),
    details: {
      ...details,
      refused: refusals.map(({ group, error }) => ({ group, code: error.code, message: error.message })),
    },
    cause: first.error,
  })
}
