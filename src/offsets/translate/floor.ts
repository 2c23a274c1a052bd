import type { PartitionMap } from '../map/partition-map.ts'

/** What a map that does not know every record of the copy says of a position. */
export interface FloorAnswer {
  /** No record of the copy at or after the position lies before this offset. */
  readonly target: bigint
  /** How many records that lie before the position may come at or after it; undefined when the answer is exact. */
  readonly atMost: bigint | undefined
}

/**
 * Records keep their order in a copy. So whatever the map does not know, all records at or after the position lie behind the last
 * record before it that is known; and they begin right there where that one is the record just before the position, or where the record
 * at the position itself is known.
 */
export function floorOf(map: PartitionMap, position: bigint): FloorAnswer {
  const next = map.find(position)
  if (next?.source === position) return { target: next.target, atMost: undefined }
  const before = map.findBefore(position)
  const target = before === undefined ? least(map.copyStart, next?.target) : before.target + 1n
  const between = position - (before === undefined ? 0n : before.source + 1n)
  if (between === 0n) return { target, atMost: undefined }
  const room = next === undefined ? between : next.target - target
  return { target, atMost: least(room, between) }
}

function least(a: bigint, b: bigint | undefined): bigint {
  return b === undefined || a < b ? a : b
}
