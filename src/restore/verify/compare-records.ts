import type { RecordCursor, RecordHeader } from '../../records/index.ts'
import type { ShownRecord } from './verify-types.ts'

/** What a restore does to headers; see `RestoreJob`. Written apart from the code that does it, so that one checks the other. */
export type HeaderRule =
  | { readonly type: 'keep' }
  | { readonly type: 'strip' }
  | { readonly type: 'add'; readonly cluster: string }

const ours = new Set([
  'x-kafka-backup-offset',
  'x-kafka-backup-partition',
  'x-kafka-backup-cluster',
  'x-kafka-backup-timestamp',
])

/** The headers that a restored record should have. */
export function expectedHeaders(
  rule: HeaderRule,
  record: {
    readonly partition: number
    readonly offset: bigint
    readonly timestamp: bigint
    readonly headers: readonly RecordHeader[]
  },
): readonly RecordHeader[] {
  if (rule.type === 'keep') return record.headers
  const kept = record.headers.filter(({ key }) => !ours.has(key.toString('latin1')))
  if (rule.type === 'strip') return kept
  const header = (name: string, value: unknown): RecordHeader => ({
    key: Buffer.from(`x-kafka-backup-${name}`),
    value: Buffer.from(String(value)),
  })
  return [
    ...kept,
    header('offset', record.offset),
    header('partition', record.partition),
    header('cluster', rule.cluster),
    header('timestamp', record.timestamp),
  ]
}

/** A record of the archive that is looked for. */
export interface Expected {
  readonly cursor: RecordCursor
  readonly partition: number
  readonly offset: bigint
}

/** What differs between a record of the archive and one of the target, in words; undefined when nothing does. */
export function compareRecords(
  expected: Expected,
  actual: RecordCursor,
  rule: HeaderRule,
): string | undefined {
  const { cursor } = expected
  const timestamp = cursor.timestamp
  const found: string[] = []
  if (timestamp !== actual.timestamp) found.push('timestamp')
  // Key, value and headers as they are encoded: where these bytes are the same, the records are.
  const { body, keyAt, end } = cursor
  const same = rule.type === 'keep' && actual.body.compare(body, keyAt, end, actual.keyAt, actual.end) === 0
  if (!same) {
    if (!equal(cursor.key(), actual.key())) found.push('key')
    if (!equal(cursor.value(), actual.value())) found.push('value')
    const headers = expectedHeaders(rule, {
      partition: expected.partition,
      offset: expected.offset,
      timestamp,
      headers: cursor.headers(),
    })
    if (!equalHeaders(headers, actual.headers())) found.push('headers')
  }
  return found.length === 0 ? undefined : found.join(', ')
}

function equal(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b)
}

function equalHeaders(a: readonly RecordHeader[], b: readonly RecordHeader[]): boolean {
  return (
    a.length === b.length &&
    a.every((header, i) => {
      const other = b[i]
      return other !== undefined && header.key.equals(other.key) && equal(header.value, other.value)
    })
  )
}

/** Longest text that is shown of a field. */
const SHOWN = 200

/** A record for the list of differences. */
export function showRecord(cursor: RecordCursor, offset: bigint): ShownRecord {
  return {
    offset,
    timestamp: cursor.timestamp,
    key: showBytes(cursor.key()),
    value: showBytes(cursor.value()),
    headers: cursor
      .headers()
      .map(({ key, value }) => ({ key: showBytes(key) ?? '', value: showBytes(value) })),
  }
}

function showBytes(bytes: Buffer | null): string | null {
  if (bytes === null) return null
  const text = bytes.toString('utf8')
  const shown = Buffer.from(text).equals(bytes) ? text : `0x${bytes.toString('hex')}`
  return shown.length <= SHOWN ? shown : `${shown.slice(0, SHOWN)}… (${bytes.length} bytes)`
}
