import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  batches,
  checkCrcs,
  codecName,
  convertLegacy,
  decodeBatch,
  dropAborted,
  encodeBatch,
  header,
  needsRecode,
  readControlRecord,
  rewriteForProduce,
  survey,
  timeSpan,
} from '../../src/records/index.ts'
import { describeRecord, type GoldenBatch, golden, goldens } from '../support/golden-batches.ts'

const modern = goldens(/^(?!legacy)/)
const legacy = goldens(/^legacy/)

/** What the accessors say of the batch at `at`, in the form of the captured descriptions. */
function describeHeader(bytes: Buffer, at: number): Omit<GoldenBatch, 'records'> {
  return {
    baseOffset: String(header.baseOffset(bytes, at)),
    lastOffset: String(header.lastOffset(bytes, at)),
    size: header.size(bytes, at),
    magic: header.magic(bytes, at),
    codec: codecName(header.codec(bytes, at)) ?? assert.fail('codec'),
    timestampType: header.isLogAppendTime(bytes, at) ? 'LogAppendTime' : 'CreateTime',
    maxTimestamp: String(header.maxTimestamp(bytes, at)),
    transactional: header.isTransactional(bytes, at),
    control: header.isControl(bytes, at),
    leaderEpoch: header.leaderEpoch(bytes, at),
    deleteHorizon: header.hasDeleteHorizon(bytes, at) ? String(header.baseTimestamp(bytes, at)) : null,
    producerId: String(header.producerId(bytes, at)),
    producerEpoch: header.producerEpoch(bytes, at),
    baseSequence: header.baseSequence(bytes, at),
  }
}

describe('segments of real brokers and producers', () => {
  it('cover every codec by two clients, old formats, transactions, and what the cleaner leaves', () => {
    assert.equal(modern.length, 13)
    assert.equal(legacy.length, 12)
  })

  for (const { name, bytes, batches: expected } of modern) {
    it(`${name}: headers and records are what Kafka's reader sees`, () => {
      checkCrcs(bytes, 0, bytes.length)
      const found = [...batches(bytes, 0, bytes.length, { complete: true })]
      assert.deepEqual(
        found.map((at) => ({
          ...describeHeader(bytes, at),
          records: decodeBatch(bytes, at).map(describeRecord),
        })),
        expected,
      )
      assert.deepEqual(
        found.map((at) => header.recordsCount(bytes, at)),
        expected.map((batch) => batch.records.length),
      )
    })

    it(`${name}: the survey and the time spans agree with the records`, () => {
      const data = expected.filter((batch) => !batch.control)
      const found = survey(bytes, 0, bytes.length, { complete: true })
      assert.equal(found.batches, expected.length)
      assert.equal(found.records, data.flatMap((batch) => batch.records).length)
      assert.equal(found.controlBatches, expected.length - data.length)
      assert.equal(found.firstOffset, BigInt(expected[0]?.baseOffset ?? 0))
      assert.equal(found.lastOffset, BigInt(expected.at(-1)?.lastOffset ?? -1))
      assert.equal(found.largestBatch, Math.max(...expected.map((batch) => batch.size)))
      assert.equal(found.compressedBatches, data.filter((batch) => batch.codec !== 'none').length)
      assert.equal(found.maxTimestamp, max(data.map((batch) => BigInt(batch.maxTimestamp))))
      for (const [i, at] of [...batches(bytes, 0, bytes.length)].entries()) {
        const times = (expected[i]?.records ?? []).map((record) => BigInt(record.timestamp))
        const span = times.length === 0 ? undefined : { earliest: min(times), latest: max(times) }
        assert.deepEqual(timeSpan(bytes, at), span)
      }
    })

    it(`${name}: encoded again with the same codec, the records are the same`, () => {
      for (const at of batches(bytes, 0, bytes.length)) {
        const records = decodeBatch(bytes, at)
        if (records.length === 0) continue
        const codec = codecName(header.codec(bytes, at)) ?? 'none'
        const again = encodeBatch(records, { codec, offsets: 'keep' })
        checkCrcs(again, 0, again.length)
        assert.deepEqual(decodeBatch(again, 0).map(describeRecord), records.map(describeRecord))
      }
    })

    it(`${name}: rewritten for producing, the records keep everything but their offsets`, () => {
      const copy = Buffer.from(bytes)
      const stamp = { producerId: 77n, producerEpoch: 3, baseSequence: 12 }
      const before = [...batches(bytes, 0, bytes.length)]
      for (const at of before) rewriteForProduce(copy, at, stamp)
      for (const at of before) {
        checkCrcs(copy, at, at + header.size(copy, at))
        const base = header.baseOffset(bytes, at)
        assert.deepEqual(
          decodeBatch(copy, at).map((record) => describeRecord({ ...record, offset: record.offset + base })),
          decodeBatch(bytes, at).map(describeRecord),
        )
      }
    })
  }

  for (const { name, bytes, batches: expected } of legacy) {
    it(`${name}: becomes batches with the same records, offsets and times`, () => {
      const converted = convertLegacy(bytes, 0, bytes.length)
      checkCrcs(converted, 0, converted.length)
      const found = [...batches(converted, 0, converted.length, { complete: true })]
      assert.deepEqual(
        found.flatMap((at) => decodeBatch(converted, at).map(describeRecord)),
        expected.flatMap((batch) => batch.records),
      )
      const codec = name.split('-')[2]
      assert.ok(found.every((at) => codecName(header.codec(converted, at)) === codec))
      assert.ok(found.every((at) => !header.isLogAppendTime(converted, at)))
      assert.equal(survey(bytes, 0, bytes.length, { complete: true }).legacy, true)
    })
  }
})

describe('a captured partition with transactions', () => {
  const { bytes, batches: expected } = golden('transactions')

  /** The list that a broker would send: for each abort marker, its producer and where that transaction began. */
  function abortedList(): { producerId: bigint; firstOffset: bigint }[] {
    const began = new Map<string, bigint>()
    const aborted: { producerId: bigint; firstOffset: bigint }[] = []
    for (const batch of expected) {
      const first = began.get(batch.producerId)
      if (batch.control) {
        const type = Buffer.from(batch.records[0]?.key ?? '', 'base64').readInt16BE(2)
        if (type === 0 && first !== undefined) {
          aborted.push({ producerId: BigInt(batch.producerId), firstOffset: first })
        }
        began.delete(batch.producerId)
      } else if (batch.transactional && first === undefined) {
        began.set(batch.producerId, BigInt(batch.baseOffset))
      }
    }
    return aborted
  }

  it('loses exactly the aborted records', () => {
    const { kept, droppedRecords } = dropAborted(bytes, 0, bytes.length, abortedList().reverse())
    const keys = kept.flatMap(({ start, end }) =>
      [...batches(bytes, start, end)]
        .filter((at) => !header.isControl(bytes, at))
        .flatMap((at) => decodeBatch(bytes, at).map((record) => String(record.key))),
    )
    const all = expected
      .filter((batch) => !batch.control)
      .flatMap((batch) =>
        batch.records.map((record) => Buffer.from(record.key ?? '', 'base64').toString('utf8')),
      )
    // Producer a committed its rounds 0 and 2, producer b its rounds 2 and 3.
    const committed = all.filter((key) => /^(plain|a[02]|b[23])/.test(key))
    assert.deepEqual(keys, committed)
    assert.equal(droppedRecords, all.length - committed.length)
    assert.ok(droppedRecords > 0)
  })

  it('tells commit markers from abort markers', () => {
    const markers = [...batches(bytes, 0, bytes.length)]
      .filter((at) => header.isControl(bytes, at))
      .map((at) => readControlRecord(bytes, at)?.type)
    assert.deepEqual(markers.sort(), [
      'abort',
      'abort',
      'abort',
      'abort',
      'commit',
      'commit',
      'commit',
      'commit',
    ])
  })
})

describe('a captured compacted partition', () => {
  it('has batches with holes, an empty one and a marker, none of which may go out raw', () => {
    const { bytes } = golden('compacted')
    const reasons = [...batches(bytes, 0, bytes.length)].map((at) => needsRecode(bytes, at))
    assert.deepEqual(reasons, ['hole', 'control', 'hole', undefined, undefined, undefined])
  })
})

function max(values: readonly bigint[]): bigint {
  return values.reduce((a, b) => (a > b ? a : b), -1n)
}

function min(values: readonly bigint[]): bigint {
  return values.reduce((a, b) => (a < b ? a : b))
}
