import { isTidemarkError } from '../../base/index.ts'
import type { FetchedBatches, PositionReader, TopicPartition } from '../../kafka/index.ts'
import {
  type BatchRecord,
  batches,
  checkCrcs,
  convertLegacy,
  decodeBatch,
  dropAborted,
  header,
} from '../../records/index.ts'

/** What a consumer of committed data gets first when it starts at an offset. */
export type NextRecord =
  | { readonly type: 'record'; readonly record: BatchRecord }
  /** There is nothing at or behind the offset that may be read yet. */
  | { readonly type: 'end' }
  /** The offset lies outside the log. */
  | { readonly type: 'outside' }

/** Reads it. The record's bytes are the caller's to keep. */
export async function nextRecord(
  reader: PositionReader,
  place: TopicPartition,
  offset: bigint,
  signal?: AbortSignal,
): Promise<NextRecord> {
  try {
    for (let from = offset; ; ) {
      const fetched = await reader.fetchFrom(place, from, signal ? { signal } : {})
      if (fetched === undefined) return { type: 'end' }
      const record = firstFrom(fetched, offset)
      if (record !== undefined) return { type: 'record', record }
      from = fetched.nextOffset
    }
  } catch (error) {
    if (isTidemarkError(error, 'OFFSET_OUT_OF_RANGE')) return { type: 'outside' }
    throw error
  }
}

function firstFrom(fetched: FetchedBatches, offset: bigint): BatchRecord | undefined {
  const place = { topic: fetched.topic, partition: fetched.partition }
  const given = fetched.buffer.subarray(fetched.start, fetched.end)
  const legacy = [...batches(given, 0, given.length, { complete: true })].some(
    (at) => header.magic(given, at) < 2,
  )
  const buffer = legacy ? convertLegacy(given, 0, given.length, place) : given
  checkCrcs(buffer, 0, buffer.length, place)
  for (const range of dropAborted(buffer, 0, buffer.length, fetched.aborted).kept) {
    for (const at of batches(buffer, range.start, range.end, { complete: true })) {
      if (header.isControl(buffer, at)) continue
      const record = decodeBatch(buffer, at).find((one) => one.offset >= offset)
      if (record !== undefined) return record
    }
  }
  return undefined
}
