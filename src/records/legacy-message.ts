import { crc32 } from '@node-rs/crc32'
import type { ErrorDetails } from '../base/index.ts'
import { attribute, LOG_OVERHEAD, position } from './batch-header.ts'
import { corrupt } from './corrupt.ts'

/**
 * One message of formats 0 and 1, what came before batches:
 *
 *     offset       int64    0
 *     size         int32    8    bytes that follow this field
 *     crc          uint32  12    CRC-32 (not C) of everything from magic on
 *     magic        int8    16
 *     attributes   int8    17    bits 0-2 codec, 3 LogAppendTime (format 1)
 *     timestamp    int64   18    format 1 only
 *     keyLength    int32         −1 for null, then the key
 *     valueLength  int32         −1 for null, then the value; a message set of its own when a codec is set
 */
export interface LegacyMessage {
  readonly magic: 0 | 1
  readonly offset: bigint
  readonly codec: number
  readonly logAppendTime: boolean
  /** Ms since the epoch; −1 in format 0. */
  readonly timestamp: bigint
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** Reads the whole message that lies in [`at`, `end`); its CRC is not checked. Throws RECORD_CORRUPT when the fields do not fit. */
export function readLegacyMessage(
  buffer: Buffer,
  at: number,
  end: number,
  place?: ErrorDetails,
): LegacyMessage {
  const magic = buffer.readInt8(at + position.magic) === 1 ? 1 : 0
  const attributes = buffer.readUInt8(at + 17)
  let pos = at + 18
  const timestamp = magic === 1 ? buffer.readBigInt64BE(pos) : -1n
  if (magic === 1) pos += 8
  const field = (): Buffer | null => {
    if (end - pos < 4) throw corrupt(buffer, at, 'a field reaches beyond its message', place)
    const length = buffer.readInt32BE(pos)
    pos += 4
    if (length < 0) return null
    if (length > end - pos) throw corrupt(buffer, at, 'a field reaches beyond its message', place)
    pos += length
    return buffer.subarray(pos - length, pos)
  }
  const key = field()
  const value = field()
  if (pos !== end) throw corrupt(buffer, at, 'there are bytes after its value', place)
  return {
    magic,
    offset: buffer.readBigInt64BE(at),
    codec: attributes & attribute.codecMask,
    logAppendTime: magic === 1 && (attributes & attribute.logAppendTime) !== 0,
    timestamp,
    key,
    value,
  }
}

/** Whether the message in [`at`, `end`) carries the CRC-32 of its bytes. */
export function legacyCrcMatches(buffer: Buffer, at: number, end: number): boolean {
  return crc32(buffer.subarray(at + position.magic, end)) === buffer.readUInt32BE(at + LOG_OVERHEAD)
}
