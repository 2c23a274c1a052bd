import { type DecodeOptions, RecordCursor, type RecordHeader } from './record-cursor.ts'

/** A record as a consumer sees it. Byte fields may be views of the batch: copy what must outlive it. */
export interface BatchRecord {
  readonly offset: bigint
  /** Ms since the epoch; −1 for none. */
  readonly timestamp: bigint
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly RecordHeader[]
}

/**
 * All records of the v2 batch at `at`, control records too. The batch must be whole (`batchEnd`); its CRC is not checked.
 * Throws RECORD_CORRUPT when the batch cannot be decompressed or its records do not fit it exactly.
 * Where only times, offsets or headers are of interest, `RecordCursor` does it without making objects.
 */
export function decodeBatch(buffer: Buffer, at: number, options: DecodeOptions = {}): BatchRecord[] {
  const cursor = new RecordCursor(buffer, at, options)
  const records: BatchRecord[] = []
  while (cursor.next()) {
    records.push({
      offset: cursor.offset,
      timestamp: cursor.timestamp,
      key: cursor.key(),
      value: cursor.value(),
      headers: cursor.headers(),
    })
  }
  return records
}

/** Smallest and largest record time in a batch. */
export interface TimeSpan {
  /** Ms since the epoch. */
  readonly earliest: bigint
  readonly latest: bigint
}

/**
 * The span of times that the records of the batch at `at` have, or undefined when it holds none. The header knows only the
 * latest: the records are walked for the earliest. Throws RECORD_CORRUPT like {@link decodeBatch}.
 */
export function timeSpan(buffer: Buffer, at: number, options: DecodeOptions = {}): TimeSpan | undefined {
  const cursor = new RecordCursor(buffer, at, options)
  let earliest = Number.POSITIVE_INFINITY
  let latest = Number.NEGATIVE_INFINITY
  let span: TimeSpan | undefined
  while (cursor.next()) {
    const time = cursor.timestampNumber
    // Beyond 2^53 the number is rounded, and only a clear difference tells.
    const exactly = Number.isSafeInteger(time)
    if (exactly ? time >= earliest && time <= latest : time > earliest && time < latest) continue
    const stamp = cursor.timestamp
    span = {
      earliest: span && span.earliest < stamp ? span.earliest : stamp,
      latest: span && span.latest > stamp ? span.latest : stamp,
    }
    earliest = Math.min(earliest, time)
    latest = Math.max(latest, time)
  }
  return span
}
