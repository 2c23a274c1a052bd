import { readdirSync, readFileSync } from 'node:fs'
import type { BatchRecord, EncodableRecord } from '../../src/records/index.ts'

const folder = new URL('../golden/records/', import.meta.url)

/** A record as Kafka's reader described it: base64 bytes, 64-bit numbers as text. */
export interface GoldenRecord {
  readonly offset: string
  readonly timestamp: string
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [string, string | null])[]
}

/** A batch as Kafka's reader described it. */
export interface GoldenBatch {
  readonly baseOffset: string
  readonly lastOffset: string
  readonly size: number
  readonly magic: number
  readonly codec: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
  readonly timestampType: string
  readonly maxTimestamp: string
  readonly transactional: boolean
  readonly control: boolean
  readonly leaderEpoch: number
  readonly deleteHorizon: string | null
  readonly producerId: string
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly records: readonly GoldenRecord[]
}

/** Bytes captured from another writer, and what Kafka's reader makes of them. */
export interface Golden {
  readonly name: string
  readonly bytes: Buffer
  readonly batches: readonly GoldenBatch[]
}

/** One captured segment by its name. */
export function golden(name: string): Golden {
  return {
    name,
    bytes: readFileSync(new URL(`${name}.log`, folder)),
    batches: JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')),
  }
}

/** All captured segments whose names the expression matches. */
export function goldens(names: RegExp): Golden[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.log') && names.test(file))
    .map((file) => golden(file.slice(0, -4)))
}

/** A record in the form of the captured descriptions, for comparing. */
export function describeRecord(record: BatchRecord | (EncodableRecord & { offset: bigint })): GoldenRecord {
  return {
    offset: String(record.offset),
    timestamp: String(record.timestamp),
    key: base64(record.key),
    value: base64(record.value),
    headers: (record.headers ?? []).map(({ key, value }) => [base64(key) ?? '', base64(value)]),
  }
}

function base64(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('base64')
}
