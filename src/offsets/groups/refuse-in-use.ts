import { type Clock, TidemarkError } from '../../base/index.ts'
import type { TopicPartition } from '../../kafka/index.ts'
import { lookForMembers, watchPositions } from '../apply/active-groups.ts'
import type { PositionsCluster } from '../apply/cluster.ts'

/**
 * Looks whether groups are in use, as applying a plan does, where that has to be known before. Rejects with GROUP_ACTIVE for the
 * first that has members or whose position moves.
 */
export async function refuseInUse(
  groups: readonly string[],
  cluster: PositionsCluster,
  options: { readonly clock: Clock; readonly watchMs?: number; readonly signal?: AbortSignal },
): Promise<void> {
  const { refusals } = await lookForMembers(groups, cluster)
  const [active] = refusals
  if (active) throw active.error
  const watched = await watchPositions(groups, cluster, { watchMs: 2000, ...options })
  const [moving] = watched.refusals
  if (moving) throw moving.error
  for (const { group, unstable } of watched.after.values()) {
    const [where] = unstable
    if (where) throw undecided(group, where)
  }
}

function undecided(group: string, { topic, partition }: TopicPartition): TidemarkError {
  return new TidemarkError(
    'GROUP_ACTIVE',
    `The newest commit of '${group}' in ${topic}/${partition} is part of an open transaction`,
    {
      hint: 'Wait until the transaction has ended, then run the command again.',
      details: { group, topic, partition },
    },
  )
}
