import { crc32 } from 'node:zlib'
import { TidemarkError } from '../../base/index.ts'
import { checkedCount, PAYLOAD_PAD } from './block-payload.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { PartitionMap } from './partition-map.ts'
import { RunBlocks } from './run-blocks.ts'

/*
 * A map as bytes. Version 1, and 2 for a floor map, which a program that knows none must not take for an exact one. Numbers are
 * LEB128 varints unless said otherwise; text is a length and UTF-8.
 *
 *   'TMAP' | version (u8) | flags (u8; 1 = completeFrom follows, 2 = a floor map)
 *   source cluster | source topic | source partition | target topic | target partition
 *   source end | copy start | [complete from]
 *   number of blocks | source base | target base
 *   for each block: source and target offset of its first record less those of the block before, records,
 *     payload bytes
 *   the payloads, as in memory (block-payload.ts)
 *   CRC-32 of everything before (u32, little endian)
 */
const MAGIC = Buffer.from('TMAP', 'latin1')
const VERSION = 1
const FLOOR_VERSION = 2
const HAS_COMPLETE_FROM = 1
const IS_FLOOR = 2

/** The map as bytes: compact, versioned, with a checksum. */
export function encodePartitionMap(map: PartitionMap): Buffer {
  const { blocks } = map
  const out = new ByteWriter()
  out.bytes(MAGIC)
  out.byte(map.floor ? FLOOR_VERSION : VERSION)
  out.byte((map.completeFrom === undefined ? 0 : HAS_COMPLETE_FROM) | (map.floor ? IS_FLOOR : 0))
  out.text(map.sourceCluster)
  out.text(map.sourceTopic)
  out.varint(BigInt(map.sourcePartition))
  out.text(map.targetTopic)
  out.varint(BigInt(map.targetPartition))
  out.varint(map.sourceEnd)
  out.varint(map.copyStart)
  if (map.completeFrom !== undefined) out.varint(map.completeFrom)
  out.number(blocks.blocks)
  out.varint(blocks.sourceBase)
  out.varint(blocks.targetBase)
  for (let i = 0; i < blocks.blocks; i++) {
    out.number(at(blocks.source, i) - (i === 0 ? 0 : at(blocks.source, i - 1)))
    out.number(at(blocks.target, i) - (i === 0 ? 0 : at(blocks.target, i - 1)))
    out.number(at(blocks.rank, i + 1) - at(blocks.rank, i))
    out.number(at(blocks.at, i + 1) - at(blocks.at, i))
  }
  out.bytes(blocks.payload.subarray(0, at(blocks.at, blocks.blocks)))
  return out.finish()
}

/**
 * Reads what {@link encodePartitionMap} wrote. Throws ARCHIVE_DAMAGED when the bytes are cut, changed or make
 * no sense, ARCHIVE_TOO_NEW when a newer version wrote them. `where` names them in the message.
 */
export function decodePartitionMap(bytes: Uint8Array, where = 'offset map'): PartitionMap {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const damaged = (what: string) =>
    new TidemarkError('ARCHIVE_DAMAGED', `The ${where} cannot be read: ${what}`, {
      hint: 'Take another copy of it, or build it again from the restore.',
    })
  if (buffer.length < MAGIC.length + 6 || !buffer.subarray(0, 4).equals(MAGIC))
    throw damaged('it is not an offset map')
  if (buffer.readUInt8(4) > FLOOR_VERSION) {
    throw new TidemarkError('ARCHIVE_TOO_NEW', `The ${where} was written by a newer version of Tidemark`)
  }
  const end = buffer.length - 4
  if (crc32(buffer.subarray(0, end)) !== buffer.readUInt32LE(end))
    throw damaged('its checksum does not match')
  const reader = new ByteReader(buffer.subarray(0, end), 5, damaged)
  const flags = reader.byte()
  const sourceCluster = reader.text()
  const sourceTopic = reader.text()
  const sourcePartition = reader.number()
  const targetTopic = reader.text()
  const targetPartition = reader.number()
  const sourceEnd = reader.varint()
  const copyStart = reader.varint()
  const completeFrom = (flags & HAS_COMPLETE_FROM) !== 0 ? reader.varint() : undefined
  return new PartitionMap(
    { sourceCluster, sourceTopic, sourcePartition, targetTopic, targetPartition },
    { sourceEnd, copyStart, completeFrom, floor: (flags & IS_FLOOR) !== 0 },
    readBlocks(reader, damaged),
  )
}

function readBlocks(reader: ByteReader, damaged: (what: string) => Error): RunBlocks {
  const n = reader.number()
  const sourceBase = reader.varint()
  const targetBase = reader.varint()
  // Each block takes at least four bytes: a larger count is a lie, and must not make us allocate.
  if (n > reader.left / 4) throw damaged('its block count is wrong')
  const source = new Float64Array(n)
  const target = new Float64Array(n)
  const rank = new Float64Array(n + 1)
  const offsets = new Float64Array(n + 1)
  for (let i = 0; i < n; i++) {
    const before = i === 0 ? 0 : i - 1
    source[i] = at(source, before) + reader.number()
    target[i] = at(target, before) + reader.number()
    rank[i + 1] = at(rank, i) + reader.number()
    offsets[i + 1] = at(offsets, i) + reader.number()
  }
  const length = at(offsets, n)
  if (length !== reader.left) throw damaged('its length is wrong')
  const payload = new Uint8Array(length === 0 ? 0 : length + PAYLOAD_PAD)
  payload.set(reader.rest())
  const blocks = new RunBlocks({
    sourceBase,
    targetBase,
    source,
    target,
    rank,
    at: Uint32Array.from(offsets),
    payload,
  })
  if (!sound(blocks)) throw damaged('its runs contradict each other')
  return blocks
}

/** Whether every block holds as many records as its row says and ends before the next one begins. */
function sound(blocks: RunBlocks): boolean {
  const view = new DataView(blocks.payload.buffer)
  for (let i = 0; i < blocks.blocks; i++) {
    const count = at(blocks.rank, i + 1) - at(blocks.rank, i)
    const from = at(blocks.at, i)
    const to = at(blocks.at, i + 1)
    if (count < 1 || (from !== to && checkedCount(view, from, to) !== count)) return false
  }
  let source = -1n
  let target = -1n
  for (const run of blocks.runs()) {
    if (run.source <= source || run.target <= target || run.source < 0n || run.target < 0n) return false
    source = run.source + BigInt(run.count) - 1n
    target = run.target + BigInt(run.count) - 1n
  }
  return true
}

function at(column: Float64Array | Uint32Array, index: number): number {
  return column[index] as number
}
