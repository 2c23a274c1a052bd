import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTidemarkError } from '../../src/base/index.ts'
import {
  byPlace,
  type CurrentOf,
  type LogTable,
  makePlan,
  placesOfPositions,
  placesOfTopics,
  planFromJson,
  planToJson,
  readTopicChoices,
  type TargetPlace,
  type WantedPosition,
  wantedAsGiven,
  wantedAtEdge,
  wantedAtOffset,
  wantedAtTime,
  wantedShifted,
} from '../../src/offsets/index.ts'

const logs: LogTable = new Map([
  [
    'orders',
    new Map([
      [0, { logStart: 10n, logEnd: 100n }],
      [1, { logStart: 0n, logEnd: 50n }],
    ]),
  ],
  ['payments', new Map([[0, { logStart: 0n, logEnd: 0n }]])],
])

function at(topic: string, partition: number, offset?: bigint, metadata = ''): TargetPlace {
  const now = offset === undefined ? undefined : { offset, metadata }
  return { group: 'g', topic, partition, now }
}

function planOf(
  wanted: readonly WantedPosition[],
  places: readonly TargetPlace[],
  outOfRange = 'fail' as const,
) {
  return makePlan({
    clusterId: 'c',
    created: 0,
    origin: { type: 'target', captured: 0 },
    strategy: 'earliest',
    retentionMinutes: 60,
    wanted,
    notices: [],
    current: {
      done: [
        {
          group: 'g',
          positions: places.flatMap(({ topic, partition, now }) =>
            now ? [{ topic, partition, leaderEpoch: -1, ...now }] : [],
          ),
          unstable: [],
        },
      ],
      failed: [],
    },
    logs,
    outOfRange,
  })
}

const offsets = (wanted: readonly WantedPosition[]) => wanted.map(({ offset }) => offset)

test('the edges of the log are those of each partition, and metadata is what is there', () => {
  const places = [at('orders', 0, 50n, 'state'), at('orders', 1), at('gone', 3, 7n)]
  assert.deepEqual(offsets(wantedAtEdge(places, 'earliest', logs)), [10n, 0n, 0n])
  const latest = wantedAtEdge(places, 'latest', logs)
  assert.deepEqual(offsets(latest), [100n, 50n, 0n])
  assert.deepEqual(
    latest.map(({ metadata }) => metadata),
    ['state', null, null].map((text, i) => (i === 2 ? '' : text)),
  )
  const { entries } = planOf(latest, places)
  assert.deepEqual(
    entries.map(({ topic, action, kind, metadata }) => [topic, action, kind, metadata]),
    [
      ['gone', 'SKIP', 'no-partition', ''],
      ['orders', 'SET', 'log-end', 'state'],
      ['orders', 'SET', 'log-end', null],
    ],
  )
})

test('a shift needs a position to go from, and does not run over the largest offset', () => {
  const places = [at('orders', 0, 50n), at('orders', 1)]
  assert.deepEqual(offsets(wantedShifted(places, -45n)), [5n, undefined])
  const [far] = wantedShifted(places, 2n ** 62n * 2n - 10n)
  assert.equal(far?.offset, 2n ** 63n - 1n)
  const { entries } = planOf(wantedShifted(places, -60n), places)
  assert.deepEqual(
    entries.map(({ action, reason, target }) => [action, reason, target]),
    [
      ['REFUSE', 'Offset -10 is out of range for partition 0 (current: 10-100); shifted by -60', -10n],
      ['SKIP', 'the group has no position here that could be shifted', undefined],
    ],
  )
})

test('a plan with a target below every log, strategy, map and retention reads back as it was', () => {
  const places = [at('orders', 0, 50n)]
  const made = planOf(wantedShifted(places, -60n), places)
  assert.deepEqual(planFromJson(planToJson(made), 'plan.json'), made)
  const json = JSON.parse(planToJson(made))
  assert.deepEqual(
    [json.strategy, json.retention_minutes, json.expires, 'map' in json],
    ['earliest', 60, '1970-01-01T01:00:00.000Z', false],
  )
})

test('offsets are given for places, and a place without one is left alone', () => {
  const places = [at('orders', 0), at('orders', 1), at('payments', 0)]
  const given = byPlace({ orders: 20n, 'orders:1': 30n })
  assert.deepEqual(offsets(wantedAtOffset(places, given)), [20n, 30n, undefined])
})

test('a time is the first record at or after it, else the end of the log, and both are said', () => {
  const places: TargetPlace[] = [
    at('orders', 0),
    { ...at('orders', 1), timestamp: 7n },
    at('payments', 0),
    at('gone', 0),
  ]
  const asked: string[] = []
  const offsetFor = (topic: string, partition: number, time: bigint) => {
    asked.push(`${topic}/${partition}@${time}`)
    return topic === 'gone' ? undefined : topic === 'orders' && partition === 0 ? 100n : 44n
  }
  const wanted = wantedAtTime(places, byPlace({ 'orders:0': 5n, gone: 1n }), offsetFor, logs)
  assert.deepEqual(asked, ['orders/0@5', 'orders/1@7', 'gone/0@1'])
  assert.deepEqual(
    wanted.map(({ offset, reason }) => [offset, reason]),
    [
      [100n, 'no record at or after 1970-01-01T00:00:00.005Z: the end of the log'],
      [44n, 'first record at or after 1970-01-01T00:00:00.007Z'],
      [undefined, 'no time was given for this partition'],
      [0n, 'first record at or after 1970-01-01T00:00:00.001Z'],
    ],
  )
})

test('the most exact rule wins, whatever its place in the list', () => {
  const of = byPlace({
    '*': 0n,
    'ord*': 1n,
    'billing/*': 2n,
    orders: 3n,
    'bill*/orders': 4n,
    'billing/orders': 5n,
    'orders:2': 6n,
    'a/b/orders:2': 7n,
    '~pay.*': 8n,
  })
  const cases = [
    ['x', 'other', 0, 0n],
    ['x', 'ordinary', 0, 1n],
    ['billing', 'other', 0, 2n],
    ['billing', 'ordinary', 0, 1n],
    ['x', 'orders', 0, 3n],
    ['bills', 'orders', 0, 4n],
    ['billing', 'orders', 0, 5n],
    ['billing', 'orders', 2, 6n],
    ['a/b', 'orders', 2, 7n],
    ['x', 'payments', 9, 8n],
  ] as const
  for (const [group, topic, partition, value] of cases) {
    assert.equal(of(group, topic, partition), value, `${group} ${topic}:${partition}`)
  }
  assert.equal(byPlace<bigint>({})('g', 't', 0), undefined)
  for (const text of ['', 'g/', '/t', ':3', 'orders:99999999999']) {
    assert.throws(
      () => byPlace({ [text]: 1n }),
      (error) => isTidemarkError(error, 'CONFIG_INVALID'),
      text,
    )
  }
})

const current: CurrentOf = () => new Map([['orders/1', { offset: 5n, metadata: 'm' }]])

test('places are the partitions that were named, for every group, or those of positions under their new names', () => {
  const choices = readTopicChoices(['orders:1', 'pay*'])
  assert.deepEqual(
    placesOfTopics([{ group: 'a' }, { group: 'b' }], choices, logs, current).map(
      ({ group, topic, partition, now }) => [group, `${topic}/${partition}`, now?.offset],
    ),
    [
      ['a', 'orders/1', 5n],
      ['a', 'payments/0', undefined],
      ['b', 'orders/1', 5n],
      ['b', 'payments/0', undefined],
    ],
  )
  for (const text of ['order', 'orders:2']) {
    assert.throws(
      () => placesOfTopics([{ group: 'a' }], readTopicChoices([text]), logs, current),
      (error) => isTidemarkError(error, 'TOPIC_NOT_FOUND'),
    )
  }
  const position = { partition: 1, offset: 3n, metadata: null }
  const positions = [
    { ...position, topic: 'old', timestamp: 9n },
    { ...position, topic: 'older', timestamp: 4n },
    { ...position, topic: 'none', offset: -1n },
  ]
  const places = placesOfPositions([{ group: 'a', positions }], () => 'orders', current)
  assert.deepEqual(places, [
    {
      group: 'a',
      type: undefined,
      topic: 'orders',
      partition: 1,
      now: { offset: 5n, metadata: 'm' },
      timestamp: 4n,
    },
  ])
})

test('positions are taken as they are, without a mark that speaks of another cluster; two cannot become one', () => {
  const position = { topic: 'orders', partition: 0, offset: 7n, metadata: 'tidemark/1 cluster=x' }
  const [wanted] = wantedAsGiven([{ group: 'g', positions: [position] }], (topic) => `dr-${topic}`)
  assert.deepEqual(
    [wanted?.topic, wanted?.offset, wanted?.metadata, wanted?.kind],
    ['dr-orders', 7n, null, 'as-given'],
  )
  const [same] = wantedAsGiven([{ group: 'g', positions: [position] }], (topic) => topic, {
    sameCluster: true,
  })
  assert.equal(same?.metadata, 'tidemark/1 cluster=x')
  const two = [position, { ...position, topic: 'payments' }]
  assert.throws(
    () => wantedAsGiven([{ group: 'g', positions: two }], () => 'both'),
    (error) =>
      isTidemarkError(error, 'CONFIG_INVALID') &&
      /orders and in payments both become both/.test(error.message),
  )
})
