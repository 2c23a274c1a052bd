import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTidemarkError, TidemarkError } from '../../src/base/index.ts'
import type { LandedBatch } from '../../src/kafka/index.ts'
import { gravity, type Judged, judgeLost, judgeProduce } from '../../src/kafka/produce-judge.ts'
import { type PartitionHost, ProducePartition, type Sent } from '../../src/kafka/produce-partition.ts'
import { header } from '../../src/records/index.ts'
import { outgoing } from '../support/data-plane.ts'

const identity = { producerId: 7n, epoch: 0 }
const lost: Judged = { gravity: gravity.settle, error: new TidemarkError('CONNECTION_LOST', 'cut') }
const notAppended: Judged = { gravity: gravity.resend, error: new TidemarkError('BROKER_ERROR', 'busy') }

function setUp(options: { expectedBase?: bigint } = {}) {
  const troubled: Judged[] = []
  const host: PartitionHost = {
    inFlight: 5,
    transactional: false,
    partitionMemory: 1 << 20,
    queued() {},
    freed() {},
    roomForAll: () => true,
    starving() {},
    ready() {},
    troubled: (_, judged) => troubled.push(judged),
  }
  const partition = new ProducePartition({ topic: 't', partition: 0, ...options }, identity, host)
  partition.halted = false
  const landed: [name: string, base: bigint][] = []
  const queue = (...names: string[]) => {
    for (const name of names) void partition.send(outgoing([name, name], (base) => landed.push([name, base])))
  }
  const takeAll = () => {
    const sent: Sent[] = []
    while (partition.sendable) sent.push(partition.take())
    return sent
  }
  return { partition, troubled, landed, queue, takeAll }
}

function found(baseOffset: bigint, baseSequence: number, epoch = 0): LandedBatch {
  return { baseOffset, lastOffset: baseOffset + 1n, records: 2, epoch, baseSequence }
}

test('the first batch goes alone, later ones at most five at a time, with sequences in order', () => {
  const { partition, landed, queue, takeAll } = setUp({ expectedBase: 0n })
  queue('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')
  const first = takeAll()
  assert.equal(first.length, 1)
  assert.ok(first[0])
  partition.acknowledged(first[0], 0n)
  const next = takeAll()
  assert.deepEqual(
    next.map((sent) => sent.sequence),
    [2, 4, 6, 8, 10],
  )
  const { batch } = next[4] as Sent
  assert.deepEqual(
    [
      header.producerId(batch.buffer, 0),
      header.producerEpoch(batch.buffer, 0),
      header.baseSequence(batch.buffer, 0),
    ],
    [7n, 0, 10],
  )
  for (const [i, sent] of next.entries()) partition.acknowledged(sent, BigInt(2 + 2 * i))
  assert.deepEqual(
    landed.map(([name]) => name),
    ['a', 'b', 'c', 'd', 'e', 'f'],
  )
})

test('after an error nothing is sent and nothing is decided until every answer is in', () => {
  const { partition, troubled, queue, takeAll } = setUp({ expectedBase: 0n })
  queue('a', 'b', 'c', 'd')
  const [a] = takeAll()
  assert.ok(a)
  partition.acknowledged(a, 0n)
  const [b, c, d] = takeAll()
  assert.ok(b && c && d)
  partition.failed(b, notAppended)
  queue('e')
  assert.equal(partition.sendable, false)
  partition.failed(c, lost)
  assert.equal(troubled.length, 0)
  partition.failed(d, notAppended)
  assert.deepEqual(
    troubled.map((judged) => judged.gravity),
    [gravity.settle],
  )
})

test('what a recovery finds has landed, in order, and the rest goes out again under the next epoch', () => {
  const { partition, landed, queue, takeAll } = setUp({ expectedBase: 10n })
  queue('a', 'b', 'c')
  const [a] = takeAll()
  assert.ok(a)
  partition.acknowledged(a, 10n)
  for (const sent of takeAll()) partition.failed(sent, lost)
  partition.recovered(
    { batches: [found(12n, 2)], logEnd: 14n, foreign: 0, from: 11n },
    { producerId: 7n, epoch: 1 },
  )
  assert.deepEqual(landed, [
    ['a', 10n],
    ['b', 12n],
  ])
  partition.halted = false
  const again = takeAll()
  assert.deepEqual(
    again.map((sent) => [sent.sequence, header.producerEpoch(sent.batch.buffer, 0)]),
    [[0, 1]],
  )
  partition.acknowledged(again[0] as Sent, 14n)
  assert.deepEqual(landed.at(-1), ['c', 14n])
})

test('what was certainly not appended goes out again with the same sequences', () => {
  const { partition, queue, takeAll } = setUp({ expectedBase: 0n })
  queue('a', 'b')
  const [a] = takeAll()
  assert.ok(a)
  partition.acknowledged(a, 0n)
  for (const sent of takeAll()) partition.failed(sent, notAppended)
  partition.resend()
  partition.halted = false
  assert.deepEqual(
    takeAll().map((sent) => [sent.sequence, header.producerEpoch(sent.batch.buffer, 0)]),
    [[2, 0]],
  )
})

test('a batch acknowledged behind one that failed has not landed until the log shows both', () => {
  const { partition, troubled, landed, queue, takeAll } = setUp()
  partition.end = 0n
  queue('a', 'b', 'c')
  const [a] = takeAll()
  assert.ok(a)
  partition.acknowledged(a, 0n)
  const [b, c] = takeAll()
  assert.ok(b && c)
  partition.failed(b, notAppended)
  partition.acknowledged(c, 2n)
  assert.deepEqual(
    troubled.map((judged) => judged.gravity),
    [gravity.look],
  )
  assert.equal(landed.length, 1)
  const misordered = { batches: [found(2n, 4)], logEnd: 4n, foreign: 0, from: 2n }
  assert.throws(
    () => partition.recovered(misordered, { producerId: 7n, epoch: 1 }),
    (error) => isTidemarkError(error, 'TARGET_CHANGED'),
  )
})

const refused = [
  [
    'a batch that is there twice',
    { batches: [found(0n, 0), found(2n, 0)], logEnd: 4n, foreign: 0, from: 0n },
  ],
  ['a batch of an earlier epoch', { batches: [found(0n, 0, -1)], logEnd: 2n, foreign: 0, from: 0n }],
  ['batches of others', { batches: [], logEnd: 3n, foreign: 1, from: 0n }],
  ['that the front of its log was deleted', { batches: [], logEnd: 3n, foreign: 0, from: 1n }],
] as const
for (const [what, result] of refused) {
  test(`a recovery that finds ${what} in a topic of ours alone is refused`, () => {
    const { partition, queue, takeAll } = setUp({ expectedBase: 0n })
    queue('a', 'b')
    for (const sent of takeAll()) partition.failed(sent, lost)
    assert.throws(
      () => partition.recovered(result, { producerId: 7n, epoch: 1 }),
      (error) => isTidemarkError(error, 'TARGET_CHANGED'),
    )
  })
}

test('a log that ends before what was acknowledged has lost records, and is refused', () => {
  const { partition, queue, takeAll } = setUp()
  partition.end = 0n
  queue('a', 'b')
  const [a] = takeAll()
  assert.ok(a)
  partition.acknowledged(a, 0n)
  for (const sent of takeAll()) partition.failed(sent, lost)
  assert.throws(
    () =>
      partition.recovered({ batches: [], logEnd: 1n, foreign: 0, from: 2n }, { producerId: 7n, epoch: 1 }),
    /log ends at 1/,
  )
})

test('a batch that lands elsewhere than expected is looked after before anything goes on', () => {
  const { partition, troubled, landed, queue, takeAll } = setUp({ expectedBase: 0n })
  queue('a', 'b')
  const [a] = takeAll()
  assert.ok(a)
  partition.acknowledged(a, 5n)
  assert.equal(troubled.length, 1)
  assert.equal(landed.length, 0)
  assert.equal(partition.sendable, false)
})

test('a failed partition rejects whoever waits and whoever comes', async () => {
  const { partition, queue } = setUp()
  queue('a')
  const flushed = partition.flush()
  const reason = new TidemarkError('RECORD_TOO_LARGE', 'too large')
  partition.fail(reason)
  await assert.rejects(flushed, reason)
  await assert.rejects(partition.flush(), reason)
  await assert.rejects(async () => await partition.send(outgoing(['b'])), reason)
})

test('answers say what is known: not appended, to be looked up, or refused for good', () => {
  const place = { topic: 't', partition: 0 }
  const judge = (code: number, baseOffset = -1n) =>
    judgeProduce(place, code, baseOffset, null, { bytes: 10 }, 'b:1').gravity
  for (const code of [2, 3, 5, 19]) assert.equal(judge(code), gravity.resend)
  // Also without an offset: a deposed leader answers so after it has appended.
  for (const code of [6, 7, 20, 45, 46, 47, 56, 59, -1]) assert.equal(judge(code), gravity.look)
  assert.equal(judge(19, 5n), gravity.look)
  for (const code of [10, 17, 18, 29, 31, 32, 42, 43, 44, 87]) assert.equal(judge(code), gravity.fail)
  const cut = (outcome: string) =>
    judgeLost(new TidemarkError('CONNECTION_LOST', 'cut', { details: { outcome } })).gravity
  assert.deepEqual([cut('unknown'), cut('not-sent')], [gravity.settle, gravity.resend])
})
