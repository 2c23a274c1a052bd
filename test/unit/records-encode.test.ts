import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isTidemarkError } from '../../src/base/index.ts'
import {
  type CodecName,
  crcMatches,
  decodeBatch,
  type EncodableRecord,
  encodeBatch,
  encodeBatches,
  header,
} from '../../src/records/index.ts'

/** Bytes that no codec makes much smaller. */
function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length)
  let state = seed + 1
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
    bytes[i] = state >> 16
  }
  return bytes
}

function some(count: number, size: number): EncodableRecord[] {
  return Array.from({ length: count }, (_, i) => ({
    offset: 1_000n + BigInt(i * 3),
    timestamp: 1_700_000_000_000n - BigInt(i) * 40_000_000_000n,
    key: i % 5 === 0 ? null : Buffer.from(`key-${i}`),
    value: noise(size, i),
  }))
}

describe('encoding', () => {
  it('makes a batch as a producer would: no producer, no epoch, dense offsets', () => {
    const batch = encodeBatch(some(4, 10), { codec: 'none' })
    assert.ok(crcMatches(batch, 0))
    assert.equal(header.size(batch, 0), batch.length)
    assert.equal(header.magic(batch, 0), 2)
    assert.equal(header.baseOffset(batch, 0), 0n)
    assert.equal(header.lastOffsetDelta(batch, 0), 3)
    assert.equal(header.recordsCount(batch, 0), 4)
    assert.equal(header.leaderEpoch(batch, 0), -1)
    assert.equal(header.producerId(batch, 0), -1n)
    assert.equal(header.producerEpoch(batch, 0), -1)
    assert.equal(header.baseSequence(batch, 0), -1)
    assert.equal(header.attributes(batch, 0), 0)
    assert.equal(header.baseTimestamp(batch, 0), 1_700_000_000_000n)
    assert.equal(header.maxTimestamp(batch, 0), 1_700_000_000_000n)
  })

  it('finds the largest time wherever it stands', () => {
    const records = [5n, 9n, 7n].map((timestamp) => ({ timestamp, key: null, value: null }))
    assert.equal(header.maxTimestamp(encodeBatch(records, { codec: 'zstd' }), 0), 9n)
  })

  it('keeps offsets with their holes when asked', () => {
    const records = some(5, 10)
    const batch = encodeBatch(records, { codec: 'lz4', offsets: 'keep' })
    assert.deepEqual(
      decodeBatch(batch, 0).map((record) => record.offset),
      records.map((record) => record.offset),
    )
    assert.equal(header.lastOffset(batch, 0), 1_012n)
    assert.equal(header.codec(batch, 0), header.codecId.lz4)
  })

  it('refuses to encode nothing, and kept offsets that do not grow', () => {
    assert.throws(
      () => encodeBatch([], { codec: 'none' }),
      (e) => isTidemarkError(e, 'INTERNAL'),
    )
    const backwards = some(2, 1).reverse()
    assert.throws(
      () => encodeBatch(backwards, { codec: 'none', offsets: 'keep' }),
      (e) => isTidemarkError(e, 'INTERNAL'),
    )
  })
})

describe('splitting', () => {
  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as readonly CodecName[]) {
    it(`${codec}: every batch is within the limit, and together they are the input, each time alike`, () => {
      const records = some(200, 300)
      const options = { codec, maxBytes: 5_000, baseOffset: 40n }
      const parts = encodeBatches(records, options)
      assert.ok(parts.length >= 10)
      let next = 0
      for (const part of parts) {
        assert.ok(part.bytes.length <= 5_000)
        assert.ok(crcMatches(part.bytes, 0))
        assert.equal(part.first, next)
        assert.equal(header.baseOffset(part.bytes, 0), 40n + BigInt(next))
        assert.equal(header.recordsCount(part.bytes, 0), part.count)
        next += part.count
      }
      assert.equal(next, records.length)
      assert.deepEqual(
        parts.flatMap(({ bytes }) => decodeBatch(bytes, 0)).map(({ offset, headers, ...rest }) => rest),
        records.map(({ offset, ...rest }) => rest),
      )
      assert.deepEqual(encodeBatches(records, options), parts)
    })
  }

  it('measures what the broker will: compressed bytes', () => {
    const records = Array.from({ length: 100 }, () => ({
      timestamp: 1n,
      key: null,
      value: Buffer.alloc(10_000, 'a'),
    }))
    assert.equal(encodeBatches(records, { codec: 'zstd', maxBytes: 20_000 }).length, 1)
    assert.equal(encodeBatches(records, { codec: 'none', maxBytes: 20_000 }).length, 100)
  })

  it('takes a batch of exactly the limit, and fills uncompressed ones', () => {
    const records = some(10, 50)
    const whole = encodeBatch(records, { codec: 'none' }).length
    assert.equal(encodeBatches(records, { codec: 'none', maxBytes: whole }).length, 1)
    const parts = encodeBatches(records, { codec: 'none', maxBytes: whole - 1 })
    assert.deepEqual(
      parts.map((part) => part.count),
      [9, 1],
    )
  })

  it('keeps offsets over the cuts', () => {
    const records = some(50, 100)
    const parts = encodeBatches(records, { codec: 'lz4', offsets: 'keep', maxBytes: 2_000 })
    assert.deepEqual(
      parts.flatMap(({ bytes }) => decodeBatch(bytes, 0).map((record) => record.offset)),
      records.map((record) => record.offset),
    )
  })

  it('names a record that does not fit alone, with its size and the limit', () => {
    const records = [...some(3, 10), { offset: 5_000n, timestamp: 1n, key: null, value: noise(3_000, 9) }]
    for (const codec of ['none', 'zstd'] as const) {
      assert.throws(
        () => encodeBatches(records, { codec, maxBytes: 1_000 }),
        (error) =>
          isTidemarkError(error, 'RECORD_TOO_LARGE') &&
          /offset 5000 .* more than 1000/.test(error.message) &&
          error.details.limit === 1_000 &&
          Number(error.details.size) > 3_000 &&
          /max\.message\.bytes/.test(error.hint ?? ''),
      )
    }
  })

  it('answers nothing for nothing', () => {
    assert.deepEqual(encodeBatches([], { codec: 'none', maxBytes: 100 }), [])
  })
})
