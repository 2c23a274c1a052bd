import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  type BackupJson,
  errorOf,
  progressUntil,
  reportOf,
  Stage,
  type ThreePhaseJson,
} from '../support/e2e-stage.ts'
import type { SeenRecord } from '../support/java-client.ts'
import { archivedRecords, assertSameLog, assertSameRecords, assertValid } from '../support/record-lists.ts'

const topic = 'orders'
const count = 20_000

let stage: Stage
let written: SeenRecord[]

before(async () => {
  stage = await Stage.open()
  const { admin, cluster } = stage.source
  await admin.createTopic(topic, 1)
  const producer = await stage.java.producer({ 'bootstrap.servers': cluster.bootstrap, 'linger.ms': '5' })
  await producer.fill({ topic, partitions: 1, count, size: 400 })
  await producer.close()
  written = (await stage.read(stage.source, topic))[0] ?? []
})

after(async () => {
  await stage?.[Symbol.asyncDispose]()
})

test('a backup that another process is writing is refused with exit 4, and the other one is not disturbed', async () => {
  const job = { backupId: 'busy', topics: [topic], backup: { fetch_max_bytes: 100_000 } }
  await stage.source.admin.quota({ consumer_byte_rate: 200_000 })
  const first = await stage.startBackup(job, ['--progress', 'json'])
  assert.ok(await progressUntil(first, ({ records }) => records > 0), first.output().stderr)
  const error = errorOf(await stage.backup(job), 4, 'BACKUP_IN_USE')
  assert.match(error.message, new RegExp(`process ${first.process.pid}`))
  await stage.source.admin.quota({ consumer_byte_rate: undefined })
  assert.equal(reportOf<BackupJson>(await first.ended).records, count)
  await assertValid(stage.archive, 'busy')
  assertSameLog(await archivedRecords(stage.archive, 'busy', topic, 0), written, topic)
})

test('of backups with one id that start at the same moment one goes on, the others are refused', async () => {
  const job = { backupId: 'race', topics: [topic], backup: { fetch_max_bytes: 100_000 } }
  await stage.source.admin.quota({ consumer_byte_rate: 200_000 })
  const running = await Promise.all(Array.from({ length: 3 }, () => stage.startBackup(job)))
  // Those that lose do so at once; then the winner need not be slow any longer.
  await Promise.all([0, 1].map(() => Promise.race(running.map((each) => each.ended))))
  await stage.source.admin.quota({ consumer_byte_rate: undefined })
  const results = await Promise.all(running.map((each) => each.ended))
  const won = results.filter((result) => result.status === 0)
  assert.equal(won.length, 1, results.map((result) => result.stderr).join('\n'))
  for (const result of results) if (result.status !== 0) errorOf(result, 4, 'BACKUP_IN_USE')
  await assertValid(stage.archive, 'race')
  assertSameLog(await archivedRecords(stage.archive, 'race', topic, 0), written, topic)
})

test('a restore that another process is running is refused with exit 4, and each record is written once', async () => {
  reportOf(await stage.backup({ backupId: 'twice', topics: [topic] }))
  const job = {
    backupId: 'twice',
    restore: {
      create_topics: true,
      topic_mapping: { [topic]: 'restored' },
      produce_max_batch_bytes: 100_000,
      rate_limit_bytes_per_sec: 2_000_000,
    },
  }
  const first = await stage.startRestore(job, ['--progress', 'json'])
  const copying = await progressUntil(first, ({ phase, records }) => phase === 'copy' && records > 0)
  assert.ok(copying, first.output().stderr)
  const error = errorOf(await stage.restore(job), 4, 'RESTORE_IN_USE')
  assert.match(error.message, new RegExp(`process ${first.process.pid}`))
  assert.equal(reportOf<ThreePhaseJson>(await first.ended).restore.records, count)
  assertSameRecords((await stage.read(stage.target, 'restored'))[0] ?? [], written, 'restored')
})

test('of restores that start at the same moment one goes on, the others are refused', async () => {
  const job = {
    backupId: 'twice',
    restore: {
      create_topics: true,
      topic_mapping: { [topic]: 'raced' },
      produce_max_batch_bytes: 100_000,
      rate_limit_bytes_per_sec: 3_000_000,
    },
  }
  const results = await Promise.all(Array.from({ length: 3 }, () => stage.restore(job)))
  assert.equal(
    results.filter((result) => result.status === 0).length,
    1,
    results.map((result) => result.stderr).join('\n'),
  )
  for (const result of results) if (result.status !== 0) errorOf(result, 4, 'RESTORE_IN_USE')
  assertSameRecords((await stage.read(stage.target, 'raced'))[0] ?? [], written, 'raced')
})
