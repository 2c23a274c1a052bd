import { TidemarkError } from '../../base/index.ts'
import type { Cluster } from '../../kafka/index.ts'
import { saveSnapshot, takeSnapshot } from '../../offsets/index.ts'
import type { HandOverContext } from './pair.ts'

/** Saves the positions of a group on the target; its id, or undefined when the user wanted none. */
export async function saveTarget(
  target: Cluster,
  group: string,
  { snapshot: folder, clock, signal }: HandOverContext,
): Promise<string | undefined> {
  if (folder === 'none') return undefined
  const description = `Before the fail-over of ${group}`
  const { draft } = await takeSnapshot(target, { now: clock.now(), description, groups: [group], signal })
  const { id } = await saveSnapshot(folder, draft, { signal })
  return id
}

/** The error for a group of which the map knows nothing. */
export function nothingMapped(group: string, positions: number): TidemarkError {
  return new TidemarkError(
    'GROUP_NOT_FOUND',
    positions === 0
      ? `Consumer group '${group}' has no positions`
      : `Consumer group '${group}' has no position in a topic that the map knows`,
    {
      details: { group },
      hint: 'Check the name with `kafka-backup replicate status`, which lists the groups of the pipeline.',
    },
  )
}
