import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FetchedBatches } from '../../src/kafka/index.ts'
import { Bell } from '../../src/replicate/copy/bell.ts'
import { Intake, LineQueue } from '../../src/replicate/copy/intake.ts'

function delivery(bytes: number, of: number, released: () => void): FetchedBatches {
  return {
    topic: 't',
    partition: 0,
    buffer: Buffer.alloc(of, 7),
    start: 10,
    end: 10 + bytes,
    fromOffset: 0n,
    nextOffset: 1n,
    leaderEpoch: 0,
    aborted: [],
    logStartOffset: 0n,
    lastStableOffset: 1n,
    highWatermark: 1n,
    release: released,
  }
}

const assignment = {
  topic: 't',
  topicId: undefined,
  partition: 0,
  from: 0n,
  stop: undefined,
  lastFetchedEpoch: -1,
}

test('a small part of a large response is copied, so that it does not hold the memory of the whole', () => {
  const intake = new Intake(64 << 20)
  const queue = new LineQueue(() => {})
  intake.open(assignment, queue)
  let released = 0
  intake.batches(delivery(100, 8 << 20, () => released++))
  assert.equal(released, 1)
  const small = queue.shift() as FetchedBatches
  assert.deepEqual([small.buffer.length, small.start, small.end], [100, 0, 100])
  assert.ok(small.buffer.every((byte) => byte === 7))
  intake.batches(delivery(1 << 20, 8 << 20, () => released++))
  intake.batches(delivery(100, 200, () => released++))
  assert.equal(released, 1)
  const [large, own] = [queue.shift(), queue.shift()] as FetchedBatches[]
  assert.equal(large?.buffer.length, 8 << 20)
  assert.equal(own?.buffer.length, 200)
})

test('copies are bounded: beyond an eighth of the memory a part keeps the response that it came in', () => {
  const intake = new Intake(800_000)
  const queue = new LineQueue(() => {})
  intake.open(assignment, queue)
  let released = 0
  for (let i = 0; i < 3; i++) intake.batches(delivery(60_000, 2 << 20, () => released++))
  assert.equal(released, 1)
  const first = queue.shift() as FetchedBatches
  first.release()
  first.release()
  intake.batches(delivery(60_000, 2 << 20, () => released++))
  assert.equal(released, 2)
})

test('what waits of a partition that is closed is given back, and what still comes as well', () => {
  const intake = new Intake(64 << 20)
  let arrived = 0
  const queue = new LineQueue(() => arrived++)
  intake.open(assignment, queue)
  let released = 0
  intake.batches(delivery(100, 200, () => released++))
  intake.close('t', 0)
  intake.batches(delivery(100, 200, () => released++))
  assert.deepEqual([arrived, released, queue.empty], [1, 2, true])
})

test('a bell that rang while nobody waited is heard by the next, once', async () => {
  const bell = new Bell()
  bell.ring()
  bell.ring()
  await bell.wait(60_000)
  const waiting = bell.wait(60_000)
  bell.ring()
  await waiting
  await bell.wait(1)
})
