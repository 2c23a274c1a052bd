import assert from 'node:assert/strict'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { stringify } from 'yaml'
import { type CliOptions, type CliResult, runCli } from '../support/cli.ts'
import type { OutcomeJson, PlanJson } from '../support/command-json.ts'
import { errorOf, reportOf, Stage } from '../support/e2e-stage.ts'
import { kafkaTool } from '../support/kafka-tools.ts'

/*
 * Strategies that go by the log of one cluster, with no archive anywhere. What each of them sets is what Kafka's own tool sets for a
 * group that stood in the same places.
 */

let stage: Stage

/** Time of the first record; the others follow, a second apart. */
const start = Date.UTC(2024, 11, 1, 10)
const iso = (second: number) => new Date(start + second * 1000).toISOString()

before(async () => {
  stage = await Stage.open()
  const { admin, cluster } = stage.source
  const forever = { 'retention.ms': '-1', 'message.timestamp.before.max.ms': '9223372036854775807' }
  await admin.createTopic('orders', 3, forever)
  await admin.createTopic('payments', 1, forever)
  const producer = await stage.java.producer({ 'bootstrap.servers': cluster.bootstrap })
  for (let i = 0; i < 100; i++) {
    for (const [topic, partition] of [
      ['orders', 0],
      ['orders', 1],
      ['payments', 0],
    ] as const) {
      producer.send({ topic, partition, timestamp: BigInt(start + 1000 * i), value: `${i}` })
    }
  }
  await producer.flush()
  await producer.close()
  await admin.deleteRecords('orders', 0, 10n)
})

after(async () => {
  await stage?.[Symbol.asyncDispose]()
})

/** Where every group of these tests begins: orders/2 is empty, and the group has a position in it. */
async function begin(group: string): Promise<void> {
  const { admin } = stage.source
  await admin.commit(group, 'orders', 0, 50n)
  await admin.commit(group, 'orders', 1, 60n, 'kept by the application')
  await admin.commit(group, 'orders', 2, 0n)
  await admin.commit(group, 'payments', 0, 70n)
}

/** Offsets by topic and partition, as Kafka's own client reads them. */
async function held(group: string): Promise<Readonly<Record<string, bigint>>> {
  const positions = await stage.source.admin.positions(group)
  const named = positions.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset] as const)
  return Object.fromEntries(named.sort(([a], [b]) => (a < b ? -1 : 1)))
}

async function reset(action: string, flags: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const cwd = await mkdtemp(join(stage.folder, 'run-'))
  const address = ['--bootstrap-servers', stage.source.cluster.bootstrap]
  const format = action === 'script' ? [] : ['-o', 'json']
  return await runCli(['offset-reset', action, ...address, ...format, ...flags], { cwd, ...options })
}

async function plan(flags: readonly string[], status = 0, options: CliOptions = {}): Promise<PlanJson> {
  return reportOf<PlanJson>(await reset('plan', flags, options), status)
}

const rows = ({ entries }: PlanJson) =>
  entries.map(({ topic, partition, target, action, kind }) => [`${topic}/${partition}`, target, action, kind])

/** A strategy, and what Kafka's own tool is told to do the same. */
const strategies: readonly (readonly [name: string, ours: readonly string[], kafkas: readonly string[]])[] = [
  ['earliest', [], ['--to-earliest']],
  ['latest', [], ['--to-latest']],
  ['offset', ['--offset', '20', '--out-of-range', 'clamp'], ['--to-offset', '20']],
  ['timestamp', ['--timestamp', iso(33.5)], ['--to-datetime', iso(33.5).replace('Z', '')]],
  ['shift', ['--shift', '-15', '--out-of-range', 'clamp'], ['--shift-by', '-15']],
]

// Most of a reset is waiting whether positions move: the tests use groups of their own, and run together.
describe('strategies that go by the log', { concurrency: 4 }, () => {
  test('each strategy sets what the tool of Kafka sets, for all partitions in which a group has positions', async () => {
    await Promise.all(
      strategies.map(async ([strategy, ours, kafkas]) => {
        await Promise.all([begin(`our ${strategy}`), begin(`their ${strategy}`)])
        const flags = ['-g', `our ${strategy}`, '--strategy', strategy, ...ours]
        const report = reportOf<OutcomeJson>(await reset('execute', flags))
        assert.equal(report.counts.failed + report.counts.refused, 0)
        const their = [
          '--group',
          `their ${strategy}`,
          '--reset-offsets',
          '--all-topics',
          '--execute',
          ...kafkas,
        ]
        await kafkaTool('groups', ['--bootstrap-server', stage.source.cluster.bootstrap, ...their])
        assert.deepEqual(await held(`our ${strategy}`), await held(`their ${strategy}`), strategy)
        const kept = await stage.source.admin.positions(`our ${strategy}`)
        const [metadata] = kept.filter(({ topic, partition }) => topic === 'orders' && partition === 1)
        assert.equal(metadata?.metadata, 'kept by the application')
      }),
    )
    assert.deepEqual(await held('our timestamp'), {
      'orders/0': 34n,
      'orders/1': 34n,
      'orders/2': 0n,
      'payments/0': 34n,
    })
    const described = await kafkaTool('groups', [
      ...['--bootstrap-server', stage.source.cluster.bootstrap],
      ...['--describe', '--group', 'our shift'],
    ])
    assert.match(described, /orders +0 +35 +100 +65/)
    assert.match(described, /payments +0 +55 +100 +45/)
  })

  test('a duration counts back from now, in the words of ISO 8601 or shorter ones', async () => {
    await begin('ages')
    const at33 = Date.now() - (start + 33_500)
    // Time goes on: a quarter of a second before record 34 is still after record 33.
    for (const duration of [`${at33}ms`, `PT${(at33 / 1000).toFixed(3)}S`]) {
      const { entries } = await plan(['-g', 'ages', '--strategy', 'duration', '--duration', duration])
      const [first] = entries
      assert.ok(
        first?.target !== null && first?.target !== undefined && first.target >= 34 && first.target < 100,
      )
      assert.match(first.reason, /^first record at or after 2024-12-01T10:0/)
    }
    const recent = await plan(['-g', 'ages', '--strategy', 'duration', '--duration', '1d'])
    assert.deepEqual(rows(recent)[0], ['orders/0', 100, 'SET', 'by-time'])
    assert.match(recent.entries[0]?.reason ?? '', /^no record at or after .*: the end of the log/)
  })

  test('times and offsets may be given for one topic, partition or group, the most exact one counts', async () => {
    await Promise.all(['exact-a', 'exact-b'].map(begin))
    const times = ['--timestamp', String(start + 5000), '--timestamp', `payments=${iso(20)}`]
    const byTime = await plan([
      ...['-g', 'exact-*', '--strategy', 'timestamp', '--topics', 'orders:1,payments'],
      ...[...times, '--timestamp', `exact-b/payments=${iso(30)}`],
    ])
    assert.deepEqual(
      byTime.entries.map(({ group, topic, target }) => [group, topic, target]),
      [
        ['exact-a', 'orders', 5],
        ['exact-a', 'payments', 20],
        ['exact-b', 'orders', 5],
        ['exact-b', 'payments', 30],
      ],
    )
    const offsets = ['--offset', 'orders=11', '--offset', 'orders:1=12', '--offset', 'exact-b/orders:1=13']
    const byOffset = await plan([
      '-g',
      'exact-*',
      '--strategy',
      'offset',
      ...offsets,
      '--out-of-range',
      'skip',
    ])
    assert.deepEqual(
      byOffset.entries.map(({ group, topic, partition, target, action }) => [
        group,
        `${topic}/${partition}`,
        target,
        action,
      ]),
      [
        ['exact-a', 'orders/0', 11, 'SET'],
        ['exact-a', 'orders/1', 12, 'SET'],
        ['exact-a', 'orders/2', 11, 'SKIP'],
        ['exact-a', 'payments/0', null, 'SKIP'],
        ['exact-b', 'orders/0', 11, 'SET'],
        ['exact-b', 'orders/1', 13, 'SET'],
        ['exact-b', 'orders/2', 11, 'SKIP'],
        ['exact-b', 'payments/0', null, 'SKIP'],
      ],
    )
  })

  test('with --topics a group needs no positions, nor to exist; without, it must have some', async () => {
    const made = await plan(['-g', 'newcomer', '--strategy', 'latest', '--topics', 'orders,pay*:0'])
    assert.deepEqual(rows(made), [
      ['orders/0', 100, 'SET', 'log-end'],
      ['orders/1', 100, 'SET', 'log-end'],
      ['orders/2', 0, 'SET', 'log-end'],
      ['payments/0', 100, 'SET', 'log-end'],
    ])
    const none = errorOf(
      await reset('plan', ['-g', 'newcomer', '--strategy', 'latest']),
      2,
      'GROUP_NOT_FOUND',
    )
    assert.equal(none.message, "Consumer group 'newcomer' not found")
    const topic = ['-g', 'newcomer', '--strategy', 'latest', '--topics']
    assert.match(
      errorOf(await reset('plan', [...topic, 'order']), 2, 'TOPIC_NOT_FOUND').message,
      /topic order$/,
    )
    assert.match(
      errorOf(await reset('plan', [...topic, 'orders:7']), 2, 'TOPIC_NOT_FOUND').message,
      /orders:7$/,
    )
    const shifted = await plan([
      '-g',
      'newcomer',
      '--strategy',
      'shift',
      '--shift',
      '5',
      '--topics',
      'orders:0',
    ])
    assert.deepEqual(rows(shifted), [['orders/0', null, 'SKIP', 'no-position']])
    reportOf(await reset('execute', ['-g', 'newcomer', '--strategy', 'earliest', '--topics', 'orders:0']))
    assert.deepEqual(await held('newcomer'), { 'orders/0': 10n })
  })

  test('an offset outside the log is refused in the words of the documents, clamped, or skipped', async () => {
    await begin('far')
    const flags = ['-g', 'far', '--strategy', 'offset', '--topics', 'orders:1', '--offset', '150000']
    const outside = 'Offset 150000 is out of range for partition 1 (current: 0-100)'
    const error = errorOf(await reset('execute', flags), 4, 'OFFSET_OUT_OF_RANGE')
    assert.equal(error.message, outside)
    assert.equal((await plan(flags, 4)).entries[0]?.reason, outside)
    assert.deepEqual(rows(await plan([...flags, '--out-of-range', 'clamp'])), [
      ['orders/1', 100, 'SET', 'as-given'],
    ])
    assert.deepEqual(rows(await plan([...flags, '--out-of-range', 'skip'])), [
      ['orders/1', 150000, 'SKIP', 'as-given'],
    ])
    const back = ['-g', 'far', '--strategy', 'shift', '--shift', '-61', '--topics', 'orders:1']
    const before = errorOf(await reset('execute', back), 4, 'OFFSET_OUT_OF_RANGE')
    assert.equal(before.message, 'Offset -1 is out of range for partition 1 (current: 0-100); shifted by -61')
    const file = join(stage.folder, 'refused.json')
    await plan([...back, '--output', file], 4)
    errorOf(await reset('execute', ['--plan', file]), 4, 'OFFSET_OUT_OF_RANGE')
    assert.equal((await held('far'))['orders/1'], 60n)
  })

  test('a plan that went stale is refused whatever its strategy, and says what moved', async () => {
    const all = [...strategies, ['duration', ['--duration', '1h'], []] as const]
    await Promise.all(
      all.map(async ([strategy, ours]) => {
        const group = `stale ${strategy}`
        await begin(group)
        const file = join(stage.folder, `stale-${strategy}.json`)
        const made = await plan(['-g', group, '--strategy', strategy, ...ours, '--output', file])
        assert.equal(made.strategy, strategy)
        assert.equal(made.origin.type, 'target')
        await stage.source.admin.commit(group, 'orders', 1, 61n)
        const before = await held(group)
        const error = errorOf(await reset('execute', ['--plan', file]), 4, 'PLAN_STALE')
        assert.match(error.message, /in orders\/1 has moved since the plan was made: 60 then, 61 now/)
        assert.deepEqual(await held(group), before)
      }),
    )
  })

  test('the address may come from the environment, or with all the rest from a file', async () => {
    await begin('filed')
    const { bootstrap } = stage.source.cluster
    const bare = ['offset-reset', 'plan', '-o', 'json']
    const fromEnvironment = reportOf<PlanJson>(
      await runCli([...bare, '-g', 'filed', '--strategy', 'earliest'], {
        env: { KAFKA_BOOTSTRAP_SERVERS: bootstrap },
      }),
    )
    assert.equal(fromEnvironment.entries.length, 4)
    const sections = [
      [{ strategy: 'timestamp', timestamp: start + 33_500 }, 34],
      [{ strategy: 'timestamp', timestamp: { orders: iso(1), 'filed/orders:0': iso(40) } }, 40],
      [{ strategy: 'earliest' }, 10],
      [{ strategy: 'offset', offset: 100, out_of_range: 'skip' }, 100],
      [{ strategy: 'shift', shift: '+3', topics: ['orders:0'] }, 53],
      [{ strategy: 'duration', duration: 'PT1H' }, 100],
    ] as const
    for (const [section, wanted] of sections) {
      const file = join(stage.folder, 'offset-reset.yaml')
      const content = {
        target: { bootstrap_servers: [bootstrap] },
        offset_reset: { ...section, groups: ['filed'] },
      }
      await writeFile(file, stringify(content))
      const [first] = reportOf<PlanJson>(await runCli([...bare, '-c', file])).entries
      assert.deepEqual(
        [first?.topic, first?.partition, first?.target],
        ['orders', 0, wanted],
        JSON.stringify(section),
      )
    }
    const none = await runCli([...bare, '-g', 'filed', '--strategy', 'earliest'])
    assert.match(errorOf(none, 2, 'CONFIG_INVALID').message, /No cluster is named/)
  })

  test('a dry run changes nothing, and what is set is told with the day on which it will be forgotten', async () => {
    await begin('dry')
    const before = await held('dry')
    const file = join(stage.folder, 'dry.json')
    const flags = ['-g', 'dry', '--strategy', 'latest']
    const dry = reportOf<PlanJson>(await reset('execute', [...flags, '--dry-run', '--output', file]))
    assert.deepEqual(JSON.parse(await readFile(file, 'utf8')), dry)
    assert.deepEqual(await held('dry'), before)
    assert.equal(dry.retention_minutes, 10_080)
    assert.equal(Date.parse(dry.expires ?? '') - Date.parse(dry.created), 7 * 86_400_000)
    const text = await reset('plan', [...flags, '-o', 'text'])
    assert.match(text.stdout, /Set now, the target forgets positions of groups without consumers from 20/)
    const output = join(stage.folder, 'done.json')
    const done = reportOf<OutcomeJson>(await reset('execute', ['--plan', file, '--output', output]))
    assert.deepEqual(JSON.parse(await readFile(output, 'utf8')), done)
    assert.equal((await held('dry'))['orders/0'], 100n)
  })

  test('what makes no sense is told before anything is asked of the cluster', async () => {
    const wrong: readonly (readonly [readonly string[], RegExp])[] = [
      [['--strategy', 'earliest'], /No consumer group is named/],
      [['-g', 'x', '--strategy', 'timestamp'], /timestamp needs --timestamp/],
      [['-g', 'x', '--strategy', 'shift'], /shift needs --shift/],
      [
        ['-g', 'x', '--strategy', 'earliest', '--offset', '3'],
        /--offset is given, but the strategy is earliest/,
      ],
      [['-g', 'x', '--strategy', 'header-based'], /No source cluster is named/],
      [['-g', 'x', '--strategy', 'from-mapping'], /from-mapping needs a map/],
      [['-g', 'x', '--strategy', 'positions'], /the target has its own/],
      [['-g', 'x', '--strategy', 'earliest', '--positions-from', 'file'], /No file of positions/],
      [['-g', 'x', '--strategy', 'earliest', '--positions-from', 'source'], /No source cluster is named/],
      [['-g', 'x', '--strategy', 'earliest', '--positions-from', 'backup'], /No backup is named/],
      [['-g', 'x', '--map-from', 'restore'], /No backup is named/],
      [['-g', 'x', '--source-cluster', 'c', '--topics', 'orders'], /goes where the positions are/],
      [['-g', 'x', '--backup-id', 'b'], /No archive is named/],
      [['-g', 'x', '--path', '/nowhere'], /No backup is named/],
    ]
    await Promise.all(
      wrong.map(async ([flags, message]) => {
        const nowhere = ['--bootstrap-servers', '127.0.0.1:1']
        assert.match(errorOf(await reset('plan', [...flags, ...nowhere]), 2, 'USAGE').message, message)
      }),
    )
    const values: readonly (readonly [readonly string[], RegExp])[] = [
      [['--strategy', 'timestamp', '--timestamp', 'yesterday'], /timestamp/],
      [['--strategy', 'duration', '--duration', 'P1M'], /duration/],
      [['--strategy', 'shift', '--shift', 'ten'], /shift/],
      [['--strategy', 'offset', '--offset', '-1'], /offset/],
      [['--strategy', 'newest'], /strategy/],
      [['--strategy', 'earliest', '--topics', ':3'], /names no topic/],
    ]
    for (const [flags, message] of values) {
      assert.match(errorOf(await reset('plan', ['-g', 'x', ...flags]), 2, 'CONFIG_INVALID').message, message)
    }
  })

  test('a file of kmap that holds times goes by the time of each position', async () => {
    const file = join(stage.folder, 'timed.json')
    const at = (second: number) => start + 1000 * second
    await writeFile(
      file,
      JSON.stringify({
        timestamp: iso(0),
        cluster: 'gone:9092',
        consumer_groups: [
          {
            group: 'timed',
            timestamp: iso(0),
            topics: {
              orders: [
                { partition: 0, offset: 9000, timestamp: at(20) },
                { partition: 1, offset: 9001, timestamp: at(30) },
                { partition: 2, offset: 9002 },
              ],
            },
          },
        ],
      }),
    )
    const flags = ['-g', 'timed', '--strategy', 'timestamp', '--positions-file', file]
    assert.deepEqual(rows(await plan(flags)), [
      ['orders/0', 20, 'SET', 'by-time'],
      ['orders/1', 30, 'SET', 'by-time'],
      ['orders/2', null, 'SKIP', 'by-time'],
    ])
    const one = await plan([...flags, '--timestamp', `orders:1=${iso(50)}`])
    assert.deepEqual(
      one.entries.map(({ target }) => target),
      [20, 50, null],
    )
    const renamed = await plan([...flags, '--topic-mapping', 'orders=payments'])
    assert.deepEqual(rows(renamed)[0], ['payments/0', 20, 'SET', 'by-time'])
  })

  test('start offsets of a share group are set by the same strategies', async () => {
    const { admin } = stage.source
    await admin.setStartOffset('packers', 'orders', 0, 20n)
    await admin.setStartOffset('packers', 'orders', 1, 30n)
    const starts = async () => (await admin.startOffsets('packers')).map(({ offset }) => offset)
    reportOf(await reset('execute', ['-g', 'packers', '--strategy', 'shift', '--shift', '5']))
    assert.deepEqual(await starts(), [25n, 35n])
    const time = ['--strategy', 'timestamp', '--timestamp', iso(33), '--topics', 'orders:0,orders:1,payments']
    reportOf(await reset('execute', ['-g', 'packers', ...time]))
    assert.deepEqual(await starts(), [33n, 33n, 33n])
  })
})
