import * as header from '../batch-header.ts'
import { timeSpan } from '../decode.ts'
import type { RecordCursor } from '../record-cursor.ts'

/** Times that are wanted, both ends inclusive, ms since the epoch; undefined = open. */
export interface TimeRange {
  readonly start: bigint | undefined
  readonly end: bigint | undefined
}

/** Whether a time lies in the range. */
export function inRange(range: TimeRange, time: bigint): boolean {
  return (range.start === undefined || time >= range.start) && (range.end === undefined || time <= range.end)
}

/** Whether the cursor's record lies in the range. */
export function recordInRange(range: TimeRange, cursor: RecordCursor): boolean {
  return inRange(range, cursor.timestamp)
}

/**
 * How much of the batch at `at` lies in the range. The header alone answers where it can: it knows the largest time, which in
 * a LogAppendTime batch is that of all records. Else the records are walked. Throws RECORD_CORRUPT.
 */
export function batchInRange(range: TimeRange, buffer: Buffer, at: number): 'all' | 'some' | 'none' {
  const latest = header.maxTimestamp(buffer, at)
  if (range.start !== undefined && latest < range.start) return 'none'
  const allSame = header.isLogAppendTime(buffer, at) || header.recordsCount(buffer, at) === 1
  if (allSame) return inRange(range, latest) ? 'all' : 'none'
  if (range.start === undefined && (range.end === undefined || latest <= range.end)) return 'all'
  const span = timeSpan(buffer, at)
  if (span === undefined) return 'none'
  if (range.start !== undefined && span.latest < range.start) return 'none'
  if (range.end !== undefined && span.earliest > range.end) return 'none'
  return inRange(range, span.earliest) && inRange(range, span.latest) ? 'all' : 'some'
}
