import type { OffsetRange, PartitionIndex } from '../../archive/index.ts'
import type { AbsenceReason, ExplainAbsence } from './translation.ts'

/**
 * Reasons for absent source offsets, from what the backup says of the partition: gaps, aborted data, and for
 * the rest that the cleaner removed it, that a transaction marker stood there, or that it lay outside the
 * restore's time window.
 */
export function absenceFromIndex(
  index: Pick<PartitionIndex, 'gaps' | 'aborted'>,
  options: { readonly windowed?: boolean } = {},
): ExplainAbsence {
  return (from, to) => {
    const reasons: AbsenceReason[] = []
    const gaps = overlap(index.gaps, from, to)
    const aborted = overlap(index.aborted, from, to)
    if (gaps > 0n) reasons.push('gap')
    if (aborted > 0n) reasons.push('aborted')
    if (to - from > gaps + aborted) {
      reasons.push(options.windowed ? 'outside-window' : 'compacted-or-marker')
    }
    return reasons
  }
}

/** Offsets of [from, to) that lie in the ranges, which do not overlap each other. */
function overlap(ranges: readonly OffsetRange[], from: bigint, to: bigint): bigint {
  let sum = 0n
  for (const range of ranges) {
    const start = range.from > from ? range.from : from
    const end = range.to < to ? range.to : to
    if (end > start) sum += end - start
  }
  return sum
}
