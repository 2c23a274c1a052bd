import { TidemarkError } from '../../base/index.ts'
import type { Cluster } from '../../kafka/index.ts'
import type { Plan } from '../plan/plan.ts'
import type { SnapshotPlace } from '../snapshot/snapshot-store.ts'
import { topicIdsOf, writeSnapshot } from './snapshot.ts'

/**
 * Whether a plan translates the positions that groups have on the target: that is right once, and something has to know that it was
 * done.
 */
export function translatesTarget({ origin, strategy }: Pick<Plan, 'origin' | 'strategy'>): boolean {
  return origin.type === 'target' && (strategy === 'header-based' || strategy === 'from-mapping')
}

/** Throws USAGE for such a plan that is to leave no snapshot behind. */
export function checkRecorded(plan: Plan, hasSnapshot: boolean): void {
  if (hasSnapshot || !translatesTarget(plan) || !plan.entries.some(({ action }) => action === 'SET')) return
  throw new TidemarkError(
    'USAGE',
    'Without a snapshot nobody would know that these positions have been translated, and they could be a second time',
    { hint: 'Leave --no-snapshot out; --snapshot-path says where the snapshot goes.' },
  )
}

/**
 * Saves the snapshot of a plan that others will carry out: positions as they are, and what is to be set. Undefined when nothing is.
 */
export async function recordPlan(
  plan: Plan,
  cluster: Pick<Cluster, 'clusterId' | 'fetchPositions' | 'topics'>,
  place: SnapshotPlace,
  options: { readonly signal?: AbortSignal } = {},
): Promise<string | undefined> {
  const entries = plan.entries.filter(({ action }) => action === 'SET')
  const names = [...new Set(entries.map(({ group }) => group))]
  if (names.length === 0) return undefined
  const { done, failed } = await cluster.fetchPositions(names, options)
  const [unread] = failed
  if (unread !== undefined) throw unread.error
  const { created, hash: planHash } = plan
  const topicIds = await topicIdsOf(done, entries, cluster, options)
  return await writeSnapshot(
    place,
    { clusterId: cluster.clusterId, created, planHash, topicIds, groups: done, entries },
    options,
  )
}
