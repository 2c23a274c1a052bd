import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { type CliOptions, type CliResult, runCli, startCli } from '../support/cli.ts'
import type { OutcomeJson, PlanJson } from '../support/command-json.ts'
import { errorOf, reportOf } from '../support/e2e-stage.ts'
import { GroupsStage, until } from '../support/groups-stage.ts'
import { textHeaders } from '../support/header-records.ts'
import { type KafkaProxy, offsetCommit, startKafkaProxy } from '../support/kafka-proxy.ts'
import { kafkaTool } from '../support/kafka-tools.ts'

/*
 * The commands about positions as they are used on the worst day: with variables that are not set, plans of yesterday, topics that were
 * made again meanwhile, names that no one would choose, kills, and two people at once.
 */

let lab: GroupsStage
let proxy: KafkaProxy

before(async () => {
  const target = { port: 0 }
  proxy = await startKafkaProxy(target)
  lab = await GroupsStage.open({
    listeners: [{ name: 'PROXIED', security: 'PLAINTEXT', toldPort: proxy.port }],
  })
  target.port = lab.stage.source.cluster.broker(1).portOf('PROXIED')
  await lab.topic('orders', 3)
})

after(async () => {
  await lab?.[Symbol.asyncDispose]()
  await proxy?.[Symbol.asyncDispose]()
})

async function begin(...groups: readonly string[]): Promise<void> {
  const positions = [0, 1, 2].map((partition) => ({
    ...{ topic: 'orders', partition, offset: BigInt(40 + partition), leaderEpoch: -1, metadata: '' },
  }))
  const made = await lab.cluster.commitGroups(groups.map((group) => ({ group, positions })))
  assert.deepEqual(
    made.flatMap(({ failed }) => failed),
    [],
  )
}

/** Runs a command in a folder of its own, where its snapshots go. */
async function run(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return await runCli(args, { cwd: await mkdtemp(lab.file('run-')), ...options })
}

const reset = (action: string, ...flags: readonly string[]) => [
  'offset-reset',
  action,
  ...lab.server,
  ...flags,
]
const rollback = (action: string, ...flags: readonly string[]) => ['offset-rollback', action, ...flags]
const json = ['-o', 'json']
const latest = ['--strategy', 'latest']
const all = (offset: number) => ({
  'orders/0': String(offset),
  'orders/1': String(offset),
  'orders/2': String(offset),
})

// Most of a reset is waiting whether positions move: the tests use groups of their own, and run together.
describe('positions on the worst day', { concurrency: 4 }, () => {
  test('--groups that names nothing never means all', async () => {
    await begin('untouched')
    const file = lab.file('untouched.json')
    const snapshot = rollback('snapshot', '--output', file, ...lab.server)
    reportOf(await run([...snapshot, '--groups', 'untouched', ...json]))
    const before = await lab.held('untouched')
    await lab.admin.commit('untouched', 'orders', 0, 7n)
    const moved = await lab.held('untouched')
    const commands = [
      [...rollback('rollback', '--snapshot', file, ...lab.server)],
      [...rollback('verify', '--snapshot', file, ...lab.server)],
      [...rollback('snapshot', '--output', lab.file('none.json'), ...lab.server)],
      reset('execute', ...latest),
      ['offset-reset-bulk', ...lab.server, ...latest],
    ]
    for (const [i, command] of commands.entries()) {
      const groups = i % 2 === 0 ? '' : ' ,'
      const error = errorOf(await run([...command, '--groups', groups, ...json]), 2, 'USAGE')
      assert.match(error.message, /names nothing|No consumer group is named/)
    }
    assert.deepEqual(await lab.held('untouched'), moved)
    assert.notDeepEqual(moved, before)
    assert.equal((await readdir(lab.stage.folder)).includes('none.json'), false)
  })

  test('patterns that find nothing are no success, with any command and format', async () => {
    for (const command of [
      reset('plan', ...latest),
      reset('plan', ...latest, '-f', 'csv'),
      reset('script', ...latest),
      reset('execute', ...latest),
      ['offset-reset-bulk', ...lab.server, ...latest],
    ]) {
      const { status, stderr, stdout } = await run([...command, '-g', 'ordres-*'])
      assert.equal(status, 2, stdout)
      assert.match(stderr, /No consumer group with positions matches "ordres-\*" \[GROUP_NOT_FOUND\]/)
      assert.equal(stdout, '')
    }
    // Where there is something to do as well, it is said beside a table that has no place for it.
    await begin('csv')
    const table = await run([...reset('plan', ...latest, '-f', 'csv'), '-g', 'csv,ordres-*'])
    assert.equal(table.status, 0)
    assert.match(table.stderr, /No consumer group with positions matches "ordres-\*"/)
  })

  test('a plan is applied whole: a flag beside it that would have no effect is refused', async () => {
    await begin('whole-a', 'whole-b')
    const before = await lab.held('whole-b')
    const file = lab.file('whole-plan.json')
    reportOf(await run([...reset('plan', ...latest, '-g', 'whole-a,whole-b', '--output', file), ...json]))
    for (const [action, ...flags] of [
      ['execute', '--groups', 'whole-a'],
      ['execute', '--strategy', 'earliest'],
      ['script', '--out-of-range', 'skip'],
      ['execute', '--topic-mapping', 'a=b'],
    ] as const) {
      const { status, stderr } = await run(reset(action, '--plan', file, ...flags))
      assert.equal(status, 2)
      assert.match(stderr, new RegExp(`${flags[0]} has no effect on a plan`))
    }
    assert.deepEqual(await lab.held('whole-b'), before)
    // The archive that is named is where the snapshot goes.
    const archive = lab.file('archive')
    const cwd = await mkdtemp(lab.file('run-'))
    reportOf(await run([...reset('execute', '--plan', file, '--path', archive), ...json], { cwd }))
    assert.equal((await readdir(join(archive, 'offset-snapshots'))).length, 1)
    assert.deepEqual(await readdir(cwd), [])
    assert.deepEqual(await lab.held('whole-b'), all(100))
  })

  test('a dry run says what would be refused, and ends as the run would', async () => {
    await begin('dry-a', 'dry-b')
    const file = lab.file('dry-plan.json')
    reportOf(await run([...reset('plan', ...latest, '-g', 'dry-a,dry-b', '--output', file), ...json]))
    const dry = reset('execute', '--plan', file, '--dry-run')
    assert.equal((await run(dry)).status, 0)
    await lab.admin.commit('dry-a', 'orders', 0, 50n)
    const before = await lab.held('dry-a')
    const stale = await run(dry)
    assert.equal(stale.status, 4)
    assert.match(stale.stderr, /^warn: Would be refused: The position of 'dry-a' in orders\/0 has moved/m)
    assert.equal((await run([...dry, '--go-on'])).status, 3)
    assert.equal((await run([...dry, '--allow-moved'])).status, 0)
    {
      await using _member = await lab.admin.join('dry-b', 'orders', 'dry-member')
      await until(async () => (await lab.members('dry-b')) > 0)
      const bulk = ['offset-reset-bulk', ...lab.server, ...latest, '-g', 'dry-a,dry-b', '--dry-run']
      const active = await run(bulk)
      assert.equal(active.status, 3)
      assert.match(active.stderr, /Would be refused: Consumer group has active members: 'dry-b' has /)
      assert.equal((await run([...bulk, '--all-or-nothing'])).status, 4)
    }
    assert.deepEqual(await lab.held('dry-a'), before)
    errorOf(await run([...dry, '--bootstrap-servers', '127.0.0.1:1', ...json]), 2, 'BROKER_UNREACHABLE')
  })

  test('a report that cannot be written is told before anything is set', async () => {
    await begin('unwritten')
    const before = await lab.held('unwritten')
    const output = ['--output', '/nowhere/report.json']
    for (const command of [
      reset('execute', ...latest, '-g', 'unwritten', ...output),
      ['offset-reset-bulk', ...lab.server, ...latest, '-g', 'unwritten', ...output],
    ]) {
      const error = errorOf(await run([...command, ...json]), 2, 'FILE_NOT_READABLE')
      assert.match(error.message, /cannot be written: there is no such file or folder/)
      assert.deepEqual(await lab.held('unwritten'), before)
    }
    const file = lab.file('report.json')
    const command = reset('execute', ...latest, '-g', 'unwritten', '--output', file)
    const printed = reportOf<OutcomeJson>(await run([...command, ...json]))
    assert.deepEqual(JSON.parse(await readFile(file, 'utf8')), printed)
  })

  test('a topic that was deleted and created again is another one: for plans, snapshots and saved maps', async () => {
    const make = async () => {
      await lab.admin.createTopic('reborn', 1)
      const producer = await lab.stage.java.producer({ 'bootstrap.servers': lab.bootstrap })
      for (let i = 0; i < 50; i++) {
        const headers = textHeaders(1000 + i, 0).map(({ key, value }) => ({ key: key.toString(), value }))
        producer.send({ topic: 'reborn', partition: 0, value: `${i}`, headers })
      }
      await producer.flush()
      await producer.close()
    }
    await make()
    await lab.admin.commit('reborn reader', 'reborn', 0, 30n)
    await begin('reborn reader')
    const [plan, snapshot, map] = ['plan', 'snapshot', 'map'].map((name) => lab.file(`reborn-${name}.json`))
    const [file = '', saved = '', mapping = ''] = [plan, snapshot, map]
    // A group without a position: nothing but the topic itself tells that the plan is old.
    const fresh = ['-g', 'newcomer', '--strategy', 'offset', '--offset', '30', '--topics', 'reborn']
    reportOf(await run([...reset('plan', ...fresh, '--output', file), ...json]))
    const take = rollback('snapshot', '-g', 'reborn reader', '--output', saved, ...lab.server)
    reportOf(await run([...take, ...json]))
    const live = ['show-offset-mapping', ...lab.server, '--topic', 'reborn', '--source-cluster', 'prod']
    assert.equal((await run([...live, '--output', mapping])).status, 0)

    await lab.admin.deleteTopic('reborn')
    await until(async () => !(await lab.admin.topics()).includes('reborn'))
    await make()

    const stale = errorOf(await run([...reset('execute', '--plan', file), ...json]), 4, 'PLAN_STALE')
    assert.match(stale.message, /The topic reborn was deleted and created again since the plan was made/)
    assert.deepEqual(await lab.held('newcomer'), {})

    await lab.admin.commit('reborn reader', 'orders', 0, 1n)
    const back = await run([...rollback('rollback', '--snapshot', saved, ...lab.server), ...json])
    const report = reportOf<OutcomeJson>(back, 3)
    assert.deepEqual(
      report.groups.flatMap(({ positions }) =>
        positions.map(({ topic, kind, outcome }) => [topic, kind, outcome]),
      ),
      [
        ...[0, 1, 2].map((partition) => ['orders', 'as-before', partition === 0 ? 'set' : 'kept']),
        ['reborn', 'recreated', 'skipped'],
      ],
    )
    assert.deepEqual(Object.keys(await lab.held('reborn reader')), ['orders/0', 'orders/1', 'orders/2'])

    await lab.admin.commit('mapped', 'reborn', 0, 1010n)
    const mapped = ['-g', 'mapped', '--strategy', 'from-mapping', '--mapping-file', mapping]
    const other = errorOf(await run([...reset('execute', ...mapped), ...json]), 4, 'TARGET_CHANGED')
    assert.match(
      other.message,
      /The topic reborn was deleted and created again since the offset map was made/,
    )
    assert.deepEqual(await lab.held('mapped'), { 'reborn/0': '1010' })
  })

  test('names that no one would choose go through plans, reports, scripts, snapshots and back', async () => {
    const names = [
      ...[
        'odd my group',
        'odd q"uo\'te',
        'odd $HOME `x` $(y)',
        'odd orders-*',
        'odd [x]?',
        'odd a,b',
        'odd ~t',
      ],
      ...[
        'odd new\nline',
        'odd tab\t',
        'odd \u001b[31mred',
        'odd ünï-日本-😀',
        'odd a/b',
        'odd back\\slash',
        ' odd lead',
      ],
    ]
    await begin(...names)
    const file = lab.file('odd.json')
    const of = ['-g', '~ ?odd [\\s\\S]*']
    reportOf(await run([...rollback('snapshot', ...of, '--output', file, ...lab.server), ...json]))
    const planned = lab.file('odd-plan.json')
    const plan = reportOf<PlanJson>(
      await run([...reset('plan', ...latest, ...of, '--output', planned), ...json]),
    )
    assert.deepEqual([...new Set(plan.entries.map(({ group }) => group))].sort(), [...names].sort())
    const script = lab.file('odd.sh')
    assert.equal((await run(reset('script', '--plan', planned, '--output', script))).status, 0)
    await promisify(execFile)('bash', ['-n', script])
    const shown = await run(reset('execute', '--plan', planned))
    assert.equal(shown.status, 0)
    assert.match(shown.stdout, /Consumer Group: odd new\\x0aline \(done\)/)
    assert.equal(shown.stdout.includes('\u001b'), false)
    for (const name of names)
      assert.deepEqual(await lab.cluster.fetchPositions([name]).then(offsets), [100n, 100n, 100n])
    reportOf(await run([...rollback('rollback', '--snapshot', file, ...lab.server), ...json]))
    reportOf(await run([...rollback('verify', '--snapshot', file, ...lab.server), ...json]))
    for (const name of names)
      assert.deepEqual(await lab.cluster.fetchPositions([name]).then(offsets), [40n, 41n, 42n])
    // An exact name with a character of a pattern is an expression.
    const star = await run([...reset('plan', ...latest, '-g', '~odd orders-\\*'), ...json])
    assert.deepEqual(
      [...new Set(reportOf<PlanJson>(star).entries.map(({ group }) => group))],
      ['odd orders-*'],
    )
  })

  test('two at once: each group is wholly where one of them says, and that one says so', async () => {
    const groups = ['two-a', 'two-b', 'two-c']
    await begin(...groups)
    const offsets = [10, 90]
    const reports = await Promise.all(
      offsets.map(async (offset) => {
        const flags = ['--strategy', 'offset', '--offset', String(offset), '-g', 'two-*', '--go-on']
        const { stdout, status } = await run([...reset('execute', ...flags), ...json])
        assert.ok(status === 0 || status === 3 || status === 4)
        return JSON.parse(stdout) as OutcomeJson
      }),
    )
    for (const group of groups) {
      const held = await lab.held(group)
      const winner = offsets.findIndex((offset) => held['orders/0'] === String(offset))
      assert.ok(winner >= 0, JSON.stringify(held))
      assert.deepEqual(held, all(offsets[winner] ?? -1))
      const told = reports[winner]?.groups.find((one) => one.group === group)
      assert.equal(told?.outcome, 'done')
    }
  })

  test('strategies are those of the tool of Kafka also where a transaction is open, and by duration', async () => {
    await lab.admin.createTopic('held back', 1).catch(() => {})
    await lab.admin.createTopic('held-back', 1, { 'retention.ms': '-1' })
    const plain = await lab.stage.java.producer({ 'bootstrap.servers': lab.bootstrap })
    const hour = 3_600_000n
    const now = BigInt(Date.now())
    for (let i = 10n; i > 0n; i--) {
      plain.send({ topic: 'held-back', partition: 0, timestamp: now - i * hour, value: `${i}` })
    }
    await plain.flush()
    const open = await lab.stage.java.producer({
      'bootstrap.servers': lab.bootstrap,
      'transactional.id': 'stays open',
    })
    await open.begin()
    open.send({ topic: 'held-back', partition: 0, timestamp: now, value: 'undecided' })
    await open.flush()
    plain.send({ topic: 'held-back', partition: 0, timestamp: now, value: 'behind it' })
    await plain.flush()
    for (const [name, ours, kafkas] of [
      ['latest', ['--strategy', 'latest'], ['--to-latest']],
      ['duration', ['--strategy', 'duration', '--duration', 'PT5H30M'], ['--by-duration', 'PT5H30M']],
      ['ahead', ['--strategy', 'duration', '--duration', '1m'], ['--by-duration', 'PT1M']],
    ] as const) {
      await lab.admin.commit(`ours ${name}`, 'held-back', 0, 2n)
      await lab.admin.commit(`theirs ${name}`, 'held-back', 0, 2n)
      reportOf(await run([...reset('execute', '-g', `ours ${name}`, ...ours), ...json]))
      const their = ['--group', `theirs ${name}`, '--reset-offsets', '--all-topics', '--execute', ...kafkas]
      await kafkaTool('groups', ['--bootstrap-server', lab.bootstrap, ...their])
      assert.deepEqual(await lab.held(`ours ${name}`), await lab.held(`theirs ${name}`), name)
    }
    await open.abort()
    await Promise.all([open.close(), plain.close()])
  })
})

describe('killed while positions are set', () => {
  /** Lets a command come to its first commit, whose answer never comes, and kills it there. */
  async function killedAtCommit(args: readonly string[], cwd: string): Promise<void> {
    let reached = () => {}
    const middle = new Promise<void>((resolve) => {
      reached = resolve
    })
    proxy.hooks.onAnswer = (apiKey) => {
      if (apiKey !== offsetCommit) return undefined
      reached()
      return new Promise<void>(() => {})
    }
    const running = await startCli([...args, '--bootstrap-servers', `127.0.0.1:${proxy.port}`], { cwd })
    await Promise.race([middle, running.ended.then(({ stderr }) => assert.fail(stderr))])
    running.process.kill('SIGKILL')
    await running.ended
    proxy.hooks.onAnswer = undefined
  }

  test('the same command again ends where it would have, and the snapshots lead back', async () => {
    await begin('killed')
    const before = await lab.held('killed')
    const cwd = await mkdtemp(lab.file('run-'))
    const command = ['offset-reset', 'execute', ...latest, '-g', 'killed']
    await killedAtCommit(command, cwd)
    const folder = join(cwd, 'offset-snapshots')
    const [first = ''] = (await readdir(folder)).filter((name) => name.endsWith('.json'))
    reportOf(await run([...command, ...lab.server, ...json], { cwd }))
    assert.deepEqual(await lab.held('killed'), all(100))

    const back = [
      'offset-rollback',
      'rollback',
      '--path',
      folder,
      '--snapshot-id',
      first.replace('.json', ''),
    ]
    await killedAtCommit(back, cwd)
    reportOf(await run([...back, ...lab.server, ...json], { cwd }))
    assert.deepEqual(await lab.held('killed'), before)
  })

  test('a plan of a shift goes on after a kill; the command itself would shift again, and a partly done one says so', async () => {
    await begin('shifted-a', 'shifted-b')
    const cwd = await mkdtemp(lab.file('run-'))
    const file = join(cwd, 'plan.json')
    const shift = ['--strategy', 'shift', '--shift', '10', '-g', 'shifted-*']
    reportOf(await run([...reset('plan', ...shift, '--output', file), ...json]))
    await killedAtCommit(['offset-reset', 'execute', '--plan', file], cwd)
    reportOf(await run([...reset('execute', '--plan', file), ...json], { cwd }))
    for (const group of ['shifted-a', 'shifted-b']) {
      assert.deepEqual(await lab.held(group), { 'orders/0': '50', 'orders/1': '51', 'orders/2': '52' })
    }
    await lab.admin.commit('shifted-b', 'orders', 0, 95n)
    const partly = await run([...reset('execute', ...shift, '--go-on'), ...json], { cwd })
    assert.equal(reportOf<OutcomeJson>(partly, 3).counts.set, 3)
    assert.match(partly.stderr, /the same command would shift it again/)
  })
})

function offsets({ done }: Awaited<ReturnType<GroupsStage['cluster']['fetchPositions']>>): bigint[] {
  return done.flatMap(({ positions }) =>
    positions.toSorted((a, b) => a.partition - b.partition).map(({ offset }) => offset),
  )
}

test('files that are no plan or snapshot any more say what is wrong with them, and what to do', async () => {
  await begin('damaged')
  const [plan, snapshot] = [lab.file('damaged-plan.json'), lab.file('damaged-snapshot.json')]
  reportOf(await run([...reset('plan', ...latest, '-g', 'damaged', '--output', plan), ...json]))
  reportOf(
    await run([...rollback('snapshot', '-g', 'damaged', '--output', snapshot, ...lab.server), ...json]),
  )
  const bad = lab.file('bad.json')
  const before = await lab.held('damaged')
  const changes: readonly (readonly [RegExp, string, string | RegExp])[] = [
    [/"version": 1/, '"version": 2', /is of version 2, and this program reads version 1/],
    [/"partition": 0/, '"partition": -1', /partition should be a whole number/],
    [/\n}\n$/, '', /is not JSON/],
  ]
  for (const [file, command] of [
    [plan, reset('execute', '--plan', bad)],
    [snapshot, rollback('rollback', '--snapshot', bad, ...lab.server)],
  ] as const) {
    const text = await readFile(file, 'utf8')
    for (const [from, to, message] of changes) {
      await writeFile(bad, text.replace(from, to))
      const error = errorOf(await run([...command, ...json]), 2, 'FILE_NOT_READABLE')
      assert.match(error.message, message as RegExp)
      assert.ok(error.hint)
    }
  }
  assert.deepEqual(await lab.held('damaged'), before)
})

test('a file with a snapshot is replaced only by one of the same groups, and no other file is', async () => {
  await begin('kept-a', 'kept-b')
  const file = lab.file('kept.json')
  const take = (groups: string) =>
    run([...rollback('snapshot', '-g', groups, '--output', file, ...lab.server), ...json])
  reportOf(await take('kept-a'))
  const before = await readFile(file)
  const other = errorOf(await take('kept-b'), 2, 'SNAPSHOT_EXISTS')
  assert.match(other.message, /holds positions of 'kept-a', which are not in the new snapshot/)
  assert.deepEqual(await readFile(file), before)
  reportOf(await take('kept-a,kept-b'))
  await writeFile(file, 'something of mine')
  errorOf(await take('kept-a'), 2, 'FILE_NOT_READABLE')
  assert.equal(await readFile(file, 'utf8'), 'something of mine')
  errorOf(await run([...rollback('snapshot', '-g', 'kept-a', ...lab.server), ...json]), 2, 'USAGE')
})

test('positions out of a file that says nothing of metadata leave the metadata of an application as it is', async () => {
  await begin('stateful')
  for (const partition of [0, 1])
    await lab.admin.commit('stateful', 'orders', partition, 20n, `state ${partition}`)
  const csv = lab.file('stateful.csv')
  await writeFile(csv, 'orders,0,30\norders,1,31\norders,2,32\n')
  const flags = ['-g', 'stateful', '--strategy', 'positions', '--positions-file', csv]
  reportOf(await run([...reset('execute', ...flags), ...json]))
  const expected = { 'orders/0': '30 state 0', 'orders/1': '31 state 1', 'orders/2': '32' }
  assert.deepEqual(await lab.held('stateful'), expected)
})
