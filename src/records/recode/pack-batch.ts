import * as header from '../batch-header.ts'
import { pack, type QuickCodec } from '../packing.ts'
import type { SlabPart, SlabPool } from './slab-pool.ts'

const { HEADER_SIZE, LOG_OVERHEAD, codecId, position } = header

/**
 * Compresses a dense batch that is within `limit` as it is, into memory of its own. One that would grow beyond the limit by it
 * stays uncompressed.
 */
export function packBatch(
  batch: Buffer,
  codec: QuickCodec,
  memory: Pick<SlabPool, 'take'>,
  limit: number,
): SlabPart {
  const body = batch.subarray(HEADER_SIZE)
  const packed = pack(codec, body)
  const grown = HEADER_SIZE + packed.length > limit
  const content = grown ? body : packed
  const { bytes, release } = memory.take(HEADER_SIZE + content.length)
  batch.copy(bytes, 0, 0, HEADER_SIZE)
  content.copy(bytes, HEADER_SIZE)
  bytes.writeInt32BE(bytes.length - LOG_OVERHEAD, position.batchLength)
  bytes.writeUInt16BE(grown ? codecId.none : codecId[codec], position.attributes)
  return { bytes, release }
}
