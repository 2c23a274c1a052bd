import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lease } from '../../src/base/index.ts'
import type { FetchedBatches } from '../../src/kafka/index.ts'
import {
  type CodecName,
  decodeBatch,
  type EncodableRecord,
  encodeBatch,
  header,
  PackedTrial,
  partitionForKey,
  SlabPool,
} from '../../src/records/index.ts'
import { type BatchWish, outgoingBatches } from '../../src/replicate/copy/outgoing.ts'
import { comesFromElsewhere, originHeader, ReplicaHeaders } from '../../src/replicate/copy/record-headers.ts'

function record(
  offset: number,
  key: string | null,
  headers: EncodableRecord['headers'] = [],
): EncodableRecord {
  return {
    offset: BigInt(offset),
    timestamp: BigInt(1_000 + offset),
    key: key === null ? null : Buffer.from(key),
    value: Buffer.from(`v${offset}`),
    headers,
  }
}

function fetched(
  batches: readonly (readonly EncodableRecord[])[],
  codec: CodecName = 'none',
): FetchedBatches {
  const buffer = Buffer.concat(batches.map((records) => encodeBatch(records, { codec, offsets: 'keep' })))
  return {
    topic: 't',
    partition: 2,
    buffer,
    start: 0,
    end: buffer.length,
    fromOffset: 0n,
    nextOffset: 0n,
    leaderEpoch: 0,
    aborted: [],
    logStartOffset: 0n,
    lastStableOffset: 0n,
    highWatermark: 0n,
    release() {},
  }
}

function wish(over: Partial<BatchWish> = {}): BatchWish {
  const memory = new SlabPool()
  return {
    partition: 2,
    spread: undefined,
    headers: undefined,
    wanted: undefined,
    limit: 1 << 20,
    memory,
    trial: new PackedTrial(),
    ...over,
  }
}

function out(delivery: FetchedBatches, from: bigint, over: Partial<BatchWish> = {}) {
  return [...outgoingBatches(delivery, from, wish(over), new Lease(() => {}))].map((batch) => ({
    ...batch,
    raw: batch.buffer === delivery.buffer,
    decoded: decodeBatch(batch.buffer, batch.start),
  }))
}

test('small batches that follow each other go out as one, and its runs say where their records were', () => {
  const delivery = fetched([[record(0, 'a'), record(1, 'b')], [record(2, 'c')], [record(5, 'd')]])
  const [batch, ...others] = out(delivery, 0n)
  assert.deepEqual(others, [])
  assert.deepEqual(
    batch?.decoded.map(({ value }) => value?.toString()),
    ['v0', 'v1', 'v2', 'v5'],
  )
  assert.deepEqual(batch?.runs, [
    { input: 0, offset: 0n, count: 3 },
    { input: 0, offset: 5n, count: 1 },
  ])
})

test('small batches of a quick codec go out as one, compressed with it; those of gzip as they are', () => {
  for (const codec of ['lz4', 'snappy', 'zstd'] as const) {
    const delivery = fetched([[record(0, 'a'), record(1, 'b')], [record(2, 'c')], [record(5, 'd')]], codec)
    const [batch, ...others] = out(delivery, 0n)
    assert.deepEqual(others, [])
    assert.ok(batch)
    assert.equal(header.codec(batch.buffer, batch.start), header.codecId[codec])
    assert.deepEqual(
      batch.decoded.map(({ value }) => value?.toString()),
      ['v0', 'v1', 'v2', 'v5'],
    )
    assert.equal(batch.maxTimestamp, 1_005)
    assert.deepEqual(batch.runs, [
      { input: 0, offset: 0n, count: 3 },
      { input: 0, offset: 5n, count: 1 },
    ])
  }
  const delivery = fetched([[record(0, 'a'), record(1, 'b')], [record(2, 'c')]], 'gzip')
  assert.deepEqual(
    out(delivery, 0n).map(({ raw, records, runs }) => [raw, records, runs[0]?.offset]),
    [
      [true, 2, 0n],
      [true, 1, 2n],
    ],
  )
})

test('small batches are joined with new headers as well, whatever their codec', () => {
  for (const codec of ['none', 'lz4', 'snappy', 'zstd'] as const) {
    const delivery = fetched([[record(0, 'a')], [record(1, 'b'), record(4, 'c')], [record(5, 'd')]], codec)
    const [batch, ...others] = out(delivery, 0n, { headers: new ReplicaHeaders(plan) })
    assert.deepEqual(others, [])
    assert.ok(batch)
    assert.equal(header.codec(batch.buffer, batch.start), header.codecId[codec])
    assert.deepEqual(
      headersOf(batch.decoded).filter((text) => text.startsWith('x-tidemark-offset')),
      [0, 1, 4, 5].map((offset) => `x-tidemark-offset=${offset}`),
    )
    assert.deepEqual(batch.runs, [
      { input: 0, offset: 0n, count: 2 },
      { input: 0, offset: 4n, count: 2 },
    ])
  }
})

test('what lies before a record that is too large goes out before the error', () => {
  const large = { ...record(2, 'c'), value: Buffer.alloc(3_000, 'x') }
  const delivery = fetched([[record(0, 'a')], [record(1, 'b')], [large]])
  const sent: number[] = []
  assert.throws(
    () => {
      const batches = outgoingBatches(delivery, 0n, wish({ limit: 1_000 }), new Lease(() => {}))
      for (const batch of batches) sent.push(batch.records)
    },
    { code: 'RECORD_TOO_LARGE' },
  )
  assert.deepEqual(sent, [2])
})

test('records below the position are left out, also out of the middle of a batch', () => {
  const delivery = fetched([[record(0, 'a'), record(1, 'b'), record(2, 'c')], [record(3, 'd')]])
  const batches = out(delivery, 2n)
  assert.deepEqual(
    batches.flatMap(({ decoded }) => decoded.map(({ value }) => value?.toString())),
    ['v2', 'v3'],
  )
  assert.deepEqual(batches[0]?.runs, [{ input: 0, offset: 2n, count: 2 }])
})

test('a batch with holes becomes a dense one, and the runs say where its records were', () => {
  const [batch] = out(fetched([[record(0, 'a'), record(4, 'b'), record(5, 'c')]], 'zstd'), 0n)
  assert.ok(batch)
  assert.equal(batch.raw, false)
  assert.equal(header.lastOffsetDelta(batch.buffer, batch.start), 2)
  assert.deepEqual(batch.runs, [
    { input: 0, offset: 0n, count: 1 },
    { input: 0, offset: 4n, count: 2 },
  ])
})

test('a batch larger than the target takes is cut, and a record that does not fit alone is named', () => {
  const delivery = fetched([Array.from({ length: 40 }, (_, i) => record(i, 'k'.repeat(50)))])
  const batches = out(delivery, 0n, { limit: 1_000 })
  assert.ok(batches.length > 1)
  assert.ok(batches.every(({ start, end }) => end - start <= 1_000))
  assert.equal(batches.flatMap(({ decoded }) => decoded).length, 40)
  assert.throws(() => out(delivery, 0n, { limit: 100 }), {
    code: 'RECORD_TOO_LARGE',
    message: /offset 0 of t-2/,
  })
})

test('records are dealt out by key as Java’s producer would, in order, those without a key to one partition', () => {
  const keys = ['a', 'b', null, 'c', 'a', 'd', null, 'e']
  const batches = out(fetched([keys.map((key, i) => record(i, key))], 'gzip'), 0n, { spread: 3 })
  const seen = new Map<string, number>()
  for (const { partition, decoded, runs } of batches) {
    const offsets = runs.flatMap(({ offset, count }) =>
      Array.from({ length: count }, (_, i) => Number(offset) + i),
    )
    assert.deepEqual(
      decoded.map(({ value }) => value?.toString()),
      offsets.map((offset) => `v${offset}`),
    )
    for (const { key, value } of decoded) {
      assert.equal(partition, key === null ? 2 : partitionForKey(key, 3))
      seen.set(value?.toString() ?? '', partition)
    }
  }
  assert.equal(seen.size, keys.length)
})

const tracing = { topic: true, partition: true, offset: true, pipeline: true }
const plan = { replicate: true, tracing, pipeline: 'p', topic: 't', partition: 2, origin: undefined }
const own = { key: Buffer.from('x'), value: Buffer.from('1') }

function headersOf(
  decoded: readonly { headers: readonly { key: Buffer; value: Buffer | null }[] }[],
): string[] {
  return decoded.flatMap(({ headers }) => headers.map(({ key, value }) => `${key}=${value}`))
}

test('tracing headers say where a record was, come last, and are not doubled by a second copy', () => {
  const first = out(fetched([[record(7, 'a', [own, { ...own, value: null }])]]), 0n, {
    headers: new ReplicaHeaders(plan),
  })
  const expected = [
    'x=1',
    'x=null',
    'x-tidemark-topic=t',
    'x-tidemark-partition=2',
    'x-tidemark-pipeline=p',
    'x-tidemark-offset=7',
  ]
  assert.deepEqual(headersOf(first[0]?.decoded ?? []), expected)
  const again = first[0]?.decoded.map((r) => ({ ...r, offset: 9n })) ?? []
  const second = out(fetched([again]), 0n, { headers: new ReplicaHeaders(plan) })
  assert.deepEqual(headersOf(second[0]?.decoded ?? []), [...expected.slice(0, -1), 'x-tidemark-offset=9'])
})

test('headers can be left out, but never the origin of a record', () => {
  const none = { topic: false, partition: false, offset: false, pipeline: false }
  const origin = { key: Buffer.from(originHeader), value: Buffer.from('C') }
  const headers = new ReplicaHeaders({ ...plan, replicate: false, tracing: none, origin: 'A' })
  const [batch] = out(fetched([[record(0, 'a', [own, origin]), record(1, 'b', [own])]]), 0n, { headers })
  assert.deepEqual(headersOf(batch?.decoded ?? []), [`${originHeader}=C`, `${originHeader}=A`])
})

test('records that come from the target are not brought back', () => {
  const from = (cluster: string) => [{ key: Buffer.from(originHeader), value: Buffer.from(cluster) }]
  const delivery = fetched([[record(0, 'a'), record(1, 'b', from('B')), record(2, 'c', from('C'))]])
  const batches = out(delivery, 0n, { wanted: comesFromElsewhere('B') })
  assert.deepEqual(
    batches.flatMap(({ decoded }) => decoded.map(({ value }) => value?.toString())),
    ['v0', 'v2'],
  )
})

test('bytes that are not what was written are refused, naming topic and partition', () => {
  const delivery = fetched([[record(0, 'a')]])
  delivery.buffer[70] = (delivery.buffer[70] ?? 0) ^ 1
  assert.throws(() => out(delivery, 0n), { code: 'RECORD_CORRUPT' })
})
