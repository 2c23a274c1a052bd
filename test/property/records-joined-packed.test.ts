import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  type CodecName,
  crcMatches,
  decodeBatch,
  type EncodableRecord,
  encodeBatch,
  finishRecoded,
  header,
  JoinedBatches,
  needsRecode,
  type RecodeOptions,
  recodeBatch,
  rewriteForProduce,
  SlabPool,
} from '../../src/records/index.ts'
import { describeRecord } from '../support/golden-batches.ts'

const { HEADER_SIZE, codecId, position } = header
const stamp = { producerId: 7n, producerEpoch: 3, baseSequence: 11 }
const quick = ['lz4', 'snappy', 'zstd'] as const

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc
    .record({ byte: fc.nat(255), length: fc.nat(3_000) })
    .map(({ byte, length }) => Buffer.alloc(length, byte)),
)
const maybeBytes = fc.option(
  bytes.map((array) => Buffer.from(array)),
  { nil: null },
)
const record: fc.Arbitrary<EncodableRecord> = fc.record({
  timestamp: fc.oneof(
    { weight: 8, arbitrary: fc.bigInt({ min: -1n, max: 4_102_444_800_000n }) },
    { weight: 1, arbitrary: fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }) },
  ),
  key: maybeBytes,
  value: maybeBytes,
  headers: fc.array(
    fc.record({ key: fc.uint8Array({ maxLength: 9 }).map((a) => Buffer.from(a)), value: maybeBytes }),
    { maxLength: 2 },
  ),
})

interface Part {
  readonly records: readonly EncodableRecord[]
  readonly batch: Buffer
  readonly base: bigint
}

/** Batches as they lie in a log, with gaps between some of them. */
function log(codec: fc.Arbitrary<CodecName>): fc.Arbitrary<readonly Part[]> {
  const records = fc.array(record, { minLength: 1, maxLength: 30 })
  return fc
    .array(fc.tuple(records, codec, fc.oneof(fc.constant(0), fc.nat(1000))), { minLength: 1, maxLength: 14 })
    .map((parts) => {
      let next = 0n
      return parts.map(([records, name, gap]) => {
        const base = next + BigInt(gap)
        next = base + BigInt(records.length)
        return { records, base, batch: encodeBatch(records, { codec: name, baseOffset: base }) }
      })
    })
}

interface Sent {
  readonly bytes: Buffer
  readonly offsets: readonly bigint[]
  readonly parts: number
}

/** Sends batches as a lane does: joined where they can be, else raw. */
function send(parts: readonly Part[], joined: JoinedBatches): Sent[] {
  const sent: Sent[] = []
  let gathered = 0
  const take = () => {
    const batch = joined.take()
    assert.equal(batch !== undefined, gathered > 0)
    if (!batch) return
    const offsets = batch.runs.flatMap(({ offset, count }) =>
      Array.from({ length: count }, (_, i) => offset + BigInt(i)),
    )
    assert.equal(batch.records, offsets.length)
    sent.push({ bytes: Buffer.from(batch.buffer.subarray(batch.start, batch.end)), offsets, parts: gathered })
    batch.buffer.fill(0xee)
    batch.release()
    gathered = 0
  }
  for (const { batch, base } of parts) {
    const before = Buffer.from(batch)
    let added = joined.add(batch, 0)
    if (!added) {
      take()
      added = joined.add(batch, 0)
    }
    assert.deepEqual(batch, before, 'the source is not touched')
    if (added) gathered++
    else {
      const offsets = Array.from({ length: header.recordsCount(batch, 0) }, (_, i) => base + BigInt(i))
      sent.push({ bytes: before, offsets, parts: 1 })
    }
  }
  take()
  return sent
}

/** A batch that a broker takes; answers its records. */
function check(batch: Buffer): unknown[] {
  assert.equal(needsRecode(batch, 0), undefined)
  assert.equal(header.size(batch, 0), batch.length)
  rewriteForProduce(batch, 0, stamp)
  assert.ok(crcMatches(batch, 0))
  const records = decodeBatch(batch, 0)
  assert.equal(header.recordsCount(batch, 0), records.length)
  assert.equal(
    header.maxTimestamp(batch, 0),
    records.map(({ timestamp }) => timestamp).reduce((a, b) => (a > b ? a : b)),
  )
  return records.map((one) => ({ ...describeRecord(one), offset: undefined }))
}

function contents(parts: readonly Part[]): unknown[] {
  return parts.flatMap(({ batch }) =>
    decodeBatch(batch, 0).map((one) => ({ ...describeRecord(one), offset: undefined })),
  )
}

function offsetsOf(parts: readonly Part[]): bigint[] {
  return parts.flatMap(({ base, records }) => records.map((_, i) => base + BigInt(i)))
}

/** Records of values that compress by about a half. */
function records(count: number, from = 0, size = 1000): EncodableRecord[] {
  return Array.from({ length: count }, (_, i) => {
    const value = Buffer.alloc(size, 'abcdefgh')
    let state = from + i + 1
    for (let at = 0; at < size / 2; at++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
      value[at] = state >> 16
    }
    return {
      timestamp: 1_700_000_000_000n + BigInt(from + i),
      key: Buffer.from(`k${from + i}`),
      value,
      headers: [],
    }
  })
}

function partsOf(count: number, codec: CodecName, level?: number): Part[] {
  return Array.from({ length: count }, (_, i) => {
    const list = records(8, i * 8)
    const options = { codec, baseOffset: BigInt(i * 8), ...(level !== undefined && { level }) }
    return { records: list, base: BigInt(i * 8), batch: encodeBatch(list, options) }
  })
}

describe('small compressed batches', () => {
  it('of any codecs are sent without a record or an offset changing, within the limit', () => {
    const codec = fc.constantFrom<CodecName>('none', 'gzip', 'snappy', 'lz4', 'zstd')
    const limit = fc.oneof(fc.constant(1 << 20), fc.integer({ min: 62, max: 20_000 }))
    fc.assert(
      fc.property(log(codec), limit, (parts, limit) => {
        const small = parts.filter(({ batch }) => batch.length <= limit)
        const sent = send(small, new JoinedBatches(new SlabPool(), limit))
        assert.deepEqual(
          sent.flatMap(({ bytes }) => check(bytes)),
          contents(small),
        )
        assert.deepEqual(
          sent.flatMap(({ offsets }) => offsets),
          offsetsOf(small),
        )
        for (const { bytes } of sent) assert.ok(bytes.length <= limit)
      }),
    )
  })

  for (const codec of quick) {
    it(`of ${codec} become few, of the same codec`, () => {
      const parts = partsOf(100, codec)
      const sent = send(parts, new JoinedBatches(new SlabPool(), 1 << 20))
      assert.ok(sent.length <= 5, `${sent.length} batches`)
      const before = parts.reduce((sum, { batch }) => sum + batch.length, 0)
      const after = sent.reduce((sum, { bytes }) => sum + bytes.length, 0)
      assert.ok(after < before)
      for (const { bytes } of sent) assert.equal(header.codec(bytes, 0), codecId[codec])
      assert.deepEqual(
        sent.flatMap(({ bytes }) => check(bytes)),
        contents(parts),
      )
    })
  }

  it('of one codec never share a batch with those of another, and those of gzip go out as they are', () => {
    const codec = fc.constantFrom<CodecName>('none', 'gzip', 'snappy', 'lz4', 'zstd')
    fc.assert(
      fc.property(fc.array(codec, { minLength: 1, maxLength: 40 }), (codecs) => {
        const parts = codecs.map((name, i) => {
          const list = records(3, i * 3)
          const base = BigInt(i * 3)
          return { records: list, base, batch: encodeBatch(list, { codec: name, baseOffset: base }) }
        })
        const sent = send(parts, new JoinedBatches(new SlabPool(), 1 << 20))
        const expected = codecs.filter((name, i) => name === 'gzip' || name !== codecs[i - 1])
        assert.deepEqual(
          sent.map(({ bytes }) => header.codec(bytes, 0)),
          expected.map((name) => codecId[name]),
        )
        assert.deepEqual(
          sent.flatMap(({ bytes }) => check(bytes)),
          contents(parts),
        )
      }),
    )
  })

  it('whose content is rubbish go out as they are, between the others', () => {
    const change = fc.tuple(fc.nat(2_000), fc.nat(255))
    fc.assert(
      fc.property(
        fc.constantFrom(...quick),
        fc.array(change, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        (codec, changes, cut) => {
          const parts = partsOf(5, codec)
          const [, , third] = parts
          assert.ok(third)
          const bad = cut ? third.batch.subarray(0, HEADER_SIZE + 40) : third.batch
          if (cut) bad.writeInt32BE(bad.length - header.LOG_OVERHEAD, position.batchLength)
          for (const [at, byte] of changes) {
            if (HEADER_SIZE + at < bad.length) bad[HEADER_SIZE + at] = byte
          }
          rewriteForProduce(bad, 0, stamp)
          bad.writeBigInt64BE(third.base, position.baseOffset)
          const all = parts.map((part) => (part === third ? { ...part, batch: bad } : part))
          const sent = send(all, new JoinedBatches(new SlabPool(), 1 << 20))
          assert.deepEqual(
            sent.flatMap(({ offsets }) => offsets),
            offsetsOf(parts),
          )
          let readable: unknown[] | undefined
          try {
            readable = contents([{ ...third, batch: bad }])
          } catch {
            // Rubbish within a key or a value is not looked at: it stays what it was, as where nothing is compressed.
            if (!sent.some(({ bytes }) => bytes.equals(bad))) return
          }
          const joined = sent.filter(({ bytes }) => readable !== undefined || !bytes.equals(bad))
          assert.deepEqual(
            joined.flatMap(({ bytes }) => check(bytes)),
            contents(readable ? all : parts.filter((part) => part !== third)),
          )
        },
      ),
    )
  })

  it('that explode, or that much was taken off, are not decompressed further and go out as they are', () => {
    for (const codec of quick) {
      const huge = [{ timestamp: 1n, key: null, value: Buffer.alloc(codec === 'snappy' ? 1 << 20 : 8 << 20) }]
      const bomb = { records: huge, base: 8n, batch: encodeBatch(huge, { codec, baseOffset: 8n }) }
      assert.ok(bomb.batch.length <= 64 << 10, `${bomb.batch.length}`)
      const [first, , third] = partsOf(3, codec)
      assert.ok(first && third)
      const sent = send([first, bomb, third], new JoinedBatches(new SlabPool(), 1 << 20))
      assert.ok(sent[1]?.bytes.equals(bomb.batch))
      assert.deepEqual(
        sent.map(({ parts }) => parts),
        [1, 1, 1],
      )
    }
  })

  it('that were compressed harder than we do are left alone after the first joined one was larger', () => {
    let state = 12_345
    const random = () => {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      return state >>> 0
    }
    // Short pieces that repeat, other ones in each batch: only a thorough search finds them.
    const parts = Array.from({ length: 100 }, (_, i) => {
      const bytes = Buffer.from(Array.from({ length: 1000 }, () => random() & 0xff))
      const pieces = Array.from({ length: 600 }, () => random() % 990).map((at) => bytes.subarray(at, at + 6))
      const list = [{ timestamp: 1n, key: null, value: Buffer.concat([bytes, ...pieces]) }]
      const batch = encodeBatch(list, { codec: 'zstd', level: 19, baseOffset: BigInt(i) })
      return { records: list, base: BigInt(i), batch }
    })
    const joined = new JoinedBatches(new SlabPool(), 1 << 20)
    const sent = send(parts, joined)
    assert.deepEqual(
      sent.flatMap(({ bytes }) => check(bytes)),
      contents(parts),
    )
    assert.deepEqual(
      sent.map(({ parts }) => parts > 1),
      sent.map((_, i) => i === 0),
    )
    const plain = partsOf(10, 'none')
    assert.equal(send(plain, joined).length, 1, 'those that are not compressed still are joined')
  })

  it('stay uncompressed together where the target would not take them compressed', () => {
    const noise = (from: number) =>
      records(1, from).map((one) => {
        const value = Buffer.alloc(600)
        let state = from + 1
        for (let i = 0; i < value.length; i++) {
          state ^= state << 13
          state ^= state >>> 17
          state ^= state << 5
          value[i] = state
        }
        return { ...one, value }
      })
    for (const codec of quick) {
      const parts = Array.from({ length: 30 }, (_, i) => {
        const list = noise(i)
        return { records: list, base: BigInt(i), batch: encodeBatch(list, { codec, baseOffset: BigInt(i) }) }
      })
      for (let limit = 750; limit < 4_000; limit += 37) {
        const sent = send(parts, new JoinedBatches(new SlabPool(), limit))
        for (const { bytes } of sent) assert.ok(bytes.length <= limit)
        assert.deepEqual(
          sent.flatMap(({ bytes }) => check(bytes)),
          contents(parts),
        )
      }
    }
  })

  it('that are built anew are compressed once, when they are joined, or alone', () => {
    fc.assert(
      fc.property(
        log(fc.constantFrom<CodecName>('none', 'gzip', 'snappy', 'lz4', 'zstd')),
        fc.constantFrom(20_000, 60_000, 1 << 20),
        (parts, limit) => {
          const slabs = new SlabPool()
          const joined = new JoinedBatches(slabs, limit)
          const sent: { bytes: Buffer; offsets: bigint[] }[] = []
          const put = (
            batch: Buffer,
            runs: readonly { offset: bigint; count: number }[],
            release: () => void,
          ) => {
            const offsets = runs.flatMap(({ offset, count }) =>
              Array.from({ length: count }, (_, i) => offset + BigInt(i)),
            )
            sent.push({ bytes: Buffer.from(batch), offsets })
            batch.fill(0xee)
            release()
          }
          const take = () => {
            const batch = joined.take()
            if (batch) put(batch.buffer, batch.runs, batch.release)
          }
          for (const { batch, base, records } of parts) {
            const options: RecodeOptions = {
              ...{ input: 0, from: base, to: base + BigInt(records.length), range: undefined },
              ...{ headers: undefined, skip: 0, limit, place: { topic: 't', partition: 0 } },
              ...{ loose: joined.loose, memory: slabs },
            }
            for (const built of recodeBatch(batch, 0, options)) {
              assert.equal(codecId[built.codec], header.codec(batch, 0))
              if (joined.addBuilt(built)) {
                built.release()
                continue
              }
              take()
              if (joined.addBuilt(built)) built.release()
              else {
                const { bytes, runs, release } = finishRecoded(built, limit, slabs)
                assert.ok(header.codec(bytes, 0) === codecId[built.codec] || bytes.length + 64 > limit)
                put(bytes, runs, release)
              }
            }
          }
          take()
          for (const { bytes } of sent) assert.ok(bytes.length <= limit)
          assert.deepEqual(
            sent.flatMap(({ bytes }) => check(bytes)),
            contents(parts),
          )
          assert.deepEqual(
            sent.flatMap(({ offsets }) => offsets),
            offsetsOf(parts),
          )
        },
      ),
    )
  })
})
