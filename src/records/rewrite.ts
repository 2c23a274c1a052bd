import * as header from './batch-header.ts'
import { computeCrc } from './checksum.ts'

/** Whose batch it becomes. */
export interface ProducerStamp {
  readonly producerId: bigint
  readonly producerEpoch: number
  /** Sequence of the batch's first record; see {@link nextSequence}. */
  readonly baseSequence: number
  /** The batch is part of our own transaction. @default false */
  readonly transactional?: boolean
}

const { position, attribute } = header

/**
 * Makes the v2 batch at `at` one of ours, in place, ready for a Produce request: base offset 0, no leader epoch, our
 * producer, the transactional bit as asked, no delete-horizon bit, and the CRC over all that. Records are not touched.
 *
 * Where the delete-horizon bit was set, `baseTimestamp` is the horizon and the records' deltas count from it, so
 * clearing the bit alone keeps every record's time.
 */
export function rewriteForProduce(buffer: Buffer, at: number, stamp: ProducerStamp): void {
  buffer.writeInt32BE(0, at + position.baseOffset)
  buffer.writeInt32BE(0, at + position.baseOffset + 4)
  buffer.writeInt32BE(-1, at + position.leaderEpoch)
  const kept = header.attributes(buffer, at) & ~(attribute.transactional | attribute.deleteHorizon)
  buffer.writeUInt16BE(stamp.transactional ? kept | attribute.transactional : kept, at + position.attributes)
  buffer.writeBigInt64BE(stamp.producerId, at + position.producerId)
  buffer.writeInt16BE(stamp.producerEpoch, at + position.producerEpoch)
  buffer.writeInt32BE(stamp.baseSequence, at + position.baseSequence)
  buffer.writeUInt32BE(computeCrc(buffer, at), at + position.crc)
}

/** The sequence that follows `records` records from `sequence` on: wraps to 0 after 2^31 − 1. */
export function nextSequence(sequence: number, records: number): number {
  return (sequence + records) & 0x7fff_ffff
}

/** Why a batch cannot go to a topic as it is. */
export type RecodeReason =
  /** A message of format 0 or 1. */
  | 'legacy'
  /** Transaction markers: not data, never produced. */
  | 'control'
  /** The cleaner took records out: a broker takes dense batches only. */
  | 'hole'
  /** The time that consumers saw is not in the records. */
  | 'log-append-time'

/** Why the batch at `at` must be decoded and encoded again before it can be produced, or undefined when it may go out raw. */
export function needsRecode(buffer: Buffer, at: number): RecodeReason | undefined {
  if (header.magic(buffer, at) !== 2) return 'legacy'
  if (header.isControl(buffer, at)) return 'control'
  if (header.recordsCount(buffer, at) !== header.lastOffsetDelta(buffer, at) + 1) return 'hole'
  if (header.isLogAppendTime(buffer, at)) return 'log-append-time'
  return undefined
}
