/**
 * The 61 bytes at the head of a record batch v2, read in place. Every accessor takes the buffer and the position of the
 * batch's first byte, allocates nothing but the `bigint` it returns, and trusts that the caller has checked that the
 * header is there (see `walk.ts`).
 *
 *     baseOffset            int64    0
 *     batchLength           int32    8     bytes that follow this field
 *     partitionLeaderEpoch  int32   12
 *     magic                 int8    16     2
 *     crc                   uint32  17     CRC-32C of everything from attributes on
 *     attributes            int16   21     bits 0-2 codec, 3 LogAppendTime, 4 transactional, 5 control, 6 delete horizon
 *     lastOffsetDelta       int32   23
 *     baseTimestamp         int64   27
 *     maxTimestamp          int64   35
 *     producerId            int64   43
 *     producerEpoch         int16   51
 *     baseSequence          int32   53
 *     recordsCount          int32   57
 *     records                       61     compressed as one piece when a codec is set
 */

/** Bytes before the records of a v2 batch. */
export const HEADER_SIZE = 61
/** Bytes of offset and length, which `batchLength` does not count; the same in every message format. */
export const LOG_OVERHEAD = 12
/** First byte that the CRC covers, relative to the batch. */
export const CRC_START = 21

/** Where each field begins, relative to the batch. */
export const position = Object.freeze({
  baseOffset: 0,
  batchLength: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordsCount: 57,
})

/** Bits of the attributes field. */
export const attribute = Object.freeze({
  codecMask: 0x07,
  logAppendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
  deleteHorizon: 0x40,
})

/** Codec numbers as Kafka writes them into the attributes. */
export const codecId = Object.freeze({ none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 })

/** What the header of a dense data batch says that is built here. */
export interface DenseHeader {
  readonly codec: number
  readonly records: number
  /** Ms since the epoch; −1 for none. */
  readonly baseTimestamp: bigint
  readonly maxTimestamp: bigint
}

/** Writes the header of the batch that fills `bytes`: CreateTime, no holes, without a producer and without a CRC. */
export function writeDenseHeader(
  bytes: Buffer,
  { codec, records, baseTimestamp, maxTimestamp }: DenseHeader,
): void {
  bytes.writeBigInt64BE(0n, position.baseOffset)
  bytes.writeInt32BE(bytes.length - LOG_OVERHEAD, position.batchLength)
  bytes.writeInt32BE(-1, position.leaderEpoch)
  bytes.writeInt8(2, position.magic)
  bytes.writeUInt32BE(0, position.crc)
  bytes.writeUInt16BE(codec, position.attributes)
  bytes.writeInt32BE(records - 1, position.lastOffsetDelta)
  bytes.writeBigInt64BE(baseTimestamp, position.baseTimestamp)
  bytes.writeBigInt64BE(maxTimestamp, position.maxTimestamp)
  bytes.writeBigInt64BE(-1n, position.producerId)
  bytes.writeInt16BE(-1, position.producerEpoch)
  bytes.writeInt32BE(-1, position.baseSequence)
  bytes.writeInt32BE(records, position.recordsCount)
}

const TWO_32 = 0x1_0000_0000

/** Offset of the first record that the batch was made with (the cleaner may have removed it since). */
export function baseOffset(buffer: Buffer, at: number): bigint {
  return buffer.readBigInt64BE(at)
}

/** {@link baseOffset} as a number, for hot loops: exact below 2^53, which no real log reaches. */
export function baseOffsetNumber(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * TWO_32 + buffer.readUInt32BE(at + 4)
}

/** Bytes of the whole batch, the header included. */
export function size(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + 8) + LOG_OVERHEAD
}

/** Epoch of the leader that appended the batch. */
export function leaderEpoch(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + 12)
}

/** Version of the format: 2, or 0 and 1 for the message sets that came before batches. */
export function magic(buffer: Buffer, at: number): number {
  return buffer.readInt8(at + 16)
}

/** The stored CRC-32C. */
export function crc(buffer: Buffer, at: number): number {
  return buffer.readUInt32BE(at + 17)
}

/** The attributes as they are; see {@link attribute}. */
export function attributes(buffer: Buffer, at: number): number {
  return buffer.readUInt16BE(at + 21)
}

/** Number of the codec that the records are compressed with; see {@link codecId}. */
export function codec(buffer: Buffer, at: number): number {
  return buffer.readUInt8(at + 22) & attribute.codecMask
}

/** The broker set the time: `maxTimestamp` is the time of every record in the batch. */
export function isLogAppendTime(buffer: Buffer, at: number): boolean {
  return (buffer.readUInt8(at + 22) & attribute.logAppendTime) !== 0
}

/** Part of a transaction: data, or its marker. */
export function isTransactional(buffer: Buffer, at: number): boolean {
  return (buffer.readUInt8(at + 22) & attribute.transactional) !== 0
}

/** Holds control records (transaction markers), which no application sees. */
export function isControl(buffer: Buffer, at: number): boolean {
  return (buffer.readUInt8(at + 22) & attribute.control) !== 0
}

/** The cleaner put the time from which tombstones or markers may go into `baseTimestamp`. */
export function hasDeleteHorizon(buffer: Buffer, at: number): boolean {
  return (buffer.readUInt8(at + 22) & attribute.deleteHorizon) !== 0
}

/** Offset of the last record minus `baseOffset`; the cleaner keeps it, whatever it removes. */
export function lastOffsetDelta(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + 23)
}

/** Last offset that the batch covers, whether or not the record is still there. */
export function lastOffset(buffer: Buffer, at: number): bigint {
  return baseOffset(buffer, at) + BigInt(lastOffsetDelta(buffer, at))
}

/** {@link lastOffset} as a number, exact below 2^53. */
export function lastOffsetNumber(buffer: Buffer, at: number): number {
  return baseOffsetNumber(buffer, at) + lastOffsetDelta(buffer, at)
}

/** The offset that the next batch may begin at. */
export function nextOffset(buffer: Buffer, at: number): bigint {
  return baseOffset(buffer, at) + BigInt(lastOffsetDelta(buffer, at) + 1)
}

/** {@link nextOffset} as a number, exact below 2^53. */
export function nextOffsetNumber(buffer: Buffer, at: number): number {
  return baseOffsetNumber(buffer, at) + lastOffsetDelta(buffer, at) + 1
}

/** What the timestamp deltas of the records count from: ms since the epoch, −1 for none. */
export function baseTimestamp(buffer: Buffer, at: number): bigint {
  return buffer.readBigInt64BE(at + 27)
}

/** Largest timestamp of the records: ms since the epoch, −1 for none. */
export function maxTimestamp(buffer: Buffer, at: number): bigint {
  return buffer.readBigInt64BE(at + 35)
}

/** {@link maxTimestamp} as a number: rounded outside ±2^53, where comparing with a real time is still right. */
export function maxTimestampNumber(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + 35) * TWO_32 + buffer.readUInt32BE(at + 39)
}

/** Id of the idempotent or transactional producer, −1 for none. */
export function producerId(buffer: Buffer, at: number): bigint {
  return buffer.readBigInt64BE(at + 43)
}

/** Whether the batch comes from an idempotent or transactional producer; makes no `bigint`. */
export function hasProducerId(buffer: Buffer, at: number): boolean {
  return buffer.readInt32BE(at + 43) >= 0
}

/** Epoch of the producer, −1 for none. */
export function producerEpoch(buffer: Buffer, at: number): number {
  return buffer.readInt16BE(at + 51)
}

/** Sequence number of the first record, −1 for none. */
export function baseSequence(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + 53)
}

/** Records that are in the batch now. */
export function recordsCount(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + 57)
}
