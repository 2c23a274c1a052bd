import { TidemarkError } from '../../base/index.ts'
import type { GivenGroup } from '../given/given-positions.ts'
import { isTranslationMark } from '../plan/mark.ts'
import { place, type WantedPosition } from '../plan/planner.ts'

/**
 * `positions`: the given positions as they are, under the topic's name on the target, with their metadata. Right on a cluster that
 * holds the same records at the same offsets. `sameCluster`: they are positions of the target itself. Pure. Throws CONFIG_INVALID when two of a group's positions become one.
 */
export function wantedAsGiven(
  groups: readonly GivenGroup[],
  targetTopic: (topic: string) => string,
  { sameCluster = false }: { readonly sameCluster?: boolean } = {},
): readonly WantedPosition[] {
  return groups.flatMap(({ group, type, positions, withoutMetadata: keepsMetadata = false }) => {
    const from = new Map<string, string>()
    return positions
      .filter(({ offset }) => offset >= 0n)
      .map(({ topic: source, partition, offset, metadata }): WantedPosition => {
        const topic = targetTopic(source)
        const key = place(topic, partition)
        const other = from.get(key)
        if (other !== undefined) throw merged(group, other, source, topic)
        from.set(key, source)
        return {
          group,
          type,
          topic,
          partition,
          offset,
          // A mark of ours speaks of the cluster that it stands on.
          metadata: isTranslationMark(metadata) && !sameCluster ? null : metadata,
          keepsMetadata,
          kind: 'as-given',
          reason: '',
          reread: 0,
          from: [{ topic: source, partition, offset }],
        }
      })
  })
}

function merged(group: string, one: string, other: string, target: string): TidemarkError {
  return new TidemarkError(
    'CONFIG_INVALID',
    `The positions of '${group}' in ${one} and in ${other} both become ${target}: as they are, only one could be right`,
    {
      details: { group },
      hint: 'Translate them: --strategy header-based or from-mapping knows where each record went.',
    },
  )
}
