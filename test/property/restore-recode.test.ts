import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type BatchRecord,
  decodeBatch,
  encodeBatch,
  header,
  type RecodeOptions,
  recodeBatch,
} from '../../src/records/index.ts'
import { HeaderEditor } from '../../src/restore/recode/header-editor.ts'

const bytes = (max: number) => fc.uint8Array({ maxLength: max }).map((array) => Buffer.from(array))
const maybe = (max: number) => fc.option(bytes(max), { nil: null })
const headerName = fc.oneof(
  bytes(12),
  fc
    .constantFrom('x-kafka-backup-offset', 'x-kafka-backup-cluster', 'x-kafka-backup-other')
    .map((t) => Buffer.from(t)),
)
const record = fc.record({
  timestamp: fc.oneof(
    fc.bigInt({ min: 0n, max: 4_102_444_800_000n }),
    fc.constantFrom(-1n, 0n, 9_223_372_036_854_775_807n),
  ),
  key: maybe(20),
  value: maybe(200),
  headers: fc.array(fc.record({ key: headerName, value: maybe(30) }), { maxLength: 4 }),
  /** Offsets that the cleaner left out before it. */
  hole: fc.nat({ max: 3 }),
})
const codec = fc.constantFrom('none', 'gzip', 'snappy', 'lz4', 'zstd')

interface Case {
  readonly records: readonly BatchRecord[]
  readonly batch: Buffer
}

const batchCase = fc
  .tuple(fc.array(record, { minLength: 1, maxLength: 40 }), codec, fc.bigInt({ min: 0n, max: 2n ** 40n }))
  .map(([list, codecName, base]): Case => {
    let offset = base
    const records = list.map(({ hole, ...rest }) => {
      const own = offset + BigInt(hole)
      offset = own + 1n
      return { ...rest, offset: own }
    })
    return { records, batch: encodeBatch(records, { codec: codecName, offsets: 'keep' }) }
  })

const whole: RecodeOptions = {
  input: 0,
  from: 0n,
  to: 2n ** 52n,
  range: undefined,
  headers: undefined,
  skip: 0,
  limit: 1 << 20,
  place: { topic: 't', partition: 0 },
}

test('a recoded batch holds the same records, densely, and says where each came from', () => {
  fc.assert(
    fc.property(batchCase, ({ records, batch }) => {
      const done = recodeBatch(batch, 0, whole)
      const out = done.flatMap((piece) => decodeBatch(piece.bytes, 0))
      assert.deepEqual(out.map(content), records.map(content))
      assert.deepEqual(
        offsetsOf(done),
        records.map((r) => r.offset),
      )
      for (const piece of done) {
        assert.equal(header.recordsCount(piece.bytes, 0), header.lastOffsetDelta(piece.bytes, 0) + 1)
        assert.equal(header.codec(piece.bytes, 0), header.codec(batch, 0))
        const times = decodeBatch(piece.bytes, 0).map((r) => r.timestamp)
        assert.equal(
          header.maxTimestamp(piece.bytes, 0),
          times.reduce((a, b) => (a > b ? a : b)),
        )
      }
    }),
  )
})

test('what is left out by offset, time and what has landed is exactly what was asked', () => {
  fc.assert(
    fc.property(
      batchCase,
      fc.nat({ max: 60 }),
      fc.nat({ max: 60 }),
      fc.bigInt({ min: 0n, max: 4_102_444_800_000n }),
      fc.nat({ max: 20 }),
      ({ records, batch }, low, span, end, skip) => {
        const from = (records[0]?.offset ?? 0n) + BigInt(low)
        const to = from + BigInt(span)
        const wanted = records
          .filter((r) => r.offset >= from && r.offset < to && r.timestamp <= end && r.timestamp >= 5n)
          .slice(skip)
        const done = recodeBatch(batch, 0, { ...whole, from, to, range: { start: 5n, end }, skip })
        assert.deepEqual(
          offsetsOf(done),
          wanted.map((r) => r.offset),
        )
        assert.deepEqual(
          done.flatMap((piece) => decodeBatch(piece.bytes, 0)).map(content),
          wanted.map(content),
        )
      },
    ),
  )
})

test('tracking headers are replaced, not doubled, come last, and other headers keep bytes and order', () => {
  fc.assert(
    fc.property(batchCase, ({ records, batch }) => {
      const add = recodeBatch(batch, 0, {
        ...whole,
        headers: new HeaderEditor({ type: 'add', partition: 7, cluster: 'höme' }),
      })
      const strip = recodeBatch(batch, 0, { ...whole, headers: new HeaderEditor({ type: 'strip' }) })
      const kept = records.map((r) => r.headers.filter(({ key }) => !isOurs(key)))
      assert.deepEqual(
        strip.flatMap((piece) => decodeBatch(piece.bytes, 0)).map((r) => r.headers.map(text)),
        kept.map((list) => list.map(text)),
      )
      assert.deepEqual(
        add.flatMap((piece) => decodeBatch(piece.bytes, 0)).map((r) => r.headers.map(text)),
        records.map((r, i) => [
          ...(kept[i] ?? []).map(text),
          ...[
            ['offset', r.offset],
            ['partition', 7],
            ['cluster', 'höme'],
            ['timestamp', r.timestamp],
          ].map(([name, value]) =>
            text({ key: Buffer.from(`x-kafka-backup-${name}`), value: Buffer.from(String(value)) }),
          ),
        ]),
      )
    }),
  )
})

test('no piece is larger than the limit, and none is lost on the way', () => {
  fc.assert(
    fc.property(batchCase, fc.integer({ min: 500, max: 2000 }), ({ records, batch }, limit) => {
      const done = recodeBatch(batch, 0, { ...whole, limit })
      for (const { bytes: piece } of done) assert.ok(piece.length <= limit)
      assert.deepEqual(
        done.flatMap((piece) => decodeBatch(piece.bytes, 0)).map(content),
        records.map(content),
      )
    }),
  )
})

function offsetsOf(
  done: readonly { readonly runs: readonly { readonly offset: bigint; readonly count: number }[] }[],
): bigint[] {
  return done.flatMap(({ runs }) =>
    runs.flatMap(({ offset, count }) => Array.from({ length: count }, (_, i) => offset + BigInt(i))),
  )
}

function content({ timestamp, key, value, headers }: BatchRecord): unknown {
  return [String(timestamp), hex(key), hex(value), headers.map(text)]
}

function text({ key, value }: { readonly key: Buffer; readonly value: Buffer | null }): string {
  return `${hex(key)}=${hex(value)}`
}

function hex(data: Buffer | null): string | null {
  return data === null ? null : data.toString('hex')
}

function isOurs(key: Buffer): boolean {
  return /^x-kafka-backup-(offset|partition|cluster|timestamp)$/.test(key.toString('latin1'))
}
