import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Cluster, connectCluster } from '../../src/kafka/index.ts'
import { cli, runCli, startCli } from '../support/cli.ts'
import type { OutcomeJson, PlanJson } from '../support/command-json.ts'
import { errorOf, reportOf, Stage } from '../support/e2e-stage.ts'
import { kafkaTool } from '../support/kafka-tools.ts'

/*
 * `groups` on a real broker, with the real program. What groups have is read and written by Kafka's own client and tools.
 */

let stage: Stage
let cluster: Cluster

before(async () => {
  stage = await Stage.open({ properties: { 'offsets.retention.check.interval.ms': '500' } })
  cluster = await connectCluster({ bootstrap: [stage.source.cluster.bootstrap] })
})

after(async () => {
  await cluster?.[Symbol.asyncDispose]()
  await stage?.[Symbol.asyncDispose]()
})

const server = () => ['--bootstrap-servers', stage.source.cluster.bootstrap]
const json = ['-o', 'json']
const folder = (name: string) => join(stage.folder, name)
const saving = () => ['--snapshot-path', folder('saved')]

/** A topic of its own with 100 records in each of its partitions, a second from one to the next. */
async function topicOf(name: string, partitions: number): Promise<void> {
  await stage.source.admin.createTopic(name, partitions)
  const producer = await stage.java.producer({ 'bootstrap.servers': stage.source.cluster.bootstrap })
  const start = Date.now() - 1_000_000
  for (let i = 0; i < 100; i++) {
    for (let partition = 0; partition < partitions; partition++) {
      producer.send({
        topic: name,
        partition,
        timestamp: BigInt(start + i * 1000),
        value: `${i}`,
      })
    }
  }
  await producer.flush()
  await producer.close()
}

/** Every position of a group, as Kafka's own client sees it. */
async function held(group: string): Promise<Readonly<Record<string, string>>> {
  const found = (await stage.source.admin.positions(group)).map(
    ({ topic, partition, offset, metadata }): [string, string] => [
      `${topic}/${partition}`,
      `${offset} ${metadata}`.trim(),
    ],
  )
  return Object.fromEntries(found.sort())
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 100))
}

const exists = async (group: string) => (await cluster.listGroups()).some((one) => one.group === group)

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
  const { admin } = stage.source
  await topicOf('seen', 3)
  await admin.deleteRecords('seen', 1, 50n)
  await admin.commit('seen-classic', 'seen', 0, 90n, 'kept')
  await admin.commit('seen-classic', 'seen', 1, 10n)
  await admin.setStartOffset('seen-share', 'seen', 0, 40n)
  await using _member = await admin.join('seen-live', 'seen', 'live-app', 'consumer')
  await until(async () => (await admin.group('seen-live')).state.toLowerCase() === 'stable')
  const chosen = ['--groups', 'seen-*', ...server()]
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
  const csv = await cli(['groups', 'list', '--groups', '~seen-(share|none)', ...server(), '-o', 'csv'])
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
  const shown = await cli(['groups', 'describe', '--groups', 'seen-classic', ...server()])
  assert.match(
    shown,
    /Group: seen-classic\n─+\nclassic, Empty, 0 members\n {2}1 position outside the log\n\nTopic/,
  )
  assert.match(shown, /\nseen +0 +90 +0-100 +10 +9\.0 s +yes\n/)
  assert.match(shown, /\nseen +2 +- +0-100 +- +- +-\n/)
  errorOf(
    await runCli(['groups', 'describe', '--groups', 'seen-nobody', ...server(), ...json]),
    2,
    'GROUP_NOT_FOUND',
  )
})

test('two clusters are shown side by side', async () => {
  await topicOf('both', 1)
  await stage.source.admin.commit('both-group', 'both', 0, 30n)
  const address = stage.source.cluster.bootstrap
  const sides = ['--source-bootstrap-servers', address.replace('127.0.0.1', 'localhost'), ...server()]
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

test('positions are copied to another group with their metadata, also start offsets; what is there is not overwritten unasked', async () => {
  const { admin } = stage.source
  await topicOf('copied', 2)
  await admin.commit('copy-from', 'copied', 0, 10n, 'state {"a":1}')
  await admin.commit('copy-from', 'copied', 1, 20n)
  const copy = (...args: string[]) => runCli(['groups', 'copy', ...args, ...saving(), ...server(), ...json])
  const plan = reportOf<PlanJson>(await copy('copy-from', 'copy-to', '--dry-run'))
  assert.deepEqual(
    plan.entries.map(({ group, target, action }) => [group, target, action]),
    [
      ['copy-to', 10, 'SET'],
      ['copy-to', 20, 'SET'],
    ],
  )
  assert.equal(await exists('copy-to'), false)
  const done = reportOf<OutcomeJson>(await copy('copy-from', 'copy-to'))
  assert.equal(done.counts.set, 2)
  assert.deepEqual(await held('copy-to'), { 'copied/0': '10 state {"a":1}', 'copied/1': '20' })

  await admin.commit('copy-from', 'copied', 0, 60n, 'newer')
  errorOf(await copy('copy-from', 'copy-to'), 4, 'GROUP_EXISTS')
  const one = reportOf<OutcomeJson>(await copy('copy-from', 'copy-to', '--overwrite', '--topic', 'copied:0'))
  assert.equal(one.counts.set, 1)
  assert.deepEqual(await held('copy-to'), { 'copied/0': '60 newer', 'copied/1': '20' })
  reportOf(
    await runCli([
      'offset-rollback',
      'rollback',
      '--path',
      folder('saved'),
      '--snapshot-id',
      one.snapshot_id ?? '',
      ...server(),
      ...json,
    ]),
  )
  assert.deepEqual(await held('copy-to'), { 'copied/0': '10 state {"a":1}', 'copied/1': '20' })

  await admin.setStartOffset('copy-share', 'copied', 1, 33n)
  reportOf(await copy('copy-share', 'copy-share-too'))
  assert.deepEqual(await admin.startOffsets('copy-share-too'), [
    { topic: 'copied', partition: 1, offset: 33n },
  ])
  const mixed = await copy('copy-share', 'copy-to', '--overwrite')
  errorOf(mixed, 4, 'GROUP_TYPE_DIFFERS')
  errorOf(await copy('copy-nobody', 'copy-other'), 2, 'GROUP_NOT_FOUND')
  errorOf(await copy('copy-from', 'copy-from'), 2, 'USAGE')
})

test('a group is renamed: everything is in the new one, the old one is gone; one in use is refused', async () => {
  const { admin } = stage.source
  await topicOf('renamed', 2)
  await admin.commit('old-name', 'renamed', 0, 10n, 'kept')
  await admin.commit('old-name', 'renamed', 1, 20n)
  const rename = (...args: string[]) =>
    runCli(['groups', 'rename', ...args, ...saving(), ...server(), ...json])
  {
    await using _member = await admin.join('old-name', 'renamed', 'renamer', 'classic')
    const refused = errorOf(await rename('old-name', 'new-name'), 4, 'GROUP_ACTIVE')
    assert.match(refused.message, /renamer at 127\.0\.0\.1/)
    assert.equal(await exists('new-name'), false)
  }
  await until(async () => (await admin.group('old-name')).members === 0)
  reportOf<PlanJson>(await rename('old-name', 'new-name', '--dry-run'))
  const done = reportOf<{ renamed: boolean; copied: OutcomeJson; deleted: OutcomeJson }>(
    await rename('old-name', 'new-name'),
  )
  assert.deepEqual([done.renamed, done.copied.counts.set, done.deleted.counts.deleted], [true, 2, 2])
  assert.deepEqual(await held('new-name'), { 'renamed/0': '10 kept', 'renamed/1': '20' })
  assert.equal(await exists('old-name'), false)
  const back = ['--path', folder('saved'), '--snapshot-id', done.deleted.snapshot_id ?? '']
  reportOf(await runCli(['offset-rollback', 'rollback', ...back, ...server(), ...json]))
  assert.deepEqual(await held('old-name'), { 'renamed/0': '10 kept', 'renamed/1': '20' })

  await admin.setStartOffset('old-share', 'renamed', 0, 5n)
  const shared = reportOf<{ renamed: boolean }>(await rename('old-share', 'new-share'))
  assert.equal(shared.renamed, true)
  assert.deepEqual(await admin.startOffsets('new-share'), [{ topic: 'renamed', partition: 0, offset: 5n }])
  assert.equal(await exists('old-share'), false)
})

test('a group whose positions cannot all be copied keeps its name', async () => {
  const { admin } = stage.source
  await topicOf('stays', 1)
  await topicOf('vanishes', 1)
  await admin.commit('half-copied', 'stays', 0, 10n)
  await admin.commit('half-copied', 'stays', 0, 100n)
  await admin.deleteRecords('stays', 0, 60n)
  await admin.commit('half-copied', 'stays', 0, 10n)
  const args = ['half-copied', 'half-new', ...saving(), ...server()]
  errorOf(await runCli(['groups', 'rename', ...args, ...json]), 4, 'OFFSET_OUT_OF_RANGE')
  const skipped = await runCli(['groups', 'rename', ...args, '--out-of-range', 'skip'])
  assert.equal(skipped.status, 3, skipped.stderr)
  assert.match(skipped.stdout, /The group half-copied is still there/)
  assert.deepEqual(await held('half-copied'), { 'stays/0': '10' })
})

test('positions are deleted by topic and partition, and come back by a rollback', async () => {
  const { admin } = stage.source
  await topicOf('dropped', 3)
  await topicOf('other', 1)
  for (const partition of [0, 1, 2]) await admin.commit('dropper', 'dropped', partition, 10n, `m${partition}`)
  await admin.commit('dropper', 'other', 0, 5n)
  await admin.setStartOffset('drop-share', 'dropped', 0, 7n)
  await admin.setStartOffset('drop-share', 'dropped', 1, 8n)
  const drop = (...args: string[]) =>
    runCli(['groups', 'delete-offsets', ...args, ...saving(), ...server(), ...json])
  errorOf(await drop('--groups', 'dropper'), 2, 'USAGE')
  errorOf(await drop('--groups', 'dropper', '--topic', 'dropped:x'), 2, 'USAGE')
  reportOf<PlanJson>(await drop('--groups', 'dropper', '--topic', 'dropped:1,2', '--dry-run'))
  const before = await held('dropper')
  const done = reportOf<OutcomeJson>(await drop('--groups', 'dropper,drop-share', '--topic', 'dropped:1,2'))
  assert.equal(done.counts.deleted, 3)
  assert.deepEqual(await held('dropper'), { 'dropped/0': '10 m0', 'other/0': '5' })
  assert.deepEqual(await admin.startOffsets('drop-share'), [{ topic: 'dropped', partition: 0, offset: 7n }])
  const back = ['--path', folder('saved'), '--snapshot-id', done.snapshot_id ?? '']
  reportOf(await runCli(['offset-rollback', 'rollback', ...back, ...server(), ...json]))
  assert.deepEqual(await held('dropper'), before)
  reportOf(await drop('--groups', 'drop-share', '--all-topics'))
  assert.deepEqual(await admin.startOffsets('drop-share'), [])
  await using _member = await admin.join('dropper', 'dropped', 'busy', 'consumer')
  errorOf(await drop('--groups', 'dropper', '--all-topics'), 4, 'GROUP_ACTIVE')
})

test("Kafka's own tool reads what is exported, and what it exports is imported; metadata stays", async () => {
  const { admin } = stage.source
  await topicOf('csv', 2)
  const names = ['csv plain', 'csv,with "quotes", and commas', 'csv-ünï']
  for (const [i, name] of names.entries()) {
    await admin.commit(name, 'csv', 0, BigInt(10 + i), 'kept')
    await admin.commit(name, 'csv', 1, BigInt(20 + i))
  }
  await admin.setStartOffset('csv-share', 'csv', 0, 5n)
  const file = folder('exported.csv')
  const exported = await runCli(['groups', 'export', '-g', 'csv*', '--output', file, ...server()])
  assert.equal(exported.status, 3, exported.stderr)
  assert.match(exported.stderr, /no place for share groups: csv-share/)
  const text = await readFile(file, 'utf8')
  assert.match(text, /^"csv plain",csv,0,10$/m)
  assert.match(text, /^"csv,with ""quotes"", and commas",csv,1,21$/m)

  const head = ['--bootstrap-server', stage.source.cluster.bootstrap]
  const chosen = names.flatMap((name) => ['--group', name])
  for (const name of names)
    for (const partition of [0, 1]) await admin.commit(name, 'csv', partition, 50n, 'kept')
  await kafkaTool('groups', [...head, '--reset-offsets', '--from-file', file, ...chosen, '--execute'])
  for (const [i, name] of names.entries()) {
    assert.deepEqual(await held(name), { 'csv/0': `${10 + i}`, 'csv/1': `${20 + i}` })
  }

  const theirs = await kafkaTool('groups', [
    ...[...head, '--reset-offsets', '--to-current', '--all-topics', ...chosen, '--dry-run', '--export'],
  ])
  const rows = theirs.split('\n').filter((line) => /,csv,\d,\d+$/.test(line))
  assert.equal(rows.length, 6, theirs)
  await writeFile(folder('theirs.csv'), `${rows.join('\n')}\n`)
  for (const name of names)
    for (const partition of [0, 1]) await admin.commit(name, 'csv', partition, 70n, 'of an app')
  const load = (...args: string[]) => runCli(['groups', 'import', ...args, ...saving(), ...server(), ...json])
  reportOf<PlanJson>(await load(folder('theirs.csv'), '--dry-run'))
  const loaded = reportOf<OutcomeJson>(await load(folder('theirs.csv')))
  assert.equal(loaded.counts.set, 6)
  for (const [i, name] of names.entries()) {
    assert.deepEqual(await held(name), { 'csv/0': `${10 + i} of an app`, 'csv/1': `${20 + i} of an app` })
  }

  const single = await cli(['groups', 'export', '-g', 'csv plain', '--without-group', ...server()])
  assert.equal(single, 'csv,0,10\ncsv,1,20\n')
  await writeFile(folder('single.csv'), single)
  errorOf(await load(folder('single.csv')), 2, 'USAGE')
  const kept = reportOf<OutcomeJson>(await load(folder('single.csv'), '--groups', 'csv plain'))
  assert.deepEqual([kept.counts.kept, kept.counts.set], [2, 0])
  await kafkaTool('groups', [
    ...[
      ...head,
      '--reset-offsets',
      '--from-file',
      folder('single.csv'),
      '--group',
      'csv-single',
      '--execute',
    ],
  ])
  assert.deepEqual(await held('csv-single'), { 'csv/0': '10', 'csv/1': '20' })
  await writeFile(folder('broken.csv'), 'csv,0,ten\n')
  errorOf(await load(folder('broken.csv'), '--groups', 'x'), 2, 'FILE_NOT_READABLE')
})

test('hold commits again what is there, sets nothing back, leaves groups with members alone, and reports when interrupted', async () => {
  const { admin } = stage.source
  await topicOf('held', 2)
  await admin.commit('hold-me', 'held', 0, 10n, 'kept')
  await admin.setStartOffset('hold-share', 'held', 0, 3n)
  await using _member = await admin.join('hold-live', 'held', 'live', 'consumer')
  const end = async () =>
    (await stage.source.admin.partitions('__consumer_offsets')).reduce((sum, one) => sum + one.end, 0n)
  const before = await end()
  const running = await startCli(['groups', 'hold', '-g', 'hold-*', '--interval', '1s', ...server(), ...json])
  const rounds = () => running.output().stderr.match(/3 groups: .*1 held/g)?.length ?? 0
  await until(async () => rounds() >= 1)
  await admin.commit('hold-me', 'held', 0, 40n, 'by somebody')
  const seen = rounds()
  await until(async () => rounds() >= seen + 2)
  assert.deepEqual(await held('hold-me'), { 'held/0': '40 by somebody' })
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
  const { admin } = stage.source
  await topicOf('awaited', 1)
  await admin.commit('await-me', 'awaited', 0, 10n, 'kept')
  const running = await startCli([
    'groups',
    'hold',
    '-g',
    'await-me',
    '--until-active',
    '--interval',
    '1s',
    ...server(),
    ...json,
  ])
  await until(async () => running.output().stderr.includes('1 group: 1 held'))
  await using _member = await admin.join('await-me', 'awaited', 'back-again', 'classic')
  const report = reportOf<{ interrupted: boolean; groups: { state: string }[] }>(await running.ended)
  assert.deepEqual([report.interrupted, report.groups.map(({ state }) => state)], [false, ['active']])
  assert.deepEqual(await held('await-me'), { 'awaited/0': '10 kept' })
})

test('brokers keep positions of a group that has had members for the time that comes with them', async () => {
  const { admin } = stage.source
  await topicOf('timed', 2)
  const group = 'timed-group'
  for (const partition of [0, 1]) await admin.commit(group, 'timed', partition, 4n, 'kept')
  {
    await using _member = await admin.join(group, 'timed', 'left', 'classic')
  }
  await until(async () => (await admin.group(group)).members === 0)
  const listed = (await cluster.listGroups()).find((one) => one.group === group)
  assert.equal(listed?.protocolType, 'consumer', 'its positions would expire a while after it was left')
  const position = (partition: number) => {
    return { topic: 'timed', partition, offset: 4n, leaderEpoch: -1, metadata: 'kept' }
  }
  const long = await cluster.renewPositions(group, [position(0)], 3_600_000)
  const short = await cluster.renewPositions(group, [position(1)], 1)
  assert.deepEqual([...long.failed, ...short.failed], [])
  await until(async () => !('timed/1' in (await held(group))))
  assert.deepEqual(await held(group), { 'timed/0': '4 kept' })
})
