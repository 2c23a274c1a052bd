import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ErrorCode, isTidemarkError } from '../../src/base/index.ts'
import type { Position } from '../../src/kafka/index.ts'
import {
  compareSnapshot,
  deleteSnapshot,
  emptiedBetween,
  emptiedSince,
  layerSnapshots,
  listSnapshots,
  loadWholeSnapshot,
  type Plan,
  planFromJson,
  planFromSnapshot,
  planTable,
  planToJson,
  resetScript,
  type Snapshot,
  type SnapshotDraft,
  saveSnapshot,
  snapshotFromJson,
  snapshotSince,
  snapshotToJson,
} from '../../src/offsets/index.ts'
import { MemoryStore } from '../../src/storage/memory.ts'

const noon = Date.UTC(2024, 11, 3, 12)

/** `{ 'orders/0': 5 }` or `{ 'orders/0': [5, 'metadata'] }`. */
type Positions = Readonly<Record<string, number | bigint | readonly [number | bigint, string | null]>>

function positions(of: Positions): readonly Position[] {
  return Object.entries(of).map(([place, value]) => {
    const [topic = '', partition] = place.split('/')
    const [offset, metadata] = typeof value === 'object' ? value : [value, '']
    return { topic, partition: Number(partition), offset: BigInt(offset), leaderEpoch: -1, metadata }
  })
}

function draft(groups: Readonly<Record<string, Positions>>, options: Partial<Snapshot> = {}): SnapshotDraft {
  return {
    created: noon,
    description: 'Before restore',
    clusterId: 'c1',
    planHash: undefined,
    groups: Object.entries(groups).map(([group, of]) => ({ group, positions: positions(of), absent: [] })),
    base: undefined,
    removed: [],
    ...options,
  }
}

const named = (id: string, of: SnapshotDraft): Snapshot => ({ ...of, id })

const fails = (code: ErrorCode, message: RegExp) => (error: unknown) =>
  isTidemarkError(error, code) && message.test(error.message)

test('a snapshot goes through a file unharmed: offsets beyond 2^53, metadata, groups without positions', () => {
  const of = draft({
    'g "1"\n': { 'orders/0': [2n ** 62n, 'Ag\u0000é😀'], 'orders/7': [0, null] },
    empty: {},
  })
  const groups = of.groups.map((group) => ({ ...group, absent: [{ topic: 'orders', partition: 3 }] }))
  const snapshot = named('s1', { ...of, groups })
  const text = snapshotToJson(snapshot)
  assert.deepEqual(snapshotFromJson(text, 's1.json'), snapshot)
  assert.deepEqual(snapshotFromJson(JSON.stringify(JSON.parse(text)), 's1.json'), snapshot)
  const base = { id: 's0', created: noon - 1, hash: 'h' }
  const since = { ...snapshot, base, removed: [{ group: 'empty', topic: 't', partition: 1 }] }
  assert.deepEqual(snapshotFromJson(snapshotToJson(since), 's1.json'), since)
})

test('files that were written without a hash and without a base are read', () => {
  const { hash: _, ...bare } = JSON.parse(snapshotToJson(named('s', draft({ g: { 't/0': 5 } }))))
  const read = snapshotFromJson(JSON.stringify({ ...bare, plan_hash: 'abc' }), 's.json')
  assert.equal(read.planHash, 'abc')
  assert.equal(read.groups[0]?.positions[0]?.offset, 5n)
})

test('a file that was cut, changed or is something else is told with its name', () => {
  const text = snapshotToJson(named('s', draft({ g: { 't/0': 1234 } })))
  for (const [wrong, message] of [
    ['', /s\.json is not JSON/],
    [text.slice(0, -30), /s\.json is not JSON/],
    ['{}', /s\.json: format should be/],
    [
      text.replace('"version": 1', '"version": 2'),
      /s\.json is of version 2, and this program reads version 1/,
    ],
    [text.replace('1234', '1235'), /hash should be .* changed after it was written/],
    [text.replace('1234', '-1'), /groups\[0\]\.positions\[0\]\.offset should be an offset/],
  ] as const) {
    assert.throws(() => snapshotFromJson(wrong, 's.json'), fails('FILE_NOT_READABLE', message))
  }
  const [group] = draft({ g: { 't/0': 1 } }).groups
  const twice = (groups: SnapshotDraft['groups']) => snapshotToJson(named('s', { ...draft({}), groups }))
  assert.ok(group)
  assert.throws(
    () => snapshotFromJson(twice([group, group]), 's.json'),
    fails('FILE_NOT_READABLE', /groups\[1\] should be a group that is not there twice/),
  )
  assert.throws(
    () => snapshotFromJson(twice([{ ...group, absent: [{ topic: 't', partition: 0 }] }]), 's.json'),
    fails('FILE_NOT_READABLE', /absent\[0\] should be a partition that is not there twice/),
  )
})

function rollback(
  snapshot: Snapshot,
  now: Readonly<Record<string, Positions>>,
  options: Partial<Parameters<typeof planFromSnapshot>[1]> = {},
): Plan {
  const log = { logStart: 100n, logEnd: 1000n }
  return planFromSnapshot(snapshot, {
    clusterId: 'c1',
    created: noon,
    current: {
      done: snapshot.groups.map(({ group }) => ({
        ...{ group, positions: positions(now[group] ?? {}), unstable: [] },
      })),
      failed: [],
    },
    logs: new Map([['orders', new Map([0, 1, 2, 3].map((partition) => [partition, log]))]]),
    ...options,
  })
}

const brief = ({ entries }: Plan) =>
  entries.map(({ group, topic, partition, action, target, metadata }) => [
    `${group} ${topic}/${partition}`,
    action,
    target === undefined ? null : Number(target),
    metadata,
  ])

test('a rollback sets what moved, brings back what is gone, deletes what was added, and leaves the rest', () => {
  const of = draft({ g: { 'orders/0': [200, 'state é'], 'orders/1': 300, 'orders/2': 400 }, fresh: {} })
  const [g, fresh] = of.groups
  assert.ok(g && fresh)
  const absent = [
    { topic: 'orders', partition: 3 },
    { topic: 'orders', partition: 4 },
  ]
  const snapshot = named('s1', { ...of, groups: [{ ...g, absent }, fresh] })
  const plan = rollback(snapshot, {
    g: { 'orders/0': [200, 'other'], 'orders/2': 400, 'orders/3': 7, 'later/0': 9 },
    fresh: { 'orders/0': 150 },
  })
  assert.deepEqual(brief(plan), [
    ['g later/0', 'DELETE', null, null],
    ['g orders/0', 'SET', 200, 'state é'],
    ['g orders/1', 'SET', 300, ''],
    ['g orders/2', 'KEEP', 400, ''],
    ['g orders/3', 'DELETE', null, null],
    ['g orders/4', 'KEEP', null, null],
    ['fresh orders/0', 'DELETE', null, null],
  ])
  assert.deepEqual(plan.origin, { type: 'snapshot', snapshotId: 's1', captured: noon })
  assert.deepEqual(planFromJson(planToJson(plan), 'plan.json'), plan)
  const table = planTable(plan)
  assert.deepEqual([table.toReset, table.toDelete], [2, 3])
  assert.match(resetScript(plan, { bootstrapServers: 'c:1' }), /# orders:3 is not set: the group had no/)
})

test('metadata comes back byte for byte, also where it is a mark of a translation', () => {
  const mark = 'tidemark/1 cluster=src from=orders/0@9'
  const snapshot = named('s', draft({ g: { 'orders/0': [200, mark], 'orders/1': [200, ''] } }))
  const plan = rollback(snapshot, { g: { 'orders/0': [200, ''], 'orders/1': [200, mark] } })
  assert.deepEqual(brief(plan), [
    ['g orders/0', 'SET', 200, mark],
    ['g orders/1', 'SET', 200, ''],
  ])
})

test('what the log no longer holds is refused, moved or left alone; what never moved is kept; a topic that is gone is said', () => {
  const snapshot = named('s', draft({ g: { 'orders/0': 50, 'orders/1': 50, 'gone/0': 5 } }))
  const of = (outOfRange?: 'fail' | 'clamp' | 'skip') =>
    brief(rollback(snapshot, { g: { 'orders/0': 50, 'orders/1': 60 } }, outOfRange ? { outOfRange } : {}))
  assert.deepEqual(of(), [
    ['g gone/0', 'SKIP', null, ''],
    ['g orders/0', 'KEEP', 50, ''],
    ['g orders/1', 'REFUSE', 50, ''],
  ])
  assert.deepEqual(of('clamp').at(-1), ['g orders/1', 'SET', 100, ''])
  assert.deepEqual(of('skip').at(-1), ['g orders/1', 'SKIP', 50, ''])
})

test('another cluster is refused, and a group that cannot be read is never taken for one without positions', () => {
  const snapshot = named('s', draft({ g: { 'orders/0': 200 } }))
  assert.throws(
    () => rollback(snapshot, {}, { clusterId: 'c2' }),
    fails('SOURCE_MISMATCH', /is of cluster c1, but this is cluster c2/),
  )
  const current = { done: [], failed: [{ item: 'g', error: new Error('no access') }] }
  assert.deepEqual(brief(rollback(snapshot, {}, { current })), [['g orders/0', 'REFUSE', 200, '']])
  assert.throws(() => rollback(named('s', draft({ g: {} })), {}, { current }), /no access/)
})

const somePositions = fc.dictionary(
  fc.constantFrom('t/0', 't/1', 'u/0', 'u/5'),
  fc.tuple(fc.bigInt(0n, 2n ** 63n - 1n), fc.constantFrom('', 'a', 'b')),
)
const someGroups = fc.dictionary(fc.constantFrom('a', 'b', 'c'), somePositions)

/** What a snapshot means, whatever the order. */
const meaning = ({ groups }: SnapshotDraft) =>
  Object.fromEntries(
    groups.map(({ group, positions }) => [
      group,
      positions.map((p) => `${p.topic}/${p.partition}@${p.offset} ${p.metadata}`).sort(),
    ]),
  )

test('differential snapshots laid over their base mean what was there, and hold only what changed', () => {
  fc.assert(
    fc.property(someGroups, someGroups, someGroups, (first, second, third) => {
      const one = named('one', draft(first))
      const two = named('two', snapshotSince(one, draft(second)))
      assert.deepEqual(meaning(layerSnapshots([one, two])), meaning(draft(second)))
      const three = named('three', snapshotSince(layerSnapshots([one, two]), draft(third)))
      const read = [one, two, three].map((one) => snapshotFromJson(snapshotToJson(one), one.id))
      const [first_, ...rest] = read
      assert.ok(first_)
      assert.deepEqual(meaning(layerSnapshots([first_, ...rest])), meaning(draft(third)))
      const before = meaning(one)
      for (const { group, positions } of two.groups)
        for (const p of positions)
          assert.ok(!before[group]?.includes(`${p.topic}/${p.partition}@${p.offset} ${p.metadata}`))
    }),
  )
})

test('a differential snapshot is not taken for a whole one, nor laid over another base', () => {
  const one = named('one', draft({ g: { 't/0': 1, 't/1': 1 } }))
  const two = named('two', snapshotSince(one, draft({ g: { 't/0': 2, 't/1': 1 } })))
  assert.deepEqual(meaning(two), { g: ['t/0@2 '] })
  assert.throws(
    () => layerSnapshots([two]),
    fails('FILE_NOT_READABLE', /two holds only what changed since one/),
  )
  const other = named('one', draft({ g: { 't/0': 1, 't/1': 3 } }))
  assert.throws(() => layerSnapshots([other, two]), fails('FILE_NOT_READABLE', /two does not build on/))
  assert.throws(() => layerSnapshots([one, one]), fails('FILE_NOT_READABLE', /complete by itself/))
  assert.throws(
    () => snapshotSince(one, draft({}, { clusterId: 'c2' })),
    fails('SOURCE_MISMATCH', /one is of cluster c1/),
  )
})

test('snapshots are named by their time, never replaced, listed newest first, and deleted', async () => {
  const store = new MemoryStore()
  const folder = { store, prefix: 'offset-snapshots/' }
  const first = await saveSnapshot(folder, draft({ g: { 't/0': 1 } }))
  const second = await saveSnapshot(folder, draft({ g: { 't/0': 2 } }))
  const later = draft({ g: { 't/0': 3 }, h: {} }, { created: noon + 1000 })
  const third = await saveSnapshot(folder, snapshotSince(first, later), { id: 'pre-reset' })
  assert.deepEqual([first.id, second.id], ['snapshot-20241203-120000', 'snapshot-20241203-120000-2'])
  await assert.rejects(
    saveSnapshot(folder, later, { id: 'pre-reset' }),
    fails('SNAPSHOT_EXISTS', /pre-reset/),
  )
  await store.put('offset-snapshots/other.json', Buffer.from('{"format": "tidemark-offset-plan"}'))
  await store.put('offset-snapshots/notes.txt', Buffer.from('x'))
  await store.put('offset-snapshots/deep/snapshot-1.json', Buffer.from('x'))
  await store.put('offset-snapshots/snapshot-cut.json', Buffer.from('{"format": "tidemark-off'))
  const listed = await listSnapshots(folder)
  assert.deepEqual(
    listed.map((one) => [one.id, 'error' in one ? one.error.code : one.heading.since]),
    [
      ['pre-reset', first.id],
      [second.id, undefined],
      [first.id, undefined],
      ['snapshot-cut', 'FILE_NOT_READABLE'],
    ],
  )
  const { written, whole } = await loadWholeSnapshot(folder, third.id)
  assert.deepEqual(meaning(whole), meaning(later))
  assert.equal(written.base?.id, first.id)
  await assert.rejects(
    deleteSnapshot(folder, first.id),
    fails('SNAPSHOT_NEEDED', /^pre-reset hold only what changed since snapshot-20241203-120000$/),
  )
  for (const id of [third.id, first.id, 'snapshot-cut']) await deleteSnapshot(folder, id)
  assert.deepEqual(
    (await listSnapshots(folder)).map(({ id }) => id),
    [second.id],
  )
})

test('names that are not there, that could mean another folder, or that a file does not bear are refused', async () => {
  const store = new MemoryStore()
  const folder = { store, prefix: '' }
  await assert.rejects(loadWholeSnapshot(folder, 'nope'), fails('SNAPSHOT_NOT_FOUND', /no snapshot nope/))
  await assert.rejects(deleteSnapshot(folder, 'nope'), fails('SNAPSHOT_NOT_FOUND', /no snapshot nope/))
  for (const id of ['', '..', '../x', 'a/b', 'a b', '.hidden']) {
    await assert.rejects(loadWholeSnapshot(folder, id), fails('STORAGE_KEY_INVALID', /name of a snapshot/))
  }
  await store.put('renamed.json', Buffer.from(snapshotToJson(named('s', draft({})))))
  await assert.rejects(
    loadWholeSnapshot(folder, 'renamed'),
    fails('FILE_NOT_READABLE', /renamed\.json holds the snapshot s, not renamed/),
  )
  const loop = { ...draft({}), base: { id: 'loop', created: 0, hash: '' } }
  await saveSnapshot(folder, loop, { id: 'loop' })
  await assert.rejects(loadWholeSnapshot(folder, 'loop'), fails('FILE_NOT_READABLE', /builds on itself/))
  const orphan = { ...draft({}), base: { id: 'missing', created: 0, hash: '' } }
  await saveSnapshot(folder, orphan, { id: 'orphan' })
  await assert.rejects(loadWholeSnapshot(folder, 'orphan'), fails('SNAPSHOT_NOT_FOUND', /missing/))
})

test('a group that had positions in the newest snapshot that names it, and has none now, is noticed', async () => {
  const folder = { store: new MemoryStore(), prefix: '' }
  const at = (hour: number) => ({ created: noon + hour * 3_600_000 })
  const emptied = async (now: Readonly<Record<string, Positions>>, ...patterns: string[]) =>
    (await emptiedSince(folder, draft(now), patterns)).map(({ group, snapshot }) => `${group} ${snapshot}`)
  await saveSnapshot(folder, draft({ a: { 't/0': 1 }, b: { 't/0': 1 }, c: {} }, at(0)), { id: 's0' })
  assert.deepEqual(await emptied({ a: {}, b: { 't/0': 9 }, c: {} }, 'a', 'b', 'c'), ['a s0'])
  assert.deepEqual(await emptied({ a: { 't/0': 1 } }), ['b s0'])
  assert.deepEqual(await emptied({ a: { 't/0': 1 } }, 'a*'), [])
  assert.deepEqual(await emptied({ a: { 't/0': 1 } }, 'a'), [])
  // Before a plan was applied `b` had none: what came before that no longer counts.
  await saveSnapshot(folder, draft({ b: {} }, { ...at(1), planHash: 'p' }), { id: 's1' })
  assert.deepEqual(await emptied({ a: {}, b: {} }), ['a s0'])
  // Unchanged in a differential one is not none.
  const base = (await loadWholeSnapshot(folder, 's0')).whole
  await saveSnapshot(folder, snapshotSince(base, draft({ a: { 't/0': 1 } }, at(2))), { id: 's2' })
  assert.deepEqual(await emptied({ a: {}, b: {} }, 'a', 'b'), ['a s2'])
  await folder.store.put('s3.json', Buffer.from('{'))
  assert.deepEqual(await emptied({ a: {}, b: {} }, 'a', 'b'), ['a s2'])
  assert.deepEqual(
    emptiedBetween(base, draft({ a: {} }, { clusterId: 'other' }), () => true),
    [],
  )
})

test('missing, extra and different positions are told apart, and metadata counts', () => {
  const snapshot = named('s', draft({ g: { 't/0': 1, 't/1': 2, 't/2': [3, 'x'], 't/3': 4 }, h: {} }))
  const { groups, same, differences } = compareSnapshot(snapshot, [
    { group: 'g', positions: positions({ 't/0': 1, 't/1': 9, 't/2': [3, 'y'], 't/10': 0 }), unstable: [] },
  ])
  assert.deepEqual([groups, same], [2, 1])
  assert.deepEqual(
    differences.map(({ topic, partition, kind }) => `${topic}/${partition} ${kind}`),
    ['t/1 different', 't/2 different', 't/3 missing', 't/10 extra'],
  )
})
