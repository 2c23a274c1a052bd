import { invariant, TidemarkError } from '../base/index.ts'
import { codecId, HEADER_SIZE, LOG_OVERHEAD, position } from './batch-header.ts'
import { computeCrc } from './checksum.ts'
import { type CodecName, compress, DEFAULT_MAX_DECOMPRESSED } from './codecs.ts'
import {
  type EncodableRecord,
  recordLength,
  type TimestampDelta,
  timestampDelta,
  writeRecord,
} from './record-encoding.ts'
import { varintSize } from './varint.ts'

export interface EncodeOptions {
  readonly codec: CodecName
  /** For gzip and zstd. */
  readonly level?: number
  /**
   * `dense`: the records get the offsets 0, 1, 2 … from the base offset on. `keep`: they keep theirs, holes and all, and
   * the base offset is that of the first. @default 'dense'
   */
  readonly offsets?: 'dense' | 'keep'
  /** Base offset of a dense batch. @default 0n */
  readonly baseOffset?: bigint
  /** @default -1 */
  readonly leaderEpoch?: number
}

/** A batch and the records that went into it. */
export interface EncodedBatch {
  readonly bytes: Buffer
  /** Index of its first record in the input. */
  readonly first: number
  readonly count: number
}

/** The format's length field has 31 bits. */
const LARGEST_BATCH = 0x7fff_ffff
/** Larger than this, what a batch holds would not be read back. */
const LARGEST_BODY = DEFAULT_MAX_DECOMPRESSED

/** How the records of one batch are laid out. */
interface Layout {
  readonly from: number
  readonly to: number
  readonly base: bigint
  readonly offsetDeltas: readonly number[]
  readonly timeDeltas: readonly TimestampDelta[]
  readonly lengths: readonly number[]
  /** Bytes of all records. */
  readonly total: number
  readonly baseTimestamp: bigint
  readonly maxTimestamp: bigint
}

/**
 * One v2 batch of these records, without a producer (`rewriteForProduce` adds one), CRC included. Timestamps stay as they
 * are (CreateTime). There must be a record; kept offsets must grow and lie within 2^31 of one another.
 * Throws RECORD_TOO_LARGE where one batch cannot hold them.
 */
export function encodeBatch(records: readonly EncodableRecord[], options: EncodeOptions): Buffer {
  const layout = layOut(records, 0, records.length, LARGEST_BODY, options)
  if (layout.to < records.length) throw tooLarge(records, layout, HEADER_SIZE + layout.total, LARGEST_BODY)
  return write(records, layout, options)
}

/**
 * As few batches as it takes for each to have at most `maxBytes`, header included, as the broker counts them: compressed.
 * The same input gives the same batches: uncompressed ones are filled one after the other, compressed ones are halved
 * until they fit. Throws RECORD_TOO_LARGE for a record that does not fit alone.
 */
export function encodeBatches(
  records: readonly EncodableRecord[],
  options: EncodeOptions & { readonly maxBytes: number },
): EncodedBatch[] {
  const limit = Math.min(options.maxBytes, LARGEST_BATCH)
  const bodyLimit = options.codec === 'none' ? limit - HEADER_SIZE : LARGEST_BODY
  const done: EncodedBatch[] = []
  for (let from = 0; from < records.length; ) {
    const layout = layOut(records, from, records.length, bodyLimit, options)
    addFitting(records, layout, options, limit, done)
    from = layout.to
  }
  return done
}

function addFitting(
  records: readonly EncodableRecord[],
  layout: Layout,
  options: EncodeOptions,
  limit: number,
  done: EncodedBatch[],
): void {
  const count = layout.to - layout.from
  const bytes = write(records, layout, options)
  if (bytes.length <= limit) {
    done.push({ bytes, first: layout.from, count })
    return
  }
  if (count === 1) throw tooLarge(records, layout, bytes.length, limit)
  const middle = halfWay(layout)
  for (const [from, to] of [
    [layout.from, middle],
    [middle, layout.to],
  ] as const) {
    addFitting(records, layOut(records, from, to, LARGEST_BODY, options), options, limit, done)
  }
}

/** The index that leaves about the same number of bytes, and a record at least, on either side. */
function halfWay(layout: Layout): number {
  let bytes = 0
  let at = 0
  for (const length of layout.lengths.slice(0, -1)) {
    bytes += length
    at++
    if (bytes * 2 >= layout.total) break
  }
  return layout.from + at
}

/** Lays out the records from `from` on, as many as fit into `bodyLimit` bytes, but at least one. */
function layOut(
  records: readonly EncodableRecord[],
  from: number,
  end: number,
  bodyLimit: number,
  options: EncodeOptions,
): Layout {
  const first = records[from]
  invariant(first !== undefined, 'a batch needs a record')
  const keep = options.offsets === 'keep'
  const base = keep ? keptOffset(first) : (options.baseOffset ?? 0n) + BigInt(from)
  const offsetDeltas: number[] = []
  const lengths: number[] = []
  const timeDeltas: TimestampDelta[] = []
  let total = 0
  let maxTimestamp = first.timestamp
  let to = from
  for (let last = -1; to < end; to++) {
    const record = records[to]
    if (record === undefined) break
    const delta = keep ? Number(keptOffset(record) - base) : to - from
    invariant(delta > last && delta < LARGEST_BATCH, 'offsets in a batch grow and lie within 2^31')
    last = delta
    const time = timestampDelta(record.timestamp, first.timestamp)
    const length = recordLength(record, delta, time)
    const size = length + varintSize(length)
    if (total + size > bodyLimit && to > from) break
    total += size
    offsetDeltas.push(delta)
    lengths.push(length)
    timeDeltas.push(time)
    if (record.timestamp > maxTimestamp) maxTimestamp = record.timestamp
  }
  return {
    from,
    to,
    base,
    offsetDeltas,
    timeDeltas,
    lengths,
    total,
    baseTimestamp: first.timestamp,
    maxTimestamp,
  }
}

function keptOffset(record: EncodableRecord): bigint {
  invariant(record.offset !== undefined, 'a record that keeps its offset has one')
  return record.offset
}

function write(records: readonly EncodableRecord[], layout: Layout, options: EncodeOptions): Buffer {
  if (HEADER_SIZE + layout.total > LARGEST_BATCH) {
    throw tooLarge(records, layout, HEADER_SIZE + layout.total, LARGEST_BATCH)
  }
  const batch = Buffer.allocUnsafe(HEADER_SIZE + layout.total)
  let at = HEADER_SIZE
  const count = layout.to - layout.from
  for (let i = 0; i < count; i++) {
    at = writeRecord(
      batch,
      at,
      records[layout.from + i] as EncodableRecord,
      layout.offsetDeltas[i] as number,
      layout.timeDeltas[i] as TimestampDelta,
      layout.lengths[i] as number,
    )
  }
  const { codec } = options
  const whole =
    codec === 'none'
      ? batch
      : Buffer.concat([
          batch.subarray(0, HEADER_SIZE),
          compress(codec, batch.subarray(HEADER_SIZE), options.level),
        ])
  writeHeader(whole, layout, options)
  return whole
}

function writeHeader(batch: Buffer, layout: Layout, options: EncodeOptions): void {
  const count = layout.to - layout.from
  batch.writeBigInt64BE(layout.base, position.baseOffset)
  batch.writeInt32BE(batch.length - LOG_OVERHEAD, position.batchLength)
  batch.writeInt32BE(options.leaderEpoch ?? -1, position.leaderEpoch)
  batch.writeInt8(2, position.magic)
  batch.writeUInt16BE(codecId[options.codec], position.attributes)
  batch.writeInt32BE(layout.offsetDeltas[count - 1] as number, position.lastOffsetDelta)
  batch.writeBigInt64BE(layout.baseTimestamp, position.baseTimestamp)
  batch.writeBigInt64BE(layout.maxTimestamp, position.maxTimestamp)
  batch.writeBigInt64BE(-1n, position.producerId)
  batch.writeInt16BE(-1, position.producerEpoch)
  batch.writeInt32BE(-1, position.baseSequence)
  batch.writeInt32BE(count, position.recordsCount)
  batch.writeUInt32BE(computeCrc(batch, 0), position.crc)
}

function tooLarge(
  records: readonly EncodableRecord[],
  layout: Layout,
  size: number,
  limit: number,
): TidemarkError {
  const offset = records[layout.from]?.offset
  const which = offset === undefined ? 'A record' : `The record at offset ${offset}`
  return new TidemarkError(
    'RECORD_TOO_LARGE',
    `${which} makes a batch of ${size} bytes, more than ${limit}`,
    {
      hint: `Raise max.message.bytes of the target topic to at least ${size}.`,
      details: { ...(offset !== undefined && { offset }), size, limit },
    },
  )
}
