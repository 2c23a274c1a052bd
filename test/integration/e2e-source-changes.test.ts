import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type BackupJson, errorOf, reportOf, Stage, type ThreePhaseJson } from '../support/e2e-stage.ts'
import {
  archivedRecords,
  assertSameLog,
  assertSameRecords,
  assertValid,
  keyOf,
} from '../support/record-lists.ts'

let stage: Stage

before(async () => {
  stage = await Stage.open({}, {})
})

after(async () => {
  await stage?.[Symbol.asyncDispose]()
})

/** Each change is looked at twice: what is found is found once, and only by the run that finds it. */
const ways = [
  { name: 'plain', flags: [], status: 0 },
  { name: 'strict', flags: ['--strict'], status: 3 },
] as const

for (const { name, flags, status } of ways) {
  test(`a topic that was deleted is reported, exit ${status} (${name}), and its records stay in the backup`, async () => {
    const topic = `gone-${name}`
    await write(topic, 100)
    const job = { backupId: topic, topics: [`${topic}*`] }
    reportOf(await stage.backup(job))
    await stage.source.admin.deleteTopic(topic)
    const report = reportOf<BackupJson>(await stage.backup(job, flags), status)
    assert.deepEqual(
      report.notices.map((notice) => [notice.type, notice.topic]),
      [['topic-lost', topic]],
    )
    assert.equal(report.notices[0]?.message, `${topic}: the topic disappeared`)
    assert.equal((await archivedRecords(stage.archive, topic, topic, 0)).length, 100)
    await assertValid(stage.archive, topic)
    assert.deepEqual(reportOf<BackupJson>(await stage.backup(job, flags)).notices, [], 'told once')
  })

  test(`a topic that was deleted and created again is kept apart, exit ${status} (${name})`, async () => {
    const topic = `again-${name}`
    await write(topic, 100)
    const job = { backupId: topic, topics: [topic] }
    reportOf(await stage.backup(job))
    await stage.source.admin.deleteTopic(topic)
    await write(topic, 30, 1000)
    const report = reportOf<BackupJson>(await stage.backup(job, flags), status)
    assert.deepEqual(
      report.notices.map((notice) => [notice.type, notice.topic]),
      [['topic-recreated', topic]],
    )
    const [now = []] = await stage.read(stage.source, topic)
    assertSameLog(await archivedRecords(stage.archive, topic, topic, 0), now, topic)
    await assertValid(stage.archive, topic)
    const restored = reportOf<ThreePhaseJson>(
      await stage.restore({ backupId: topic, restore: { create_topics: true } }),
    )
    assert.equal(restored.restore.records, 30)
    assertSameRecords((await stage.read(stage.target, topic))[0] ?? [], now, topic)
  })

  test(`records that retention deleted before they were copied are a gap, exit ${status} (${name})`, async () => {
    const topic = `shrunk-${name}`
    await write(topic, 100)
    const job = { backupId: topic, topics: [topic] }
    reportOf(await stage.backup(job))
    await write(topic, 200, 100)
    await stage.source.admin.deleteRecords(topic, 0, 250n)
    const report = reportOf<BackupJson>(await stage.backup(job, flags), status)
    assert.deepEqual(
      report.notices.map(({ type, reason, from, to }) => [type, reason, from, to]),
      [['gap', 'retention', 100, 250]],
    )
    const held = await archivedRecords(stage.archive, topic, topic, 0)
    assert.deepEqual(held.map(keyOf), [...keys(0, 100), ...keys(250, 300)])
    await assertValid(stage.archive, topic)
    // A group that had stopped in the gap goes on with the first record after it, and is told so.
    await stage.source.admin.commit(`group-${topic}`, topic, 0, 200n)
    reportOf(await stage.backup(job))
    reportOf(await stage.restore({ backupId: topic, restore: { create_topics: true } }))
    const [restored = []] = await stage.read(stage.target, topic)
    assertSameRecords(restored, held, topic)
    const [position] = await stage.target.admin.positions(`group-${topic}`)
    const next = restored.find((record) => record.offset === position?.offset)
    assert.equal(keyOf(next), '0-250')
  })
}

test('a topic named exactly that does not exist is an error, or with on_missing_topic: warn a notice', async () => {
  await write('there', 10)
  const topics = ['there', 'nowhere']
  const error = errorOf(await stage.backup({ backupId: 'missing', topics }), 2, 'TOPIC_NOT_FOUND')
  assert.match(error.message, /'nowhere'/)
  const lenient = { backupId: 'missing', topics, backup: { on_missing_topic: 'warn' } }
  const report = reportOf<BackupJson>(await stage.backup(lenient))
  assert.deepEqual(
    report.notices.map((notice) => [notice.type, notice.topic]),
    [['topic-missing', 'nowhere']],
  )
  assert.equal(report.records, 10)
  reportOf(await stage.backup(lenient, ['--strict']), 3)
})

test('partitions that were added between two runs are in the backup and come back', async () => {
  await write('grown', 10)
  const job = { backupId: 'grown', topics: ['grown'] }
  reportOf(await stage.backup(job))
  await stage.source.admin.grow('grown', 3)
  await write('grown', 10, 10, 3)
  assert.equal(reportOf<BackupJson>(await stage.backup(job)).records, 30)
  reportOf(await stage.restore({ backupId: 'grown', restore: { create_topics: true } }))
  const restored = await stage.read(stage.target, 'grown')
  assert.deepEqual(
    restored.map((records) => records.length),
    [20, 10, 10],
  )
})

/** Makes the topic if need be and writes records with the keys `0-<first>` and so on. */
async function write(topic: string, count: number, first = 0, partitions = 1): Promise<void> {
  const { admin, cluster } = stage.source
  const exists = await admin.partitions(topic).then(
    () => true,
    () => false,
  )
  if (!exists) await admin.createTopic(topic, partitions)
  const producer = await stage.java.producer({ 'bootstrap.servers': cluster.bootstrap })
  await producer.fill({ topic, partitions, first, count, size: 50 })
  await producer.close()
}

function keys(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `0-${from + i}`)
}
