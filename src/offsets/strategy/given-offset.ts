import type { WantedPosition } from '../plan/planner.ts'
import type { ByPlace } from './by-place.ts'
import { type TargetPlace, wantedAt } from './target-place.ts'

/** `offset`: the offset that was given for each place. What lies outside the log is for the range policy. Pure. */
export function wantedAtOffset(
  places: readonly TargetPlace[],
  offsets: ByPlace<bigint>,
): readonly WantedPosition[] {
  return places.map((place) => {
    const offset = offsets(place.group, place.topic, place.partition)
    const reason = offset === undefined ? 'no offset was given for this partition' : ''
    return { ...wantedAt(place), offset, kind: 'as-given', reason }
  })
}
