import type { ErrorDetails } from '../base/index.ts'
import { recordsCount } from './batch-header.ts'
import { corrupt } from './corrupt.ts'
import { RecordCursor } from './record-cursor.ts'

/** What the record of a control batch means. Types that are not about transactions are `other`. */
export type ControlRecord =
  | { readonly type: 'commit' | 'abort'; readonly coordinatorEpoch: number }
  | { readonly type: 'other'; readonly id: number }

const ABORT = 0
const COMMIT = 1

/**
 * Reads the marker in the control batch at `at`, or undefined when the cleaner has emptied the batch. The key is
 * `version int16, type int16`; the value of a transaction marker `version int16, coordinator epoch int32`.
 * Throws RECORD_CORRUPT when the batch cannot be read so.
 */
export function readControlRecord(
  buffer: Buffer,
  at: number,
  place?: ErrorDetails,
): ControlRecord | undefined {
  if (recordsCount(buffer, at) === 0) return undefined
  const cursor = new RecordCursor(buffer, at, place ? { place } : {})
  if (!cursor.next()) return undefined
  const key = cursor.key()
  if (key === null || key.length < 4) throw corrupt(buffer, at, 'its control record has no type', place)
  const id = key.readInt16BE(2)
  if (id !== ABORT && id !== COMMIT) return { type: 'other', id }
  const value = cursor.value()
  if (value === null || value.length < 6) throw corrupt(buffer, at, 'its marker has no value', place)
  return { type: id === COMMIT ? 'commit' : 'abort', coordinatorEpoch: value.readInt32BE(2) }
}
