import type { PartitionProducer } from '../../kafka/index.ts'
import { type EncodableRecord, encodeBatches } from '../../records/index.ts'
import { encodePosition, encodePositionKey } from '../control/position-record.ts'
import { encodeMapEntry, encodeMapKey, type MapKey } from '../map-topic/map-record.ts'
import type { LineEntries } from './line-book.ts'

/** Bytes from which on records of the pipeline's own are compressed. */
const compressFrom = 2 << 10

/** The records of a line's entries for the control topic and the map topic. */
export function entryRecords(
  pipeline: string,
  key: MapKey,
  entries: LineEntries,
  now: number,
): { readonly position: EncodableRecord; readonly maps: readonly EncodableRecord[] } {
  const timestamp = BigInt(now)
  return {
    position: {
      timestamp,
      key: encodePositionKey({ pipeline, ...key }),
      value: encodePosition(entries.position),
    },
    maps: entries.maps.map((entry) => ({ timestamp, key: encodeMapKey(key), value: encodeMapEntry(entry) })),
  }
}

/** Sends records as few batches. `limit`: largest batch that the topic takes. Throws RECORD_TOO_LARGE. */
export async function sendRecords(
  way: PartitionProducer,
  records: readonly EncodableRecord[],
  limit: number,
): Promise<void> {
  if (records.length === 0) return
  const bytes = records.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0)
  const codec = bytes >= compressFrom ? 'zstd' : 'none'
  for (const batch of encodeBatches(records, { codec, maxBytes: limit })) {
    await way.send({
      buffer: batch.bytes,
      start: 0,
      end: batch.bytes.length,
      records: batch.count,
      landed: () => {},
    })
  }
}
