import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isTidemarkError } from '../../src/base/index.ts'
import {
  batches,
  type CodecName,
  checkCrcs,
  convertLegacy,
  crcMatches,
  decodeBatch,
  dropAborted,
  type EncodableRecord,
  encodeBatch,
  encodeBatches,
  header,
  RecordCursor,
  rewriteForProduce,
  survey,
  timeSpan,
} from '../../src/records/index.ts'
import { describeRecord, goldens } from '../support/golden-batches.ts'

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
const maybeBytes = fc.option(bytes, { nil: null })
const codec = fc.constantFrom<CodecName>('none', 'gzip', 'snappy', 'lz4', 'zstd')
const timestamp = fc.oneof(
  fc.bigInt({ min: -1n, max: 4_102_444_800_000n }),
  fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
)
const record = fc.record({
  timestamp,
  key: maybeBytes,
  value: maybeBytes,
  headers: fc.array(fc.record({ key: bytes, value: maybeBytes }), { maxLength: 4 }),
})
const baseOffset = fc.bigInt({ min: 0n, max: 1n << 52n })

/** Records with growing offsets, with and without holes. */
const batchInput = fc
  .tuple(
    baseOffset,
    fc.array(fc.tuple(record, fc.oneof(fc.constant(1), fc.nat(100_000))), { minLength: 1, maxLength: 30 }),
  )
  .map(([base, items]) => {
    let offset = base - 1n
    return items.map(([item, step]) => {
      offset += BigInt(Math.max(step, 1))
      return { ...item, offset }
    })
  })

/** Several batches, one after the other, as they lie in a log. */
const log = fc
  .array(fc.tuple(fc.array(record, { minLength: 1, maxLength: 5 }), codec), { minLength: 1, maxLength: 6 })
  .map((parts) => {
    let base = 0n
    return parts.map(([records, name]) => {
      const batch = encodeBatch(records, { codec: name, baseOffset: base })
      base += BigInt(records.length)
      return batch
    })
  })

function plain(records: readonly (EncodableRecord & { readonly offset: bigint })[]) {
  return records.map(describeRecord)
}

describe('for any records', () => {
  it('what is encoded with any codec is decoded again', () => {
    fc.assert(
      fc.property(batchInput, codec, (records, name) => {
        const batch = encodeBatch(records, { codec: name, offsets: 'keep' })
        checkCrcs(batch, 0, batch.length)
        assert.deepEqual(plain(decodeBatch(batch, 0)), plain(records))
        assert.equal(header.lastOffset(batch, 0), records.at(-1)?.offset)
        const times = records.map((item) => item.timestamp).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
        assert.equal(header.maxTimestamp(batch, 0), times.at(-1))
        assert.deepEqual(timeSpan(batch, 0), { earliest: times[0], latest: times.at(-1) })
      }),
    )
  })

  it('the cursor says the same as the decoder', () => {
    fc.assert(
      fc.property(batchInput, codec, (records, name) => {
        const cursor = new RecordCursor(encodeBatch(records, { codec: name, offsets: 'keep' }), 0)
        for (const expected of records) {
          assert.ok(cursor.next())
          assert.equal(cursor.offset, expected.offset)
          assert.equal(cursor.timestampNumber, Number(expected.timestamp))
          assert.equal(cursor.headersCount(), expected.headers.length)
          assert.deepEqual(cursor.key(), expected.key)
          assert.deepEqual(cursor.value(), expected.value)
        }
        assert.equal(cursor.next(), false)
      }),
    )
  })

  it('splitting keeps them all, in order, within the limit, the same way each time', () => {
    fc.assert(
      fc.property(batchInput, codec, fc.integer({ min: 100, max: 3_000 }), (records, name, maxBytes) => {
        const options = { codec: name, offsets: 'keep', maxBytes } as const
        let parts: ReturnType<typeof encodeBatches>
        try {
          parts = encodeBatches(records, options)
        } catch (error) {
          assert.ok(isTidemarkError(error, 'RECORD_TOO_LARGE'), String(error))
          const sizes = records.map((item) => encodeBatch([item], { codec: name, offsets: 'keep' }).length)
          assert.ok(Math.max(...sizes) > maxBytes)
          return
        }
        assert.ok(parts.every((part) => part.bytes.length <= maxBytes))
        assert.deepEqual(plain(parts.flatMap((part) => decodeBatch(part.bytes, 0))), plain(records))
        assert.deepEqual(encodeBatches(records, options), parts)
      }),
    )
  })

  it('rewriting for producing changes nothing but whose they are', () => {
    const stamp = fc.record({
      producerId: fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }),
      producerEpoch: fc.integer({ min: 0, max: 32_767 }),
      baseSequence: fc.integer({ min: 0, max: 0x7fff_ffff }),
      transactional: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 8 }), codec, stamp, (records, name, ours) => {
        const batch = encodeBatch(records, { codec: name, baseOffset: 500n, leaderEpoch: 3 })
        const before = plain(decodeBatch(batch, 0))
        rewriteForProduce(batch, 0, ours)
        assert.ok(crcMatches(batch, 0))
        assert.equal(header.producerId(batch, 0), ours.producerId)
        assert.equal(header.producerEpoch(batch, 0), ours.producerEpoch)
        assert.equal(header.baseSequence(batch, 0), ours.baseSequence)
        assert.equal(header.isTransactional(batch, 0), ours.transactional)
        const after = decodeBatch(batch, 0).map((item) => ({ ...item, offset: item.offset + 500n }))
        assert.deepEqual(plain(after), before)
      }),
    )
  })
})

describe('for any log', () => {
  it('walking a cut one finds exactly the whole batches', () => {
    fc.assert(
      fc.property(log, fc.nat(), fc.nat(40), (parts, cut, lead) => {
        const all = Buffer.concat([Buffer.alloc(lead, 0xab), ...parts])
        const end = lead + (cut % (all.length - lead + 1))
        const starts: number[] = []
        for (let at = lead, i = 0; ; i++) {
          const next = at + (parts[i]?.length ?? Number.POSITIVE_INFINITY)
          if (next > end) break
          starts.push(at)
          at = next
        }
        assert.deepEqual([...batches(all, lead, end)], starts)
        assert.equal(survey(all, lead, end).batches, starts.length)
      }),
    )
  })

  it('any changed byte that the CRC covers is noticed', () => {
    fc.assert(
      fc.property(log, fc.nat(), fc.integer({ min: 1, max: 255 }), (parts, where, change) => {
        const all = Buffer.concat(parts)
        const covered: number[] = []
        let at = 0
        for (const part of parts) {
          for (let i = header.CRC_START; i < part.length; i++) covered.push(at + i)
          for (let i = header.position.crc; i < header.CRC_START; i++) covered.push(at + i)
          at += part.length
        }
        const hit = covered[where % covered.length] ?? 0
        all[hit] = (all[hit] ?? 0) ^ change
        assert.throws(
          () => checkCrcs(all, 0, all.length),
          (error) => isTidemarkError(error, 'RECORD_CORRUPT'),
        )
      }),
    )
  })

  it('leaving out aborted transactions keeps and drops every batch once', () => {
    const list = fc.array(
      fc.record({
        producerId: fc.bigInt({ min: -1n, max: 2n }),
        firstOffset: fc.bigInt({ min: 0n, max: 30n }),
      }),
      { maxLength: 5 },
    )
    fc.assert(
      fc.property(log, list, fc.array(fc.nat(5)), (parts, aborted, kinds) => {
        for (const [i, part] of parts.entries()) {
          const kind = kinds[i] ?? 0
          part.writeBigInt64BE(BigInt(kind % 3), header.position.producerId)
          const bits = header.attributes(part, 0) | (kind > 2 ? header.attribute.transactional : 0)
          part.writeUInt16BE(bits, header.position.attributes)
        }
        const all = Buffer.concat(parts)
        const { kept, droppedRecords, dropped } = dropAborted(all, 0, all.length, aborted)
        const left = kept.reduce((sum, range) => sum + survey(all, range.start, range.end).records, 0)
        assert.equal(left + droppedRecords, survey(all, 0, all.length).records)
        const offsets = dropped.reduce((sum, range) => sum + (range.to - range.from), 0n)
        assert.equal(offsets, BigInt(droppedRecords))
      }),
    )
  })
})

describe('rubbish', () => {
  /** Runs everything that reads on these bytes: it may find records or RECORD_CORRUPT, and nothing else. */
  function readAll(input: Buffer): void {
    const tolerant = (work: () => void) => {
      try {
        work()
      } catch (error) {
        assert.ok(isTidemarkError(error, 'RECORD_CORRUPT'), String(error))
      }
    }
    tolerant(() => survey(input, 0, input.length))
    tolerant(() => checkCrcs(input, 0, input.length))
    tolerant(() => void convertLegacy(input, 0, input.length))
    tolerant(() => void dropAborted(input, 0, input.length, [{ producerId: 0n, firstOffset: 0n }]))
    tolerant(() => {
      for (const at of batches(input, 0, input.length)) {
        if (header.magic(input, at) === 2) tolerant(() => void decodeBatch(input, at, { maxBytes: 1 << 22 }))
      }
    })
  }

  it('of any kind is survived', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2_000 }), (input) => readAll(Buffer.from(input))))
  })

  it('in place of bytes of real batches is survived', () => {
    const real = goldens(/./).map(({ bytes: captured }) => captured.subarray(0, 4_000))
    const change = fc.tuple(fc.nat(), fc.nat(255))
    fc.assert(
      fc.property(
        fc.constantFrom(...real),
        fc.array(change, { minLength: 1, maxLength: 6 }),
        (source, changes) => {
          const broken = Buffer.from(source)
          for (const [at, value] of changes) broken[at % broken.length] = value
          readAll(broken)
        },
      ),
      { numRuns: 1_000 },
    )
  })

  it('in place of record bytes is survived also where the CRC does not tell', () => {
    fc.assert(
      fc.property(batchInput, codec, fc.nat(), fc.nat(255), (records, name, where, value) => {
        const batch = encodeBatch(records, { codec: name, offsets: 'keep' })
        const body = batch.length - header.HEADER_SIZE
        batch[header.HEADER_SIZE + (where % body)] = value
        readAll(batch)
      }),
      { numRuns: 500 },
    )
  })
})
