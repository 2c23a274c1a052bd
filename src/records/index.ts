export {
  type AbortedProducer,
  type ByteRange,
  type Committed,
  type DroppedOffsets,
  dropAborted,
} from './aborted.ts'
export * as header from './batch-header.ts'
export { checkCrcs, computeCrc, crcMatches } from './checksum.ts'
export { type CodecName, codecName, compress, DEFAULT_MAX_DECOMPRESSED, decompress } from './codecs.ts'
export { type ControlRecord, readControlRecord } from './control-record.ts'
export { type BatchRecord, decodeBatch, type TimeSpan, timeSpan } from './decode.ts'
export { type EncodedBatch, type EncodeOptions, encodeBatch, encodeBatches } from './encode.ts'
export { convertLegacy } from './legacy.ts'
export { murmur2, partitionForKey } from './murmur2.ts'
export { type DecodeOptions, RecordCursor, type RecordHeader } from './record-cursor.ts'
export type { EncodableHeader, EncodableRecord } from './record-encoding.ts'
export {
  needsRecode,
  nextSequence,
  type ProducerStamp,
  type RecodeReason,
  rewriteForProduce,
} from './rewrite.ts'
export { batchEnd, batches, type Survey, survey } from './walk.ts'
