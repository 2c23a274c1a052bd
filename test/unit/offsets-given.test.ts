import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTidemarkError } from '../../src/base/index.ts'
import {
  type GivenGroup,
  type NamedText,
  type PastSettings,
  pastSettings,
  positionsFromFiles,
  type Snapshot,
  type SnapshotFolder,
  snapshotToJson,
  translateOnce,
} from '../../src/offsets/index.ts'
import { type ObjectStore, openStore } from '../../src/storage/index.ts'

function read(files: readonly [NamedText, ...NamedText[]], onlyGroup?: string) {
  return positionsFromFiles(files, { now: 99, onlyGroup }).groups.map(({ group, positions }) => [
    group,
    positions.map(({ topic, partition, offset, metadata }) => [topic, partition, Number(offset), metadata]),
  ])
}

const named = (text: string): NamedText => ({ name: 'positions', text })

test('the export of the tool of Kafka is read with one group or several, quoted where it must be', () => {
  const several = 'g,orders,0,5\r\n"a ""b"", c",orders,1,6\n"two\nlines",t,2,7\ng,orders,1,-1\n'
  assert.deepEqual(read([named(several)]), [
    ['g', [['orders', 0, 5, null]]],
    ['a "b", c', [['orders', 1, 6, null]]],
    ['two\nlines', [['t', 2, 7, null]]],
  ])
  assert.deepEqual(read([named('\ufefforders,0,5\n\norders,1,6')], 'mine'), [
    [
      'mine',
      [
        ['orders', 0, 5, null],
        ['orders', 1, 6, null],
      ],
    ],
  ])
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['g,orders,0,5\norders,1,6\n', /line 2: expected 4 fields/],
    ['group,topic,partition,offset\n', /line 1: expected a partition/],
    ['g,orders,0,99999999999999999999\n', /line 1: expected an offset/],
    ['g,two words,0,1\n', /a topic name/],
    ['g,orders,0,1\ng,orders,0,2\n', /second position of 'g' in orders\/0/],
    ['one,two\n', /3 or 4 fields/],
    ['g,orders,0,"5\n', /line 1: a quote is out of place/],
  ]
  for (const [text, message] of wrong) {
    assert.throws(
      () => read([named(text)]),
      (error) => isTidemarkError(error, 'FILE_NOT_READABLE') && message.test(error.message),
      text,
    )
  }
  assert.throws(
    () => read([named('orders,0,5\n')]),
    (error) => isTidemarkError(error, 'USAGE'),
  )
})

const snapshot: Snapshot = {
  id: 'snapshot-1',
  created: 5,
  description: '',
  clusterId: 'c',
  planHash: 'h',
  groups: [
    {
      group: 'g',
      positions: [{ topic: 'orders', partition: 0, offset: 57n, leaderEpoch: -1, metadata: 'm' }],
      absent: [],
      set: [{ topic: 'orders', partition: 0, offset: 12n }],
    },
  ],
  base: undefined,
  removed: [],
}

test('snapshots and files of kmap are told apart by what is in them', () => {
  assert.deepEqual(read([named(snapshotToJson(snapshot))]), [['g', [['orders', 0, 57, 'm']]]])
  const kmap = JSON.stringify({
    timestamp: '2026-01-20T15:30:04Z',
    cluster: 'localhost:9092',
    consumer_groups: [{ group: 'g', topics: { t: [{ partition: 3, offset: 4 }] } }],
  })
  assert.deepEqual(read([named(kmap)]), [['g', [['t', 3, 4, null]]]])
  const failing: readonly (readonly [readonly [NamedText, ...NamedText[]], RegExp])[] = [
    [[named('{"topics": []}')], /holds no positions that are known here/],
    [[named('{"consumer_groups": [}')], /not JSON/],
    [[named(kmap), named(snapshotToJson(snapshot))], /another kind of file/],
    [[named(kmap), named(kmap)], /complete by itself/],
  ]
  for (const [files, message] of failing) {
    assert.throws(
      () => read(files),
      (error) => isTidemarkError(error, 'FILE_NOT_READABLE') && message.test(error.message),
    )
  }
})

let folders = 0

async function folderOf(...snapshots: readonly Snapshot[]): Promise<SnapshotFolder & { store: ObjectStore }> {
  const store = await openStore(`memory://given-${folders++}`, {})
  for (const one of snapshots) await store.put(`${one.id}.json`, Buffer.from(snapshotToJson(one)))
  return { store, prefix: '' }
}

function group(offset: bigint, metadata = '', topic = 'orders'): GivenGroup {
  return { group: 'g', positions: [{ topic, partition: 0, offset, metadata }] }
}

const nothing: PastSettings = { of: () => [] }
const sourceOf = (groups: readonly GivenGroup[], past: PastSettings, renamed = (_: string) => false) => {
  const { source, kept } = translateOnce(groups, { past, renamed })
  return [
    source.flatMap(({ positions }) => positions.map(({ offset }) => Number(offset))),
    kept.map(({ offset, reason }) => [Number(offset), reason]),
  ]
}

test('a position is one of the source until a mark, a snapshot or its topic says otherwise', async () => {
  assert.deepEqual(sourceOf([group(57n)], nothing), [[57], []])
  assert.deepEqual(sourceOf([group(12n, 'tidemark/1 cluster=s')], nothing), [
    [],
    [[12, 'translated before, as its mark says']],
  ])
  const renamed = sourceOf([group(57n)], nothing, (topic) => topic === 'orders')
  assert.deepEqual(renamed[0], [])

  const past = await pastSettings([await folderOf(snapshot)], 'c')
  // Set and in place; read on from there; as it was before: never set, or taken back.
  assert.match(JSON.stringify(sourceOf([group(12n)], past)), /^\[\[\],\[\[12,"translated before, on 1970/)
  assert.match(JSON.stringify(sourceOf([group(20n)], past)), /moved on from 12 since/)
  assert.deepEqual(sourceOf([group(57n)], past), [[57], []])
  const elsewhere = await pastSettings([await folderOf(snapshot)], 'another cluster')
  assert.deepEqual(sourceOf([group(12n)], elsewhere), [[12], []])
})

test('what stands in a topic that was translated is of the target, but for what was left as it was', async () => {
  const [first = assert.fail()] = snapshot.groups
  const left = { topic: 'orders', partition: 1, offset: 91n, leaderEpoch: -1, metadata: '' }
  const both = { ...snapshot, groups: [{ ...first, positions: [...first.positions, left] }] }
  const past = await pastSettings([await folderOf(both)], 'c')
  const at = (partition: number, offset: bigint, topic = 'orders') => ({
    topic,
    partition,
    offset,
    metadata: '',
  })
  const positions = [at(0, 15n), at(1, 91n), at(2, 4n), at(0, 8n, 'other')]
  const { source, kept } = translateOnce([{ group: 'g', positions }], { past, renamed: () => false })
  // Partition 1 was not copied then; partition 2 has come since; the other topic has never been translated.
  assert.deepEqual(
    source.flatMap(({ positions }) => positions),
    [at(1, 91n), at(0, 8n, 'other')],
  )
  assert.deepEqual(
    kept.map(({ partition, reason }) => [partition, /moved on|other positions/.exec(reason)?.[0]]),
    [
      [0, 'moved on'],
      [2, 'other positions'],
    ],
  )
  const renamed = translateOnce([{ group: 'g', positions: [at(1, 91n)] }], { past, renamed: () => true })
  assert.deepEqual(
    [renamed.source.length, renamed.kept.length],
    [0, 1],
    'left as it was, as one of the target',
  )
  const moved = translateOnce([{ group: 'g', positions: [at(1, 95n)] }], { past, renamed: () => false })
  assert.match(moved.kept[0]?.reason ?? '', /moved on from 91 since/)
})

test('what a snapshot says of a topic that was deleted and created again since does not count', async () => {
  const before = { ...snapshot, topicIds: new Map([['orders', 'id-1']]) }
  const folder = [await folderOf(before)]
  const same = await pastSettings(folder, 'c', { topicIds: new Map([['orders', 'id-1']]) })
  assert.deepEqual(sourceOf([group(20n)], same)[0], [])
  const other = await pastSettings(folder, 'c', { topicIds: new Map([['orders', 'id-2']]) })
  assert.deepEqual(sourceOf([group(20n)], other), [[20], []])
  // Where nobody knows the id it counts: rather nothing is translated than twice.
  const unknown = await pastSettings([await folderOf(snapshot)], 'c', {
    topicIds: new Map([['orders', 'id-2']]),
  })
  assert.deepEqual(sourceOf([group(20n)], unknown)[0], [])
})

test('of several snapshots the newest speaks first, and one that was taken back lets the one before it speak', async () => {
  const [first = assert.fail()] = snapshot.groups
  const later: Snapshot = {
    ...snapshot,
    id: 'snapshot-2',
    created: 9,
    groups: [
      {
        ...first,
        positions: [{ topic: 'orders', partition: 0, offset: 12n, leaderEpoch: -1, metadata: '' }],
        set: [{ topic: 'orders', partition: 0, offset: 0n }],
      },
    ],
  }
  const past = await pastSettings([await folderOf(later), await folderOf(snapshot)], 'c')
  for (const [offset, says] of [
    [0n, /snapshot-2 says$/],
    [3n, /snapshot-2 says; the group has moved on from 0/],
    [12n, /snapshot-1 says$/],
  ] as const) {
    const { kept } = translateOnce([group(offset)], { past, renamed: () => false })
    assert.match(kept[0]?.reason ?? '', says)
  }
  assert.deepEqual(sourceOf([group(57n)], past)[0], [], 'it was 12 before it was set to 0')
})

test('a snapshot that cannot be read is not passed over: it could be the one that knows', async () => {
  const { store } = await folderOf()
  await store.put('snapshot-1.json', Buffer.from(snapshotToJson(snapshot).replace('57', '58')))
  await store.put('notes.json', Buffer.from('{"mine": true}'))
  await assert.rejects(pastSettings([{ store, prefix: '' }], 'c'), (error) =>
    isTidemarkError(error, 'FILE_NOT_READABLE'),
  )
  await store.delete(['snapshot-1.json'])
  assert.deepEqual((await pastSettings([{ store, prefix: '' }], 'c')).of('g', 'orders', 0), [])
})

test('a snapshot keeps what was set, and one without it has the text that it always had', () => {
  const text = snapshotToJson(snapshot)
  assert.match(text, /"set": \[\s+\{\s+"topic": "orders",\s+"partition": 0,\s+"offset": 12/)
  const { set: _, ...rest } = snapshot.groups[0] ?? assert.fail()
  assert.doesNotMatch(snapshotToJson({ ...snapshot, groups: [rest] }), /"set"/)
})
