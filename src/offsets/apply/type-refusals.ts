import { TidemarkError } from '../../base/index.ts'
import type { GroupListing } from '../../kafka/index.ts'
import type { Plan } from '../plan/plan.ts'
import { otherType } from '../plan/planner.ts'
import type { Refusal } from './as-refusal.ts'
import type { PositionsCluster } from './cluster.ts'

/** Share groups and others have no positions in common; and not every cluster has share groups. */
export async function typeRefusals(
  plan: Plan,
  listed: readonly GroupListing[],
  cluster: PositionsCluster,
): Promise<readonly Refusal[]> {
  const wanted = new Map(plan.entries.map(({ group, type }) => [group, type === 'share']))
  const refusals = new Map<string, TidemarkError>()
  for (const { group, type } of listed) {
    const isShare = type === 'share'
    const asShare = wanted.get(group)
    if (asShare === undefined || type === 'unknown' || asShare === isShare) continue
    refusals.set(group, typeDiffers(group, otherType(group, isShare)))
  }
  const share = [...wanted].flatMap(([group, isShare]) => (isShare ? [group] : []))
  if (share.length > 0 && !(await cluster.knowsShareOffsets())) {
    for (const group of share) refusals.set(group, noShareGroups(group))
  }
  return [...refusals].map(([group, error]) => ({ group, error }))
}

/** The error for a group of another type than the one that the positions are of. */
export function typeDiffers(group: string, reason: string): TidemarkError {
  return new TidemarkError('GROUP_TYPE_DIFFERS', reason, {
    details: { group },
    hint: 'Leave the group out, or delete the one on the target first.',
  })
}

function noShareGroups(group: string): TidemarkError {
  return new TidemarkError(
    'UNSUPPORTED_VERSION',
    `The brokers cannot set the start offsets of share group '${group}'`,
    { details: { group }, hint: 'Kafka 4.2 can; elsewhere leave share groups out.' },
  )
}
