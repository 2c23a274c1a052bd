import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PositionCapture } from '../../src/archive/index.ts'
import { isTidemarkError } from '../../src/base/index.ts'
import {
  isTranslationMark,
  MapBuilder,
  MapSet,
  type PartitionMap,
  type Plan,
  type PlanEntry,
  planFromBackup,
  planFromJson,
  planTable,
  planToJson,
  selectGroups,
} from '../../src/offsets/index.ts'

type Options = Parameters<typeof planFromBackup>[3]
type Capture = PositionCapture
type Captured = Capture['groups'][number]

function map(
  source: string,
  target: string,
  runs: readonly (readonly [number, number, number])[],
  sourceEnd: number,
  copyStart = 0,
): PartitionMap {
  const at = (text: string) => [text.split('/')[0] ?? '', Number(text.split('/')[1])] as const
  const [sourceTopic, sourcePartition] = at(source)
  const [targetTopic, targetPartition] = at(target)
  const builder = new MapBuilder({
    sourceTopic,
    sourcePartition,
    targetTopic,
    targetPartition,
    sourceCluster: 'prod',
  })
  for (const [s, t, n] of runs) builder.append(BigInt(s), BigInt(t), n)
  return builder.seal({ sourceEnd: BigInt(sourceEnd), copyStart: BigInt(copyStart) })
}

function position(place: string, offset: number, metadata: string | null = '') {
  const [topic = '', partition] = place.split('/')
  return { topic, partition: Number(partition), offset: BigInt(offset), leaderEpoch: 3, metadata }
}

function group(name: string, positions: Captured['positions'], type: Captured['type'] = 'classic'): Captured {
  return { group: name, type, state: 'Empty', protocolType: 'consumer', members: 0, positions }
}

function plan(
  groups: readonly Captured[],
  maps: readonly PartitionMap[],
  options: Partial<Options> = {},
): Plan {
  const capture: Capture = { taken: 1000, groups, failed: [] }
  return planFromBackup(
    capture,
    selectGroups(capture, { type: 'all' }),
    new MapSet({ sourceCluster: 'prod', sourceClusterId: 'src-1', restoreId: 'r1' }, maps),
    {
      clusterId: 'target-1',
      created: 2000,
      backupId: 'b1',
      current: { done: groups.map(({ group }) => ({ group, positions: [], unstable: [] })), failed: [] },
      logs: new Map(
        [...new Set(maps.map(({ targetTopic }) => targetTopic))].map((topic) => [
          topic,
          new Map(
            maps
              .filter(({ targetTopic }) => targetTopic === topic)
              .map(({ targetPartition }) => [targetPartition, { logStart: 0n, logEnd: 10n ** 15n }]),
          ),
        ]),
      ),
      ...options,
    },
  )
}

function brief({ topic, partition, target, action, kind }: PlanEntry) {
  return [`${topic}/${partition}`, target === undefined ? null : Number(target), action, kind]
}

test('positions on a renamed topic are planned under its new name, and nothing is left out silently', () => {
  const made = plan(
    [
      group('g', [
        position('orders/0', 5),
        position('orders/1', -1),
        position('audit/0', 3),
        position('orders/2', 4),
      ]),
    ],
    [map('orders/0', 'restored/0', [[0, 100, 10]], 10), map('orders/1', 'restored/1', [[0, 0, 4]], 4)],
  )
  assert.deepEqual(made.entries.map(brief), [
    ['audit/0', null, 'SKIP', 'not-copied'],
    ['orders/2', null, 'SKIP', 'not-copied'],
    ['restored/0', 105, 'SET', 'exact'],
    ['restored/1', null, 'SKIP', 'no-position'],
  ])
  assert.match(made.entries[3]?.reason ?? '', /auto\.offset\.reset will decide/)
  assert.deepEqual(made.entries[2]?.from, [{ topic: 'orders', partition: 0, offset: 5n }])
})

test('partitions that only the target has are read from their start', () => {
  const made = plan([group('g', [position('t/0', 1)])], [map('t/0', 't/0', [[0, 0, 2]], 2)], {
    logs: new Map([
      [
        't',
        new Map([
          [0, { logStart: 0n, logEnd: 2n }],
          [1, { logStart: 0n, logEnd: 9n }],
          [2, { logStart: 7n, logEnd: 9n }],
        ]),
      ],
    ]),
    sourcePartitions: () => 2,
  })
  assert.deepEqual(made.entries.map(brief), [
    ['t/0', 1, 'SET', 'exact'],
    ['t/2', 7, 'SET', 'new-partition'],
  ])
})

test('a repartitioned topic reads again rather than skip, and says how much', () => {
  const maps = [
    map(
      't/0',
      't/0',
      [
        [0, 0, 1],
        [2, 2, 1],
      ],
      4,
    ),
    map(
      't/0',
      't/1',
      [
        [1, 0, 1],
        [3, 2, 1],
      ],
      4,
    ),
    map(
      't/1',
      't/0',
      [
        [0, 1, 1],
        [1, 3, 1],
      ],
      3,
    ),
    map('t/1', 't/1', [[2, 1, 1]], 3),
  ]
  const made = plan([group('g', [position('t/0', 3), position('t/1', 0)])], maps)
  assert.deepEqual(
    made.entries.map((entry) => [...brief(entry), entry.reread]),
    [
      ['t/0', 1, 'SET', 'exact', 1],
      ['t/1', 1, 'SET', 'exact', 0],
    ],
  )
  assert.equal(planTable(made).reread, 1)
  const half = plan([group('g', [position('t/0', 4)])], maps)
  assert.deepEqual(half.entries.map(brief), [
    ['t/0', 1, 'SET', 'exact'],
    ['t/1', 1, 'SET', 'exact'],
  ])
  assert.match(
    half.entries[0]?.reason ?? '',
    /1 source partition\(s\) without a position are taken as unread/,
  )
  const latest = plan([group('g', [position('t/0', 4)])], maps, { missing: 'latest' })
  assert.deepEqual(latest.entries.map(brief), [
    ['t/0', 4, 'SET', 'exact'],
    ['t/1', 3, 'SET', 'exact'],
  ])
})

test('a target outside the log fails, is clamped or skipped, as the policy says', () => {
  const maps = [map('orders/0', 'orders/0', [[0, 0, 150_001]], 150_001)]
  const groups = [group('g', [position('orders/0', 150_000)])]
  const logs = new Map([['orders', new Map([[0, { logStart: 0n, logEnd: 100n }]])]])
  const entry = (outOfRange?: 'fail' | 'clamp' | 'skip') =>
    plan(groups, maps, { logs, ...(outOfRange && { outOfRange }) }).entries[0] ?? assert.fail()
  assert.equal(entry().action, 'REFUSE')
  assert.equal(entry().reason, 'Offset 150000 is out of range for partition 0 (current: 0-100)')
  assert.deepEqual(brief(entry('clamp')), ['orders/0', 100, 'SET', 'exact'])
  assert.match(entry('clamp').reason, /moved to the end of the log/)
  assert.equal(entry('skip').action, 'SKIP')
  assert.match(entry('skip').reason, /is out of range/)
})

test('a position that is there already is kept, one that is elsewhere is set, and the move is told', () => {
  const maps = [map('t/0', 't/0', [[0, 0, 10]], 10), map('t/1', 't/1', [[0, 0, 10]], 10)]
  const groups = [group('g', [position('t/0', 4), position('t/1', 4)])]
  const now = (a: number, b: number) => ({
    done: [{ group: 'g', positions: [position('t/0', a), position('t/1', b)], unstable: [] }],
    failed: [],
  })
  assert.deepEqual(plan(groups, maps, { current: now(4, 4) }).entries.map(brief), [
    ['t/0', 4, 'KEEP', 'exact'],
    ['t/1', 4, 'KEEP', 'exact'],
  ])
  const moved = plan(groups, maps, { current: now(2, 9) }).entries
  assert.deepEqual(
    moved.map(({ action, reason }) => [action, reason]),
    [
      ['SET', 'moves forward by 2'],
      ['SET', 'moves back by 5'],
    ],
  )
})

test('commit metadata of an application comes back byte for byte, and its group is not marked', () => {
  const maps = [map('t/0', 't/0', [[0, 0, 10]], 10), map('t/1', 't/1', [[0, 0, 10]], 10)]
  const streams = plan([group('g', [position('t/0', 4, 'AgAAAYz\u0000é'), position('t/1', 4, '')])], maps)
  assert.deepEqual(
    streams.entries.map(({ metadata }) => metadata),
    ['AgAAAYz\u0000é', ''],
  )
  const plain = plan([group('g', [position('t/0', 4, null)])], maps)
  assert.equal(plain.entries[0]?.metadata, 'tidemark/1 cluster=src-1 restore=r1 from=t/0@4')
  assert.ok(isTranslationMark(plain.entries[0]?.metadata ?? null))
  assert.equal(
    plan([group('g', [position('t/0', 4, null)])], maps, { mark: false }).entries[0]?.metadata,
    null,
  )
})

test('metadata of source partitions that became one is dropped with a notice where it differs', () => {
  const maps = [map('t/0', 't/0', [[0, 0, 2]], 2), map('t/1', 't/0', [[0, 2, 2]], 2)]
  const made = plan([group('g', [position('t/0', 1, 'a'), position('t/1', 1, 'b')])], maps)
  assert.equal(made.entries[0]?.metadata, null)
  assert.deepEqual(
    made.notices.map(({ code, group }) => [code, group]),
    [['metadata-dropped', 'g']],
  )
})

test('a group whose positions on the target cannot be read is refused, not taken for one without', () => {
  const made = plan([group('g', [position('t/0', 1)])], [map('t/0', 't/0', [[0, 0, 2]], 2)], {
    current: { done: [], failed: [{ item: 'g', error: new Error('no access') }] },
  })
  assert.deepEqual(made.entries.map(brief), [['t/0', 1, 'REFUSE', 'unreadable']])
})

test('groups named exactly must have been captured with positions; patterns need not match', () => {
  const capture: Capture = {
    taken: 0,
    groups: [group('a', [position('t/0', 1)]), group('b', [], 'share'), group('ab', [position('t/0', 1)])],
    failed: [{ group: 'c', error: 'coordinator gone' }],
  }
  const names = (selection: Parameters<typeof selectGroups>[1]) =>
    selectGroups(capture, selection).groups.map(({ group }) => group)
  const fails = (names: string[], message: RegExp) =>
    assert.throws(
      () => selectGroups(capture, { type: 'named', names }),
      (error) => isTidemarkError(error, 'GROUP_NOT_FOUND') && message.test(error.message),
    )
  assert.deepEqual(names({ type: 'all' }), ['a', 'ab'])
  assert.deepEqual(names({ type: 'named', names: ['a*', 'a'] }), ['a', 'ab'])
  assert.deepEqual(
    selectGroups(capture, { type: 'all' }).notices.map(({ code, group }) => [code, group]),
    [
      ['capture-failed', 'c'],
      ['share-group', 'b'],
    ],
  )
  assert.deepEqual(
    selectGroups(capture, { type: 'named', names: ['x*'] }).notices.map(({ code }) => code),
    ['no-match'],
  )
  fails(['my-group'], /^Consumer group 'my-group' not found$/)
  fails(['c'], /could not be read: coordinator gone/)
  fails(['b'], /Share group 'b'/)
  fails(['x', 'y'], /'x' not found; nor .* 'y'/)
  assert.throws(
    () => selectGroups(undefined, { type: 'all' }),
    (error) => isTidemarkError(error, 'GROUP_NOT_FOUND'),
  )
})

test('a plan file reads back as the plan, in any layout, and not when a value was changed', () => {
  const made = plan(
    [group('g "x"\n', [position('t/0', 4, 'é'), position('gone/1', 2)])],
    [map('t/0', 't/0', [[0, 2 ** 40, 10]], 10)],
  )
  const text = planToJson(made)
  assert.deepEqual(planFromJson(text, 'p.json'), made)
  assert.deepEqual(planFromJson(JSON.stringify(JSON.parse(text)), 'p.json'), made)
  const altered = text.replace(String(2 ** 40 + 4), String(2 ** 40 + 5))
  assert.notEqual(altered, text)
  assert.throws(
    () => planFromJson(altered, 'p.json'),
    (error) => isTidemarkError(error, 'PLAN_ALTERED'),
  )
  for (const rubbish of ['', '{}', '[]', 'null', text.slice(0, -40), text.replace('"SET"', '"DROP"')]) {
    assert.throws(
      () => planFromJson(rubbish, 'p.json'),
      (error) => isTidemarkError(error, 'FILE_NOT_READABLE') && error.message.includes('p.json'),
    )
  }
})

test('the plan table has the columns of the command line', () => {
  const table = planTable(
    plan([group('g', [position('t/0', 4), position('t/1', -1)])], [map('t/0', 't/0', [[0, 7, 10]], 10)]),
  )
  assert.deepEqual(table.groups, [
    {
      group: 'g',
      rows: [{ topic: 't', partition: '0', current: '-', target: '11', action: 'SET', note: '' }],
    },
  ])
  assert.equal(table.toReset, 1)
})
