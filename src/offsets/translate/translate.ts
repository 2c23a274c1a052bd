import { invariant } from '../../base/index.ts'
import type { PartitionMap } from '../map/partition-map.ts'
import { floorOf } from './floor.ts'
import {
  type ExplainAbsence,
  type LogBounds,
  type PassedOver,
  type Translation,
  withinLog,
} from './translation.ts'

/**
 * Where a group that would read `position` next on the source has to read on the target, so that it skips no
 * record that was copied and reads none again.
 *
 * `position` is a committed offset, 0 or more: that a group has none is for the caller to tell.
 */
export function translate(
  map: PartitionMap,
  position: bigint,
  log: LogBounds,
  explain?: ExplainAbsence,
): Translation {
  invariant(position >= 0n, 'only a position that exists can be translated', { offset: position })
  if (map.completeFrom !== undefined && position < map.completeFrom) {
    return { kind: 'unmapped', target: undefined, completeFrom: map.completeFrom }
  }
  if (map.floor) {
    const { target, atMost } = floorOf(map, position)
    const found = withinLog(target, log)
    return atMost === undefined ? { kind: 'exact', ...found } : { kind: 'floor', atMost, ...found }
  }
  const { first } = map
  if (first === undefined) return { kind: 'empty', ...withinLog(map.copyStart, log) }
  const next = map.find(position)
  if (next === undefined) {
    const end = withinLog(map.targetEnd, log)
    if (position > map.sourceEnd) return { kind: 'ahead-of-copy', ahead: position - map.sourceEnd, ...end }
    return { kind: 'exact', ...end, ...passed(position, map.sourceEnd, explain) }
  }
  // A trimmed map whose first run follows the position knows that nothing lay between: that is exact.
  const before = map.completeFrom === undefined && position < first.source
  return {
    kind: before ? 'before-copy' : 'exact',
    ...withinLog(next.target, log),
    ...passed(position, next.source, explain),
  }
}

function passed(
  from: bigint,
  to: bigint,
  explain: ExplainAbsence | undefined,
): { readonly passedOver?: PassedOver } {
  return from < to ? { passedOver: { from, to, reasons: explain?.(from, to) ?? [] } } : {}
}
