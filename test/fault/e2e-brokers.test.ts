import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { RunningCli } from '../support/cli.ts'
import { type BackupJson, progressUntil, reportOf, Stage, type ThreePhaseJson } from '../support/e2e-stage.ts'
import { archivedRecords, assertSameLog, assertValid } from '../support/record-lists.ts'
import { assertGroup, assertRestored, type RestoredTopic } from '../support/restored.ts'

const partitions = 6
const perPartition = 12_000
/** How long a killed broker stays away. */
const absence = 20_000

/** Three brokers, source and target at once. */
let stage: Stage
/** `orders` has three replicas, `single` one: its partitions are gone while their broker is. */
let topics: RestoredTopic[]

const stand = { orders: { 0: 7000n, 5: 11_999n }, single: { 1: 2500n } }

before(async () => {
  stage = await Stage.open({ apart: true, brokers: 3 })
  const { admin, cluster } = stage.source
  await admin.createTopic(
    'orders',
    Array.from({ length: partitions }, (_, p) => [0, 1, 2].map((replica) => ((p + replica) % 3) + 1)),
  )
  await admin.createTopic('single', [[1], [2], [3]], { 'min.insync.replicas': '1' })
  const producer = await stage.java.producer({ 'bootstrap.servers': cluster.bootstrap, 'linger.ms': '5' })
  await producer.fill({ topic: 'orders', partitions, count: perPartition, size: 400 })
  await producer.fill({ topic: 'single', partitions: 3, count: 5000, size: 400 })
  await producer.close()
  topics = []
  for (const source of ['orders', 'single']) {
    const ends = (await admin.partitions(source)).map(({ end }) => end)
    topics.push({ source, target: source, records: await stage.read(stage.source, source), ends })
  }
  for (const [topic, offsets] of Object.entries(stand)) {
    for (const [partition, offset] of Object.entries(offsets)) {
      await admin.commit('billing', topic, Number(partition), offset)
    }
  }
  reportOf(await stage.backup({ backupId: 'whole', topics: ['orders', 'single'] }))
})

after(async () => {
  await stage?.[Symbol.asyncDispose]()
})

for (const id of [1, 2, 3]) {
  test(`broker ${id} of three is killed during a backup and comes back after 20 s: everything is there once`, async () => {
    await slowly(`killed-${id}`, async (running) => {
      assert.ok(await progressUntil(running, ({ records }) => records > 0))
      await loseBroker(id)
    })
  })

  test(`broker ${id} of three is killed during a restore and comes back after 20 s: everything is there once`, async () => {
    await restoreWhile(`killed-${id}`, { default_replication_factor: 3 }, () => loseBroker(id))
  })
}

test('the only replica of some partitions is away for 20 s during a restore: everything is there once', async () => {
  const overrides = { 'min.insync.replicas': '1' }
  const restore = { default_replication_factor: 1, topic_config_overrides: overrides }
  await restoreWhile('lonely', restore, () => loseBroker(2))
})

test('a broker is killed during a restore in transactions: everything is there once', async () => {
  await restoreWhile('transactional', { delivery: 'transactions' }, () => loseBroker(3))
})

test('leaders move again and again during a backup: everything is there once', async () => {
  await slowly('moving', (running) => moveLeaders('orders', running, 12))
})

for (const delivery of ['idempotent', 'transactions']) {
  test(`leaders move again and again during a restore (${delivery}): everything is there once`, async () => {
    const name = `moving-${delivery}`
    await restoreWhile(name, { default_replication_factor: 3, delivery }, (running) =>
      moveLeaders(`${name}-orders`, running, 100),
    )
  })
}

/** A backup that a quota holds back, and what happens meanwhile. */
async function slowly(backupId: string, meanwhile: (running: RunningCli) => Promise<void>): Promise<void> {
  const { admin } = stage.source
  await admin.quota({ consumer_byte_rate: 400_000 })
  const job = {
    backupId,
    topics: ['orders', 'single'],
    backup: { fetch_max_bytes: 200_000, commit_interval: '1s' },
  }
  const running = await stage.startBackup(job, ['--progress', 'json'])
  await meanwhile(running)
  assert.equal(running.process.exitCode, null, `it ended too early: ${running.output().stderr}`)
  await admin.quota({ consumer_byte_rate: undefined })
  const report = reportOf<BackupJson>(await running.ended)
  assert.deepEqual([report.status, report.notices], ['done', []])
  assert.equal(report.records, partitions * perPartition + 15_000)
  await assertValid(stage.archive, backupId)
  for (const { source, records } of topics) {
    for (const [partition, expected] of records.entries()) {
      const held = await archivedRecords(stage.archive, backupId, source, partition)
      assertSameLog(held, expected, `${source}/${partition}`)
    }
  }
}

async function restoreWhile(
  name: string,
  options: Readonly<Record<string, unknown>>,
  meanwhile: (running: RunningCli) => Promise<void>,
): Promise<void> {
  const mapping = join(stage.folder, `mapping-${name}.json`)
  const restore = {
    create_topics: true,
    topic_mapping: { '*': `${name}-*` },
    settle_ms: 500,
    rate_limit_bytes_per_sec: 1_500_000,
    auto_consumer_groups: true,
    ...options,
  }
  const job = { backupId: 'whole', name, restore }
  const running = await stage.startRestore(job, ['--progress', 'json', '--mapping-output', mapping])
  const copying = await progressUntil(running, ({ phase, records }) => phase === 'copy' && records > 5000)
  assert.ok(copying, running.output().stderr)
  await meanwhile(running)
  const report = reportOf<ThreePhaseJson>(await running.ended)
  assert.equal(report.restore.status, 'done')
  const restored = topics.map((topic) => ({ ...topic, target: `${name}-${topic.source}` }))
  const logs = await assertRestored(stage, restored, mapping)
  await assertGroup(stage, restored, logs, 'billing', stand)
  reportOf(await stage.verify(job))
  for (const { target } of restored) await stage.target.admin.deleteTopic(target)
}

async function loseBroker(id: number): Promise<void> {
  const broker = stage.source.cluster.broker(id)
  await broker.kill()
  await delay(absence)
  await broker.start()
  // The next test begins with all of them.
  for (;;) {
    const described = await Promise.all(
      ['orders', 'single'].map((topic) => stage.source.admin.partitions(topic)),
    )
    if (described.flat().every(({ inSync, replicas }) => inSync.length === replicas.length)) return
    await delay(200)
  }
}

/** So often, or until the program ends: another replica first, and an election. */
async function moveLeaders(topic: string, running: RunningCli, moves: number): Promise<void> {
  const { admin } = stage.source
  for (let move = 0; move < moves && running.process.exitCode === null; move++) {
    for (let partition = 0; partition < partitions; partition++) {
      const replicas = [0, 1, 2].map((replica) => ((partition + move + replica) % 3) + 1)
      await admin.reassign(topic, partition, replicas)
      // An election that comes before the reassignment is done finds nothing to do; the next one will.
      await admin.elect(topic, partition, 'PREFERRED').catch(() => {})
    }
  }
}
