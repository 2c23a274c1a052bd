import type { LogTable, WantedPosition } from '../plan/planner.ts'
import { type TargetPlace, wantedAt } from './target-place.ts'

/** `earliest` and `latest`: where the log of each partition begins or ends now. Pure. */
export function wantedAtEdge(
  places: readonly TargetPlace[],
  edge: 'earliest' | 'latest',
  logs: LogTable,
): readonly WantedPosition[] {
  return places.map((place) => {
    const log = logs.get(place.topic)?.get(place.partition)
    // Where there is no log, the planner says that there is no such partition.
    const offset = (edge === 'earliest' ? log?.logStart : log?.logEnd) ?? 0n
    return {
      ...wantedAt(place),
      offset,
      kind: edge === 'earliest' ? 'log-start' : 'log-end',
      reason: `the ${edge === 'earliest' ? 'start' : 'end'} of the log`,
    }
  })
}
