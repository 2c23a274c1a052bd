import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Cluster, connectCluster } from '../../src/kafka/index.ts'
import { makePlan, planToJson, readTarget, type WantedPosition } from '../../src/offsets/index.ts'
import { cli, runCli } from '../support/cli.ts'
import { errorOf, reportOf, Stage } from '../support/e2e-stage.ts'
import { startS3Server } from '../support/s3-server.ts'

/*
 * Undoing on a real broker, with the real program. What groups have is read and written by Kafka's own client.
 */

let stage: Stage
let cluster: Cluster

before(async () => {
  stage = await Stage.open()
  cluster = await connectCluster({ bootstrap: [stage.source.cluster.bootstrap] })
  await stage.source.admin.createTopic('payments', 1)
  const producer = await stage.java.producer({ 'bootstrap.servers': stage.source.cluster.bootstrap })
  await producer.fill({ topic: 'payments', partitions: 1, count: 100, size: 20 })
  await producer.close()
})

after(async () => {
  await cluster?.[Symbol.asyncDispose]()
  await stage?.[Symbol.asyncDispose]()
})

interface SavedJson {
  readonly snapshot_id: string
  readonly positions: number
  readonly removed: number
  readonly groups: number
  readonly since: string | null
  readonly empty_groups: readonly string[]
}

interface OutcomeJson {
  readonly snapshot_id: string | null
  readonly counts: Readonly<Record<string, number>>
}

interface ComparisonJson {
  readonly verified: boolean
  readonly same: number
  readonly differences: readonly {
    readonly topic: string
    readonly partition: number
    readonly kind: string
  }[]
}

const server = () => ['--bootstrap-servers', stage.source.cluster.bootstrap]
const command = (action: string, ...args: string[]) => ['offset-rollback', action, ...args]
const folder = (name: string) => join(stage.folder, name)

/** A topic of its own with 100 records in each of its partitions. */
async function topicOf(name: string, partitions: number): Promise<void> {
  await stage.source.admin.createTopic(name, partitions)
  const producer = await stage.java.producer({ 'bootstrap.servers': stage.source.cluster.bootstrap })
  await producer.fill({ topic: name, partitions, count: 100, size: 20 })
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

async function snapshot(...args: string[]): Promise<SavedJson> {
  return reportOf<SavedJson>(await runCli(command('snapshot', ...args, ...server(), '-o', 'json')))
}

async function verify(status: 0 | 5, ...args: string[]): Promise<ComparisonJson> {
  return reportOf<ComparisonJson>(await runCli(command('verify', ...args, ...server(), '-o', 'json')), status)
}

const snapshotsIn = async (name: string) =>
  (await readdir(folder(name))).filter((file) => file.endsWith('.json'))

const kinds = ({ differences }: ComparisonJson) =>
  differences.map(({ topic, partition, kind }) => `${topic}/${partition} ${kind}`)

test('a rollback brings back positions and metadata, and deletes what came since, also in new partitions and topics', async () => {
  const { admin } = stage.source
  await topicOf('orders', 3)
  await admin.commit('order-processor', 'orders', 0, 40n, 'state {"a":1}')
  await admin.commit('order-processor', 'orders', 1, 50n)
  await admin.commit('payment-service', 'payments', 0, 7n, 'kept')
  const [orders, payments] = [await held('order-processor'), await held('payment-service')]
  const path = ['--path', folder('offset snapshots')]
  const text = await cli([
    ...command('snapshot', ...path, '--groups', 'order-processor,payment-service', ...server()),
    ...['--description', 'Before restore operation'],
  ])
  const id =
    /^Saved 3 positions of 2 groups as (snapshot-\d{8}-\d{6}) in /.exec(text)?.[1] ?? assert.fail(text)
  const listed = await cli(command('list', ...path))
  assert.match(
    listed,
    /^Offset Snapshots\n═{62}\nID {26}Created {15}Groups {2}Description\n─{62}\nsnapshot-\d{8}-\d{6} {4}\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ {2}2 {7}Before restore operation\n$/,
  )
  const chosen = [...path, '--snapshot-id', id]
  const shown = await cli(command('show', ...chosen))
  assert.match(shown, /Consumer Group: order-processor\n─+\nTopic .*\n─+\norders {5}0 +40 +state/)
  assert.match(shown, /\norders {5}2 +-\n/)
  assert.equal((await verify(0, ...chosen)).same, 3)

  await admin.grow('orders', 4)
  await admin.commit('order-processor', 'orders', 3, 0n)
  await admin.commit('order-processor', 'orders', 2, 9n)
  await admin.commit('order-processor', 'payments', 0, 1n)
  await admin.commit('order-processor', 'orders', 0, 40n, 'other')
  await cluster.deletePositions('order-processor', [{ topic: 'orders', partition: 1 }])
  await admin.commit('payment-service', 'payments', 0, 90n)
  const changed = await held('order-processor')
  assert.deepEqual(kinds(await verify(5, ...chosen)), [
    'orders/0 different',
    'orders/1 missing',
    'orders/2 extra',
    'orders/3 extra',
    'payments/0 extra',
    'payments/0 different',
  ])
  assert.match(
    (await runCli(command('verify', ...chosen, ...server()))).stdout,
    /^6 differences from snapshot-.*metadata "state/s,
  )

  const dry = await runCli(command('rollback', ...chosen, ...server(), '--dry-run'))
  assert.equal(dry.status, 0, dry.stderr)
  assert.match(
    dry.stdout,
    /^Offset Rollback Plan\n.*\nTotal partitions to reset: 3\nPositions to delete: 3\n$/s,
  )
  assert.deepEqual(await held('order-processor'), changed)

  const rolledBack = await runCli(command('rollback', ...chosen, ...server(), '--verify', '-o', 'json'))
  const report = reportOf<OutcomeJson>(rolledBack)
  assert.deepEqual(report.counts, { set: 3, deleted: 3, kept: 0, skipped: 0, failed: 0, refused: 0 })
  assert.deepEqual(await held('order-processor'), orders)
  assert.deepEqual(await held('payment-service'), payments)
  assert.equal((await verify(0, ...chosen)).same, 3)

  // A rollback can be undone as well: what was there before it is a snapshot in the same folder.
  const undo = [...path, '--snapshot-id', report.snapshot_id ?? assert.fail('no snapshot')]
  const undone = await cli(command('rollback', ...undo, ...server(), '--groups', 'order-processor'))
  assert.match(undone, /^Offset Rollback\n═+\n\nConsumer Group: order-processor \(done\)\n/)
  assert.deepEqual(await held('order-processor'), changed)
  assert.deepEqual(await held('payment-service'), payments)
})

test('metadata comes back byte for byte, whatever an application keeps there', async () => {
  await topicOf('streams', 3)
  const kept = ['AgAAAYz\u0000\u0001', '{"é":"日本😀"}\n\t"', 'x'.repeat(4096)]
  const position = (partition: number, metadata: string, offset = 5n) => ({
    ...{ topic: 'streams', partition, offset, leaderEpoch: -1, metadata },
  })
  await cluster.commitPositions(
    'streams app',
    kept.map((metadata, partition) => position(partition, metadata)),
  )
  const file = ['--snapshot', folder('pre-reset-snapshot.json')]
  await snapshot('--groups', 'streams app', '--output', folder('pre-reset-snapshot.json'))
  await cluster.commitPositions(
    'streams app',
    [0, 1, 2].map((partition) => position(partition, 'lost', 50n)),
  )
  assert.equal((await verify(5, ...file)).differences.length, 3)
  const rolledBack = await runCli(command('rollback', ...file, ...server(), '-o', 'json'), {
    cwd: stage.folder,
  })
  assert.equal(reportOf<OutcomeJson>(rolledBack).counts.set, 3)
  const { done } = await cluster.fetchPositions(['streams app'])
  const found = [...(done[0]?.positions ?? [])].sort((a, b) => a.partition - b.partition)
  assert.deepEqual(
    found.map(({ offset, metadata }) => [offset, metadata]),
    kept.map((metadata) => [5n, metadata]),
  )
  assert.equal((await verify(0, ...file)).verified, true)
  assert.equal((await snapshotsIn('offset-snapshots')).length, 1)
})

test('what offset-reset has saved can be rolled back to: a group that had nothing has nothing again', async () => {
  await topicOf('reset', 2)
  const { admin } = stage.source
  await admin.commit('before', 'reset', 0, 30n, 'mine')
  const wanted = (group: string, partition: number): WantedPosition => ({
    ...{ group, topic: 'reset', partition, offset: 60n, metadata: null },
    ...{ kind: 'exact', reason: '', reread: 0, from: [] },
  })
  const plan = makePlan({
    clusterId: cluster.clusterId,
    created: Date.now(),
    origin: { type: 'backup', backupId: 'b', restoreId: undefined, captured: 0 },
    wanted: [wanted('before', 0), wanted('before', 1), wanted('brand new', 0)],
    notices: [],
    ...(await readTarget(cluster, ['before', 'brand new'], ['reset'])),
  })
  await writeFile(folder('plan.json'), planToJson(plan))
  const path = ['--snapshot-path', folder('archive/offset-snapshots')]
  const applied = await runCli([
    ...['offset-reset', 'execute', '--plan', folder('plan.json'), ...path, ...server(), '-o', 'json'],
  ])
  const { snapshot_id: id } = reportOf<OutcomeJson>(applied)
  assert.deepEqual(await held('brand new'), { 'reset/0': '60' })
  // The archive is named: its snapshots are found.
  const chosen = ['--path', folder('archive'), '--snapshot-id', id ?? assert.fail('no snapshot')]
  const { counts } = reportOf<OutcomeJson>(
    await runCli(command('rollback', ...chosen, ...server(), '-o', 'json')),
  )
  assert.deepEqual(counts, { set: 1, deleted: 2, kept: 0, skipped: 0, failed: 0, refused: 0 })
  assert.deepEqual(await held('before'), { 'reset/0': '30 mine' })
  assert.deepEqual(await held('brand new'), {})
  const again = await runCli(command('rollback', ...chosen, ...server(), '-o', 'json'))
  assert.deepEqual(reportOf<OutcomeJson>(again).counts.kept, 3)
})

test('differential snapshots in a bucket hold what changed, and mean everything', async () => {
  await using s3 = await startS3Server()
  await s3.bucket('snapshots')
  const { admin } = stage.source
  const env = { env: s3.env }
  const path = ['--path', s3.url('snapshots', 'offsets')]
  await topicOf('many', 3)
  for (const partition of [0, 1, 2]) await admin.commit('bucket', 'many', partition, 10n, `p${partition}`)
  await admin.commit('other', 'many', 0, 5n)
  const take = async (...args: string[]) =>
    reportOf<SavedJson>(
      await runCli(
        command('snapshot', ...path, '-g', 'bucket,other', ...args, ...server(), '-o', 'json'),
        env,
      ),
    )
  const base = await take('--snapshot-id', 'base')
  assert.deepEqual([base.positions, base.groups], [4, 2])
  await admin.commit('bucket', 'many', 1, 20n, 'newer')
  await cluster.deletePositions('bucket', [{ topic: 'many', partition: 2 }])
  const then = await held('bucket')
  const since = await take('--since', 'base', '--snapshot-id', 'second')
  assert.deepEqual([since.positions, since.removed, since.groups, since.since], [1, 1, 2, 'base'])
  const third = await take('--since', 'second', '--snapshot-id', 'third')
  assert.deepEqual([third.positions, third.removed], [0, 0])

  for (const partition of [0, 1, 2]) await admin.commit('bucket', 'many', partition, 99n)
  const chosen = [...path, '--snapshot-id', 'third']
  const rolledBack = await runCli(command('rollback', ...chosen, ...server(), '-o', 'json'), env)
  assert.deepEqual(reportOf<OutcomeJson>(rolledBack).counts, {
    ...{ set: 2, deleted: 1, kept: 3, skipped: 0, failed: 0, refused: 0 },
  })
  assert.deepEqual(await held('bucket'), then)
  assert.match(await cli(command('list', ...path), env), /third .* 2 {7}changes since second\n/)
  const needed = command('delete', ...path, '--snapshot-id', 'base', '-o', 'json')
  errorOf(await runCli(needed, env), 4, 'SNAPSHOT_NEEDED')
  for (const id of ['third', 'second', 'base'])
    assert.equal(await cli(command('delete', ...path, '--snapshot-id', id), env), `Deleted ${id}\n`)
  errorOf(await runCli(needed, env), 2, 'SNAPSHOT_NOT_FOUND')
})

test('differential snapshots as files: each after what it builds on', async () => {
  const { admin } = stage.source
  await admin.commit('in files', 'payments', 0, 10n)
  const [full, diff] = [folder('full.json'), folder('diff.json')]
  await snapshot('-g', 'in files', '--output', full)
  await admin.commit('in files', 'payments', 0, 20n)
  await snapshot('-g', 'in files', '--output', diff, '--since', full)
  await admin.commit('in files', 'payments', 0, 30n)
  const alone = errorOf(
    await runCli(command('verify', '--snapshot', diff, ...server(), '-o', 'json')),
    2,
    'FILE_NOT_READABLE',
  )
  assert.match(alone.message, /holds only what changed since snapshot-/)
  const both = ['--snapshot', full, '--snapshot', diff]
  await cli(command('rollback', ...both, ...server(), '--no-save'))
  assert.deepEqual(await held('in files'), { 'payments/0': '20' })
})

for (const protocol of ['classic', 'consumer']) {
  test(`a group with members (${protocol}) is refused and named, others go on when told to`, async () => {
    const { admin } = stage.source
    const [busy, idle] = [`busy ${protocol}`, `idle ${protocol}`]
    await admin.commit(busy, 'payments', 0, 10n)
    await admin.commit(idle, 'payments', 0, 10n)
    const path = ['--path', folder('active')]
    const { snapshot_id: id } = await snapshot(...path, '-g', `${busy},${idle}`, '--snapshot-id', protocol)
    await admin.commit(busy, 'payments', 0, 20n)
    await admin.commit(idle, 'payments', 0, 20n)
    await using _ = await admin.join(busy, 'payments', `member-${protocol}`, protocol)
    const rollback = command('rollback', ...path, '--snapshot-id', id, ...server(), '-o', 'json')
    const error = errorOf(await runCli(rollback), 4, 'GROUP_ACTIVE')
    assert.match(error.message, new RegExp(`'${busy}' has member-${protocol} at`))
    assert.deepEqual(await held(idle), { 'payments/0': '20' })
    const { counts } = reportOf<OutcomeJson>(await runCli([...rollback, '--go-on']), 3)
    assert.deepEqual([counts.set, counts.refused], [1, 1])
    assert.deepEqual([await held(busy), await held(idle)], [{ 'payments/0': '20' }, { 'payments/0': '10' }])
  })
}

test('a snapshot that finds nothing where there was something is an error, and leaves the good one', async () => {
  const { admin } = stage.source
  await admin.commit('vanishing', 'payments', 0, 10n)
  const path = ['--path', folder('vanishing')]
  const file = folder('vanishing.json')
  await snapshot(...path, '-g', 'vanishing')
  await snapshot('--output', file, '-g', 'vanishing')
  const good = await readFile(file, 'utf8')
  const gone = await cluster.deleteGroups(['vanishing'])
  assert.deepEqual(gone.failed, [])
  for (const groups of ['vanishing', 'van*']) {
    // Another group, so that the pattern finds something.
    await admin.commit('vanguard', 'payments', 0, 1n)
    const again = command('snapshot', ...path, '-g', groups, ...server(), '-o', 'json')
    const error = errorOf(await runCli(again), 4, 'SNAPSHOT_EMPTY')
    assert.match(error.message, /'vanishing' \(snapshot-/)
  }
  assert.equal((await snapshotsIn('vanishing')).length, 1)
  const over = command(
    'snapshot',
    '--output',
    file,
    '-g',
    'vanishing',
    '--allow-empty',
    ...server(),
    '-o',
    'json',
  )
  errorOf(await runCli(over), 4, 'SNAPSHOT_EMPTY')
  assert.equal(await readFile(file, 'utf8'), good)
  const allowed = await snapshot(...path, '-g', 'vanishing', '--allow-empty')
  assert.deepEqual([allowed.positions, allowed.empty_groups], [0, ['vanishing']])
  await admin.commit('vanishing', 'payments', 0, 10n)
  await cli(command('rollback', ...path, '--snapshot-id', allowed.snapshot_id, ...server()))
  assert.deepEqual(await held('vanishing'), {})
})

test('positions that the log has lost are refused, or moved when that is asked for', async () => {
  const { admin } = stage.source
  await topicOf('short', 1)
  await admin.commit('late', 'short', 0, 10n)
  const path = ['--path', folder('short')]
  const { snapshot_id: id } = await snapshot(...path, '-g', 'late')
  await admin.deleteRecords('short', 0, 50n)
  const rollback = command('rollback', ...path, '--snapshot-id', id, ...server(), '-o', 'json')
  assert.equal(reportOf<OutcomeJson>(await runCli(rollback)).counts.kept, 1, 'what never moved stays')
  await admin.commit('late', 'short', 0, 90n)
  const error = errorOf(await runCli(rollback), 4, 'OFFSET_OUT_OF_RANGE')
  assert.equal(error.message, 'Offset 10 is out of range for partition 0 (current: 50-100)')
  assert.equal(reportOf<OutcomeJson>(await runCli([...rollback, '--out-of-range', 'clamp'])).counts.set, 1)
  assert.deepEqual(await held('late'), { 'short/0': '50' })
  await admin.deleteTopic('short')
  while ((await cluster.topics(['short'])).length > 0) await delay(50)
  assert.equal(reportOf<OutcomeJson>(await runCli(rollback), 3).counts.skipped, 1, 'the topic is gone')
})

test('bad input is one sentence with code and exit status, and nothing is changed', async () => {
  const { admin } = stage.source
  await admin.commit('careful', 'payments', 0, 10n)
  const path = ['--path', folder('bad')]
  const { snapshot_id: id } = await snapshot(...path, '-g', 'careful')
  await admin.commit('careful', 'payments', 0, 20n)
  const rollback = async (...args: string[]) =>
    runCli(command('rollback', ...args, ...server(), '-o', 'json'))
  errorOf(await rollback(...path, '--snapshot-id', 'snapshot-1'), 2, 'SNAPSHOT_NOT_FOUND')
  errorOf(await rollback(...path, '--snapshot-id', '../x'), 2, 'STORAGE_KEY_INVALID')
  errorOf(await rollback(...path), 2, 'USAGE')
  errorOf(await rollback('--snapshot-id', id), 2, 'USAGE')
  errorOf(await rollback(...path, '--snapshot-id', id, '--snapshot', 'f'), 2, 'USAGE')
  errorOf(await rollback('--snapshot', folder('nowhere.json')), 2, 'FILE_NOT_READABLE')
  errorOf(await rollback(...path, '--snapshot-id', id, '-g', 'nobody'), 2, 'GROUP_NOT_FOUND')
  errorOf(await runCli(command('snapshot', ...path, '--output', 'f', ...server(), '-o', 'json')), 2, 'USAGE')
  errorOf(
    await runCli(
      command('snapshot', ...path, '-g', 'careful', '--snapshot-id', id, ...server(), '-o', 'json'),
    ),
    2,
    'SNAPSHOT_EXISTS',
  )
  errorOf(
    await runCli(command('snapshot', ...path, '-g', 'x*y', ...server(), '-o', 'json')),
    2,
    'GROUP_NOT_FOUND',
  )

  const file = join(folder('bad'), `${id}.json`)
  const text = await readFile(file, 'utf8')
  const { hash: _, ...foreign } = JSON.parse(text)
  await writeFile(file, JSON.stringify({ ...foreign, cluster_id: 'another' }))
  for (const action of ['rollback', 'verify']) {
    const result = await runCli(command(action, ...path, '--snapshot-id', id, ...server(), '-o', 'json'))
    assert.match(errorOf(result, 4, 'SOURCE_MISMATCH').message, /is of cluster another, but this is cluster /)
  }
  for (const damaged of [text.slice(0, text.length / 2), text.replace('"offset": 10', '"offset": 11')]) {
    await writeFile(file, damaged)
    errorOf(await rollback(...path, '--snapshot-id', id), 2, 'FILE_NOT_READABLE')
    const listed = await runCli(command('list', ...path))
    assert.equal(listed.status, 3)
    assert.match(listed.stdout, /\[FILE_NOT_READABLE\]/)
  }
  assert.deepEqual(await held('careful'), { 'payments/0': '20' })
  assert.equal(await cli(command('delete', ...path, '--snapshot-id', id)), `Deleted ${id}\n`)
  assert.equal(await cli(command('list', ...path)), `There is no snapshot in ${folder('bad')}\n`)
})
