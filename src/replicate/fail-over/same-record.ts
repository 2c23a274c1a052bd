import type { BatchRecord, RecordHeader } from '../../records/index.ts'

/** Which parts of two records differ; none when the second is the copy of the first. */
export type Difference = 'key' | 'value' | 'time' | 'headers'

export interface Comparison {
  /** The copy keeps the times of records. */
  readonly times: boolean
  /** The copy keeps headers; it may add some behind them. */
  readonly headers: boolean
}

/** Compares a record with what should be its copy. */
export function differences(
  record: BatchRecord,
  copy: BatchRecord,
  keeps: Comparison,
): readonly Difference[] {
  return [
    ...(sameBytes(record.key, copy.key) ? [] : (['key'] as const)),
    ...(sameBytes(record.value, copy.value) ? [] : (['value'] as const)),
    ...(keeps.times && record.timestamp !== copy.timestamp ? (['time'] as const) : []),
    ...(keeps.headers && !startsWith(copy.headers, record.headers) ? (['headers'] as const) : []),
  ]
}

function startsWith(all: readonly RecordHeader[], first: readonly RecordHeader[]): boolean {
  return first.every((header, i) => {
    const other = all[i]
    return other !== undefined && sameBytes(header.key, other.key) && sameBytes(header.value, other.value)
  })
}

function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b
  return Buffer.compare(a, b) === 0
}
