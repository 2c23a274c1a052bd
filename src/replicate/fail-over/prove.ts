import type { Clock } from '../../base/index.ts'
import type { PositionReader, TopicPartition } from '../../kafka/index.ts'
import type { BatchRecord } from '../../records/index.ts'
import { type NextRecord, nextRecord } from './next-record.ts'
import { type Comparison, differences } from './same-record.ts'

/** A place in a log. */
export interface LogPlace extends TopicPartition {
  readonly offset: bigint
}

/** Whether a group reads the same next record on both sides. */
export type Proof =
  | { readonly result: 'same'; readonly detail: string }
  | { readonly result: 'both-at-end'; readonly detail: string }
  /** The record is on the source, and not on the target yet. */
  | { readonly result: 'not-copied-yet'; readonly detail: string }
  /** The target has a record there that was not copied from this partition, and the source has no next one. */
  | { readonly result: 'target-only'; readonly detail: string }
  | { readonly result: 'different'; readonly detail: string }

export interface ProofParts {
  readonly source: PositionReader
  readonly target: PositionReader
  readonly keeps: Comparison
  readonly clock: Clock
  /** Ms on `clock.monotonic()` until which a record that is not copied yet is waited for. */
  readonly deadline: number
  readonly signal?: AbortSignal
}

const pause = 250

/**
 * Reads the next record at the positions on the source and at the one on the target, and compares them. With several positions on
 * the source (partitions that go into one), the target has to have the next record of one of them.
 */
export async function proveNext(
  positions: readonly LogPlace[],
  target: LogPlace,
  parts: ProofParts,
): Promise<Proof> {
  for (;;) {
    const proof = await proveOnce(positions, target, parts)
    if (proof.result !== 'not-copied-yet' || parts.clock.monotonic() >= parts.deadline) return proof
    await parts.clock.sleep(pause, parts.signal)
  }
}

async function proveOnce(
  positions: readonly LogPlace[],
  target: LogPlace,
  { source, target: targetReader, keeps, signal }: ProofParts,
): Promise<Proof> {
  const wanted = await Promise.all(positions.map((one) => nextRecord(source, one, one.offset, signal)))
  const got = await nextRecord(targetReader, target, target.offset, signal)
  const records = wanted.flatMap((next) => (next.type === 'record' ? [next.record] : []))
  if (got.type === 'outside')
    return { result: 'different', detail: `${target.offset} lies outside the target's log` }
  if (got.type === 'end') {
    if (records.length === 0) return { result: 'both-at-end', detail: endText(wanted) }
    return {
      result: 'not-copied-yet',
      detail: `the record ${records[0]?.offset} of the source is not on the target yet`,
    }
  }
  const copy = got.record
  if (records.length === 0) {
    return { result: 'target-only', detail: `the record ${copy.offset} of the target is not on the source` }
  }
  const found = records.map((record) => ({ record, parts: differences(record, copy, keeps) }))
  const same = found.find(({ parts }) => parts.length === 0)
  if (same !== undefined)
    return { result: 'same', detail: `${same.record.offset} = ${copy.offset}${keyText(copy)}` }
  const [first] = found
  const detail = `${first?.record.offset} and ${copy.offset} differ in ${first?.parts.join(', ')}`
  return { result: 'different', detail }
}

function endText(wanted: readonly NextRecord[]): string {
  const gone = wanted.some(({ type }) => type === 'outside')
  return gone
    ? 'nothing more on either side; the position lies outside the log of the source'
    : 'nothing more on either side'
}

/** A short key that can be read helps to see what record it is. */
function keyText({ key }: BatchRecord): string {
  const text = key === null || key.length > 60 ? '' : key.toString()
  return /^[\x20-\x7e]+$/.test(text) ? ` (key ${text})` : ''
}
