import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isTidemarkError } from '../../src/base/index.ts'
import { fetchRequest } from '../../src/kafka/fetch-request.ts'
import { fetchResponse } from '../../src/kafka/fetch-response.ts'
import { walkBatches } from '../../src/kafka/fetch-walk.ts'
import { produceRequest } from '../../src/kafka/produce-request.ts'
import { produceResponse } from '../../src/kafka/produce-response.ts'
import { WireReader } from '../../src/kafka/wire-reader.ts'
import { WireWriter } from '../../src/kafka/wire-writer.ts'
import { encodeBatch, header } from '../../src/records/index.ts'

const place = { topic: 't', partition: 3 }

function batch(baseOffset: bigint, count: number, leaderEpoch = 0): Buffer {
  const records = Array.from({ length: count }, () => ({ timestamp: 1n, key: null, value: Buffer.from('v') }))
  return encodeBatch(records, { codec: 'none', baseOffset, leaderEpoch })
}

test('a walk ends before a batch that is cut off, and knows where the leader epochs began', () => {
  const parts = [batch(10n, 5, 1), batch(15n, 5, 3), batch(20n, 5, 3), batch(25n, 5, 4)]
  const bytes = Buffer.concat(parts)
  const cut = bytes.subarray(0, bytes.length - 7)
  const walked = walkBatches(cut, 0, cut.length, 12n, undefined, -1, place)
  assert.equal(walked.end, bytes.length - (parts[3]?.length ?? 0))
  assert.deepEqual([walked.nextOffset, walked.leaderEpoch, walked.firstBase], [25n, 3, 10n])
  assert.deepEqual(walked.epochs, [
    { epoch: 1, from: 10n },
    { epoch: 3, from: 15n },
  ])
})

test('a batch at or beyond the stop does not count, one that begins before it counts whole', () => {
  const bytes = Buffer.concat([batch(0n, 10), batch(10n, 10), batch(20n, 10)])
  const walk = (stop: bigint) => walkBatches(bytes, 0, bytes.length, 0n, stop, -1, place)
  assert.deepEqual([walk(10n).nextOffset, walk(10n).beyondStop], [10n, true])
  assert.deepEqual([walk(15n).nextOffset, walk(15n).beyondStop], [20n, true])
  assert.deepEqual([walk(30n).nextOffset, walk(30n).beyondStop], [30n, false])
  const beyond = walkBatches(bytes, 0, bytes.length, 0n, 0n, -1, place)
  assert.deepEqual([beyond.end, beyond.nextOffset, beyond.beyondStop], [0, 0n, true])
})

test('messages of formats 0 and 1 are stepped over one at a time, without a leader epoch', () => {
  const message = (offset: bigint) => {
    const bytes = Buffer.alloc(12 + 22 + 1)
    bytes.writeBigInt64BE(offset, 0)
    bytes.writeInt32BE(23, 8)
    bytes.writeInt8(1, 16)
    return bytes
  }
  const bytes = Buffer.concat([message(7n), message(8n), message(11n)])
  const walked = walkBatches(bytes, 0, bytes.length, 5n, undefined, -1, place)
  assert.deepEqual([walked.end, walked.nextOffset, walked.leaderEpoch], [bytes.length, 12n, -1])
})

test('rubbish instead of batches is found out, whatever it is, and never read beyond', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
      const buffer = Buffer.from(bytes)
      try {
        const walked = walkBatches(buffer, 0, buffer.length, 0n, undefined, -1, place)
        assert.ok(walked.end <= buffer.length)
      } catch (error) {
        assert.ok(isTidemarkError(error, 'RECORD_CORRUPT'))
      }
    }),
  )
})

/** A response as a broker would send it, written field by field. */
function responseV12(records: Buffer): Buffer {
  const writer = new WireWriter()
  writer.int32(77).tags(true).int32(5).int16(0).int32(0)
  writer.count(1, true).string('t', true).count(1, true)
  writer.int32(3).int16(0).int64(100n).int64(90n).int64(1n)
  writer.count(2, true)
  writer.int64(11n).int64(40n).tags(true)
  writer.int64(12n).int64(50n).tags(true)
  writer.int32(-1).uvarint(records.length + 1)
  const rest = new WireWriter()
  // Two tagged fields: the diverging epoch (0), and one that is not known here.
  rest.uvarint(2).uvarint(0).uvarint(13).int32(6).int64(44n).tags(true)
  rest.uvarint(9).uvarint(2).int16(1)
  rest.tags(true).tags(true)
  return Buffer.concat([writer.finish(), records, rest.finish()])
}

test('a fetch response is read field by field, and its batches stay where they are', () => {
  const records = batch(40n, 3)
  const frame = responseV12(records)
  const { throttle, error, answers } = fetchResponse(frame, 12)
  assert.deepEqual([throttle, error, answers.length], [5, 0, 1])
  const [answer] = answers
  assert.ok(answer)
  assert.deepEqual(answer.diverging, { epoch: 6, endOffset: 44n })
  assert.deepEqual(
    [answer.topic, answer.partition, answer.highWatermark, answer.lastStableOffset, answer.logStartOffset],
    ['t', 3, 100n, 90n, 1n],
  )
  assert.deepEqual(answer.aborted, [
    { producerId: 11n, firstOffset: 40n },
    { producerId: 12n, firstOffset: 50n },
  ])
  assert.ok(frame.subarray(answer.start, answer.end).equals(records))
})

test('a response that is cut off anywhere, or damaged, is a protocol error and nothing else', () => {
  const whole = responseV12(batch(40n, 3))
  // The last byte, tagged fields of the whole, is not looked at.
  for (let length = 4; length < whole.length - 1; length++) {
    assert.throws(
      () => fetchResponse(whole.subarray(0, length), 12),
      (error) => isTidemarkError(error, 'PROTOCOL_ERROR'),
    )
  }
  const readable = (read: () => unknown) => {
    try {
      read()
    } catch (error) {
      assert.ok(isTidemarkError(error, 'PROTOCOL_ERROR'), String(error))
    }
  }
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 4, maxLength: 200 }),
      fc.integer({ min: 3, max: 17 }),
      (bytes, v) => {
        readable(() => fetchResponse(Buffer.from(bytes), Math.max(4, v)))
        readable(() => produceResponse(Buffer.from(bytes), Math.min(13, v), () => {}))
      },
    ),
  )
})

test('the partition that is to be served first stands first in the request', () => {
  const ask = (topic: string, partition: number) => ({
    topic,
    topicId: undefined,
    partition,
    offset: 1n,
    leaderEpoch: 2,
    lastFetchedEpoch: 3,
  })
  const limits = { maxWait: 500, maxBytes: 1000, committed: true, rack: 'r1' }
  const body = fetchRequest(12, [ask('b', 7), ask('a', 1), ask('b', 8)], limits)
  const reader = new WireReader(body)
  assert.deepEqual([reader.int32(), reader.int32(), reader.int32(), reader.int32()], [-1, 500, 1, 1000])
  reader.skip(1 + 8)
  assert.equal(reader.count(true), 2)
  assert.deepEqual([reader.string(true), reader.count(true), reader.int32()], ['b', 2, 7])
})

test('a produce request holds each batch once, between framing of its own', () => {
  const [one, two] = [batch(0n, 1), batch(0n, 2)]
  const items = [one, two].map((buffer, partition) => ({
    topic: 't',
    topicId: undefined,
    partition,
    buffer,
    start: 0,
    end: buffer.length,
  }))
  const parts = produceRequest(9, items, { transactionalId: null, timeout: 1000 })
  assert.equal(parts[1]?.buffer, one.buffer, 'the batch was copied')
  const reader = new WireReader(Buffer.concat(parts))
  assert.deepEqual([reader.string(true), reader.int16(), reader.int32()], [null, -1, 1000])
  assert.deepEqual([reader.count(true), reader.string(true), reader.count(true)], [1, 't', 2])
  for (const [n, buffer] of [one, two].entries()) {
    assert.equal(reader.int32(), n)
    assert.equal(reader.bytes(true), buffer.length)
    assert.equal(header.recordsCount(reader.buffer, reader.at), n + 1)
    reader.skip(buffer.length)
    reader.tags(true)
  }
})

test('varints, strings and arrays come back as they were written', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(0xffff_ffff), { maxLength: 20 }),
      fc.option(fc.string({ maxLength: 300 })),
      fc.boolean(),
      (numbers, text, compact) => {
        const writer = new WireWriter(1)
        for (const n of numbers) writer.uvarint(n)
        writer.string(text, compact).tags(compact)
        const reader = new WireReader(writer.finish())
        assert.deepEqual(
          numbers.map(() => reader.uvarint()),
          numbers,
        )
        const expected = text === null ? null : Buffer.from(text).toString()
        assert.equal(reader.string(compact), expected)
      },
    ),
  )
})
