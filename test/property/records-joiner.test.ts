import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  BatchJoiner,
  batches,
  crcMatches,
  decodeBatch,
  type EncodableRecord,
  encodeBatch,
  header,
  JoinedBatches,
  needsRecode,
  rewriteForProduce,
  SlabPool,
} from '../../src/records/index.ts'
import { describeRecord, goldens } from '../support/golden-batches.ts'

const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array))
const maybeBytes = fc.option(bytes, { nil: null })
const timestamp = fc.oneof(
  { weight: 5, arbitrary: fc.bigInt({ min: 1_600_000_000_000n, max: 1_600_000_100_000n }) },
  { weight: 3, arbitrary: fc.bigInt({ min: -1n, max: 4_102_444_800_000n }) },
  { weight: 1, arbitrary: fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }) },
)
const record: fc.Arbitrary<EncodableRecord> = fc.record({
  timestamp,
  key: maybeBytes,
  value: maybeBytes,
  headers: fc.array(fc.record({ key: bytes, value: maybeBytes }), { maxLength: 3 }),
})
const codec = fc.oneof(
  { weight: 6, arbitrary: fc.constant('none' as const) },
  { weight: 1, arbitrary: fc.constantFrom('gzip' as const, 'lz4' as const, 'zstd' as const) },
)

/** Batches as they lie in a log, with gaps between some of them. */
const log = fc
  .array(
    fc.tuple(
      fc.array(record, { minLength: 1, maxLength: 100 }),
      codec,
      fc.oneof(fc.constant(0), fc.nat(1000)),
    ),
    { minLength: 1, maxLength: 12 },
  )
  .map((parts) => {
    let base = 0n
    return parts.map(([records, name, gap]) => {
      base += BigInt(gap)
      const batch = encodeBatch(records, { codec: name, baseOffset: base })
      base += BigInt(records.length)
      return batch
    })
  })

const stamp = { producerId: 7n, producerEpoch: 3, baseSequence: 11 }

/** Content of the records of a batch, without their offsets. */
function contents(batch: Buffer): unknown[] {
  return decodeBatch(batch, 0).map((one) => ({ ...describeRecord(one), offset: undefined }))
}

/** A batch that no record is lost from, that is dense and that a broker takes. */
function checkJoined(joined: Buffer, parts: readonly Buffer[], records: number): void {
  assert.equal(needsRecode(joined, 0), undefined)
  assert.equal(header.recordsCount(joined, 0), records)
  assert.equal(header.size(joined, 0), joined.length)
  rewriteForProduce(joined, 0, stamp)
  assert.ok(crcMatches(joined, 0))
  assert.deepEqual(
    decodeBatch(joined, 0).map(({ offset }) => offset),
    Array.from({ length: records }, (_, i) => BigInt(i)),
  )
  assert.deepEqual(contents(joined), parts.flatMap(contents))
  const times = decodeBatch(joined, 0).map((one) => one.timestamp)
  assert.equal(
    header.maxTimestamp(joined, 0),
    times.reduce((a, b) => (a > b ? a : b)),
  )
}

describe('small batches', () => {
  it('are joined without a record changing, as far as the memory holds them; the others are left as they are', () => {
    fc.assert(
      fc.property(log, fc.integer({ min: 62, max: 40_000 }), (batches, memory) => {
        const joiner = new BatchJoiner()
        joiner.begin(Buffer.alloc(memory, 0xee))
        let parts: Buffer[] = []
        let records = 0
        const finish = () => {
          assert.equal(joiner.count, records)
          const joined = joiner.finish()
          assert.equal(joined !== undefined, records > 0)
          if (joined) {
            assert.ok(joined.length <= memory)
            checkJoined(joined, parts, records)
          }
          joiner.begin(Buffer.alloc(memory, 0xee))
          parts = []
          records = 0
        }
        for (const batch of batches) {
          const before = Buffer.from(batch)
          if (!joiner.add(batch, 0)) {
            finish()
            if (!joiner.add(batch, 0)) continue
          }
          assert.deepEqual(batch, before, 'the source is not touched')
          parts.push(batch)
          records += header.recordsCount(batch, 0)
        }
        finish()
      }),
    )
  })

  it('with ordinary times and room are always joined', () => {
    const ordinary = fc.array(
      fc.record({
        timestamp: fc.bigInt({ min: -1n, max: 4_102_444_800_000n }),
        key: maybeBytes,
        value: maybeBytes,
        headers: fc.constant([]),
      }),
      { minLength: 1, maxLength: 40 },
    )
    fc.assert(
      fc.property(fc.array(ordinary, { minLength: 1, maxLength: 8 }), (lists) => {
        const batches = lists.map((records) => encodeBatch(records, { codec: 'none', baseOffset: 5n }))
        const joiner = new BatchJoiner()
        joiner.begin(Buffer.alloc(1 << 20))
        for (const batch of batches) assert.ok(joiner.add(batch, 0))
        const joined = joiner.finish()
        assert.ok(joined)
        checkJoined(
          joined,
          batches,
          lists.reduce((sum, list) => sum + list.length, 0),
        )
      }),
    )
  })

  it('of rubbish are refused, and what was joined before stays whole', () => {
    const records = Array.from({ length: 20 }, (_, i) => ({
      timestamp: 1_700_000_000_000n + BigInt(i * 1000),
      key: Buffer.from(`key ${i}`),
      value: Buffer.from(`value ${i}`),
      headers: [],
    }))
    const good = encodeBatch(records, { codec: 'none', baseOffset: 0n })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 61, max: good.length - 1 }), fc.nat(255)), {
          minLength: 1,
          maxLength: 4,
        }),
        (changes) => {
          const bad = Buffer.from(good)
          for (const [at, byte] of changes) bad[at] = byte
          const joiner = new BatchJoiner()
          joiner.begin(Buffer.alloc(64 * 1024))
          assert.ok(joiner.add(good, 0))
          const taken = joiner.add(bad, 0)
          if (!taken) assert.ok(joiner.add(good, 0))
          const joined = joiner.finish()
          assert.ok(joined)
          // What is taken is still walked as records; where only contents differ, they differ as they did in the source.
          if (!taken) checkJoined(joined, [good, good], 40)
          else assert.equal(header.recordsCount(joined, 0), 40)
        },
      ),
    )
  })
})

it('the source offsets of joined batches are those of the batches, in order, as they are and built anew', () => {
  const part = fc.record({ count: fc.integer({ min: 1, max: 20 }), gap: fc.nat(3), built: fc.boolean() })
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), fc.integer({ min: 400, max: 5000 }), (parts, limit) => {
      const joined = new JoinedBatches(new SlabPool(), limit)
      const expected: bigint[] = []
      const found: bigint[] = []
      const take = () => {
        const batch = joined.take()
        if (!batch) return
        const offsets = batch.runs.flatMap(({ offset, count }) =>
          Array.from({ length: count }, (_, i) => offset + BigInt(i)),
        )
        assert.equal(offsets.length, batch.records)
        assert.equal(header.recordsCount(batch.buffer, 0), batch.records)
        for (let i = 1; i < batch.runs.length; i++) {
          const [one, next] = [batch.runs[i - 1], batch.runs[i]]
          assert.ok(one && next && one.offset + BigInt(one.count) < next.offset, 'runs that touch are one')
        }
        found.push(...offsets)
        batch.release()
      }
      let base = 0n
      for (const { count, gap, built } of parts) {
        base += BigInt(gap)
        const records = Array.from({ length: count }, () => ({
          ...{ timestamp: 1n, key: null, value: Buffer.from('value'), headers: [] },
        }))
        const batch = encodeBatch(records, { codec: 'none', baseOffset: built ? 0n : base })
        const add = () =>
          built
            ? joined.addBuilt({ bytes: batch, codec: 'none', runs: [{ input: 0, offset: base, count }] })
            : joined.add(batch, 0)
        if (!add()) {
          take()
          if (!add()) continue
        }
        for (let i = 0; i < count; i++) expected.push(base + BigInt(i))
        base += BigInt(count)
      }
      take()
      assert.deepEqual(found, expected)
    }),
  )
})

it('batches captured from brokers are joined with themselves, or refused for their codec, times or markers', () => {
  let joinedOnce = 0
  const captured = goldens(/./).flatMap(({ bytes: segment }) =>
    [...batches(segment, 0, segment.length)].map((at) => segment.subarray(at, at + header.size(segment, at))),
  )
  for (const batch of captured) {
    if (header.magic(batch, 0) !== 2) continue
    const joiner = new BatchJoiner()
    joiner.begin(Buffer.alloc(4 << 20))
    const fit = needsRecode(batch, 0) === undefined && header.codec(batch, 0) === header.codecId.none
    if (needsRecode(batch, 0) === 'hole') continue
    assert.equal(joiner.add(batch, 0), fit)
    if (!fit) continue
    assert.ok(joiner.add(batch, 0))
    const joined = joiner.finish()
    assert.ok(joined)
    checkJoined(joined, [batch, batch], header.recordsCount(batch, 0) * 2)
    joinedOnce++
  }
  assert.ok(joinedOnce > 0)
})
