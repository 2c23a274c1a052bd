import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  crcMatches,
  decodeBatch,
  encodeBatch,
  header,
  needsRecode,
  nextSequence,
  rewriteForProduce,
} from '../../src/records/index.ts'

const { position, attribute } = header

function batch(): Buffer {
  const records = [10n, 2_000_000_000_000n, 5n].map((timestamp, i) => ({
    timestamp,
    key: Buffer.from(`k${i}`),
    value: null,
  }))
  return encodeBatch(records, { codec: 'gzip', baseOffset: 900n, leaderEpoch: 7 })
}

function withAttributes(bits: number): Buffer {
  const bytes = batch()
  bytes.writeUInt16BE(header.attributes(bytes, 0) | bits, position.attributes)
  return bytes
}

describe('rewriting for producing', () => {
  it('makes the batch ours and leaves codec, times and records', () => {
    const bytes = withAttributes(attribute.transactional | attribute.deleteHorizon)
    const before = decodeBatch(bytes, 0)
    rewriteForProduce(bytes, 0, { producerId: 1n << 40n, producerEpoch: 5, baseSequence: 77 })
    assert.equal(header.baseOffset(bytes, 0), 0n)
    assert.equal(header.leaderEpoch(bytes, 0), -1)
    assert.equal(header.attributes(bytes, 0), header.codecId.gzip)
    assert.equal(header.producerId(bytes, 0), 1n << 40n)
    assert.equal(header.producerEpoch(bytes, 0), 5)
    assert.equal(header.baseSequence(bytes, 0), 77)
    assert.ok(crcMatches(bytes, 0))
    assert.deepEqual(
      decodeBatch(bytes, 0),
      before.map((record) => ({ ...record, offset: record.offset - 900n })),
    )
  })

  it('sets the transactional bit when asked', () => {
    const bytes = batch()
    rewriteForProduce(bytes, 0, { producerId: 1n, producerEpoch: 0, baseSequence: 0, transactional: true })
    assert.equal(header.isTransactional(bytes, 0), true)
    assert.ok(crcMatches(bytes, 0))
  })

  it('touches no byte outside its batch', () => {
    const bytes = Buffer.concat([batch(), batch(), batch()])
    const size = batch().length
    const before = Buffer.from(bytes)
    rewriteForProduce(bytes, size, { producerId: 1n, producerEpoch: 0, baseSequence: 0 })
    assert.deepEqual(bytes.subarray(0, size), before.subarray(0, size))
    assert.deepEqual(bytes.subarray(2 * size), before.subarray(2 * size))
  })

  it('counts sequences up to 2^31 − 1 and on from 0', () => {
    assert.equal(nextSequence(0, 5), 5)
    assert.equal(nextSequence(0x7fff_fffe, 1), 0x7fff_ffff)
    assert.equal(nextSequence(0x7fff_ffff, 1), 0)
    assert.equal(nextSequence(0x7fff_fffe, 10), 8)
    assert.equal(nextSequence(0x7fff_ffff, 0x7fff_ffff), 0x7fff_fffe)
  })
})

describe('whether a batch may go out raw', () => {
  it('says why not', () => {
    assert.equal(needsRecode(batch(), 0), undefined)
    assert.equal(needsRecode(withAttributes(attribute.deleteHorizon | attribute.transactional), 0), undefined)
    assert.equal(needsRecode(withAttributes(attribute.logAppendTime), 0), 'log-append-time')
    assert.equal(needsRecode(withAttributes(attribute.control | attribute.transactional), 0), 'control')
    const hole = batch()
    hole.writeInt32BE(3, position.lastOffsetDelta)
    assert.equal(needsRecode(hole, 0), 'hole')
    const old = batch()
    old.writeInt8(1, position.magic)
    assert.equal(needsRecode(old, 0), 'legacy')
  })

  it('takes a batch that the cleaner has emptied for one with holes', () => {
    const empty = batch()
    empty.writeInt32BE(0, position.recordsCount)
    empty.writeInt32BE(0, position.lastOffsetDelta)
    assert.equal(needsRecode(empty, 0), 'hole')
  })
})
