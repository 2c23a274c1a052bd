import { type ErrorDetails, type Lease, TidemarkError } from '../../base/index.ts'
import type { FetchedBatches } from '../../kafka/index.ts'
import {
  batchEnd,
  checkCrcs,
  convertLegacy,
  dropAborted,
  finishRecoded,
  header,
  JoinedBatches,
  needsRecode,
  type PackedTrial,
  type RecodedBatch,
  type RecordCursor,
  type RecordEditor,
  recodeBatch,
  type SlabPool,
  type SourceRun,
} from '../../records/index.ts'
import { spreadBatch } from './spread-batch.ts'

/** How the batches of one source partition go out. */
export interface BatchWish {
  /** Target partition; where records are spread, that of those without a key (modulo their number). */
  readonly partition: number
  /** Partitions of the target among which records are spread by key; undefined = all go to `partition`. */
  readonly spread: number | undefined
  readonly headers: RecordEditor | undefined
  readonly wanted: ((cursor: RecordCursor) => boolean) | undefined
  /** Largest batch that the target takes, in bytes. */
  readonly limit: number
  readonly memory: SlabPool
  /** What was learned of joining this partition's compressed batches. */
  readonly trial: PackedTrial
}

/** A batch ready to be sent. */
export interface Outgoing {
  readonly partition: number
  readonly buffer: Buffer
  readonly start: number
  readonly end: number
  readonly records: number
  readonly runs: readonly SourceRun[]
  /** Largest time of its records, ms; −1 for none. */
  readonly maxTimestamp: number
  readonly release: () => void
}

/**
 * What of a delivery goes out, batch by batch, from source offset `from` on: raw where that is possible, else recoded; small ones
 * joined. Checks CRCs first; leaves out aborted data and markers. The lease holds the delivery's memory: each raw batch retains it.
 *
 * Throws RECORD_CORRUPT, RECORD_TOO_LARGE.
 */
export function* outgoingBatches(
  fetched: FetchedBatches,
  from: bigint,
  wish: BatchWish,
  lease: Lease,
): Generator<Outgoing, void, undefined> {
  const place: ErrorDetails = { topic: fetched.topic, partition: fetched.partition }
  const { buffer, start, end } = modern(fetched, place)
  checkCrcs(buffer, start, end, place)
  const joined = new JoinedBatches(wish.memory, wish.limit, { expected: end - start, trial: wish.trial })
  for (const range of dropAborted(buffer, start, end, fetched.aborted, place).kept) {
    for (let at = range.start; at < range.end; ) {
      const next = batchEnd(buffer, at, range.end, place)
      if (next === undefined) throw cut(at, place)
      const alone = at === start && next === end
      yield* batchOut(buffer, at, next, from, wish, lease, place, alone ? undefined : joined)
      at = next
    }
  }
  yield* gathered(joined, wish.partition)
}

function* batchOut(
  buffer: Buffer,
  at: number,
  end: number,
  from: bigint,
  wish: BatchWish,
  lease: Lease,
  place: ErrorDetails,
  joined: JoinedBatches | undefined,
): Generator<Outgoing, void, undefined> {
  const reason = needsRecode(buffer, at)
  const records = header.recordsCount(buffer, at)
  if (reason === 'control' || records === 0 || header.nextOffset(buffer, at) <= from) return
  const maxTimestamp = header.maxTimestampNumber(buffer, at)
  const { headers, wanted, limit, memory, partition, spread } = wish
  if (spread !== undefined) {
    const options = { partitions: spread, keyless: partition, from, headers, wanted, limit, place, memory }
    for (const batch of spreadBatch(buffer, at, options)) yield whole(batch, batch.partition)
    return
  }
  const offset = header.baseOffset(buffer, at)
  const raw = reason === undefined && !headers && !wanted && offset >= from && end - at <= limit
  if (raw) {
    if (joined?.add(buffer, at)) return
    if (joined) yield* gathered(joined, partition)
    if (joined?.add(buffer, at)) return
    lease.retain()
    const runs = [{ input: 0, offset, count: records }]
    yield { partition, buffer, start: at, end, records, runs, maxTimestamp, release: lease.release }
    return
  }
  let recoded: RecodedBatch[]
  try {
    recoded = recodeBatch(buffer, at, {
      input: 0,
      from,
      to: header.nextOffset(buffer, at),
      range: undefined,
      headers,
      ...(wanted && { wanted }),
      skip: 0,
      limit,
      place,
      loose: joined?.loose ?? 0,
      memory,
    })
  } catch (error) {
    // What lies before goes out nevertheless.
    if (joined) yield* gathered(joined, partition)
    throw error
  }
  for (const batch of recoded) {
    if (joined?.addBuilt(batch)) {
      batch.release()
      continue
    }
    if (joined) yield* gathered(joined, partition)
    if (joined?.addBuilt(batch)) batch.release()
    else yield whole(finishRecoded(batch, limit, memory), partition)
  }
}

/** The small batches before, as one. */
function* gathered(joined: JoinedBatches, partition: number): Generator<Outgoing, void, undefined> {
  const batch = joined.take()
  if (batch) yield { ...batch, partition, maxTimestamp: header.maxTimestampNumber(batch.buffer, 0) }
}

function whole(
  batch: {
    readonly bytes: Buffer
    readonly release: () => void
    readonly records: number
    readonly maxTimestamp: bigint
    readonly runs: readonly SourceRun[]
  },
  partition: number,
): Outgoing {
  const { bytes, records, runs, release } = batch
  const maxTimestamp = Number(batch.maxTimestamp)
  return { partition, buffer: bytes, start: 0, end: bytes.length, records, runs, maxTimestamp, release }
}

/** Record formats 0 and 1 become batches, in new memory. */
function modern(
  fetched: FetchedBatches,
  place: ErrorDetails,
): { readonly buffer: Buffer; readonly start: number; readonly end: number } {
  const { buffer, start, end } = fetched
  for (let at = start; ; ) {
    const next = batchEnd(buffer, at, end, place)
    if (next === undefined) return fetched
    if (header.magic(buffer, at) !== 2) {
      const converted = convertLegacy(buffer, start, end, place)
      return { buffer: converted, start: 0, end: converted.length }
    }
    at = next
  }
}

function cut(position: number, place: ErrorDetails): TidemarkError {
  return new TidemarkError('RECORD_CORRUPT', 'A fetched batch is cut', { details: { ...place, position } })
}
