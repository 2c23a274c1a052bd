import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  layerOffsets,
  type OffsetsFile,
  offsetsFromJson,
  offsetsHash,
  offsetsSince,
  offsetsToJson,
  planFromFile,
} from '../../src/offsets/index.ts'

/** The example of the predecessor's documentation. */
const documented = {
  timestamp: '2026-01-20T15:30:04Z',
  cluster: 'localhost:9092',
  consumer_groups: [
    {
      group: 'my-consumer-group',
      topics: {
        orders: [
          { partition: 0, offset: 12345 },
          { partition: 1, offset: 67890 },
        ],
        payments: [{ partition: 0, offset: 98765 }],
      },
      timestamp: '2026-01-20T15:30:04Z',
    },
  ],
}

const read = (value: unknown) => offsetsFromJson(JSON.stringify(value), 'offsets.json')

type Positions = Readonly<Record<string, Readonly<Record<string, readonly (readonly [number, number])[]>>>>

/** A file of group → topic → [partition, offset]. */
function fileOf(positions: Positions, taken = Date.UTC(2026, 0, 20)): OffsetsFile {
  return {
    taken,
    cluster: 'c:9092',
    base: undefined,
    removed: [],
    groups: Object.entries(positions).map(([group, topics]) => ({
      group,
      taken,
      topics: new Map(
        Object.entries(topics).map(([topic, list]) => [
          topic,
          list.map(([partition, offset]) => ({
            ...{ partition, offset: BigInt(offset), leaderEpoch: undefined, metadata: null },
            ...{ timestamp: undefined, lag: undefined },
          })),
        ]),
      ),
    })),
  }
}

test('the documented file is read, and written again in the same form', () => {
  const { file, negative } = read(documented)
  assert.equal(negative, 0)
  assert.equal(file.taken, Date.UTC(2026, 0, 20, 15, 30, 4))
  assert.deepEqual(JSON.parse(offsetsToJson(file)), documented)
  assert.match(offsetsToJson(file), /^ {10}\{"partition": 0, "offset": 12345\},$/m)
})

test('captured_at stands for the time of a group, and a group without a time has that of the file', () => {
  const [first] = documented.consumer_groups
  const { timestamp: _, ...bare } = first ?? {}
  const group = (extra: object) =>
    read({ ...documented, consumer_groups: [{ ...bare, ...extra }] }).file.groups[0]
  assert.equal(group({ captured_at: '2026-01-20T16:00:00Z' })?.taken, Date.UTC(2026, 0, 20, 16))
  assert.equal(group({})?.taken, Date.UTC(2026, 0, 20, 15, 30, 4))
})

test('lag, times, epochs, metadata and offsets beyond 2^53 go through a file unharmed', () => {
  const position = {
    partition: 3,
    offset: 2n ** 62n,
    leaderEpoch: 7,
    metadata: 'AgAAAY "quoted" \n',
    timestamp: 1_700_000_000_123n,
    lag: 12n,
  }
  const file = { ...fileOf({}), groups: [{ group: 'g', taken: 0, topics: new Map([['t', [position]]]) }] }
  assert.deepEqual(offsetsFromJson(offsetsToJson(file), 'f').file, file)
})

test('times of records are read as numbers and as text', () => {
  const positions = [
    { partition: 0, offset: 1, timestamp: 1768923004000 },
    { partition: 1, offset: 1, timestamp: '2026-01-20T15:30:04Z' },
    { partition: 2, offset: 1, timestamp: '1768923004000' },
  ]
  const { file } = read({ ...documented, consumer_groups: [{ group: 'g', topics: { t: positions } }] })
  const times = file.groups[0]?.topics.get('t')?.map(({ timestamp }) => timestamp)
  assert.deepEqual(times, [1768923004000n, 1768923004000n, 1768923004000n])
})

test('negative offsets mean none, and are counted', () => {
  const topics = {
    t: [
      { partition: 0, offset: -1 },
      { partition: 1, offset: 5 },
    ],
  }
  const { file, negative } = read({ ...documented, consumer_groups: [{ group: 'g', topics }] })
  assert.equal(negative, 1)
  assert.deepEqual(
    file.groups[0]?.topics.get('t')?.map(({ partition }) => partition),
    [1],
  )
})

test('what is wrong is named with its place', () => {
  const group = (topics: unknown) => ({ ...documented, consumer_groups: [{ group: 'g', topics }] })
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [[], /the file should be an object/],
    [{ ...documented, timestamp: 'yesterday' }, /timestamp should be a time/],
    [group([]), /topics should be an object/],
    [group({ t: [{ partition: -1, offset: 1 }] }), /consumer_groups\[0\]\.topics\.t\[0\]\.partition/],
    [group({ t: [{ partition: 0, offset: 1.5 }] }), /offset should be an offset/],
    [
      group({
        t: [
          { partition: 0, offset: 1 },
          { partition: 0, offset: 2 },
        ],
      }),
      /not there twice/,
    ],
    [
      { ...documented, consumer_groups: [...documented.consumer_groups, ...documented.consumer_groups] },
      /group should be/,
    ],
  ]
  for (const [value, message] of cases) {
    assert.throws(
      () => read(value),
      (error: { code?: string; message: string }) => {
        assert.equal(error.code, 'FILE_NOT_READABLE')
        assert.match(error.message, message)
        return true
      },
    )
  }
  assert.throws(() => offsetsFromJson('{"timestamp":', 'cut.json'), /cut\.json is not JSON/)
})

test('a differential file holds what changed and what is gone, and laid over its base means the same as a complete one', () => {
  const number = fc.integer({ min: 0, max: 3 })
  const positions = fc.dictionary(
    fc.constantFrom('a', 'b', 'c'),
    fc.dictionary(
      fc.constantFrom('t', 'u'),
      fc.uniqueArray(fc.tuple(number, number), {
        selector: ([partition]) => partition,
        minLength: 1,
        maxLength: 4,
      }),
      { minKeys: 1, noNullPrototype: true },
    ),
    { noNullPrototype: true },
  )
  fc.assert(
    fc.property(positions, positions, positions, (one, two, three) => {
      const [first, second, third] = [fileOf(one), fileOf(two), fileOf(three)]
      const later = offsetsSince(first, second)
      const last = offsetsSince(
        layerOffsets([
          { name: 'a', file: first },
          { name: 'b', file: later },
        ]),
        third,
      )
      const files = [later, last].map((file) => offsetsFromJson(offsetsToJson(file), 'f').file)
      const layered = layerOffsets([
        { name: 'a', file: first },
        ...files.map((file, index) => ({ name: `change ${index}`, file })),
      ])
      assert.equal(offsetsHash(layered), offsetsHash(third))
    }),
  )
})

test('nothing has changed: an empty differential file', () => {
  const file = fileOf({ g: { t: [[0, 1]] } })
  const since = offsetsSince(file, file)
  assert.deepEqual([since.groups, since.removed], [[], []])
})

test('a differential file on another base, and a second complete one, are refused', () => {
  const [first, other] = [fileOf({ g: { t: [[0, 1]] } }), fileOf({ g: { t: [[0, 2]] } })]
  const change = offsetsSince(first, fileOf({ g: { t: [[0, 5]] } }))
  const named = (name: string, file: OffsetsFile) => ({ name, file })
  assert.throws(
    () => layerOffsets([named('other', other), named('change', change)]),
    /change does not build on/,
  )
  assert.throws(
    () => layerOffsets([named('first', first), named('other', other)]),
    /other is complete by itself/,
  )
})

test('groups that were not chosen are not gone', () => {
  const base = fileOf({ g: { t: [[0, 1]] }, h: { t: [[0, 1]] } })
  const now = fileOf({ g: { t: [[0, 2]] } })
  assert.deepEqual(offsetsSince(base, now, (group) => group === 'g').removed, [])
})

test('a plan by time asks for the saved time, or one for all, and leaves alone what has none', () => {
  const file = fileOf({
    g: {
      t: [
        [0, 1],
        [1, 1],
      ],
    },
  })
  const [group] = file.groups
  const [timed, bare] = group?.topics.get('t') ?? []
  assert.ok(group && timed && bare)
  const half = {
    ...file,
    groups: [{ ...group, topics: new Map([['t', [{ ...timed, timestamp: 100n }, bare]]]) }],
  }
  const plan = (at: bigint | undefined) =>
    planFromFile(half, {
      ...{ clusterId: 'c', created: 0, name: 'f', current: { done: [], failed: [] } },
      logs: new Map([['t', new Map([0, 1].map((p) => [p, { logStart: 0n, logEnd: 500n }]))]]),
      strategy: { type: 'time', at, offsetFor: (_, partition, time) => time + BigInt(partition) },
    })
  const rows = (at: bigint | undefined) => plan(at).entries.map(({ action, target }) => [action, target])
  assert.deepEqual(rows(undefined), [
    ['SET', 100n],
    ['SKIP', undefined],
  ])
  assert.deepEqual(rows(200n), [
    ['SET', 200n],
    ['SET', 201n],
  ])
  assert.deepEqual(
    plan(undefined).notices.map(({ code }) => code),
    ['without-time'],
  )
})
