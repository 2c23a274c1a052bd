import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { cp, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { sealJson } from '../../src/archive/sealed-json.ts'
import { type CliResult, runCli } from '../support/cli.ts'
import { errorOf, type RestoreJson, reportOf, Stage } from '../support/e2e-stage.ts'
import { freePort } from '../support/free-port.ts'
import { startSecuredBroker, users } from '../support/secured-broker.ts'

/** One cluster; what is restored gets another name. */
let stage: Stage
let untouched: unknown

/** A broker that is down may come up: it is asked again until the connect timeout, 15 s unless set. */
const hasty = { connect_timeout: '1s' }
const hastyOrders = { topics: [], source: { topics: { include: ['orders'] }, connection: hasty } }
const restored = { create_topics: true, topic_mapping: { '*': 'dr-*' } }

before(async () => {
  stage = await Stage.open()
  const { admin, cluster } = stage.source
  await admin.createTopic('orders', 3)
  const producer = await stage.java.producer({ 'bootstrap.servers': cluster.bootstrap })
  await producer.fill({ topic: 'orders', partitions: 3, count: 100, size: 50 })
  await admin.commit('billing', 'orders', 0, 40n)
  reportOf(await stage.backup({ backupId: 'shop', topics: ['orders'] }))
  await producer.close()
})

after(async () => {
  await stage?.[Symbol.asyncDispose]()
})

beforeEach(async () => {
  untouched = await everything()
})

test('a broker that cannot be reached is named with address and cause, and nothing is made', async () => {
  const port = await freePort()
  const bootstrap = `127.0.0.1:${port}`
  const path = join(stage.folder, 'never')
  const target = { connection: hasty }
  const restore = { backupId: 'shop', bootstrap, restore: restored, name: 'unreachable', target }
  for (const result of [
    await stage.backup({ backupId: 'new', bootstrap, path, ...hastyOrders }),
    await stage.restore(restore),
    await runCli([
      ...['offset-reset', 'plan', '-c', await stage.restoreFile(restore)],
      ...['-g', 'billing', '-o', 'json'],
    ]),
  ]) {
    const error = errorOf(result, 2, 'BROKER_UNREACHABLE')
    assert.match(
      error.message,
      new RegExp(`Cannot reach broker 127\\.0\\.0\\.1:${port}: the connection was refused`),
    )
  }
  await assert.rejects(readdir(path), { code: 'ENOENT' })
  await unchanged()
})

test('a host name that does not exist, and a server that never answers, are told apart', async () => {
  const unknown = await stage.backup({
    backupId: 'new',
    bootstrap: 'no-such-host.invalid:9092',
    ...hastyOrders,
  })
  assert.match(
    errorOf(unknown, 2, 'BROKER_UNREACHABLE').message,
    /no-such-host\.invalid:9092: the host name cannot be resolved/,
  )
  const port = await freePort()
  const silent = createServer((socket) => socket.resume()).listen(port, '127.0.0.1')
  try {
    await once(silent, 'listening')
    const started = performance.now()
    const result = await stage.backup({
      backupId: 'new',
      topics: ['orders'],
      bootstrap: `127.0.0.1:${port}`,
    })
    assert.match(
      errorOf(result, 2, 'BROKER_UNREACHABLE').message,
      new RegExp(`127\\.0\\.0\\.1:${port}.*no answer`),
    )
    // 15 s, and what a busy machine takes to start a process.
    assert.ok(performance.now() - started < 30_000)
  } finally {
    silent.close()
  }
  await unchanged()
})

test('wrong credentials are refused at once, and no secret is shown', async () => {
  await using secured = await startSecuredBroker()
  const security = (password: string) => ({
    security_protocol: 'SASL_PLAINTEXT',
    sasl_mechanism: 'PLAIN',
    sasl_username: 'alice',
    sasl_password: password,
  })
  const job = {
    backupId: 'secured',
    topics: ['orders'],
    bootstrap: secured.address('SASLP'),
    source: { topics: { include: ['orders'] }, security: security('not-the-password') },
  }
  const result = await stage.backup(job)
  const error = errorOf(result, 2, 'AUTHENTICATION_FAILED')
  assert.match(error.message, new RegExp(secured.address('SASLP')))
  assert.doesNotMatch(result.stderr + result.stdout, /not-the-password/)
  // The right ones get further: to what the user may see.
  const right = await stage.backup({
    ...job,
    source: { topics: { include: ['orders'] }, security: security(users.alice) },
  })
  assert.match(errorOf(right, 2, 'TOPIC_NOT_FOUND').message, /'orders'/)
  await unchanged()
})

test('a topic that the backup or the source does not have is named', async () => {
  const backup = await stage.backup({ backupId: 'shop', topics: ['ordres'] })
  assert.match(errorOf(backup, 2, 'TOPIC_NOT_FOUND').message, /^Topic 'ordres' not found/)
  const restore = await stage.restore({ backupId: 'shop', restore: restored }, ['--topics', 'ordres'])
  assert.match(errorOf(restore, 2, 'TOPIC_NOT_FOUND').message, /ordres/)
  await unchanged()
})

test("Consumer group 'x' not found: before any topic is made", async () => {
  const result = await stage.restore({ backupId: 'shop', restore: restored }, ['--groups', 'biling'])
  assert.match(errorOf(result, 2, 'GROUP_NOT_FOUND').message, /^Consumer group 'biling' not found/)
  await unchanged()
})

test('a backup that is not there is named by every command', async () => {
  const place = ['--path', stage.archive, '--backup-id', 'shoq']
  const cluster = ['--bootstrap-servers', stage.target.cluster.bootstrap]
  for (const result of [
    await stage.restore({ backupId: 'shoq', restore: restored }),
    await runCli(['describe', ...place, '-o', 'json']),
    await runCli(['validate', ...place, '-o', 'json']),
    await runCli(['show-offset-mapping', ...place, '-o', 'json']),
    await runCli(['verify', ...place, ...cluster, '-o', 'json']),
    await runCli(['offset-reset', 'plan', ...place, ...cluster, '-g', 'billing', '-o', 'json']),
  ]) {
    const error = errorOf(result, 2, 'BACKUP_NOT_FOUND')
    assert.match(error.message, /shoq/)
    assert.match(`${error.message} ${error.hint}`, /shop/, 'the nearest one is named')
  }
  await unchanged()
})

test('a damaged manifest stops every command, names the object, and a backup does not go on over it', async () => {
  const commit = 'commits/00000000000000000001.json'
  const damages: readonly (readonly [string, (file: string) => Promise<void>])[] = [
    ['backup.json', flip],
    ['backup.json', (file) => truncate(file, 60)],
    [commit, flip],
    [commit, (file) => truncate(file, 0)],
  ]
  for (const [index, [object, damage]] of damages.entries()) {
    const id = `damaged-${index}`
    const place = join(stage.folder, id)
    await cp(join(stage.archive, 'shop'), join(place, 'shop'), { recursive: true })
    await damage(join(place, 'shop', object))
    const state = await contents(place)
    const runs = {
      restore: await stage.restore({ backupId: 'shop', path: place, restore: restored, name: id }),
      backup: await stage.backup({ backupId: 'shop', path: place, topics: ['orders'] }),
      describe: await runCli(['describe', '--path', place, '--backup-id', 'shop', '-o', 'json']),
    }
    for (const [command, result] of Object.entries(runs)) {
      const error = errorOf(result, 4, 'ARCHIVE_DAMAGED')
      assert.match(error.message, new RegExp(object.replaceAll('.', '\\.')), `${command} ${id}`)
    }
    const validated = await runCli(['validate', '--path', place, '--backup-id', 'shop'])
    assert.equal(validated.status, 5, validated.stdout + validated.stderr)
    assert.match(validated.stdout + validated.stderr, new RegExp(object.replaceAll('.', '\\.')))
    assert.deepEqual(await contents(place), state, `${id}: nothing in the archive changed`)
  }
  await unchanged()
})

test('an archive of a newer format is refused with both versions', async () => {
  const place = join(stage.folder, 'newer')
  await cp(join(stage.archive, 'shop'), join(place, 'shop'), { recursive: true })
  const file = join(place, 'shop', 'backup.json')
  const { sha256: _, ...body } = JSON.parse(await readFile(file, 'utf8'))
  await writeFile(file, sealJson({ ...body, format: 2 }).bytes)
  for (const result of [
    await stage.restore({ backupId: 'shop', path: place, restore: restored, name: 'newer' }),
    await stage.backup({ backupId: 'shop', path: place, topics: ['orders'] }),
    await runCli(['describe', '--path', place, '--backup-id', 'shop', '-o', 'json']),
  ]) {
    assert.match(errorOf(result, 2, 'ARCHIVE_TOO_NEW').message, /2.*1/)
  }
  await unchanged()
})

test('a target topic with fewer partitions is refused, with both numbers', async () => {
  await stage.target.admin.createTopic('dr-orders', 2)
  untouched = await everything()
  const result = await stage.restore({ backupId: 'shop', restore: restored })
  const error = errorOf(result, 4, 'TARGET_UNSUITABLE')
  assert.match(error.message, /dr-orders has 2 partitions, and 3 are needed/)
  await unchanged()
  await stage.target.admin.deleteTopic('dr-orders')
})

test('a target topic that holds records is refused with what it holds, and taken with append', async () => {
  const restore = { topic_mapping: { orders: 'orders' } }
  const result = await stage.restore({ backupId: 'shop', restore })
  const error = errorOf(result, 4, 'TARGET_NOT_EMPTY')
  assert.match(error.message, /orders is not empty: partition 0 holds offsets 0 to 99/)
  await unchanged()
})

test('a record that the target topic does not take is named with the setting to raise; one that compresses is taken', async () => {
  const { admin, cluster } = stage.source
  await admin.createTopic('big', 1)
  await admin.createTopic('dr-big', 1, { 'max.message.bytes': '4096' })
  const producer = await stage.java.producer({
    'bootstrap.servers': cluster.bootstrap,
    'compression.type': 'gzip',
    'linger.ms': '0',
  })
  producer.send({ topic: 'big', key: 'small', value: 'v' })
  await producer.flush()
  producer.send({ topic: 'big', key: 'compressible', value: 'x'.repeat(40_000) })
  await producer.flush()
  reportOf(await stage.backup({ backupId: 'big', topics: ['big'] }))
  const job = { backupId: 'big', restore: { topic_mapping: { '*': 'dr-*' }, append: true } }
  const done = reportOf<RestoreJson>(await stage.restore(job, [], 'restore'))
  assert.equal(done.records, 2)
  const [records = []] = await stage.read(stage.target, 'dr-big')
  assert.equal(records[1]?.value?.length, 40_000)

  producer.send({ topic: 'big', key: 'random', value: randomBytes(40_000) })
  await producer.flush()
  await producer.close()
  reportOf(await stage.backup({ backupId: 'big', topics: ['big'] }))
  await admin.createTopic('dr2-big', 1, { 'max.message.bytes': '4096' })
  untouched = await everything()
  const result = await stage.restore({ backupId: 'big', restore: { topic_mapping: { '*': 'dr2-*' } } })
  const error = errorOf(result, 4, 'RECORD_TOO_LARGE')
  assert.match(error.message, /offset 2 of big-0 .*dr2-big takes 4096/)
  assert.match(String(error.hint), /Raise max\.message\.bytes of dr2-big to \d+/)
  await unchanged()
})

test('a group with live members is refused naming them, with either protocol; nothing of any group is changed', async () => {
  const { admin } = stage.target
  await admin.commit('shipping', 'orders', 1, 10n)
  reportOf(await stage.backup({ backupId: 'shop', topics: ['orders'] }))
  reportOf(await stage.restore({ backupId: 'shop', restore: restored }, [], 'restore'))
  const cluster = ['--bootstrap-servers', stage.target.cluster.bootstrap]
  for (const protocol of ['classic', 'consumer']) {
    await using _ = await admin.join('billing', 'dr-orders', `member-${protocol}`, protocol)
    untouched = await everything()
    const error = errorOf(await reset('execute', ['-g', '*', ...cluster]), 4, 'GROUP_ACTIVE')
    assert.match(
      error.message,
      new RegExp(`^Consumer group has active members: .*billing.*member-${protocol}`),
    )
    await unchanged()
  }
  const planned = await reset('plan', ['-g', 'nobody', ...cluster])
  assert.match(errorOf(planned, 2, 'GROUP_NOT_FOUND').message, /^Consumer group 'nobody' not found/)
})

test('Offset N is out of range for partition P: a position that the target log no longer holds', async () => {
  const { admin, cluster } = stage.target
  await admin.deleteRecords('dr-orders', 0, 60n)
  untouched = await everything()
  const result = await reset('execute', ['-g', 'billing', '--bootstrap-servers', cluster.bootstrap])
  const error = errorOf(result, 4, 'OFFSET_OUT_OF_RANGE')
  assert.equal(error.message, 'Offset 40 is out of range for partition 0 (current: 60-100)')
  await unchanged()
})

test('a dry run says what would be done and changes nothing', async () => {
  const restore = { create_topics: true, topic_mapping: { '*': 'dry-*' } }
  const result = await stage.restore({ backupId: 'shop', restore, name: 'dry' }, ['--dry-run'], 'restore')
  const report = reportOf<RestoreJson>(result)
  assert.deepEqual([report.status, report.records], ['planned', 300])
  await unchanged()
})

async function reset(action: string, flags: readonly string[]): Promise<CliResult> {
  return await runCli([
    ...['offset-reset', action, '--path', stage.archive, '--backup-id', 'shop', ...flags],
    ...['-o', 'json'],
  ])
}

/** What must not change: topics with their sizes, positions, the archive. */
async function everything(): Promise<unknown> {
  const { admin } = stage.target
  const topics: Record<string, unknown> = {}
  for (const topic of await admin.topics()) {
    topics[topic] = (await admin.partitions(topic)).map(({ start, end }) => [start, end])
  }
  const positions = await Promise.all(['billing', 'shipping'].map((group) => admin.positions(group)))
  return { topics, positions, archive: await contents(stage.archive) }
}

async function unchanged(): Promise<void> {
  assert.deepEqual(await everything(), untouched)
}

/** Files of a folder with their bytes as text, but what tells that somebody is, or was, writing. */
async function contents(folder: string): Promise<Record<string, string>> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true })
  const found: Record<string, string> = {}
  for (const file of files) {
    const path = join(file.parentPath, file.name)
    if (file.isFile() && !file.parentPath.endsWith('/writers')) found[path] = await readFile(path, 'latin1')
  }
  return found
}

async function flip(file: string): Promise<void> {
  const bytes = await readFile(file)
  const at = bytes.length >> 1
  bytes[at] = (bytes[at] ?? 0) ^ 1
  await writeFile(file, bytes)
}
