import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { assignShards, type WorkerClaim } from '../../src/replicate/workers/assign-shards.ts'
import { assignMembers, decodeAssignment, encodeMembership } from '../../src/replicate/workers/membership.ts'
import { SHARDS, shardOf } from '../../src/replicate/workers/shards.ts'

const shard = fc.integer({ min: 0, max: SHARDS - 1 })
const claims: fc.Arbitrary<WorkerClaim[]> = fc.uniqueArray(
  fc.record({
    id: fc.string({ minLength: 1, maxLength: 4 }),
    generation: fc.nat(5),
    owned: fc.array(shard, { maxLength: 20 }),
  }),
  { selector: ({ id }) => id, minLength: 1, maxLength: 24 },
)

test('every shard has one worker, and no worker has more than one shard more than another', () => {
  fc.assert(
    fc.property(claims, (workers) => {
      const assigned = assignShards(workers, SHARDS)
      const all = [...assigned.values()].flat().sort((a, b) => a - b)
      assert.deepEqual(
        all,
        Array.from({ length: SHARDS }, (_, i) => i),
      )
      const counts = [...assigned.values()].map((own) => own.length)
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1)
      assert.equal(assigned.size, workers.length)
    }),
  )
})

test('the order in which workers are listed does not matter', () => {
  fc.assert(
    fc.property(claims, (workers) => {
      const sorted = (map: ReadonlyMap<string, readonly number[]>) =>
        [...map].sort(([a], [b]) => (a < b ? -1 : 1))
      assert.deepEqual(
        sorted(assignShards(workers, SHARDS)),
        sorted(assignShards(workers.toReversed(), SHARDS)),
      )
    }),
  )
})

test('when a worker comes or goes, only those shards move that must', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.nat(11), (count, leaving) => {
      const ids = Array.from({ length: count }, (_, i) => `w${i}`)
      const first = assignShards(
        ids.map((id) => ({ id, generation: 0, owned: [] })),
        SHARDS,
      )
      const claim = (id: string) => ({ id, generation: 1, owned: first.get(id) ?? [] })
      const joined = assignShards([...ids, 'x'].map(claim), SHARDS)
      const moved = ids.flatMap((id) => (first.get(id) ?? []).filter((s) => !joined.get(id)?.includes(s)))
      assert.equal(moved.length, joined.get('x')?.length)
      const gone = ids[leaving % count]
      const left = ids.filter((id) => id !== gone)
      if (left.length === 0) return
      const after = assignShards(left.map(claim), SHARDS)
      for (const id of left) for (const s of first.get(id) ?? []) assert.ok(after.get(id)?.includes(s))
    }),
  )
})

test('of two workers that claim a shard, the one with the newer claim keeps it', () => {
  const assigned = assignShards(
    [
      { id: 'a', generation: 1, owned: [0, 1, 2, 3, 4, 5, 6, 7] },
      { id: 'b', generation: 2, owned: [0, 1, 2, 3, 8, 9, 10, 11] },
    ],
    SHARDS,
  )
  assert.deepEqual(assigned.get('b'), [0, 1, 2, 3, 8, 9, 10, 11])
})

test('members that cannot be understood take part like workers that have nothing', () => {
  const members = [
    { memberId: 'm1', instanceId: undefined, metadata: Buffer.from('rubbish') },
    {
      memberId: 'm2',
      instanceId: undefined,
      metadata: encodeMembership({ worker: 'w', generation: 4, owned: [1, 3], control: 'c' }),
    },
  ]
  const assigned = assignMembers(members)
  const second = decodeAssignment(assigned.get('m2') ?? Buffer.alloc(0))
  assert.equal(second.generation, 5)
  assert.equal(second.workers, 2)
  assert.ok(second.shards.includes(1) && second.shards.includes(3))
  assert.deepEqual(decodeAssignment(Buffer.alloc(0)).shards, [])
})

test('partitions of a topic lie in different shards as long as there are enough', () => {
  const shards = new Set(Array.from({ length: SHARDS }, (_, partition) => shardOf('orders', partition)))
  assert.equal(shards.size, SHARDS)
})
