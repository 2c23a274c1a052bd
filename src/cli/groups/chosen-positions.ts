import { TidemarkError } from '../../base/index.ts'
import type { Cluster, GroupPositions } from '../../kafka/index.ts'
import type { Session } from '../session.ts'
import { type ChosenGroups, patternsOf } from './group-flags.ts'

/**
 * The positions of the groups that `--groups` chooses. Rejects with GROUP_NOT_FOUND for a group named by its exact name that has
 * none, and with the reason when one cannot be read.
 */
export async function chosenPositions(
  cluster: Cluster,
  flags: ChosenGroups,
  { signal }: Session,
): Promise<readonly GroupPositions[]> {
  const patterns = await patternsOf(flags)
  const listed = (await cluster.listGroups())
    .map(({ group }) => group)
    .filter((group) => patterns.length === 0 || patterns.some((pattern) => pattern.matches(group)))
  // A listing leaves out what the principal may not see: what is named is asked for all the same.
  const named = patterns.filter(({ literal }) => literal).map(({ text }) => text)
  const names = [...new Set([...listed, ...named])]
  const { done, failed } =
    names.length === 0 ? { done: [], failed: [] } : await cluster.fetchPositions(names, { signal })
  const [failure] = failed
  if (failure) throw failure.error
  const held = new Set(done.filter(({ positions }) => positions.length > 0).map(({ group }) => group))
  const missing = named.find((name) => !held.has(name))
  if (missing === undefined && held.size > 0) return done.filter(({ group }) => held.has(group))
  throw new TidemarkError(
    'GROUP_NOT_FOUND',
    missing === undefined ? 'No group has positions' : `Consumer group '${missing}' has no positions`,
    {
      ...(missing !== undefined && { details: { group: missing } }),
      hint: 'kafka-backup groups list shows them.',
    },
  )
}
