import { isTidemarkError, parseNamePattern } from '../../base/index.ts'
import type { Cluster } from '../../kafka/index.ts'
import type { GroupSelection } from '../plan/select-groups.ts'
import type { GivenGroup, GivenPositions } from './given-positions.ts'

/**
 * The positions that groups have on a cluster now; of share groups their start offsets. Groups that are named exactly need not be listed; for patterns every group of
 * the cluster is looked at. A group that does not exist is not among the answers; one without positions is.
 */
export async function positionsOfCluster(
  cluster: Pick<Cluster, 'listGroups' | 'fetchPositions'>,
  selection: GroupSelection,
  { now, signal }: { readonly now: number; readonly signal?: AbortSignal },
): Promise<GivenPositions> {
  const cancel = signal ? { signal } : {}
  const patterns = selection.type === 'all' ? undefined : selection.names.map(parseNamePattern)
  const exact = patterns?.filter(({ literal }) => literal).map(({ text }) => text) ?? []
  const listed = new Map((await cluster.listGroups()).map((listing) => [listing.group, listing]))
  const chosen = [...listed.keys()].filter((name) => patterns?.some((one) => one.matches(name)) ?? true)
  // A listing leaves out what may not be seen, without a word: a group that is named is asked for in any case.
  const names = [...new Set([...chosen, ...exact])]
  const fetched = names.length === 0 ? { done: [], failed: [] } : await cluster.fetchPositions(names, cancel)
  const groups = fetched.done.flatMap((one): readonly GivenGroup[] => {
    const { group, positions, unstable } = one
    const held = positions.filter(({ offset }) => offset >= 0n)
    const type = listed.get(group)?.type ?? one.type
    if (held.length === 0 && type === undefined) return []
    const undecided = new Set(unstable.map((one) => `${one.topic}/${one.partition}`))
    return [
      {
        group,
        type,
        positions: held.map(({ topic, partition, offset, metadata }) => ({
          topic,
          partition,
          offset,
          metadata,
          ...(undecided.has(`${topic}/${partition}`) && { unstable: true }),
        })),
      },
    ]
  })
  return {
    taken: now,
    groups,
    failed: fetched.failed.map(({ item, error }) => ({ group: item, error: withHint(error) })),
  }
}

/** What is wrong and, where it is known, what to do: which right is missing. */
function withHint(error: Error): string {
  return isTidemarkError(error) && error.hint !== undefined
    ? `${error.message} (${error.hint.replace(/\.$/, '')})`
    : error.message
}
