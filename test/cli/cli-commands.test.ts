import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import { runCli } from '../support/cli.ts'
import { Stage } from '../support/e2e-stage.ts'
import { holdsGolden } from '../support/golden-file.ts'

/*
 * Every command as the real program on a real broker, its output held to files: the tests below follow each other, as the
 * commands of a restore do.
 */

const golden = join(import.meta.dirname, 'golden', 'commands')
const run = promisify(execFile)

let stage: Stage
let backup: string
let restore: string

before(async () => {
  stage = await Stage.open()
  const { admin, cluster } = stage.source
  await admin.createTopic('orders', 2, { 'retention.ms': '-1' })
  await admin.createTopic('payments', 1, { 'retention.ms': '-1' })
  const producer = await stage.java.producer({ 'bootstrap.servers': cluster.bootstrap })
  await producer.fill({ topic: 'orders', partitions: 2, count: 100, size: 50, timestamp: 1_700_000_000_000n })
  await producer.fill({
    topic: 'payments',
    partitions: 1,
    count: 30,
    size: 50,
    timestamp: 1_700_000_000_000n,
  })
  await producer.close()
  await admin.commit('billing', 'orders', 0, 40n)
  await admin.commit('billing', 'orders', 1, 100n)
  await admin.commit('audit', 'payments', 0, 7n, 'kept')
  backup = await stage.backupFile({ backupId: 'shop', topics: ['orders', 'payments'] })
  restore = await stage.restoreFile({
    backupId: 'shop',
    restore: {
      create_topics: true,
      topic_mapping: { '*': 'dr-*' },
      topic_config_overrides: { 'retention.ms': 604_800_000 },
      restore_id: 'drill',
    },
  })
})

after(async () => {
  await stage?.[Symbol.asyncDispose]()
})

/** Members whose values differ from run to run. */
const varying =
  /^(run_id|.*cluster_id|source_cluster|.*bytes|chunks.*|objects|commits|.*duration_ms|commit_ms|p50_ms|p99_ms|max_ms|.*_per_second|created|captured|positions_captured|last_commit_time|expires|plan_hash|hash|snapshot_id|archive|url|ms|(target_)?topic_id|software|file)$/

function withoutTimes(text: string): string {
  return text.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
}

function settled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(settled)
  if (typeof value === 'string') return withoutTimes(value.replaceAll(/cluster=\S+/g, 'cluster=<id>'))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      varying.test(key) && inner !== null && typeof inner !== 'object' ? `<${typeof inner}>` : settled(inner),
    ]),
  )
}

/** Runs a command with `-o json` and holds what varies not to its file. */
async function holdsJson(name: string, args: readonly string[], expected = 0): Promise<void> {
  const { status, stdout, stderr } = await runCli([...args, '-o', 'json'])
  assert.equal(status, expected, `${stderr}${stdout}`)
  await holdsGolden(
    join(golden, `${name}.json`),
    `${JSON.stringify(settled(JSON.parse(stdout)), undefined, 2)}\n`,
  )
}

async function output(args: readonly string[], expected = 0): Promise<string> {
  const { status, stdout, stderr } = await runCli(args)
  assert.equal(status, expected, `${stderr}${stdout}`)
  return stdout
}

const archive = (...args: string[]) => [...args, '--path', stage.archive, '--backup-id', 'shop']
const cluster = (...args: string[]) => [...args, '--bootstrap-servers', stage.target.cluster.bootstrap]

test('config validate', async () => {
  await holdsJson('config-validate', ['config', 'validate', '-c', restore])
})

test('storage check', async () => {
  await holdsJson('storage-check', ['storage', 'check', join(stage.folder, 'other')])
})

test('backup', async () => {
  await holdsJson('backup', ['backup', '-c', backup])
})

test('list and describe', async () => {
  await holdsJson('list', ['list', '-p', stage.archive])
  await holdsJson('describe', archive('describe'))
  const yaml = await output(archive('describe', '-f', 'yaml'))
  assert.deepEqual(parse(yaml), JSON.parse(await output(archive('describe', '-f', 'json'))))
})

test('validate', async () => {
  await holdsJson('validate', archive('validate', '--deep'))
})

test('show-offset-mapping of a backup in every format', async () => {
  await holdsGolden(join(golden, 'show-offset-mapping.txt'), await output(archive('show-offset-mapping')))
  await holdsGolden(
    join(golden, 'show-offset-mapping.csv'),
    await output(archive('show-offset-mapping', '--format', 'csv')),
  )
  await holdsJson('show-offset-mapping', archive('show-offset-mapping'))
  const yaml = await output(archive('show-offset-mapping', '--format', 'yaml'))
  assert.deepEqual(parse(yaml), JSON.parse(await output(archive('show-offset-mapping', '--format', 'json'))))
})

test('validate-restore and a dry run change nothing', async () => {
  const before = await stage.target.admin.topics()
  await holdsJson('validate-restore', ['validate-restore', '-c', restore])
  await holdsJson('restore-dry-run', ['restore', '-c', restore, '--dry-run'])
  assert.deepEqual(await stage.target.admin.topics(), before)
})

test('restore, with the offset map in a file', async () => {
  const file = join(stage.folder, 'map.csv')
  await holdsJson('restore', [
    'restore',
    '-c',
    restore,
    '--generate-offset-mapping',
    '--mapping-output',
    file,
  ])
  assert.match((await run('cat', [file])).stdout, /^source_topic,.*\norders,0,0,99,dr-orders,0,0,99,100\n/)
})

test('show-offset-mapping of a restore in every format', async () => {
  const shown = (...args: string[]) => archive('show-offset-mapping', '--restore-id', 'newest', ...args)
  await holdsGolden(join(golden, 'offset-map.txt'), await output(shown()))
  await holdsGolden(join(golden, 'offset-map.csv'), await output(shown('--format', 'csv')))
  await holdsJson('offset-map', shown())
  const one = JSON.parse(await output(shown('--topic', 'orders', '--format', 'json'))) as {
    source_topic: string
  }
  assert.equal(one.source_topic, 'orders')
})

test('offset-reset plan, in every format and into a file', async () => {
  const plan = (...args: string[]) =>
    cluster(...archive('offset-reset', 'plan', '-g', 'billing,audit', ...args))
  await holdsGolden(join(golden, 'offset-reset-plan.txt'), withoutTimes(await output(plan())))
  await holdsGolden(join(golden, 'offset-reset-plan.csv'), await output(plan('--format', 'csv')))
  await holdsJson('offset-reset-plan', plan('--output', join(stage.folder, 'plan.json')))
})

test('offset-reset script prints bash that is sound', async () => {
  const file = join(stage.folder, 'reset.sh')
  await output(cluster(...archive('offset-reset', 'script', '-g', '*', '--output', file)))
  await run('bash', ['-n', file])
  assert.ok(((await stat(file)).mode & 0o111) !== 0, 'executable')
})

test('offset-reset execute applies a plan file, and says afterwards that all is there', async () => {
  const cwd = stage.folder
  const applied = await runCli(cluster('offset-reset', 'execute', '--plan', 'plan.json', '-o', 'json'), {
    cwd,
  })
  assert.equal(applied.status, 0, applied.stderr)
  await holdsGolden(
    join(golden, 'offset-reset-execute.json'),
    `${JSON.stringify(settled(JSON.parse(applied.stdout)), undefined, 2)}\n`,
  )
  const text = await output(cluster(...archive('offset-reset', 'execute', '-g', 'billing')))
  assert.match(text, /^Offset Reset\n═+\n\nConsumer Group: billing \(done\)\n/)
  assert.match(text, /\n0 positions set, 2 were there already, 0 skipped, 0 failed, 0 refused\n/)
  const [position] = (await stage.target.admin.positions('audit')).filter(
    ({ topic }) => topic === 'dr-payments',
  )
  assert.equal(position?.offset, 7n)
  assert.equal(position?.metadata, 'kept')
})

test('three-phase-restore after a restore adds the positions and finds the rest done', async () => {
  await holdsJson('three-phase-restore', ['three-phase-restore', '-c', restore])
  const text = await output(['three-phase-restore', '-c', restore])
  assert.match(text, /^Phase 1: restore data\n/)
  assert.match(text, /\nPhase 2: map offsets\n═+\n230 records of 3 partitions mapped exactly, in 3 ranges/)
  assert.match(text, /\nPhase 3: set positions of consumer groups\n═+\nDone by an earlier run\n/)
})

test('verify', async () => {
  await holdsJson('verify', ['verify', '-c', restore])
})

test('restore finish', async () => {
  await holdsJson('restore-finish', ['restore', 'finish', 'drill', '-c', restore])
})

test('progress for machines is a JSON object a line on stderr, the result alone is on stdout', async () => {
  const file = await stage.backupFile({ backupId: 'again', topics: ['orders'] })
  const { status, stdout, stderr } = await runCli([
    'backup',
    '-c',
    file,
    '-o',
    'json',
    '--progress',
    'json',
    '--log-format',
    'json',
  ])
  assert.equal(status, 0)
  assert.equal((JSON.parse(stdout) as { readonly records: number }).records, 200)
  const lines = stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly type: string; readonly records: number })
  const progress = lines.filter(({ type }) => type === 'progress')
  assert.ok(progress.length >= 2)
  assert.equal(progress.at(-1)?.records, 200)
})
