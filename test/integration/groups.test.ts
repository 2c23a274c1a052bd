import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { cli, runCli, startCli } from '../support/cli.ts'
import type { OutcomeJson, PlanJson } from '../support/command-json.ts'
import { errorOf, reportOf } from '../support/e2e-stage.ts'
import { GroupsStage, until } from '../support/groups-stage.ts'
import { kafkaTool } from '../support/kafka-tools.ts'

/* What `groups` shows, exports, imports and holds, on a real broker, with the real program. */

let lab: GroupsStage

before(async () => {
  lab = await GroupsStage.open({
    properties: { 'offsets.retention.check.interval.ms': '500' },
  })
})

after(async () => {
  await lab?.[Symbol.asyncDispose]()
})

const json = ['-o', 'json']
const saving = () => ['--snapshot-path', lab.file('saved')]

interface ListedJson {
  readonly clusters: readonly { readonly cluster: string; readonly cluster_id: string }[]
  readonly groups: readonly {
    readonly cluster: string
    readonly group: string
    readonly type: string
    readonly state: string
    readonly protocol: string
    readonly members: number
    readonly positions: number
    readonly lag: number | null
    readonly out_of_range: number
  }[]
}

interface DescribedJson {
  readonly groups: readonly {
    readonly cluster: string
    readonly group: string
    readonly type: string
    readonly state: string
    readonly members: readonly { readonly client_id: string; readonly host: string }[]
    readonly positions: readonly {
      readonly topic: string
      readonly partition: number
      readonly position: number | null
      readonly log_start: number | null
      readonly log_end: number | null
      readonly lag: number | null
      readonly time_lag_ms: number | null
      readonly in_range: boolean | null
      readonly metadata: string | null
    }[]
  }[]
}

test('groups of every type are listed and described, with members, lag in records and time, and range', async () => {
  const { admin } = lab
  await lab.topic('seen', 3)
  await admin.deleteRecords('seen', 1, 50n)
  await admin.commit('seen-classic', 'seen', 0, 90n, 'kept')
  await admin.commit('seen-classic', 'seen', 1, 10n)
  await admin.setStartOffset('seen-share', 'seen', 0, 40n)
  await using _member = await admin.join('seen-live', 'seen', 'live-app', 'consumer')
  await until(async () => (await admin.group('seen-live')).state.toLowerCase() === 'stable')
  const chosen = ['--groups', 'seen-*', ...lab.server]
  const { clusters, groups } = reportOf<ListedJson>(await runCli(['groups', 'list', ...chosen, ...json]))
  assert.deepEqual(
    clusters.map(({ cluster }) => cluster),
    ['target'],
  )
  assert.deepEqual(
    groups.map(({ group, type, state, members, positions, lag, out_of_range }) => [
      ...[group, type, state, members, positions, lag, out_of_range],
    ]),
    [
      ['seen-classic', 'classic', 'Empty', 0, 2, 60, 1],
      ['seen-live', 'consumer', 'Stable', 1, 0, 0, 0],
      ['seen-share', 'share', 'Empty', 0, 1, 60, 0],
    ],
  )
  const text = await cli(['groups', 'list', ...chosen, '--state', 'EMPTY'])
  assert.match(
    text,
    /^Group +Type +State +Protocol +Members +Positions +Lag +Out Of Range\nseen-classic +classic +Empty/,
  )
  assert.doesNotMatch(text, /seen-live/)
  const csv = await cli(['groups', 'list', '--groups', '~seen-(share|none)', ...lab.server, '-o', 'csv'])
  assert.equal(
    csv,
    'cluster,group,type,state,protocol,members,positions,lag,out_of_range\ntarget,seen-share,share,Empty,share,0,1,60,0\n',
  )

  const described = reportOf<DescribedJson>(await runCli(['groups', 'describe', ...chosen, ...json]))
  const [classic, live, share] = described.groups
  assert.deepEqual(classic?.positions, [
    {
      topic: 'seen',
      partition: 0,
      position: 90,
      log_start: 0,
      log_end: 100,
      lag: 10,
      time_lag_ms: 9000,
      in_range: true,
      metadata: 'kept',
    },
    {
      topic: 'seen',
      partition: 1,
      position: 10,
      log_start: 50,
      log_end: 100,
      lag: 50,
      time_lag_ms: 49_000,
      in_range: false,
      metadata: '',
    },
    {
      topic: 'seen',
      partition: 2,
      position: null,
      log_start: 0,
      log_end: 100,
      lag: null,
      time_lag_ms: null,
      in_range: null,
      metadata: null,
    },
  ])
  assert.deepEqual(
    live?.members.map(({ client_id, host }) => [client_id, host]),
    [['live-app', '127.0.0.1']],
  )
  assert.deepEqual([share?.type, share?.positions[0]?.position, share?.positions[0]?.lag], ['share', 40, 60])
  const shown = await cli(['groups', 'describe', '--groups', 'seen-classic', ...lab.server])
  assert.match(
    shown,
    /Group: seen-classic\n─+\nclassic, Empty, 0 members\n {2}1 position outside the log\n\nTopic/,
  )
  assert.match(shown, /\nseen +0 +90 +0-100 +10 +9\.0 s +yes\n/)
  assert.match(shown, /\nseen +2 +- +0-100 +- +- +-\n/)
  errorOf(
    await runCli(['groups', 'describe', '--groups', 'seen-nobody', ...lab.server, ...json]),
    2,
    'GROUP_NOT_FOUND',
  )
})

test('two clusters are shown side by side', async () => {
  await lab.topic('both', 1)
  await lab.admin.commit('both-group', 'both', 0, 30n)
  const address = lab.bootstrap
  const sides = ['--source-bootstrap-servers', address.replace('127.0.0.1', 'localhost'), ...lab.server]
  const { clusters, groups } = reportOf<ListedJson>(
    await runCli(['groups', 'list', '--groups', 'both-group', ...sides, ...json]),
  )
  assert.deepEqual(
    clusters.map(({ cluster }) => cluster),
    ['source', 'target'],
  )
  assert.deepEqual(
    groups.map(({ cluster, lag }) => [cluster, lag]),
    [
      ['source', 70],
      ['target', 70],
    ],
  )
  const shown = await cli(['groups', 'describe', '--groups', 'both-group', ...sides, '--no-times'])
  assert.match(shown, /source: classic, Empty, 0 members\ntarget: classic/)
  assert.match(shown, /source Position +source Log .* target Position/)
  assert.match(shown, /\nboth +0 +30 +0-100 +70 +- +yes +30 +0-100 +70 +- +yes\n/)
})

test("Kafka's own tool reads what is exported, and what it exports is imported; metadata stays", async () => {
  const { admin } = lab
  await lab.topic('csv', 2)
  const names = ['csv plain', 'csv,with "quotes", and commas', 'csv-ünï']
  for (const [i, name] of names.entries()) {
    await admin.commit(name, 'csv', 0, BigInt(10 + i), 'kept')
    await admin.commit(name, 'csv', 1, BigInt(20 + i))
  }
  await admin.setStartOffset('csv-share', 'csv', 0, 5n)
  const file = lab.file('exported.csv')
  const exported = await runCli(['groups', 'export', '-g', 'csv*', '--output', file, ...lab.server])
  assert.equal(exported.status, 3, exported.stderr)
  assert.match(exported.stderr, /no place for share groups: csv-share/)
  const text = await readFile(file, 'utf8')
  assert.match(text, /^"csv plain",csv,0,10$/m)
  assert.match(text, /^"csv,with ""quotes"", and commas",csv,1,21$/m)

  const head = ['--bootstrap-server', lab.bootstrap]
  const chosen = names.flatMap((name) => ['--group', name])
  for (const name of names)
    for (const partition of [0, 1]) await admin.commit(name, 'csv', partition, 50n, 'kept')
  await kafkaTool('groups', [...head, '--reset-offsets', '--from-file', file, ...chosen, '--execute'])
  for (const [i, name] of names.entries()) {
    assert.deepEqual(await lab.held(name), { 'csv/0': `${10 + i}`, 'csv/1': `${20 + i}` })
  }

  const theirs = await kafkaTool('groups', [
    ...[...head, '--reset-offsets', '--to-current', '--all-topics', ...chosen, '--dry-run', '--export'],
  ])
  const rows = theirs.split('\n').filter((line) => /,csv,\d,\d+$/.test(line))
  assert.equal(rows.length, 6, theirs)
  await writeFile(lab.file('theirs.csv'), `${rows.join('\n')}\n`)
  for (const name of names)
    for (const partition of [0, 1]) await admin.commit(name, 'csv', partition, 70n, 'of an app')
  const load = (...args: string[]) =>
    runCli(['groups', 'import', ...args, ...saving(), ...lab.server, ...json])
  reportOf<PlanJson>(await load(lab.file('theirs.csv'), '--dry-run'))
  const loaded = reportOf<OutcomeJson>(await load(lab.file('theirs.csv')))
  assert.equal(loaded.counts.set, 6)
  for (const [i, name] of names.entries()) {
    assert.deepEqual(await lab.held(name), { 'csv/0': `${10 + i} of an app`, 'csv/1': `${20 + i} of an app` })
  }

  const single = await cli(['groups', 'export', '-g', 'csv plain', '--without-group', ...lab.server])
  assert.equal(single, 'csv,0,10\ncsv,1,20\n')
  await writeFile(lab.file('single.csv'), single)
  errorOf(await load(lab.file('single.csv')), 2, 'USAGE')
  const kept = reportOf<OutcomeJson>(await load(lab.file('single.csv'), '--groups', 'csv plain'))
  assert.deepEqual([kept.counts.kept, kept.counts.set], [2, 0])
  await kafkaTool('groups', [
    ...[
      ...head,
      '--reset-offsets',
      '--from-file',
      lab.file('single.csv'),
      '--group',
      'csv-single',
      '--execute',
    ],
  ])
  assert.deepEqual(await lab.held('csv-single'), { 'csv/0': '10', 'csv/1': '20' })
  await writeFile(lab.file('broken.csv'), 'csv,0,ten\n')
  errorOf(await load(lab.file('broken.csv'), '--groups', 'x'), 2, 'FILE_NOT_READABLE')
})

test('hold commits again what is there, sets nothing back, leaves groups with members alone, and reports when interrupted', async () => {
  const { admin } = lab
  await lab.topic('held', 2)
  await admin.commit('hold-me', 'held', 0, 10n, 'kept')
  await admin.setStartOffset('hold-share', 'held', 0, 3n)
  await using _member = await admin.join('hold-live', 'held', 'live', 'consumer')
  const end = async () =>
    (await lab.admin.partitions('__consumer_offsets')).reduce((sum, one) => sum + one.end, 0n)
  const before = await end()
  const running = await startCli([
    'groups',
    'hold',
    '-g',
    'hold-*',
    '--interval',
    '1s',
    ...lab.server,
    ...json,
  ])
  const rounds = () => running.output().stderr.match(/3 groups: .*1 held/g)?.length ?? 0
  await until(async () => rounds() >= 1)
  await admin.commit('hold-me', 'held', 0, 40n, 'by somebody')
  const seen = rounds()
  await until(async () => rounds() >= seen + 2)
  assert.deepEqual(await lab.held('hold-me'), { 'held/0': '40 by somebody' })
  assert.ok((await end()) > before)
  running.process.kill('SIGINT')
  const ended = await running.ended
  const report = reportOf<{
    interrupted: boolean
    groups: { group: string; state: string; positions: number; times_held: number }[]
  }>(ended, 130)
  assert.equal(report.interrupted, true)
  assert.deepEqual(
    report.groups.map(({ group, state }) => [group, state]),
    [
      ['hold-live', 'active'],
      ['hold-me', 'held'],
      ['hold-share', 'share'],
    ],
  )
  const [, me] = report.groups
  assert.equal(me?.positions, 1)
  assert.ok((me?.times_held ?? 0) >= 2)
})

test('hold ends by itself when every group has been seen with members', async () => {
  const { admin } = lab
  await lab.topic('awaited', 1)
  await admin.commit('await-me', 'awaited', 0, 10n, 'kept')
  const running = await startCli([
    'groups',
    'hold',
    '-g',
    'await-me',
    '--until-active',
    '--interval',
    '1s',
    ...lab.server,
    ...json,
  ])
  await until(async () => running.output().stderr.includes('1 group: 1 held'))
  await using _member = await admin.join('await-me', 'awaited', 'back-again', 'classic')
  const report = reportOf<{ interrupted: boolean; groups: { state: string }[] }>(await running.ended)
  assert.deepEqual([report.interrupted, report.groups.map(({ state }) => state)], [false, ['active']])
  assert.deepEqual(await lab.held('await-me'), { 'awaited/0': '10 kept' })
})

test('brokers keep positions of a group that has had members for the time that comes with them', async () => {
  const { admin } = lab
  await lab.topic('timed', 2)
  const group = 'timed-group'
  for (const partition of [0, 1]) await admin.commit(group, 'timed', partition, 4n, 'kept')
  {
    await using _member = await admin.join(group, 'timed', 'left', 'classic')
  }
  await until(async () => (await admin.group(group)).members === 0)
  const listed = (await lab.cluster.listGroups()).find((one) => one.group === group)
  assert.equal(listed?.protocolType, 'consumer', 'its positions would expire a while after it was left')
  const position = (partition: number) => {
    return { topic: 'timed', partition, offset: 4n, leaderEpoch: -1, metadata: 'kept' }
  }
  const long = await lab.cluster.renewPositions(group, [position(0)], 3_600_000)
  const short = await lab.cluster.renewPositions(group, [position(1)], 1)
  assert.deepEqual([...long.failed, ...short.failed], [])
  await until(async () => !('timed/1' in (await lab.held(group))))
  assert.deepEqual(await lab.held(group), { 'timed/0': '4 kept' })
})
