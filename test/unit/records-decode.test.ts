import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isTidemarkError } from '../../src/base/index.ts'
import {
  compress,
  decodeBatch,
  encodeBatch,
  header,
  RecordCursor,
  readControlRecord,
  timeSpan,
} from '../../src/records/index.ts'

const corrupt = (text: RegExp) => (error: unknown) =>
  isTidemarkError(error, 'RECORD_CORRUPT') && text.test(error.message)

/** A batch around these record bytes, whatever they are. */
function batchOf(
  body: string,
  fields: { count?: number; lastDelta?: number; attributes?: number; baseTimestamp?: bigint } = {},
): Buffer {
  const template = encodeBatch([{ timestamp: 1_000n, key: null, value: null }], {
    codec: 'none',
    baseOffset: 50n,
  })
  const batch = Buffer.concat([
    template.subarray(0, header.HEADER_SIZE),
    Buffer.from(body.replaceAll(' ', ''), 'hex'),
  ])
  batch.writeInt32BE(batch.length - header.LOG_OVERHEAD, header.position.batchLength)
  const count = fields.count ?? 1
  batch.writeInt32BE(count, header.position.recordsCount)
  batch.writeInt32BE(fields.lastDelta ?? count - 1, header.position.lastOffsetDelta)
  batch.writeUInt16BE(fields.attributes ?? 0, header.position.attributes)
  if (fields.baseTimestamp !== undefined) {
    batch.writeBigInt64BE(fields.baseTimestamp, header.position.baseTimestamp)
  }
  return batch
}

// length, attributes, timestamp delta, offset delta, key length, value length, headers count
const BARE = '0c 00 00 00 01 01 00'

describe('decoding', () => {
  it('tells null from empty in keys, values and header values, and keeps header keys as bytes', () => {
    const records = [
      { timestamp: 5n, key: null, value: Buffer.alloc(0), headers: [] },
      {
        timestamp: 5n,
        key: Buffer.alloc(0),
        value: null,
        headers: [
          { key: Buffer.from([0xff, 0xfe]), value: null },
          { key: Buffer.alloc(0), value: Buffer.alloc(0) },
          { key: Buffer.from([0xff, 0xfe]), value: Buffer.from('again') },
        ],
      },
    ]
    assert.deepEqual(
      decodeBatch(encodeBatch(records, { codec: 'none', baseOffset: 7n }), 0),
      records.map((record, i) => ({ offset: 7n + BigInt(i), ...record })),
    )
  })

  it('does not copy what is not compressed', () => {
    const batch = encodeBatch([{ timestamp: 1n, key: Buffer.from('key'), value: Buffer.from('value') }], {
      codec: 'none',
    })
    const [record] = decodeBatch(batch, 0)
    assert.equal(record?.value?.buffer, batch.buffer)
    assert.equal(record?.key?.buffer, batch.buffer)
  })

  it('gives every record of a LogAppendTime batch the time of the broker', () => {
    const batch = encodeBatch(
      [1n, 3n, 2n].map((timestamp) => ({ timestamp, key: null, value: null })),
      { codec: 'none' },
    )
    batch.writeUInt16BE(header.attribute.logAppendTime, header.position.attributes)
    batch.writeBigInt64BE(1_700_000_000_000n, header.position.maxTimestamp)
    assert.deepEqual(
      decodeBatch(batch, 0).map((record) => record.timestamp),
      [1_700_000_000_000n, 1_700_000_000_000n, 1_700_000_000_000n],
    )
    assert.deepEqual(timeSpan(batch, 0), { earliest: 1_700_000_000_000n, latest: 1_700_000_000_000n })
  })

  it('counts deltas from the delete horizon where there is one', () => {
    // Delta −5 (zigzag 9) from a horizon of 2,000.
    const batch = batchOf('0c 00 09 00 01 01 00', {
      attributes: header.attribute.deleteHorizon,
      baseTimestamp: 2_000n,
    })
    assert.equal(decodeBatch(batch, 0)[0]?.timestamp, 1_995n)
  })

  it('is exact for times decades and ages apart, as bigint and, where they are real, as number', () => {
    const times = [
      0n,
      4_102_444_800_000n,
      -1n,
      1n << 48n,
      -(1n << 48n),
      (1n << 53n) + 1n,
      (1n << 63n) - 1n,
      -(1n << 63n),
      1_700_000_000_000n,
    ]
    for (const first of times) {
      const all = [first, ...times]
      const batch = encodeBatch(
        all.map((timestamp) => ({ timestamp, key: null, value: null })),
        { codec: 'none' },
      )
      assert.deepEqual(
        decodeBatch(batch, 0).map((record) => record.timestamp),
        all,
      )
      const cursor = new RecordCursor(batch, 0)
      for (const time of all) {
        assert.ok(cursor.next())
        assert.equal(cursor.timestampNumber, Number(time))
      }
      assert.deepEqual(timeSpan(batch, 0), { earliest: -(1n << 63n), latest: (1n << 63n) - 1n })
    }
  })

  it('finds nothing in a batch that the cleaner has emptied', () => {
    const empty = batchOf('', { count: 0, lastDelta: 9 })
    assert.deepEqual(decodeBatch(empty, 0), [])
    assert.equal(timeSpan(empty, 0), undefined)
    // Whatever codec it once had.
    empty.writeUInt16BE(4, header.position.attributes)
    assert.deepEqual(decodeBatch(empty, 0), [])
  })

  it('reads the bytes of the format', () => {
    const second = '18 01 08 02 02 61 04 62 63 02 02 78 01'
    assert.deepEqual(decodeBatch(batchOf(`${BARE} ${second}`, { count: 2 }), 0)[1], {
      offset: 51n,
      timestamp: 1_004n,
      key: Buffer.from('a'),
      value: Buffer.from('bc'),
      headers: [{ key: Buffer.from('x'), value: null }],
    })
  })
})

describe('malformed records are noticed:', () => {
  for (const [what, body, fields, text] of [
    ['fewer records than claimed', BARE, { count: 2 }, /cut/],
    ['more bytes than records', `${BARE} ${BARE}`, {}, /after its last record/],
    ['a record that is cut', '0c 00 00 00', {}, /a record is cut/],
    ['a negative record length', '01 00 00 00 01 01 00', {}, /a record is cut/],
    ['a record of nothing', '00', {}, /number is cut/],
    ['a length that never ends', 'ff ff ff ff ff ff ff ff', {}, /longer than it can be/],
    [
      'a timestamp that never ends',
      '1c 00 ff ff ff ff ff ff ff ff ff ff ff 00 01',
      {},
      /longer than it can be/,
    ],
    ['a timestamp that is cut', '06 00 ff ff', {}, /number is cut/],
    ['a key beyond its record', '0c 00 00 00 20 01 00', {}, /beyond its record/],
    ['a value beyond its record', '0c 00 00 00 01 20 00', {}, /beyond its record/],
    ['an offset beyond the batch', '0c 00 00 02 01 01 00', {}, /offset delta 1 after -1/],
    ['a negative offset delta', '0c 00 00 01 01 01 00', {}, /offset delta -1/],
    ['the same offset twice', `${BARE} ${BARE}`, { count: 2 }, /offset delta 0 after 0/],
    ['bytes after a record without headers', '0e 00 00 00 01 01 00 00', {}, /bytes after its end/],
    ['more headers than there is room for', '0c 00 00 00 01 01 02', {}, /too many headers/],
    ['two thousand million headers', '14 00 00 00 01 01 fe ff ff ff 0f', {}, /too many headers/],
    ['a negative headers count', '0c 00 00 00 01 01 01', {}, /too many headers/],
    ['a header without a key', '10 00 00 00 01 01 02 01 01', {}, /no key/],
    ['a header value beyond its record', '10 00 00 00 01 01 02 00 10', {}, /beyond its record/],
    ['bytes after the headers', '14 00 00 00 01 01 02 00 01 00 00', {}, /after its headers/],
    ['a codec that is not known', BARE, { attributes: 5 }, /codec is not known/],
    ['compressed data that is none', BARE, { attributes: 4 }, /zstd.*cannot be decompressed/],
  ] as const) {
    it(what, () => {
      assert.throws(() => decodeBatch(batchOf(body, fields), 0), corrupt(text))
    })
  }

  it('a batch that decompresses to more than allowed', () => {
    const records = [{ timestamp: 1n, key: null, value: Buffer.alloc(100_000) }]
    const batch = encodeBatch(records, { codec: 'gzip', baseOffset: 12n })
    assert.equal(decodeBatch(batch, 0, { maxBytes: 200_000 }).length, 1)
    assert.throws(
      () => decodeBatch(batch, 0, { maxBytes: 50_000, place: { topic: 't', partition: 1 } }),
      (error) =>
        isTidemarkError(error, 'RECORD_CORRUPT') &&
        error.details.offset === 12n &&
        /t-1.*more than 50000 bytes/.test(error.message),
    )
  })

  it('records that do not fill what was decompressed', () => {
    const packed = compress('gzip', Buffer.from(BARE.replaceAll(' ', '').repeat(2), 'hex'))
    const batch = batchOf(packed.toString('hex'), { attributes: 1 })
    assert.throws(() => decodeBatch(batch, 0), corrupt(/after its last record/))
  })
})

describe('control records', () => {
  const control = header.attribute.control | header.attribute.transactional
  const marker = (key: string, value: string) =>
    `${hex(8 + key.length / 2 + value.length / 2 - 2)} 00 00 00 ${hex(key.length / 2)} ${key} ${hex(value.length / 2)} ${value} 00`
  const hex = (length: number) => (length * 2).toString(16).padStart(2, '0')

  it('say how a transaction ended, and under which coordinator', () => {
    const commit = batchOf(marker('00000001', '000000000007'), { attributes: control })
    assert.deepEqual(readControlRecord(commit, 0), { type: 'commit', coordinatorEpoch: 7 })
    const abort = batchOf(marker('00000000', '000000000003'), { attributes: control })
    assert.deepEqual(readControlRecord(abort, 0), { type: 'abort', coordinatorEpoch: 3 })
  })

  it('of other types are passed on by number', () => {
    const leader = batchOf(marker('00000002', ''), { attributes: control })
    assert.deepEqual(readControlRecord(leader, 0), { type: 'other', id: 2 })
  })

  it('are missing in an emptied batch, and damaged when cut', () => {
    assert.equal(readControlRecord(batchOf('', { count: 0, attributes: control }), 0), undefined)
    const short = batchOf(marker('0000', ''), { attributes: control })
    assert.throws(() => readControlRecord(short, 0), corrupt(/no type/))
    const bare = batchOf(marker('00000001', '0000'), { attributes: control })
    assert.throws(() => readControlRecord(bare, 0), corrupt(/no value/))
  })
})
