import { type ErrorDetails, invariant, TidemarkError } from '../../base/index.ts'
import * as header from '../batch-header.ts'
import { type CodecName, codecName } from '../codecs.ts'
import { isQuick } from '../packing.ts'
import { RecordCursor } from '../record-cursor.ts'
import { BatchBuilder } from './batch-builder.ts'
import { packBatch } from './pack-batch.ts'
import { fresh, type SlabPool } from './slab-pool.ts'
import { RunGatherer, type SourceRun } from './source-runs.ts'
import { recordInRange, type TimeRange } from './time-range.ts'

/** Rewrites the encoded headers of a record: into `bytes`, from 0 to the length that `edit` answers, until the next call. */
export interface RecordEditor {
  readonly bytes: Buffer
  /** `offset` and `timestamp` are those at the source. Throws RECORD_CORRUPT. */
  edit(cursor: RecordCursor, offset: number | bigint, timestamp: number | bigint): number
}

/** What of a batch is wanted, and how it goes out. */
export interface RecodeOptions {
  /** The lane's input that the batch belongs to; goes into the runs. */
  readonly input: number
  /** Records with source offsets outside [`from`, `to`) are left out. */
  readonly from: bigint
  readonly to: bigint
  /** Records outside are left out. */
  readonly range: TimeRange | undefined
  readonly headers: RecordEditor | undefined
  /** Says which records are taken, after all else; the others are left out. @default all */
  readonly wanted?: (cursor: RecordCursor) => boolean
  /** Of what is left, this many records at the front are left out: they have landed already. */
  readonly skip: number
  /** Largest batch in bytes, compressed. */
  readonly limit: number
  readonly place: ErrorDetails
  /**
   * A batch of a quick codec that has at most so many bytes uncompressed stays so, for whoever joins it with others; `finishRecoded`
   * compresses it if nobody does. @default 0
   */
  readonly loose?: number
  /** Where the batches lie. @default memory of their own */
  readonly memory?: Pick<SlabPool, 'take'>
}

/** A batch ready to be sent, and which records went into it. */
export interface RecodedBatch {
  readonly bytes: Buffer
  /** The codec that it is to go out with. */
  readonly codec: CodecName
  /** Gives its memory back. */
  readonly release: () => void
  readonly records: number
  readonly maxTimestamp: bigint
  readonly runs: readonly SourceRun[]
}

const builder = new BatchBuilder()

/**
 * Decodes the v2 data batch at `at` and encodes what is wanted of it, densely, with the codec that it had, as CreateTime with
 * the times that consumers saw, into as few batches as fit the limit. Throws RECORD_TOO_LARGE, with the source's
 * offset, for a record that does not fit alone, and RECORD_CORRUPT.
 */
export function recodeBatch(buffer: Buffer, at: number, options: RecodeOptions): RecodedBatch[] {
  const done: RecodedBatch[] = []
  encode(buffer, at, options, options.skip, Number.POSITIVE_INFINITY, done)
  return done
}

/** Encodes the wanted records with ordinals in [`first`, `end`). */
function encode(
  buffer: Buffer,
  at: number,
  options: RecodeOptions,
  first: number,
  end: number,
  done: RecodedBatch[],
): void {
  const codec = codecName(header.codec(buffer, at))
  invariant(codec !== undefined, 'a batch with an unknown codec cannot be walked', options.place)
  const cursor = new RecordCursor(buffer, at, { place: options.place })
  const base = header.baseOffsetNumber(buffer, at)
  const from = Number(options.from)
  const to = Number(options.to)
  const { range, headers, wanted, limit, input, loose = 0, memory = fresh } = options
  const rawLimit = codec === 'none' ? limit : Number.POSITIVE_INFINITY
  const runs = new RunGatherer()
  let batchFirst = first
  let ordinal = -1
  builder.clear()
  const flush = () => {
    const { count } = builder
    const isLoose = isQuick(codec) && builder.size <= loose
    const built = builder.finish(isLoose ? 'none' : codec, memory)
    const taken = runs.take()
    if (built.bytes.length <= limit) done.push({ ...built, codec, runs: taken })
    else if (count === 1) throw tooLarge(taken[0]?.offset ?? -1n, built.bytes.length, limit, options.place)
    else {
      // Only compressed batches come here: halves are tried, each from the source again.
      built.release()
      const middle = batchFirst + Math.ceil(count / 2)
      encode(buffer, at, options, batchFirst, middle, done)
      encode(buffer, at, options, middle, batchFirst + count, done)
    }
    batchFirst += count
  }
  while (cursor.next()) {
    const offset = base + cursor.offsetDelta
    if (offset < from || offset >= to) continue
    if (range && !recordInRange(range, cursor)) continue
    if (wanted && !wanted(cursor)) continue
    ordinal++
    if (ordinal < first) continue
    if (ordinal >= end) break
    const time = cursor.timestampNumber
    const length = headers?.edit(cursor, offset, Number.isSafeInteger(time) ? time : cursor.timestamp) ?? 0
    if (!builder.add(cursor, rawLimit, headers?.bytes, length)) {
      flush()
      builder.add(cursor, rawLimit, headers?.bytes, length)
    }
    runs.add(input, offset)
  }
  if (builder.count > 0) flush()
}

/** Compresses a batch that was left loose and that nobody has joined; answers others as they are. */
export function finishRecoded(
  batch: RecodedBatch,
  limit: number,
  memory: Pick<SlabPool, 'take'>,
): RecodedBatch {
  const { bytes, codec } = batch
  if (!isQuick(codec) || header.codec(bytes, 0) === header.codecId[codec]) return batch
  const packed = packBatch(bytes, codec, memory, limit)
  batch.release()
  return { ...batch, ...packed }
}

/** The error for a record that no batch of the target can hold. */
export function tooLarge(offset: bigint, size: number, limit: number, place: ErrorDetails): TidemarkError {
  return new TidemarkError(
    'RECORD_TOO_LARGE',
    `The record at offset ${offset} of ${place.topic}-${place.partition} makes a batch of ${size} bytes, and the target takes ${limit}`,
    {
      hint: `Raise max.message.bytes of the target topic to ${size} or more.`,
      details: { ...place, offset, size, limit },
    },
  )
}
