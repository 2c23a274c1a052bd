import type { Clock } from '../../base/index.ts'
import { place } from '../plan/planner.ts'
import type { PositionsCluster } from './cluster.ts'
import type { GroupCommitted, GroupEntries } from './commit-groups.ts'
import { type ReadBack, readBack } from './read-back.ts'

export interface SettleOptions {
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  /** Ms for which a coordinator may still work on a commit that its client has given up. */
  readonly lateMs: number
}

/**
 * Reads back what was committed. Where a commit was given up without its outcome being known and does not show, it may still be on
 * its way: such groups are read once more when it must have arrived or been dropped. Never rejects.
 */
export async function readSettled(
  groups: GroupEntries,
  committed: ReadonlyMap<string, GroupCommitted>,
  cluster: PositionsCluster,
  { clock, signal, lateMs }: SettleOptions,
): Promise<ReadBack> {
  const names = groups.map(([group]) => group)
  const first = await readBack(names, cluster, signal)
  const open = groups
    .filter(([group, entries]) => {
      const commit = committed.get(group)
      if (commit?.uncertain !== true) return false
      return entries.some(
        (entry) => commit.failed.has(place(entry.topic, entry.partition)) && first.problem(entry),
      )
    })
    .map(([group]) => group)
  if (open.length === 0 || signal?.aborted) return first
  await clock.sleep(lateMs, signal).catch(() => {})
  const second = await readBack(open, cluster, signal)
  const late = new Set(open)
  const of = (group: string) => (late.has(group) ? second : first)
  return { now: (entry) => of(entry.group).now(entry), problem: (entry) => of(entry.group).problem(entry) }
}
