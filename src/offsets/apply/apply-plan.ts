import { Budget, type Clock, invariant, systemClock, TidemarkError } from '../../base/index.ts'
import type { GroupPositions } from '../../kafka/index.ts'
import { hashPlan, type Plan } from '../plan/plan.ts'
import { place } from '../plan/planner.ts'
import type { SnapshotPlace } from '../snapshot/snapshot-store.ts'
import type { ApplyReport, EntryOutcome, GroupOutcome } from './apply-report.ts'
import type { PositionsCluster } from './cluster.ts'
import { commitGroup, notCommitted } from './commit-group.ts'
import { readBack } from './read-back.ts'
import { checkGroups, type Refusal } from './refusals.ts'
import { writeSnapshot } from './snapshot.ts'

export interface ApplyOptions {
  readonly signal?: AbortSignal
  /** @default systemClock */
  readonly clock?: Clock
  /** Where positions are saved before they are changed; `none` only when the user said so. */
  readonly snapshot: SnapshotPlace | 'none'
  /**
   * When one group must not be touched: `stop` rejects with the reason and changes nothing at all, `go-on`
   * leaves that group alone and reports it. @default 'stop'
   */
  readonly onRefusal?: 'stop' | 'go-on'
  /** Groups committed at the same time. @default 32 */
  readonly concurrency?: number
  /** Ms between the two reads that tell whether a position moves. @default 2000 */
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
  const clock = options.clock ?? systemClock
  checkPlan(plan, cluster)
  const groups = [...Map.groupBy(plan.entries, ({ group }) => group)]
  const touched = groups
    .filter(([, entries]) => entries.some(({ action }) => action !== 'KEEP' && action !== 'SKIP'))
    .map(([group]) => group)
  const checked =
    touched.length === 0
      ? { refusals: [], positions: new Map<string, GroupPositions>() }
      : await checkGroups(plan, touched, cluster, {
          clock,
          watchMs: options.watchMs ?? 2000,
          allowMoved: options.allowMoved ?? false,
          ...(options.signal && { signal: options.signal }),
        })
  if (options.onRefusal !== 'go-on') stopIfRefused(checked.refusals)
  const refused = new Map(checked.refusals.map(({ group, error }) => [group, error]))
  const isTouched = new Set(touched)
  const setting = groups.filter(([group]) => isTouched.has(group) && !refused.has(group))

  let snapshotId: string | undefined
  if (setting.length > 0 && options.snapshot !== 'none') {
    const saved = setting.flatMap(([group]) => checked.positions.get(group) ?? [])
    const entries = setting.flatMap(([, entries]) => entries.filter(({ action }) => action === 'SET'))
    snapshotId = await writeSnapshot(
      options.snapshot,
      { clusterId: cluster.clusterId, created: clock.now(), planHash: plan.hash, groups: saved, entries },
      options.signal ? { signal: options.signal } : {},
    )
  }

  const places = new Budget(options.concurrency ?? 32)
  const commits = await Promise.all(
    setting.map(async ([group, entries]) => {
      try {
        return await places.with(1, () => commitGroup(group, entries, cluster, clock), options.signal)
      } catch {
        return notCommitted(group, entries, clock)
      }
    }),
  )
  const problemOf = await readBack(
    setting.map(([group]) => group),
    cluster,
    options.signal,
  )
  const retentionMinutes = setting.length === 0 ? undefined : await retention(cluster)
  const committed = new Map(commits.map((commit) => [commit.group, commit]))
  const outcomes = groups.map(([group, entries]): GroupOutcome => {
    const commit = committed.get(group)
    const results = entries.map((entry): EntryOutcome => {
      if (entry.action === 'KEEP') return { entry, outcome: 'kept' }
      if (entry.action === 'SKIP') return { entry, outcome: 'skipped' }
      if (commit === undefined) {
        return { entry, outcome: 'refused', error: refusalOf(group, refused) }
      }
      const error = commit.failed.get(place(entry.topic, entry.partition)) ?? problemOf(entry)
      if (error) return { entry, outcome: 'failed', error }
      return { entry, outcome: entry.action === 'DELETE' ? 'deleted' : 'set' }
    })
    const isSet = results.some(({ outcome }) => outcome === 'set')
    return {
      group,
      outcome: outcomeOf(results),
      entries: results,
      commitMs: commit?.ms,
      expires:
        isSet && commit && retentionMinutes !== undefined ? commit.at + retentionMinutes * 60_000 : undefined,
    }
  })
  const counts = { set: 0, deleted: 0, kept: 0, skipped: 0, failed: 0, refused: 0 }
  for (const { entries } of outcomes) for (const { outcome } of entries) counts[outcome]++
  return {
    clusterId: cluster.clusterId,
    planHash: plan.hash,
    snapshotId,
    groups: outcomes,
    counts,
    retentionMinutes,
  }
}

function checkPlan(plan: Plan, cluster: PositionsCluster): void {
  if (plan.clusterId !== cluster.clusterId) {
    throw new TidemarkError(
      'SOURCE_MISMATCH',
      `The plan was made for cluster ${plan.clusterId}, but this is cluster ${cluster.clusterId}`,
      { hint: 'Check the address, or make a plan for this cluster.' },
    )
  }
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
  throw new TidemarkError(code, `${message} (and ${more.length} more groups cannot be set)`, {
    ...(hint !== undefined && { hint }),
    details: {
      ...details,
      refused: refusals.map(({ group, error }) => ({ group, code: error.code, message: error.message })),
    },
    cause: first.error,
  })
}

/** Of a group with a refused entry, the others are left alone too: a group moves as a whole or not at all. */
function refusalOf(group: string, refused: ReadonlyMap<string, TidemarkError>): TidemarkError {
  const error = refused.get(group)
  invariant(error, 'a group that was not committed was refused', { group })
  return error
}

function outcomeOf(results: readonly EntryOutcome[]): GroupOutcome['outcome'] {
  if (results.some(({ outcome }) => outcome === 'refused')) return 'refused'
  if (!results.some(({ outcome }) => outcome === 'failed')) return 'done'
  return results.some(({ outcome }) => outcome !== 'failed' && outcome !== 'skipped') ? 'partial' : 'failed'
}

/** Not every principal may read broker settings: then the report gives no date. */
async function retention(cluster: PositionsCluster): Promise<number | undefined> {
  try {
    const minutes = Number(await cluster.brokerConfig('offsets.retention.minutes'))
    return Number.isSafeInteger(minutes) && minutes > 0 ? minutes : undefined
  } catch {
    return undefined
  }
}
