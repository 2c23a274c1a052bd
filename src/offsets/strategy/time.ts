import { type OffsetForTime, timeText } from '../plan/from-file.ts'
import type { LogTable, WantedPosition } from '../plan/planner.ts'
import type { ByPlace } from './by-place.ts'
import { type TargetPlace, wantedAt } from './target-place.ts'

/** The time of a place: the one given for it, else the one that was saved with its position. Ms since the epoch. */
export function timeOfPlace(place: TargetPlace, times: ByPlace<bigint>): bigint | undefined {
  return times(place.group, place.topic, place.partition) ?? place.timestamp
}

/** `timestamp` and `duration`: the first record at or after a time; the end of the log where there is none. Pure. */
export function wantedAtTime(
  places: readonly TargetPlace[],
  times: ByPlace<bigint>,
  offsetFor: OffsetForTime,
  logs: LogTable,
): readonly WantedPosition[] {
  return places.map((place) => {
    const base = { ...wantedAt(place), kind: 'by-time' as const }
    const time = timeOfPlace(place, times)
    if (time === undefined) {
      return { ...base, offset: undefined, reason: 'no time was given for this partition' }
    }
    // Undefined only where the target has no such partition, which the planner then says.
    const offset = offsetFor(place.topic, place.partition, time) ?? 0n
    const log = logs.get(place.topic)?.get(place.partition)
    const reason =
      offset === log?.logEnd
        ? `no record at or after ${timeText(time)}: the end of the log`
        : `first record at or after ${timeText(time)}`
    return { ...base, offset, reason }
  })
}
