import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTidemarkError } from '../../src/base/index.ts'
import { encodePartitionMap, MapBuilder } from '../../src/offsets/index.ts'

const identity = {
  sourceTopic: 'orders',
  sourcePartition: 0,
  targetTopic: 'orders',
  targetPartition: 0,
  sourceCluster: 'prod',
}

test('a plain topic of 100 million records takes at most 64 bytes', () => {
  const builder = new MapBuilder(identity)
  for (let at = 0n; at < 100_000_000n; at += 10_000n) builder.append(at, at + 5n, 10_000)
  const map = builder.seal({ sourceEnd: 100_000_000n, copyStart: 5n })
  assert.equal(map.records, 100_000_000)
  assert.ok(map.bytes <= 64, `${map.bytes} bytes in memory`)
  assert.ok(encodePartitionMap(map).length <= 64, `${encodePartitionMap(map).length} bytes written`)
})

test('a plain topic that is broken now and then takes a few bytes for each piece', () => {
  const builder = new MapBuilder(identity)
  for (let i = 0n; i < 1000n; i++) builder.append(i * 1_000_001n, i * 1_000_000n, 1_000_000)
  const map = builder.seal({ sourceEnd: 10n ** 9n + 1000n, copyStart: 0n })
  assert.ok(map.bytes <= 1000 * 28 + 64)
})

test('a dense hole-rich stretch costs a plain neighbour nothing', () => {
  const builder = new MapBuilder(identity)
  let target = 0n
  for (let at = 0n; at < 10_000n; at += 2n) builder.append(at, target++, 1)
  const dense = builder.seal({ sourceEnd: 10_000n, copyStart: 0n }).bytes
  assert.ok(dense < 2_000, `${dense} bytes for 10,000 offsets`)
  builder.append(10_000n, target, 50_000_000)
  assert.ok(builder.seal({ sourceEnd: 60_000_000n, copyStart: 0n }).bytes <= dense + 64)
})

test('records out of order, on either side, are refused', () => {
  const internal = (error: unknown) => isTidemarkError(error, 'INTERNAL')
  const builder = new MapBuilder(identity)
  builder.append(10n, 100n, 5)
  assert.throws(() => builder.append(14n, 200n, 1), internal)
  assert.throws(() => builder.append(15n, 104n, 1), internal)
  assert.throws(() => builder.append(2n ** 60n, 105n, 1), internal)
  assert.throws(() => builder.append(15n, 105n, -1), internal)
  builder.append(15n, 105n, 0)
  builder.append(15n, 105n, 1)
  assert.deepEqual(
    [...builder.seal({ sourceEnd: 16n, copyStart: 0n }).runs()],
    [{ source: 10n, target: 100n, count: 6 }],
  )
  assert.throws(() => builder.seal({ sourceEnd: 15n, copyStart: 0n }), internal)
})

test('a map of nothing has no first record and ends where the copy began', () => {
  const map = new MapBuilder(identity).seal({ sourceEnd: 100n, copyStart: 500n })
  assert.equal(map.first, undefined)
  assert.equal(map.last, undefined)
  assert.equal(map.targetEnd, 500n)
  assert.equal(map.find(0n), undefined)
  assert.equal(map.countBefore(50n), 0)
  assert.deepEqual([...map.runs()], [])
})
