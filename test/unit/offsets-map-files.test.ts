import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTidemarkError } from '../../src/base/index.ts'
import {
  decodeMapSet,
  encodeMapSet,
  loadMapSet,
  MapBuilder,
  MapSet,
  mapSetFromJson,
  mapSetToCsv,
  mapSetToJson,
  type PartitionMap,
  saveMapSet,
  translate,
} from '../../src/offsets/index.ts'
import { MemoryStore } from '../../src/storage/memory.ts'

function map(
  sourceTopic: string,
  sourcePartition: number,
  targetTopic: string,
  targetPartition: number,
  runs: readonly (readonly [bigint, bigint, number])[],
  sourceEnd: bigint,
): PartitionMap {
  const builder = new MapBuilder({
    sourceTopic,
    sourcePartition,
    targetTopic,
    targetPartition,
    sourceCluster: 'prod-us-east-1',
  })
  for (const run of runs) builder.append(...run)
  return builder.seal({ sourceEnd, copyStart: 3n })
}

const origin = { sourceCluster: 'prod-us-east-1' }
const orders = () => [
  map('orders', 0, 'orders', 0, [[12345n, 100n, 2656]], 15001n),
  map('orders', 1, 'orders', 1, [[5000n, 50n, 2501]], 7600n),
]
const json = (set: MapSet) => [...mapSetToJson(set)].join('')

function same(a: MapSet, b: MapSet): void {
  const values = (set: MapSet) =>
    set.maps.map((m) => [
      ...[m.sourceTopic, m.sourcePartition, m.targetTopic, m.targetPartition, m.sourceCluster],
      ...[m.completeFrom, m.sourceEnd, m.copyStart, m.records],
      [...m.runs()],
    ])
  assert.deepEqual(values(a), values(b))
  for (const key of [
    'sourceCluster',
    'sourceClusterId',
    'targetClusterId',
    'backupId',
    'restoreId',
    'created',
  ] as const) {
    assert.equal(a[key], b[key], key)
  }
}

test('one topic is the documented object, with what the map knows beside the ranges', () => {
  assert.deepEqual(JSON.parse(json(new MapSet(origin, orders()))), {
    topic: 'orders',
    source_cluster: 'prod-us-east-1',
    mappings: [
      { partition: 0, source_range: { start: 12345, end: 15000 }, target_range: { start: 100, end: 2755 } },
      { partition: 1, source_range: { start: 5000, end: 7500 }, target_range: { start: 50, end: 2550 } },
    ],
    partitions: [
      { partition: 0, target_partition: 0, records: 2656, source_end: 15001, copy_start: 3 },
      { partition: 1, target_partition: 1, records: 2501, source_end: 7600, copy_start: 3 },
    ],
  })
})

test('the object as documented, without anything more, is read', () => {
  const set = mapSetFromJson(
    `{"topic": "orders", "source_cluster": "prod-us-east-1", "mappings": [
      {"partition": 0, "source_range": {"start": 12345, "end": 15000}, "target_range": {"start": 100, "end": 2755}},
      {"partition": 1, "source_range": {"start": 5000, "end": 7500}, "target_range": {"start": 50, "end": 2550}}]}`,
    'mapping.json',
  )
  const [zero] = set.from('orders', 0)
  assert.ok(zero)
  const at = (position: bigint) => translate(zero, position, { logStart: 0n, logEnd: 9999n })
  assert.deepEqual(at(13000n), { kind: 'exact', target: 755n })
  assert.deepEqual(at(15001n), { kind: 'exact', target: 2756n })
  assert.equal(set.sourceCluster, 'prod-us-east-1')
})

test('several topics, renamed and spread ones, and offsets beyond 2^53 read back as they were', () => {
  const far = 2n ** 53n + 1n
  const sets = [
    new MapSet(origin, orders()),
    new MapSet(origin, []),
    new MapSet(
      { ...origin, sourceClusterId: 's', targetClusterId: 't', backupId: 'b', restoreId: 'r', created: 1234 },
      [
        ...orders(),
        map(
          'pay',
          0,
          'copy "of" pay',
          4,
          [
            [far, far + 7n, 9],
            [far + 20n, far + 30n, 1],
          ],
          far + 50n,
        ),
        map('pay', 0, 'copy "of" pay', 5, [[far + 9n, 0n, 5]], far + 50n),
        map('empty', 2, 'empty', 2, [], 40n),
      ],
    ),
  ]
  for (const set of sets) {
    same(mapSetFromJson(json(set), 'm.json'), set)
    same(decodeMapSet(Buffer.concat(encodeMapSet(set))), set)
  }
})

test('a mapping file that cannot be true is refused with the place', () => {
  const text = json(new MapSet(origin, orders()))
  const refuses = (text: string, message: RegExp) =>
    assert.throws(
      () => mapSetFromJson(text, 'm.json'),
      (error) => isTidemarkError(error, 'FILE_NOT_READABLE') && message.test(error.message),
    )
  refuses(text.replace('2755', '2756'), /m\.json: mappings\[0\].*equally long/)
  refuses(text.replace('"end":15000', '"end":12'), /mappings\[0\]\.source_range/)
  refuses(text.replace('12345', '-1'), /mappings\[0\]\.source_range\.start should be an offset, but is -1/)
  refuses(text.replace('12345', '9007199254740993'), /as text/)
  refuses(text.replace('"source_end":7600', '"source_end":7500'), /partitions\[1\]\.source_end/)
  refuses(
    text.replace('"partition":1,"source_range"', '"partition":0,"source_range"'),
    /after the one before it/,
  )
  refuses('{"mappings": []}', /source_topic should be text, but is nothing/)
  refuses('[1]', /should be an object/)
  refuses('not json', /m\.json is not JSON/)
})

test('a map of too many ranges is refused before a byte of its listing is written', () => {
  const set = new MapSet(origin, [
    map(
      't',
      0,
      't',
      0,
      [
        [0n, 0n, 1],
        [2n, 1n, 1],
        [4n, 2n, 1],
      ],
      5n,
    ),
  ])
  assert.equal([...mapSetToCsv(set, { maxRanges: 3 })].length, 4)
  for (const list of [mapSetToCsv, mapSetToJson]) {
    assert.throws(
      () => list(set, { maxRanges: 2 }).next(),
      (error) => isTidemarkError(error, 'MAP_TOO_LARGE'),
    )
  }
})

test('the CSV form lists the ranges with inclusive ends', () => {
  const set = new MapSet(origin, [map('a,b', 0, 'c', 1, [[5n, 0n, 3]], 8n)])
  assert.equal(
    [...mapSetToCsv(set)].join(''),
    'source_topic,source_partition,source_start,source_end,target_topic,target_partition,target_start,target_end,records\n"a,b",0,5,7,c,1,0,2,3\n',
  )
})

test('a saved set is loaded, and damage of it is noticed', async () => {
  const store = new MemoryStore()
  const set = new MapSet(origin, orders())
  await saveMapSet(store, 'restores/r1/maps', set)
  same(await loadMapSet(store, 'restores/r1/maps'), set)
  const bytes = Buffer.concat(encodeMapSet(set))
  for (let at = 0; at < bytes.length; at++) {
    const other = Buffer.from(bytes)
    other[at] = (other[at] as number) ^ 0x10
    assert.throws(
      () => decodeMapSet(other),
      (error) => isTidemarkError(error, 'ARCHIVE_DAMAGED') || isTidemarkError(error, 'ARCHIVE_TOO_NEW'),
    )
    assert.throws(
      () => decodeMapSet(bytes.subarray(0, at)),
      (error) => isTidemarkError(error, 'ARCHIVE_DAMAGED'),
    )
  }
})

test('two maps of the same pair of partitions do not make a set', () => {
  assert.throws(
    () => new MapSet(origin, [...orders(), ...orders()]),
    (error) => isTidemarkError(error, 'CONFIG_INVALID'),
  )
})
