import type { WantedPosition } from '../plan/planner.ts'
import { type TargetPlace, wantedAt } from './target-place.ts'

const largest = 0x7fffffffffffffffn

/** `shift`: so many offsets on (or back, below 0) from where the group is now. Pure. */
export function wantedShifted(places: readonly TargetPlace[], by: bigint): readonly WantedPosition[] {
  return places.map((place) => {
    const base = wantedAt(place)
    if (place.now === undefined) {
      const reason = 'the group has no position here that could be shifted'
      return { ...base, offset: undefined, kind: 'no-position', reason }
    }
    const moved = place.now.offset + by
    const offset = moved > largest ? largest : moved
    return { ...base, offset, kind: 'shifted', reason: `shifted by ${by < 0n ? by : `+${by}`}` }
  })
}
