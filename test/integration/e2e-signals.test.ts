import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  type BackupJson,
  progressUntil,
  type RestoreJson,
  reportOf,
  Stage,
  type ThreePhaseJson,
} from '../support/e2e-stage.ts'
import type { SeenRecord } from '../support/java-client.ts'
import { archivedRecords, assertSameLog, assertSameRecords, assertValid } from '../support/record-lists.ts'

const topic = 'orders'
const partitions = 2
const perPartition = 20_000

let stage: Stage
let written: SeenRecord[][]

before(async () => {
  stage = await Stage.open({}, {})
  const { admin, cluster } = stage.source
  await admin.createTopic(topic, partitions)
  const producer = await stage.java.producer({ 'bootstrap.servers': cluster.bootstrap, 'linger.ms': '5' })
  await producer.fill({ topic, partitions, count: perPartition, size: 400 })
  await producer.close()
  await admin.commit('billing', topic, 0, 12_345n)
  written = await stage.read(stage.source, topic)
})

after(async () => {
  await stage?.[Symbol.asyncDispose]()
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} ends a backup as interrupted, and the same command completes it`, async (t) => {
    const job = {
      backupId: `backup-${signal}`,
      topics: [topic],
      backup: { fetch_max_bytes: 100_000, commit_interval: '200ms' },
    }
    // Slow enough that the signal finds it in the middle.
    await stage.source.admin.quota({ consumer_byte_rate: 200_000 })
    const running = await stage.startBackup(job, ['--progress', 'json'])
    const seen = await progressUntil(running, ({ records }) => records > 0)
    assert.ok(seen, `it ended too early: ${running.output().stderr}`)
    running.process.kill(signal)
    const stopped = performance.now()
    const result = await running.ended
    t.diagnostic(`ended ${Math.round(performance.now() - stopped)} ms after ${signal}`)
    assert.ok(performance.now() - stopped < 30_000)
    const report = reportOf<BackupJson>(result, 130)
    assert.equal(report.status, 'interrupted')
    assert.ok(report.records < partitions * perPartition)
    assert.match(result.stderr, new RegExp(`${signal}: finishing`))
    await stage.source.admin.quota({ consumer_byte_rate: undefined })
    await assertValid(stage.archive, job.backupId)
    assert.deepEqual(await planNotices(job.backupId), ['backup-unfinished'], 'a restore of it says so')
    const held = await archivedRecords(stage.archive, job.backupId, topic, 0)
    const rest = reportOf<BackupJson>(await stage.backup(job))
    assert.equal(rest.status, 'done')
    assert.deepEqual(await planNotices(job.backupId), [])
    assert.equal(rest.records + report.records, partitions * perPartition)
    for (const [partition, expected] of written.entries()) {
      const records = await archivedRecords(stage.archive, job.backupId, topic, partition)
      assertSameLog(records, expected, `${topic}/${partition}`)
      if (partition === 0) assertSameLog(records.slice(0, held.length), held, 'what was kept')
    }
  })

  test(`${signal} ends a restore as interrupted, and the same command completes it`, async (t) => {
    const backupId = `restore-${signal}`
    reportOf(await stage.backup({ backupId, topics: [topic] }))
    const restore = {
      create_topics: true,
      topic_mapping: { [topic]: `${topic}-${signal}` },
      settle_ms: 300,
      produce_max_batch_bytes: 100_000,
    }
    const slow = { backupId, restore: { ...restore, rate_limit_bytes_per_sec: 2_000_000 } }
    const running = await stage.startRestore(slow, ['--progress', 'json'])
    const seen = await progressUntil(running, ({ phase, records }) => phase === 'copy' && records > 0)
    assert.ok(seen, `it ended too early: ${running.output().stderr}`)
    running.process.kill(signal)
    const stopped = performance.now()
    const result = await running.ended
    t.diagnostic(`ended ${Math.round(performance.now() - stopped)} ms after ${signal}`)
    assert.ok(performance.now() - stopped < 30_000)
    const report = reportOf<ThreePhaseJson>(result, 130)
    assert.equal(report.restore.status, 'interrupted')
    assert.equal(report.positions, null)
    assert.equal(await billing(`${topic}-${signal}`), undefined)
    // The speed is no part of what is restored: it may change in between.
    const rest = reportOf<ThreePhaseJson>(await stage.restore({ backupId, restore }))
    assert.equal(rest.restore.status, 'done')
    assert.equal(rest.restore.resumed, true)
    assert.equal(rest.map?.records, partitions * perPartition)
    const restored = await stage.read(stage.target, `${topic}-${signal}`)
    for (const [partition, expected] of written.entries()) {
      assertSameRecords(restored[partition] ?? [], expected, `${topic}-${signal}/${partition}`)
    }
    assert.equal(await billing(`${topic}-${signal}`), 12_345n)
  })
}

test('a second signal gives up at once, and the next run completes the backup', async () => {
  const job = {
    backupId: 'twice',
    topics: [topic],
    backup: { fetch_max_bytes: 100_000, commit_interval: '200ms' },
  }
  await stage.source.admin.quota({ consumer_byte_rate: 200_000 })
  const running = await stage.startBackup(job, ['--progress', 'json'])
  assert.ok(await progressUntil(running, ({ records }) => records > 0))
  running.process.kill('SIGINT')
  running.process.kill('SIGTERM')
  const result = await running.ended
  assert.equal(result.status, 130)
  assert.match(result.stderr, /second signal: stopped at once/)
  assert.equal(result.stdout, '', 'nothing is reported as completed')
  await stage.source.admin.quota({ consumer_byte_rate: undefined })
  await assertValid(stage.archive, job.backupId)
  assert.equal(reportOf<BackupJson>(await stage.backup(job)).status, 'done')
  for (const [partition, expected] of written.entries()) {
    const records = await archivedRecords(stage.archive, job.backupId, topic, partition)
    assertSameLog(records, expected, `${topic}/${partition}`)
  }
})

/** The group's position in the first partition of a topic on the target. */
async function billing(name: string): Promise<bigint | undefined> {
  const positions = await stage.target.admin.positions('billing')
  return positions.find((p) => p.topic === name && p.partition === 0)?.offset
}

/** What a restore would have to say beforehand. */
async function planNotices(backupId: string): Promise<string[]> {
  const restore = {
    create_topics: true,
    dry_run: true,
    topic_mapping: { [topic]: `${topic}-of-${backupId}` },
  }
  const { notices } = reportOf<RestoreJson>(await stage.restore({ backupId, restore }, [], 'restore'))
  return notices.map(({ code }) => code)
}
