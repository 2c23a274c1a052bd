import assert from 'node:assert/strict'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { connectCluster } from '../../src/kafka/index.ts'
import { type CliOptions, type CliResult, type RunningCli, startCli } from '../support/cli.ts'
import type { OutcomeJson, PlanJson } from '../support/command-json.ts'
import { errorOf, reportOf, Stage } from '../support/e2e-stage.ts'
import { type KafkaProxy, offsetCommit, startKafkaProxy } from '../support/kafka-proxy.ts'

/*
 * One broker, behind a proxy for those who ask for it. Topic `orders` has lost its first 40 records in each partition, so that in
 * its copy `again` every position is another one: 40 less.
 */

const partitions = 3
const lost = 40
const many = Array.from({ length: 300 }, (_, i) => `many-${i}`)
const few = ['few-a', 'few-b', 'few c', 'late']

let stage: Stage
let proxy: KafkaProxy

before(async () => {
  const target = { port: 0 }
  proxy = await startKafkaProxy(target)
  stage = await Stage.open({
    listeners: [{ name: 'PROXIED', security: 'PLAINTEXT', toldPort: proxy.port }],
  })
  const { admin, cluster } = stage.source
  target.port = cluster.broker(1).portOf('PROXIED')
  await admin.createTopic('orders', partitions)
  const producer = await stage.java.producer({ 'bootstrap.servers': cluster.bootstrap })
  await producer.fill({ topic: 'orders', partitions, count: 100, size: 50 })
  await producer.close()
  for (let partition = 0; partition < partitions; partition++) {
    await admin.deleteRecords('orders', partition, BigInt(lost))
  }
  await using client = await connectCluster({ bootstrap: [cluster.bootstrap] })
  const committed = await client.commitGroups(
    [...many, ...few].map((group) => ({
      group,
      positions: [0, 1, 2].map((partition) => ({
        ...{ topic: 'orders', partition, offset: BigInt(sourcePosition(group, partition)) },
        ...{ leaderEpoch: -1, metadata: '' },
      })),
    })),
  )
  assert.deepEqual(
    committed.flatMap(({ failed }) => failed),
    [],
  )
  reportOf(await stage.backup({ backupId: 'shop', topics: ['orders'] }))
  const restore = { create_topics: true, topic_mapping: { orders: 'again' } }
  reportOf(await stage.restore({ backupId: 'shop', restore }, [], 'restore'))
})

after(async () => {
  await stage?.[Symbol.asyncDispose]()
  await proxy?.[Symbol.asyncDispose]()
})

test('killed in the middle, the same command again sets every group', async () => {
  let commits = 0
  let reached = () => {}
  const middle = new Promise<void>((resolve) => {
    reached = resolve
  })
  // From the hundredth on commits are written, but not answered: the reset stands still.
  proxy.hooks.onAnswer = (apiKey) => {
    if (apiKey !== offsetCommit || ++commits < 100) return undefined
    reached()
    return new Promise<void>(() => {})
  }
  const bootstrap = ['--bootstrap-servers', `127.0.0.1:${proxy.port}`]
  const running = await startBulk(['-g', 'many-*', '--max-concurrent', '10', ...bootstrap])
  await Promise.race([middle, running.ended.then(({ stderr }) => assert.fail(stderr))])
  running.process.kill('SIGKILL')
  assert.equal((await running.ended).signal, 'SIGKILL')
  proxy.hooks.onAnswer = undefined
  const set = await many.reduce(
    async (count, group) => (await count) + ((await positions(group)).length > 0 ? 1 : 0),
    Promise.resolve(0),
  )
  assert.ok(set >= 100 && set < many.length, `${set} groups are set`)

  const again = reportOf<BulkJson>(await bulk(['-g', 'many-*']))
  assert.deepEqual(again.counts, {
    ...{ set: (many.length - set) * partitions, deleted: 0, kept: set * partitions },
    ...{ skipped: 0, failed: 0, refused: 0 },
  })
  for (const group of many) await assertSet(group)
})

test('interrupted in the middle, it finishes what is under way, says what is not known, and goes on when run again', async () => {
  const some = many.slice(0, 40)
  await forget(...some)
  let commits = 0
  let reached = () => {}
  let release = () => {}
  const middle = new Promise<void>((resolve) => {
    reached = resolve
  })
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  proxy.hooks.onAnswer = (apiKey) => {
    if (apiKey !== offsetCommit || ++commits < 20) return undefined
    reached()
    return held
  }
  const bootstrap = ['--bootstrap-servers', `127.0.0.1:${proxy.port}`]
  const running = await startBulk(['-g', 'many-*', '--max-concurrent', '2', ...bootstrap])
  await Promise.race([middle, running.ended.then(({ stderr }) => assert.fail(stderr))])
  running.process.kill('SIGINT')
  await said(running, /finishing what is under way/)
  release()
  const report = reportOf<BulkJson>(await running.ended, 130)
  proxy.hooks.onAnswer = undefined
  const codes = report.groups.flatMap(({ positions }) => positions.flatMap(({ error }) => error?.code ?? []))
  assert.deepEqual(new Set(codes), new Set(['INTERRUPTED']))
  assert.equal(report.counts.kept, (many.length - some.length) * partitions)
  const again = reportOf<BulkJson>(await bulk(['-g', 'many-*']))
  assert.ok(again.counts.set > 0 && again.counts.set < some.length * partitions)
  for (const group of some) await assertSet(group)
})

test('the report has the latency of the commits, the rate and the retries; all is done in a few requests', async () => {
  const { admin } = stage.source
  for (const group of ['many-7', 'many-8']) await admin.commit(group, 'again', 1, 0n)
  const result = await bulk(['-g', 'many-*', '--parallelism', '4', '-f', 'text'])
  assert.equal(result.status, 0, result.stderr)
  assert.match(result.stdout, /^Bulk Offset Reset\n/)
  assert.match(result.stdout, /Groups +300: 300 done\n/)
  assert.match(result.stdout, /Commits +2 groups in .*\nRate .* groups\/s, .* positions\/s\n/)
  assert.match(result.stdout, /Latency +p50 [\d.]+ ms, p99 [\d.]+ ms, longest [\d.]+ ms\nRetries +0\n/)
  assert.match(result.stdout, /2 positions set, 898 were there already, 0 skipped, 0 failed, 0 refused/)
  for (const group of ['many-7', 'many-8']) await assertSet(group)
  const { commits, snapshot_id: snapshot } = reportOf<BulkJson>(await bulk(['-g', 'many-*']))
  assert.equal(commits, null, 'nothing was committed')
  assert.equal(snapshot, null)
})

test('groups that must not be touched are left alone and named, and the others are set', async () => {
  const { admin } = stage.source
  await forget('few-a', 'few-b', 'late')
  await using _member = await admin.join('few-a', 'again', 'shop-7')
  await admin.deleteRecords('again', 2, 25n)
  // `late` stood at 41 + …: its copy lies before the new beginning of the log.
  const text = await bulk(['-g', 'few-a,few-b,late', '-f', 'text'])
  assert.equal(text.status, 3, text.stderr)
  assert.match(text.stdout, /Groups +3: 1 done, 2 refused\n/)
  assert.match(
    text.stdout,
    /\n {2}few-a: Consumer group has active members: 'few-a' has shop-7 at 127\.0\.0\.1 \[GROUP_ACTIVE\]\n/,
  )
  assert.match(
    text.stdout,
    /\n {2}late: Offset 5 is out of range for partition 2 \(current: 25-60\) \[OFFSET_OUT_OF_RANGE\]\n/,
  )
  await assertSet('few-b')
  assert.deepEqual(await positions('few-a'), [])
  assert.deepEqual(await positions('late'), [])

  await forget('few-b')
  const all = await bulk(['-g', 'few-a,few-b', '--all-or-nothing'])
  assert.match(errorOf(all, 4, 'GROUP_ACTIVE').message, /'few-a' has shop-7/)
  assert.deepEqual(await positions('few-b'), [])
  const refused = reportOf<BulkJson>(await bulk(['-g', 'few-a']), 4)
  assert.equal(refused.groups[0]?.positions[0]?.error?.code, 'GROUP_ACTIVE')
  assert.equal(refused.groups[0]?.positions[0]?.now, null)
})

test('groups come from a file, a list, standard input, and flags beside them', async () => {
  const file = join(stage.folder, 'consumer-groups.txt')
  const forms: readonly (readonly [string, readonly string[], readonly string[], CliOptions?])[] = [
    ['# ours\r\n\r\n few-b \r\nfew c\r\n', ['--groups-file', file], ['few-b', 'few c']],
    ['["few c"]', ['--groups-file', file, '-g', 'few-b,few c'], ['few-b', 'few c']],
    ['~few.[bc]\nmany-1?\n', ['--groups-file', file], ['few-b', 'few c', ...many.slice(10, 20)]],
    ['', ['--groups-file', '-'], ['few-b'], { input: 'few-b' }],
  ]
  for (const [text, flags, groups, options] of forms) {
    await writeFile(file, text)
    const report = reportOf<BulkJson>(await bulk(flags, options))
    assert.deepEqual(report.groups.map(({ group }) => group).sort(), [...groups].sort())
  }
})

test('a file with a strategy is enough: no archive, and the snapshot goes into the current folder', async () => {
  const config = join(stage.folder, 'offset-reset.yaml')
  const groupsFile = join(stage.folder, 'consumer-groups.txt')
  const { bootstrap } = stage.source.cluster
  await writeFile(
    config,
    `target:\n  bootstrap_servers: ['${bootstrap}']\noffset_reset:\n  strategy: latest\n`,
  )
  await writeFile(groupsFile, 'few-b\nfew c\n')
  const flags = ['--config', config, '--groups-file', groupsFile, '--parallelism', '50']
  const run = async (...more: readonly string[]) =>
    (await startCli(['offset-reset-bulk', ...flags, ...more, '-o', 'json'], { cwd: stage.folder })).ended
  const planned = reportOf<PlanJson>(await run('--dry-run'))
  assert.equal(planned.entries.length, 4 * partitions)
  await assertSet('few-b')
  const report = reportOf<BulkJson>(await run())
  assert.equal(report.counts.set, 4 * partitions)
  assert.deepEqual(await positions('few-b'), [60n, 60n, 60n])
  assert.deepEqual(await readdir(join(stage.folder, 'offset-snapshots')), [`${report.snapshot_id}.json`])
  reportOf(await bulk(['-g', 'few-b,few c']))
  await assertSet('few-b')
})

test('a wrong file, group or flag is one clear sentence, and nothing is changed', async () => {
  const file = join(stage.folder, 'wrong-groups.txt')
  await forget('few-b')
  await writeFile(file, 'few-b\nno-such\nnor-this\n')
  const missing = errorOf(await bulk(['--groups-file', file]), 2, 'GROUP_NOT_FOUND')
  assert.match(missing.message, /'no-such' not found.*'nor-this'/)
  const cases: readonly (readonly [
    readonly string[],
    'USAGE' | 'FILE_NOT_READABLE' | 'GROUP_NOT_FOUND',
    RegExp,
  ])[] = [
    [['--groups-file', `${file}.gone`], 'FILE_NOT_READABLE', /wrong-groups\.txt\.gone cannot be read/],
    [[], 'USAGE', /No consumer group is named/],
    [['-g', 'zzz-*'], 'GROUP_NOT_FOUND', /"zzz-\*"/],
    [['-g', 'few-b', '--max-concurrent', '0'], 'USAGE', /--max-concurrent needs at least 1/],
    [['-g', 'few-b', '--parallelism', '2', '--max-concurrent', '3'], 'USAGE', /mean the same/],
    [['-g', 'few-b', '--max-retries', 'often'], 'USAGE', /--max-retries needs a whole number/],
    [['-g', 'few-b', '--wait', 'long'], 'USAGE', /--wait needs a time such as 60s, got "long"/],
  ]
  for (const [flags, code, message] of cases) {
    assert.match(errorOf(await bulk(flags), 2, code).message, message)
  }
  assert.deepEqual(await positions('few-b'), [])
})

test('--wait goes on when the last consumer has left, by a plan of that moment, and says whose it waited for', async () => {
  const { admin } = stage.source
  for (const command of [['offset-reset-bulk'], ['offset-reset', 'execute']]) {
    await forget('few-b')
    const member = await admin.join('few-b', 'again', 'shop-8')
    const running = await startBulk(['-g', 'few-b', '--wait', '2m'], command)
    await said(running, /Waiting for consumers to leave, \d+ s at most: 'few-b' has shop-8 at 127\.0\.0\.1/)
    await member[Symbol.asyncDispose]()
    // As consumers do when they leave.
    await admin.commit('few-b', 'again', 0, 1n)
    const report = reportOf<BulkJson>(await running.ended)
    assert.equal(report.counts.set, partitions)
    await assertSet('few-b')
  }
})

test('--wait waits for a position that moves without members, too', async () => {
  const { admin } = stage.source
  const running = await startBulk(['-g', 'few c', '--wait', '2m'])
  let moves = 0n
  let stopped = false
  const moving = (async () => {
    for (; !stopped; moves++) await admin.commit('few c', 'again', 0, moves % 60n)
  })()
  await said(running, /'few c' shows none, but its position in again\/0 moves/)
  stopped = true
  await moving
  reportOf<BulkJson>(await running.ended)
  await assertSet('few c')
})

test('--wait ends when its time is over: refused, with the consumers that are still there', async () => {
  await forget('few-b')
  await using _member = await stage.source.admin.join('few-b', 'again', 'shop-9')
  const report = reportOf<BulkJson>(await bulk(['-g', 'few-b', '--wait', '1s']), 4)
  assert.match(report.groups[0]?.positions[0]?.error?.message ?? '', /'few-b' has shop-9 at 127\.0\.0\.1/)
  const execute = await startBulk(['-g', 'few-b', '--wait', '1s'], ['offset-reset', 'execute'])
  errorOf(await execute.ended, 4, 'GROUP_ACTIVE')
  assert.deepEqual(await positions('few-b'), [])
})

type BulkJson = OutcomeJson & {
  readonly commits: { readonly p99_ms: number } | null
}

/** Where a group stands at the source. */
function sourcePosition(group: string, partition: number): number {
  if (group === 'late') return lost + 3 + partition
  return 70 + (Number(/\d+$/.exec(group)?.[0] ?? 0) % 30) + partition - 2
}

async function assertSet(group: string): Promise<void> {
  const expected = [0, 1, 2].map((partition) => BigInt(sourcePosition(group, partition) - lost))
  assert.deepEqual(await positions(group), expected, group)
}

/** Positions of a group in the copy, as Kafka's own admin client sees them. */
async function positions(group: string): Promise<bigint[]> {
  const found: bigint[] = []
  for (const { topic, partition, offset } of await stage.source.admin.positions(group)) {
    if (topic === 'again') found[partition] = offset
  }
  return found
}

/** Takes away what groups have in the copy. */
async function forget(...groups: readonly string[]): Promise<void> {
  await using client = await connectCluster({ bootstrap: [stage.source.cluster.bootstrap] })
  const copied = [0, 1, 2].map((partition) => ({ topic: 'again', partition }))
  for (const group of groups) await client.deletePositions(group, copied)
}

async function bulk(flags: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return await (await startBulk(flags, ['offset-reset-bulk'], options)).ended
}

/** Starts a command with the archive on the cluster; later flags go over that. */
async function startBulk(
  flags: readonly string[],
  command: readonly string[] = ['offset-reset-bulk'],
  options: CliOptions = {},
): Promise<RunningCli> {
  const place = ['--path', stage.archive, '--backup-id', 'shop', '-o', 'json']
  const cluster = ['--bootstrap-servers', stage.source.cluster.bootstrap]
  const format = flags.includes('-f') ? place.slice(0, -2) : place
  return await startCli([...command, ...format, ...cluster, ...flags], options)
}

/** Resolves when a program has said something on stderr. */
async function said(running: RunningCli, what: RegExp): Promise<void> {
  for (;;) {
    if (what.test(running.output().stderr)) return
    const ended = await Promise.race([running.ended, delay(50)])
    if (ended) assert.match(ended.stderr, what)
  }
}
