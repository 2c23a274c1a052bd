import type { BackupReader } from '../../archive/index.ts'
import { batchEnd, header, RecordCursor } from '../../records/index.ts'

/** Whether a record of a source partition was to be restored. */
export type RecordFilter = (record: {
  readonly offset: number
  readonly timestamp: bigint
  /** Producer of the transaction that it is part of. */
  readonly transaction: bigint | undefined
}) => boolean

/** A record as the archive holds it. */
export interface ArchiveRecord {
  readonly cursor: RecordCursor
  readonly offset: bigint
}

/** The first record of a source partition at or after an offset that passes the filter; undefined when none follows. */
export async function archiveRecord(
  reader: BackupReader,
  from: { readonly topic: string; readonly partition: number; readonly offset: bigint },
  filter: RecordFilter,
  signal: AbortSignal,
): Promise<ArchiveRecord | undefined> {
  const index = (await reader.topic(from.topic)).partitions.get(from.partition)
  const chunks = index?.chunks
  if (!chunks) return undefined
  let low = 0
  let high = chunks.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((chunks.at(middle)?.to ?? 0n) > from.offset) high = middle
    else low = middle + 1
  }
  for (let i = low; i < chunks.length; i++) {
    const ref = chunks.at(i)
    if (!ref || ref.chunk.records === 0) continue
    const bytes = await reader.read(ref.chunk, { signal })
    const wanted = from.offset > ref.from ? from.offset : ref.from
    const found = findIn(bytes, Number(wanted), Number(ref.to), filter)
    if (found) return found
  }
  return undefined
}

function findIn(bytes: Buffer, from: number, to: number, filter: RecordFilter): ArchiveRecord | undefined {
  for (let at = 0; at < bytes.length; ) {
    const end = batchEnd(bytes, at, bytes.length)
    if (end === undefined) return undefined
    if (!header.isControl(bytes, at) && header.nextOffsetNumber(bytes, at) > from) {
      const transaction = header.isTransactional(bytes, at) ? header.producerId(bytes, at) : undefined
      const cursor = new RecordCursor(bytes, at)
      while (cursor.next()) {
        const offset = Number(cursor.offset)
        if (offset < from || offset >= to) continue
        if (filter({ offset, timestamp: cursor.timestamp, transaction }))
          return { cursor, offset: cursor.offset }
      }
    }
    at = end
  }
  return undefined
}
