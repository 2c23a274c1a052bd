import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgeEmpty, judgeRefusal } from '../../src/kafka/fetch-judge.ts'
import { LaneQueue } from '../../src/kafka/fetch-lane-queue.ts'
import { FetchMemory } from '../../src/kafka/fetch-memory.ts'
import { FetchPartition } from '../../src/kafka/fetch-partition.ts'
import type { FetchAnswer } from '../../src/kafka/fetch-response.ts'

const base = { topic: 't', partition: 0, topicId: undefined, stop: undefined }

function partition(next: bigint, stop?: bigint): FetchPartition {
  return new FetchPartition({ ...base, from: next, stop, lastFetchedEpoch: -1 })
}

function answer(highWatermark: bigint, lastStableOffset = highWatermark): FetchAnswer {
  return {
    topic: 't',
    partition: 0,
    error: 0,
    highWatermark,
    lastStableOffset,
    logStartOffset: 0n,
    aborted: [],
    preferredReplica: -1,
    start: 0,
    end: 0,
    diverging: undefined,
  }
}

test('a divergence lies where our own epoch ended, when that was before the end of it in the log', () => {
  const p = partition(0n)
  p.advance(90n, [{ epoch: 4, from: 0n }])
  p.advance(120n, [{ epoch: 5, from: 90n }])
  assert.equal(p.diverge(4, 100n), 90n)
  assert.deepEqual([p.next, p.lastEpoch], [90n, 4])
})

test('a divergence lies where the log ends, when we followed its epoch beyond', () => {
  const p = partition(0n)
  p.advance(120n, [{ epoch: 4, from: 0n }])
  assert.equal(p.diverge(4, 100n), 100n)
  assert.deepEqual([p.next, p.lastEpoch], [100n, 4])
})

test('an epoch that we never saw sends us back to the end of the one before it', () => {
  const p = partition(0n)
  p.advance(50n, [{ epoch: 2, from: 0n }])
  p.advance(80n, [{ epoch: 6, from: 50n }])
  assert.equal(p.diverge(4, 70n), 50n)
  assert.equal(p.lastEpoch, 2)
})

test('of a past that is not known the log is believed; with its epochs given, the divergence is exact', () => {
  const assignment = { ...base, from: 120n, lastFetchedEpoch: 5 }
  const unknown = new FetchPartition(assignment)
  assert.equal(unknown.diverge(4, 100n), 100n)
  assert.equal(unknown.lastEpoch, 4)
  const known = new FetchPartition({
    ...assignment,
    epochs: [
      { epoch: 4, from: 0n },
      { epoch: 5, from: 90n },
    ],
  })
  assert.equal(known.diverge(4, 100n), 90n)
})

test('when nothing that was seen is of an epoch the log still has, all of it is dead', () => {
  const p = partition(30n)
  p.advance(60n, [{ epoch: 7, from: 30n }])
  assert.equal(p.diverge(6, 55n), 30n)
  assert.deepEqual([p.next, p.lastEpoch], [30n, -1])
})

test('beyond a gap nothing is known of the epochs before it', () => {
  const p = partition(0n)
  p.advance(10n, [{ epoch: 3, from: 0n }])
  p.jump(500n)
  assert.deepEqual([p.next, p.lastEpoch], [500n, -1])
})

test('empty answers are patiently counted, and then told apart', () => {
  const judge = (p: FetchPartition, a: FetchAnswer, crowded = false) => {
    const found = [1, 2, 3].map(() => judgeEmpty(p, a, true, crowded))
    assert.deepEqual(found.slice(0, 2), ['wait', 'wait'])
    return found[2]
  }
  assert.equal(judge(partition(5n, 10n), answer(20n)), 'hole')
  assert.equal(judge(partition(5n, 10n), answer(20n, 5n)), 'held')
  assert.equal(judge(partition(5n, 10n), answer(5n)), 'short')
  assert.equal(judge(partition(5n), answer(20n)), 'wait', 'without a stop there is nothing to conclude')
  assert.equal(judge(partition(5n, 10n), answer(20n), true), 'wait', 'others may have taken the room')
})

test('refusals are doubts about leader or range, or final', () => {
  const types = [1, 3, 5, 6, 29, 43, 56, 74, 75, 78, 100, 103, -1].map((code) => [
    code,
    judgeRefusal(partition(0n), code, 'broker:1').type,
  ])
  assert.deepEqual(Object.fromEntries(types), {
    1: 'range',
    3: 'find',
    5: 'find',
    6: 'find',
    29: 'lost',
    43: 'lost',
    56: 'find',
    74: 'find',
    75: 'find',
    78: 'find',
    100: 'find',
    103: 'find',
    '-1': 'find',
  })
})

test('who found no room stays in front, who was served goes to the end, who has nothing makes way', () => {
  const queue = new LaneQueue()
  const all = [0, 1, 2, 3, 4].map(
    (n) => new FetchPartition({ ...base, partition: n, from: 0n, lastFetchedEpoch: -1 }),
  )
  for (const p of all) queue.add(p)
  const [a, b, c, d, e] = all
  assert.ok(a && b && c && d && e)
  queue.rotate(
    new Map([
      [a, 'served'],
      [b, 'empty'],
      [c, 'waiting'],
    ]),
  )
  assert.deepEqual(
    [...queue].map((p) => p.partition),
    [2, 3, 4, 1, 0],
  )
  queue.remove(d)
  assert.equal(queue.find('t', 3, false), undefined)
  assert.equal(queue.find('t', 4, false), e)
  assert.deepEqual(
    queue.front(2).map((p) => p.partition),
    [2, 4],
  )
})

test('topics are found by id as well, and a name that looks like an id is no id', () => {
  const queue = new LaneQueue()
  const id = '0a1b2c3d-0000-4000-8000-000000000001'
  const p = new FetchPartition({ ...base, topicId: id, from: 0n, lastFetchedEpoch: -1 })
  queue.add(p)
  assert.equal(queue.find('0a1b2c3d000040008000000000000001', 0, true), p)
  assert.equal(queue.find('0a1b2c3d000040008000000000000001', 0, false), undefined)
})

test('response memory is given back when the last holder lets go, and full-size buffers are used again', () => {
  const memory = new FetchMemory(4 << 20, 1 << 20)
  const full = memory.need(1 << 20)
  assert.ok(memory.tryReserve(full))
  const lent = memory.claim(1 << 20, full)
  lent.retain()
  lent.release()
  assert.equal(memory.used, full)
  lent.release()
  assert.equal(memory.used, 0)
  assert.ok(memory.tryReserve(full))
  assert.equal(memory.claim(1 << 20, full).buffer, lent.buffer)
})

test('a small response gives back what it does not need, and an oversized one makes others wait', () => {
  const memory = new FetchMemory(4 << 20, 1 << 20)
  const full = memory.need(1 << 20)
  assert.ok(memory.tryReserve(full))
  const small = memory.claim(100, full)
  assert.equal(memory.used, 100)
  assert.ok(memory.tryReserve(full))
  const large = memory.claim(10 << 20, full)
  assert.equal(large.buffer.length, 10 << 20)
  assert.equal(memory.tryReserve(1), false)
  large.release()
  small.release()
  assert.equal(memory.used, 0)
})
