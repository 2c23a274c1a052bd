/**
 * records: Kafka record batches in memory, and the records in them. Pure: no I/O, no clock, nothing is remembered
 * from one call to the next.
 *
 * A batch is named by a buffer and the position of its first byte, and is read in place. The usual way through a
 * fetch response, without a record being decoded:
 *
 *     convertLegacy(buffer, start, end)                 only where formats 0 and 1 are found
 *     checkCrcs(buffer, start, end)                     the bytes are those that were written
 *     { kept } = dropAborted(buffer, start, end, list)  READ_COMMITTED, by header
 *     survey(buffer, from, to)                          what an index wants to know of them
 *
 * and out again:
 *
 *     for at of batches(buffer, start, end):
 *       reason = needsRecode(buffer, at)
 *       none:     rewriteForProduce(buffer, at, stamp)             in place, records untouched
 *       none, small:              JoinedBatches → rewriteForProduce
 *       control:  left out
 *       else:     encodeBatches(decodeBatch(buffer, at), …) → rewriteForProduce
 *
 * `batchEnd` is the only step from one batch to the next: what it has passed is whole and sane enough for the accessors
 * (`header.*`), which check nothing. Hot loops read offsets with `header.…Number`. `RecordCursor` walks records, and the
 * headers of each, without making objects.
 *
 * Rubbish is answered with RECORD_CORRUPT that names offset and place, in bounded time and memory. It does not promise: that a
 * batch is what was written, unless `checkCrcs` was asked; that the bytes before a batch's attributes are (no CRC covers them);
 * the same compressed bytes from another version of a codec's library. Views share the memory of their batch: copy what must outlive it.
 */
export {
  type AbortedProducer,
  type ByteRange,
  type Committed,
  type DroppedOffsets,
  dropAborted,
} from './aborted.ts'
export * as header from './batch-header.ts'
export { BatchJoiner } from './batch-joiner.ts'
export { checkCrcs, crcMatches } from './checksum.ts'
export { type CodecName, codecName, compress, decompress } from './codecs.ts'
export { type ControlRecord, readControlRecord } from './control-record.ts'
export { type BatchRecord, decodeBatch, type TimeSpan, timeSpan } from './decode.ts'
export { type EncodedBatch, type EncodeOptions, encodeBatch, encodeBatches } from './encode.ts'
export { convertLegacy, upgradeLegacy } from './legacy.ts'
export { checkLz4Frame } from './lz4-frame.ts'
export { murmur2, partitionForKey } from './murmur2.ts'
export { BatchBuilder, type BuiltBatch } from './recode/batch-builder.ts'
export { JoinedBatches } from './recode/joined-batches.ts'
export { PackedTrial } from './recode/packed-trial.ts'
export {
  finishRecoded,
  type RecodedBatch,
  type RecodeOptions,
  type RecordEditor,
  recodeBatch,
  tooLarge,
} from './recode/recode-batch.ts'
export { SlabPool } from './recode/slab-pool.ts'
export { RunGatherer, type SourceRun, takeFirst } from './recode/source-runs.ts'
export { batchInRange, recordInRange, type TimeRange } from './recode/time-range.ts'
export { type DecodeOptions, RecordCursor, type RecordHeader } from './record-cursor.ts'
export type { EncodableHeader, EncodableRecord } from './record-encoding.ts'
export {
  needsRecode,
  nextSequence,
  type ProducerStamp,
  type RecodeReason,
  rewriteForProduce,
} from './rewrite.ts'
export { varintSize, varlongSize, writeVarint, writeVarlong } from './varint.ts'
export { batchEnd, batches, type Survey, survey } from './walk.ts'
