import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { runCli } from '../support/cli.ts'
import type { PlanJson, VerifyJson } from '../support/command-json.ts'
import {
  type BackupJson,
  errorOf,
  type RestoreJson,
  type RestoreOptions,
  reportOf,
  Stage,
  type ThreePhaseJson,
} from '../support/e2e-stage.ts'
import type { SeenRecord } from '../support/java-client.ts'
import { archivedRecords, assertSameLog, assertSameRecords } from '../support/record-lists.ts'
import { assertGroup, assertRestored, type RestoredTopic } from '../support/restored.ts'
import { topicSettings } from '../support/topic-settings.ts'

/** One cluster; what is restored gets another name. */
let stage: Stage
/** What Kafka's own client reads of the source, partition by partition. */
let orders: SeenRecord[][]

const start = 1_700_000_000_000n
const stand = { orders: { 0: 40n, 1: 100n } }

before(async () => {
  stage = await Stage.open()
  const { admin } = stage.source
  await admin.createTopic('orders', 2, { 'retention.ms': '-1', 'segment.bytes': '2000000' })
  await fill('orders', 2, 100)
  orders = await stage.read(stage.source, 'orders')
  await admin.commit('billing', 'orders', 0, 40n)
  await admin.commit('billing', 'orders', 1, 100n)
  reportOf(await stage.backup({ backupId: 'shop', topics: ['orders'] }))
})

after(async () => {
  await stage?.[Symbol.asyncDispose]()
})

test('round-robin gives the partitions of the target a record each in turn, in the order of time, and groups lose none', async () => {
  const restore = {
    create_topics: true,
    repartitioning: { 'orders-turn': { strategy: 'round-robin', target_partitions: 3 } },
    consumer_groups: ['billing'],
  }
  const job = into('orders-turn', restore)
  const mapping = join(stage.folder, 'turn.json')
  reportOf<ThreePhaseJson>(await stage.restore(job, ['--mapping-output', mapping]))
  const [first = [], second = []] = orders
  const inTime = first.flatMap((record, i) => [record, ...second.slice(i, i + 1)])
  const target = await stage.read(stage.target, 'orders-turn')
  assert.equal(target.length, 3)
  for (const [partition, records] of target.entries()) {
    const turn = inTime.filter((_, i) => i % 3 === partition)
    assertSameRecords(records, turn, `orders-turn/${partition}`)
  }
  const topics = [restored('orders-turn')]
  const logs = await assertRestored(stage, topics, mapping)
  await assertGroup(stage, topics, logs, 'billing', stand)
  assert.equal(reportOf<VerifyJson>(await stage.verify(job)).verified, true)
})

test('no more records go out in a second than the limit, over all partitions together', async () => {
  const restore = { create_topics: true, rate_limit_records_per_sec: 50 }
  const report = reportOf<RestoreJson>(await stage.restore(into('orders-slow', restore), [], 'restore'))
  assert.equal(report.records, 200)
  // A second's worth goes at once; three more seconds for the rest, however fast the machine is.
  assert.ok(report.duration_ms > 2900, `${report.duration_ms} ms`)
  for (const [partition, records] of (await stage.read(stage.target, 'orders-slow')).entries())
    assertSameRecords(records, orders[partition] ?? [], `orders-slow/${partition}`)
})

for (const policy of ['delete', 'compact']) {
  test(`purging deletes what a topic with cleanup.policy=${policy} holds; the copy, its map and the positions begin behind it`, async () => {
    const { admin } = stage.target
    const name = `orders-purged-${policy}`
    await admin.createTopic(name, 2, { 'cleanup.policy': policy, 'retention.ms': '-1' })
    await fill(name, 2, 50)
    const mapping = join(stage.folder, `${name}.json`)
    const without = await stage.restore(into(name, { consumer_groups: ['billing'] }))
    errorOf(without, 4, 'TARGET_NOT_EMPTY')
    assert.equal((await stage.read(stage.target, name)).flat().length, 100)
    const job = into(name, { purge_topics: true, consumer_groups: ['billing'] })
    reportOf<ThreePhaseJson>(await stage.restore(job, ['--mapping-output', mapping]))
    assert.deepEqual(
      (await admin.partitions(name)).map(({ start, end }) => [start, end]),
      [
        [50n, 150n],
        [50n, 150n],
      ],
    )
    const logs = await assertRestored(stage, [restored(name)], mapping)
    await assertGroup(stage, [restored(name)], logs, 'billing', stand)
    assert.equal(reportOf<VerifyJson>(await stage.verify(job)).verified, true)
  })
}

test('purging and appending exclude each other', async () => {
  const job = into('orders-both', { create_topics: true, purge_topics: true, append: true })
  assert.match(errorOf(await stage.restore(job), 2, 'CONFIG_INVALID').message, /purge_topics.*append/s)
})

test('settings of an existing topic that differ are reported, changed, or refused before anything is written', async () => {
  const { admin, cluster } = stage.target
  const segments = async (topic: string) =>
    (await topicSettings(cluster.bootstrap, topic)).get('segment.bytes')
  const there = { 'retention.ms': '-1', 'segment.bytes': '3000000' }
  const difference = /has segment\.bytes=3000000, the source 2000000/

  await admin.createTopic('orders-strict', 2, there)
  const strict = await stage.restore(into('orders-strict', { existing_topic_config_policy: 'fail' }))
  assert.match(errorOf(strict, 4, 'TARGET_UNSUITABLE').message, difference)
  assert.deepEqual((await stage.read(stage.target, 'orders-strict')).flat(), [])
  assert.equal(await segments('orders-strict'), '3000000')

  await admin.createTopic('orders-told', 2, there)
  const told = reportOf<RestoreJson>(await stage.restore(into('orders-told', {}), [], 'restore'))
  assert.deepEqual(
    told.notices.map(({ code, message }) => [code, difference.test(message)]),
    [['config-differs', true]],
  )
  assert.equal(await segments('orders-told'), '3000000')

  await admin.createTopic('orders-like', 2, there)
  const apply = into('orders-like', { existing_topic_config_policy: 'apply' })
  assert.deepEqual(reportOf<RestoreJson>(await stage.restore(apply, [], 'restore')).notices, [])
  assert.equal(await segments('orders-like'), '2000000')
})

test('a setting that the target does not know is left out and named, or with fail refused before a topic is made', async () => {
  const restore = { create_topics: true, topic_config_overrides: { 'no.such.setting': 'x' } }
  const refused = into('orders-known', { ...restore, unsupported_config_policy: 'fail' })
  const error = errorOf(await stage.restore(refused, [], 'restore'), 4, 'TARGET_UNSUITABLE')
  assert.match(error.message, /does not know the setting no\.such\.setting=x of orders-known/)
  assert.ok(!(await stage.target.admin.topics()).includes('orders-known'))
  const report = reportOf<RestoreJson>(await stage.restore(into('orders-known', restore), [], 'restore'))
  assert.ok(report.notices.some(({ code }) => code === 'config-unknown'))
  assert.equal(report.records, 200)
})

test('read_uncommitted backs up aborted records and those of open transactions too, and they come back as plain records', async () => {
  const { admin, cluster } = stage.source
  await admin.createTopic('payments', 1, { 'retention.ms': '-1' })
  const producer = await stage.java.producer({
    'bootstrap.servers': cluster.bootstrap,
    'transactional.id': 'payments',
  })
  const part = (first: number, count: number) =>
    producer.fill({ topic: 'payments', partitions: 1, first, count, size: 50, timestamp: start })
  await producer.begin()
  await part(0, 5)
  await producer.commit()
  await producer.begin()
  await part(10, 3)
  await producer.abort()
  await producer.begin()
  await part(20, 2)
  const written = await stage.java.read(cluster.bootstrap, 'payments', 0, { isolation: 'read_uncommitted' })
  const job = { topics: ['payments'] }
  const isolation = { isolation_level: 'read_uncommitted' }
  const all = reportOf<BackupJson>(await stage.backup({ ...job, backupId: 'all', backup: isolation }))
  const committed = reportOf<BackupJson>(await stage.backup({ ...job, backupId: 'committed' }))
  await producer.abort()
  await producer.close()
  assert.deepEqual([written.length, all.records, all.notices], [10, 10, []])
  assert.deepEqual([committed.records, committed.notices.map(({ type }) => type)], [5, ['open-transaction']])
  assertSameLog(await archivedRecords(stage.archive, 'all', 'payments', 0), written, 'the backup')
  const restore = { create_topics: true, topic_mapping: { payments: 'payments-all' } }
  const back = { backupId: 'all', restore }
  assert.equal(reportOf<RestoreJson>(await stage.restore(back, [], 'restore')).records, 10)
  const [seen = []] = await stage.read(stage.target, 'payments-all')
  assertSameRecords(seen, written, 'payments-all')
  assert.equal(reportOf<VerifyJson>(await stage.verify(back)).verified, true)
})

test('--time-window-start and --time-window-end take ISO 8601 and milliseconds, both inclusive, over what the file says', async () => {
  const job = into('orders-window', { create_topics: true, time_window_end: 5 })
  const from = ['--time-window-start', '2023-11-14T22:13:20.010Z']
  const flags = [...from, '--time-window-end', String(start + 19n)]
  assert.equal(reportOf<RestoreJson>(await stage.restore(job, flags, 'restore')).records, 20)
  for (const [partition, records] of (await stage.read(stage.target, 'orders-window')).entries()) {
    const wanted = orders[partition]?.slice(10, 20) ?? []
    assertSameRecords(records, wanted, `orders-window/${partition}`)
  }
  const verified = reportOf<VerifyJson>(await stage.verify(job, ['-g', 'no-such-*']))
  assert.deepEqual([verified.differences, verified.partitions.map(({ same }) => same)], [0, [10, 10]])
  const wrong = await stage.restore(job, [...from, '--time-window-end', '2023-11-14'], 'restore')
  assert.match(errorOf(wrong, 2, 'CONFIG_INVALID').message, /is before time_window_start/)
  const rubbish = await stage.restore(job, ['--time-window-start', 'yesterday'], 'restore')
  assert.match(errorOf(rubbish, 2, 'CONFIG_INVALID').message, /--time-window-start/)
})

test('--append puts the copy behind what a topic holds, and the groups into the copy', async () => {
  await stage.target.admin.createTopic('orders-log', 2, { 'retention.ms': '-1' })
  await fill('orders-log', 2, 7)
  const before = await stage.read(stage.target, 'orders-log')
  const job = into('orders-log', { consumer_groups: ['billing'] })
  errorOf(await stage.restore(job), 4, 'TARGET_NOT_EMPTY')
  reportOf<ThreePhaseJson>(await stage.restore(job, ['--append']))
  for (const [partition, records] of (await stage.read(stage.target, 'orders-log')).entries()) {
    const expected = [...(before[partition] ?? []), ...(orders[partition] ?? [])]
    assertSameRecords(records, expected, `orders-log/${partition}`)
  }
  const positions = (await stage.target.admin.positions('billing')).filter((p) => p.topic === 'orders-log')
  assert.deepEqual(positions.map(({ partition, offset }) => [partition, offset]).sort(), [
    [0, 47n],
    [1, 107n],
  ])
  assert.equal(reportOf<VerifyJson>(await stage.verify(job)).verified, true)
})

test('--apply-retention now puts a retention in force that would delete what was restored; else it waits', async () => {
  const restore = { create_topics: true, topic_config_overrides: { 'retention.ms': 604_800_000 } }
  const retention = async (topic: string) =>
    (await topicSettings(stage.target.cluster.bootstrap, topic)).get('retention.ms')
  const waits = await stage.restore(into('orders-kept', restore), [], 'restore')
  assert.deepEqual(
    reportOf<RestoreJson>(waits).waiting_topics.map(({ topic, configs }) => [topic, configs]),
    [['orders-kept', { 'retention.ms': '604800000' }]],
  )
  assert.equal(await retention('orders-kept'), '-1')
  const now = await stage.restore(into('orders-brief', restore), ['--apply-retention', 'now'], 'restore')
  assert.deepEqual(reportOf<RestoreJson>(now).waiting_topics, [])
  assert.equal(await retention('orders-brief'), '604800000')
})

test('a journal in a state folder is found by every command that is told the folder, and by no other', async () => {
  reportOf(await stage.backup({ backupId: 'apart', topics: ['orders'] }))
  const restore = {
    create_topics: true,
    state_folder: join(stage.folder, 'state'),
    topic_mapping: { orders: 'orders-apart' },
    topic_config_overrides: { 'retention.ms': 604_800_000 },
  }
  const job = { backupId: 'apart', restore }
  const { restore_id: id } = reportOf<RestoreJson>(await stage.restore(job, [], 'restore'))
  assert.ok(!(await readdir(join(stage.archive, 'apart'))).includes('restores'))
  const command = (words: readonly string[], flags: readonly string[] = []) => {
    const place = ['--path', stage.archive, '--backup-id', 'apart']
    const cluster = ['--bootstrap-servers', stage.target.cluster.bootstrap, '-o', 'json']
    return runCli([...words, ...place, ...cluster, ...flags], { cwd: stage.folder })
  }
  const folder = ['--state-folder', 'state']
  const groups = ['-g', 'billing']
  errorOf(await command(['offset-reset', 'plan'], groups), 2, 'RESTORE_NOT_FOUND')
  errorOf(await command(['restore', 'finish']), 2, 'RESTORE_NOT_FOUND')
  const plan = reportOf<PlanJson>(await command(['offset-reset', 'plan'], [...groups, ...folder]))
  assert.equal(plan.origin.restore_id, id)
  assert.deepEqual(
    plan.entries.map(({ topic, target, action }) => [topic, target, action]),
    [
      ['orders-apart', 40, 'SET'],
      ['orders-apart', 100, 'SET'],
    ],
  )
  reportOf(await command(['offset-reset', 'execute'], [...groups, ...folder]))
  const verified = reportOf<VerifyJson>(await command(['verify'], folder))
  assert.deepEqual([verified.restore_id, verified.differences], [id, 0])
  assert.deepEqual(
    verified.partitions.map(({ aligned, same }) => [aligned, same]),
    [
      ['map', 100],
      ['map', 100],
    ],
  )
  const finished = reportOf<{ readonly topics: readonly unknown[] }>(
    await command(['restore', 'finish'], folder),
  )
  assert.deepEqual(finished.topics, [{ topic: 'orders-apart', configs: { 'retention.ms': '604800000' } }])
})

/** A restore of the orders under another name. */
function into(target: string, restore: Readonly<Record<string, unknown>>): RestoreOptions {
  return { backupId: 'shop', restore: { topic_mapping: { orders: target }, ...restore } }
}

function restored(target: string): RestoredTopic {
  return { source: 'orders', target, records: orders, ends: [100n, 100n] }
}

async function fill(topic: string, partitions: number, count: number): Promise<void> {
  const producer = await stage.java.producer({ 'bootstrap.servers': stage.source.cluster.bootstrap })
  await producer.fill({ topic, partitions, count, size: 50, timestamp: start })
  await producer.close()
}
