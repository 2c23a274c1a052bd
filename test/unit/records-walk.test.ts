import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isTidemarkError } from '../../src/base/index.ts'
import {
  batchEnd,
  batches,
  checkCrcs,
  crcMatches,
  encodeBatch,
  header,
  survey,
} from '../../src/records/index.ts'

function batchAt(offset: bigint, count = 3): Buffer {
  const records = Array.from({ length: count }, (_, i) => ({
    timestamp: 1_000n + BigInt(i),
    key: Buffer.from(`k${i}`),
    value: Buffer.alloc(20, i),
  }))
  return encodeBatch(records, { codec: 'none', baseOffset: offset, leaderEpoch: 4 })
}

const corrupt = (text: RegExp) => (error: unknown) =>
  isTidemarkError(error, 'RECORD_CORRUPT') && text.test(error.message)

describe('the header', () => {
  it('reads every field, also those of a batch in the middle of a buffer', () => {
    const batch = batchAt(7_000_000_000_123n)
    const buffer = Buffer.concat([Buffer.alloc(5, 0xee), batch])
    buffer.writeUInt16BE(0x78, 5 + header.position.attributes)
    buffer.writeBigInt64BE(9_000_000_000n, 5 + header.position.producerId)
    buffer.writeInt16BE(12, 5 + header.position.producerEpoch)
    buffer.writeInt32BE(99, 5 + header.position.baseSequence)
    assert.equal(header.baseOffset(buffer, 5), 7_000_000_000_123n)
    assert.equal(header.baseOffsetNumber(buffer, 5), 7_000_000_000_123)
    assert.equal(header.lastOffset(buffer, 5), 7_000_000_000_125n)
    assert.equal(header.lastOffsetNumber(buffer, 5), 7_000_000_000_125)
    assert.equal(header.nextOffset(buffer, 5), 7_000_000_000_126n)
    assert.equal(header.nextOffsetNumber(buffer, 5), 7_000_000_000_126)
    assert.equal(header.size(buffer, 5), batch.length)
    assert.equal(header.leaderEpoch(buffer, 5), 4)
    assert.equal(header.magic(buffer, 5), 2)
    assert.equal(header.crc(buffer, 5), batch.readUInt32BE(17))
    assert.equal(header.codec(buffer, 5), 0)
    assert.equal(header.isLogAppendTime(buffer, 5), true)
    assert.equal(header.isTransactional(buffer, 5), true)
    assert.equal(header.isControl(buffer, 5), true)
    assert.equal(header.hasDeleteHorizon(buffer, 5), true)
    assert.equal(header.baseTimestamp(buffer, 5), 1_000n)
    assert.equal(header.maxTimestamp(buffer, 5), 1_002n)
    assert.equal(header.maxTimestampNumber(buffer, 5), 1_002)
    assert.equal(header.producerId(buffer, 5), 9_000_000_000n)
    assert.equal(header.hasProducerId(buffer, 5), true)
    assert.equal(header.producerEpoch(buffer, 5), 12)
    assert.equal(header.baseSequence(buffer, 5), 99)
    assert.equal(header.recordsCount(buffer, 5), 3)
  })

  it('tells each attribute from the others', () => {
    const batch = batchAt(0n)
    const seen = (bits: number) => {
      batch.writeUInt16BE(bits, header.position.attributes)
      return [
        header.codec(batch, 0),
        header.isLogAppendTime(batch, 0),
        header.isTransactional(batch, 0),
        header.isControl(batch, 0),
        header.hasDeleteHorizon(batch, 0),
      ]
    }
    assert.deepEqual(seen(4), [4, false, false, false, false])
    assert.deepEqual(seen(8), [0, true, false, false, false])
    assert.deepEqual(seen(16), [0, false, true, false, false])
    assert.deepEqual(seen(32), [0, false, false, true, false])
    assert.deepEqual(seen(64), [0, false, false, false, true])
  })

  it('says that a batch without a producer has none', () => {
    assert.equal(header.producerId(batchAt(0n), 0), -1n)
    assert.equal(header.hasProducerId(batchAt(0n), 0), false)
  })
})

describe('walking', () => {
  const log = Buffer.concat([batchAt(10n), batchAt(13n), batchAt(40n)])
  const size = batchAt(10n).length

  it('finds whole batches, and stops before one that is cut off anywhere', () => {
    for (let end = 0; end <= log.length; end++) {
      const whole = Math.floor(end / size)
      assert.deepEqual(
        [...batches(log, 0, end)],
        Array.from({ length: whole }, (_, i) => i * size),
      )
      assert.equal(survey(log, 0, end).end, whole * size)
    }
  })

  it('takes a cut off batch for damage where whole ones are expected', () => {
    assert.throws(() => [...batches(log, 0, log.length - 1, { complete: true })], corrupt(/not a whole/))
    assert.throws(() => survey(log, 0, 30, { complete: true }), corrupt(/last 30 bytes/))
    assert.equal([...batches(log, 0, log.length, { complete: true })].length, 3)
  })

  it('surveys what an index wants to know', () => {
    assert.deepEqual(survey(log, size, log.length), {
      end: log.length,
      batches: 2,
      firstOffset: 13n,
      lastOffset: 42n,
      records: 6,
      controlBatches: 0,
      maxTimestamp: 1_002n,
      largestBatch: size,
      leaderEpoch: 4,
      compressedBatches: 0,
      legacy: false,
    })
  })

  it('finds nothing in nothing', () => {
    const { batches: count, lastOffset, maxTimestamp, end } = survey(log, 5, 5)
    assert.deepEqual([count, lastOffset, maxTimestamp, end], [0, -1n, -1n, 5])
  })

  it('names offset and place of a batch that cannot be', () => {
    const broken = Buffer.from(log)
    broken.writeInt8(9, size + header.position.magic)
    assert.throws(
      () => survey(broken, 0, broken.length, { place: { topic: 'orders', partition: 3 } }),
      (error) =>
        isTidemarkError(error, 'RECORD_CORRUPT') &&
        /offset 13 of orders-3/.test(error.message) &&
        error.details.offset === 13n &&
        error.details.topic === 'orders' &&
        error.details.position === size,
    )
  })

  for (const [what, at, value, text] of [
    ['a length below a header', header.position.batchLength, 48, /less than a header/],
    ['a negative length', header.position.batchLength, -1, /less than a header/],
    ['a negative record count', header.position.recordsCount, -1, /claims -1 records/],
    ['more records than offsets', header.position.recordsCount, 4, /claims 4 records/],
    ['a negative offset delta', header.position.lastOffsetDelta, -1, /offset delta -1/],
    ['a negative offset', header.position.baseOffset, -1, /negative/],
  ] as const) {
    it(`refuses ${what}`, () => {
      const broken = batchAt(10n)
      broken.writeInt32BE(value, at)
      assert.throws(() => batchEnd(broken, 0, broken.length), corrupt(text))
    })
  }

  it('refuses offsets that do not grow', () => {
    const twice = Buffer.concat([batchAt(10n), batchAt(12n)])
    assert.throws(() => survey(twice, 0, twice.length), corrupt(/ends at offset 12/))
  })

  it('refuses old messages that are too short for one', () => {
    for (const magic of [0, 1]) {
      const message = Buffer.alloc(40)
      message.writeInt32BE(13, 8)
      message.writeInt8(magic, 16)
      assert.throws(() => batchEnd(message, 0, 40), corrupt(/message of format/))
    }
  })
})

describe('the checksum', () => {
  it('notices a changed byte and names the batch', () => {
    const log = Buffer.concat([batchAt(0n), batchAt(3n)])
    checkCrcs(log, 0, log.length)
    log[log.length - 1] = (log.at(-1) ?? 0) ^ 1
    assert.equal(crcMatches(log, 0), true)
    assert.throws(() => checkCrcs(log, 0, log.length), corrupt(/offset 3 .*CRC-32C/))
  })
})
