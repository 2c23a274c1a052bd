import { type RecordCursor, type RecordEditor, type RecordHeader, writeVarint } from '../../records/index.ts'
import { isTrackingHeader, TRACKING_HEADERS, TrackingHeaders } from './tracking-headers.ts'

/** What becomes of the headers of one source partition's records. */
export type HeaderEdit =
  /** Takes tracking headers away. */
  | { readonly type: 'strip' }
  /** Takes old ones away and appends new ones. */
  | { readonly type: 'add'; readonly partition: number; readonly cluster: string }

/**
 * Rewrites the encoded headers of records. What was edited lies in `bytes` from 0 to the length that `edit` answers, until the
 * next call. All other headers stay, byte for byte and in order; new ones come last.
 */
export class HeaderEditor implements RecordEditor {
  bytes = Buffer.allocUnsafe(1024)
  readonly #tracking: TrackingHeaders | undefined

  constructor(edit: HeaderEdit) {
    this.#tracking = edit.type === 'add' ? new TrackingHeaders(edit.partition, edit.cluster) : undefined
  }

  /** Edits the headers of the cursor's record, whose source offset and time are given. Throws RECORD_CORRUPT. */
  edit(cursor: RecordCursor, offset: number | bigint, timestamp: number | bigint): number {
    const count = cursor.headersCount()
    const headers = count === 0 ? [] : cursor.headers()
    const kept = headers.some(isTracking) ? headers.filter((header) => !isTracking(header)) : headers
    const tracking = this.#tracking
    const total = kept.length + (tracking ? TRACKING_HEADERS : 0)
    // Re-encoding never makes a header longer: only a length may get shorter, where it was padded.
    this.#reserve(cursor.end - cursor.headersAt + 8 + (tracking?.room ?? 0))
    let to = writeVarint(this.bytes, 0, total)
    for (const header of kept) to = writeHeader(this.bytes, to, header)
    return tracking ? tracking.write(this.bytes, to, offset, timestamp) : to
  }

  #reserve(size: number): void {
    if (this.bytes.length < size) this.bytes = Buffer.allocUnsafe(Math.max(size, this.bytes.length * 2))
  }
}

function isTracking(header: RecordHeader): boolean {
  return isTrackingHeader(header.key, 0, header.key.length)
}

function writeHeader(target: Buffer, at: number, { key, value }: RecordHeader): number {
  let to = writeVarint(target, at, key.length)
  to += key.copy(target, to)
  to = writeVarint(target, to, value === null ? -1 : value.length)
  return value === null ? to : to + value.copy(target, to)
}
