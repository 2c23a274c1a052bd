import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type ErrorCode, isTidemarkError, type Progress } from '../../src/base/index.ts'
import { loadRestoreMaps, type RestoreJob, type RestoreReport, runRestore } from '../../src/restore/index.ts'
import type { JobContext } from '../../src/storage/index.ts'
import { jobContext } from '../support/jobs.ts'
import { kafkaTool } from '../support/kafka-tools.ts'
import { content, RestoreLab, range } from '../support/restore-lab.ts'

let lab: RestoreLab

before(async () => {
  lab = await RestoreLab.open({
    targetProperties: {
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'allow.everyone.if.no.acl.found': 'true',
    },
  })
})

after(async () => {
  await lab?.[Symbol.asyncDispose]()
})

const count = 6000

test('an interrupted restore says so, and the same command goes on where it stopped, also when the backup has grown since', async () => {
  const topic = await topicOf('interrupted')
  const first = await interruptedRestore(topic)
  assert.ok(
    first.records > 0 && first.records < count,
    `${first.records} of ${count} records came before the interruption`,
  )
  await lab.write([{ topic, partition: 0, key: 'late', value: 'after the interruption' }])
  await lab.backup(topic, { include: [topic] })
  const second = await lab.restore(topic, { include: [topic] })
  assert.equal(second.resumed, true)
  assert.equal(second.restoreId, first.restoreId)
  assert.equal(second.commit, first.commit)
  assert.equal(second.records, count)
  const there = (await lab.there(topic)).filter(({ key }) => key?.toString() !== 'late')
  assert.deepEqual((await lab.here(topic)).map(content), there.map(content))
  const { maps } = await loadRestoreMaps(lab.store, topic)
  assert.deepEqual([...(maps.from(topic, 0)[0]?.runs() ?? [])], [{ source: 0n, target: 0n, count }])
})

test('records of others in a topic that was ours alone stop the restore that would go on', async () => {
  const topic = await topicOf('foreign')
  await interruptedRestore(topic)
  await lab.write([{ topic, partition: 0, key: 'foreign', value: 'in between' }], {}, lab.target)
  await rejects(lab.restore(topic, { include: [topic] }), 'TARGET_CHANGED')
})

test('others may write to a topic that is appended to, before and after an interruption; the map knows where ours are', async () => {
  const topic = await topicOf('shared')
  await lab.createTopic(topic, 1, {}, lab.target)
  const foreign = async (i: number) =>
    await lab.write([{ topic, partition: 0, key: 'foreign', value: `f${i}` }], {}, lab.target)
  await foreign(0)
  await interruptedRestore(topic, { append: true })
  await foreign(1)
  const report = await lab.restore(topic, { include: [topic], append: true })
  assert.equal(report.records, count)
  const here = await lab.here(topic)
  assert.equal(here.length, count + 2)
  const { maps } = await loadRestoreMaps(lab.store, topic)
  const there = await lab.there(topic)
  const byOffset = new Map(here.map((record) => [record.offset, record]))
  for (const record of there) {
    const found = maps.from(topic, 0)[0]?.find(record.offset)
    assert.equal(found?.source, record.offset)
    assert.deepEqual(byOffset.get(found.target)?.value, record.value)
  }
})

test('a topic that was deleted and created again, another configuration, and another cluster are refused', async () => {
  const topic = await topicOf('exchanged')
  const { restoreId } = await interruptedRestore(topic)
  await rejects(
    lab.restore(topic, { include: [topic], restoreId, addOffsetHeaders: true }),
    'RESTORE_MISMATCH',
  )
  await rejects(
    lab.restore(topic, { include: [topic], restoreId, target: { bootstrap: [lab.source.bootstrap] } }),
    'RESTORE_MISMATCH',
  )
  await kafkaTool('topics', ['--bootstrap-server', lab.target.bootstrap, '--delete', '--topic', topic])
  await rejects(lab.restore(topic, { include: [topic] }), 'TARGET_CHANGED')
  await lab.createTopic(topic, 1, {}, lab.target)
  await rejects(lab.restore(topic, { include: [topic] }), 'TARGET_CHANGED')
})

test('two runs of the same restore at once: one does it, the other is told who', async () => {
  const topic = await topicOf('twice-at-once')
  const outcomes = await Promise.allSettled(range(2).map(() => lab.restore(topic, { include: [topic] })))
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
  const done = outcomes.filter((outcome) => outcome.status === 'fulfilled')
  assert.ok(done.length >= 1)
  for (const { reason } of refused) assert.ok(isTidemarkError(reason, 'RESTORE_IN_USE'), String(reason))
  await lab.assertSame(topic, 1)
})

test('a topic that cannot be written does not stop the others, and comes when it can', async () => {
  const topics = [await topicOf('fails'), await topicOf('works')]
  await lab.backup('some', { include: topics })
  await lab.createTopic('fails', 1, {}, lab.target)
  const acl = async (...change: string[]) => {
    const place = ['--bootstrap-server', lab.target.bootstrap, '--topic', 'fails', '--force']
    await kafkaTool('acls', [...place, ...change])
  }
  await acl('--add', '--allow-principal', 'User:*', '--operation', 'All')
  await acl('--add', '--deny-principal', 'User:*', '--operation', 'Write')
  const report = await lab.restore('some', { include: topics })
  assert.deepEqual(
    report.failedTopics.map(({ topic, code }) => [topic, code]),
    [['fails', 'AUTHORIZATION_FAILED']],
  )
  assert.equal(report.records, count)
  await lab.assertSame('works', 1)
  await acl('--remove', '--deny-principal', 'User:*', '--operation', 'Write')
  const again = await lab.restore('some', { include: topics })
  assert.deepEqual(again.failedTopics, [])
  await lab.assertSame('fails', 1)
})

test('the journal may lie in a folder of its own, and nothing is written to the archive then', async () => {
  const topic = await topicOf('read-only')
  const stateFolder = join(lab.folder.path, 'state of restores')
  await lab.restore(topic, { include: [topic], stateFolder })
  assert.ok(!(await readdir(join(lab.folder.path, topic))).includes('restores'))
  const again = await lab.restore(topic, { include: [topic], stateFolder })
  assert.equal(again.alreadyDone, true)
})

test('a restore that is done and whose topics were deleted since begins anew, unless it was named', async () => {
  const topic = await topicOf('deleted')
  const first = await lab.restore(topic, { include: [topic] })
  await kafkaTool('topics', ['--bootstrap-server', lab.target.bootstrap, '--delete', '--topic', topic])
  const named = { include: [topic], restoreId: first.restoreId }
  await rejects(lab.restore(topic, named), 'TARGET_CHANGED')
  const second = await lab.restore(topic, { include: [topic] })
  assert.equal(second.alreadyDone, false)
  assert.notEqual(second.restoreId, first.restoreId)
  await lab.assertSame(topic, 1)
  assert.equal((await lab.restore(topic, { include: [topic] })).restoreId, second.restoreId)
})

test('groups can be set by a later run of a restore that is done, without copying again', async () => {
  const topic = await lab.createTopic('groups-later', 1)
  await lab.write(range(100).map((i) => ({ topic, partition: 0, value: `v${i}` })))
  await lab.java.commitOffset(lab.source.bootstrap, 'later', topic, 0, 42n)
  await lab.backup(topic, { include: [topic] })
  await lab.restore(topic, { include: [topic] })
  assert.equal(await lab.position('later', topic, 0), undefined)
  const report = await lab.restore(topic, { include: [topic], groups: { type: 'all' } })
  assert.equal(report.positions?.applied.counts.set, 1)
  assert.equal(await lab.position('later', topic, 0), 42n)
  assert.equal((await lab.here(topic)).length, 100)
})

/** A topic with records on the source, in a backup of its name. */
async function topicOf(topic: string): Promise<string> {
  await lab.createTopic(topic, 1)
  await lab.write(
    range(count).map((i) => ({ topic, partition: 0, key: `k${i}`, value: `v${i} ${'x'.repeat(100)}` })),
    { 'batch.size': '2000', 'linger.ms': '5' },
  )
  await lab.backup(topic, { include: [topic] })
  return topic
}

/** Restores slowly, and stops in the middle of it. */
async function interruptedRestore(topic: string, options: Partial<RestoreJob> = {}): Promise<RestoreReport> {
  const stop = new AbortController()
  let records = 0
  const progress: Progress = {
    phase() {},
    done() {},
    remaining() {},
    groups() {},
    advance(_topic, _partition, _bytes, more) {
      records += more
      if (records > count / 3) stop.abort(new Error('stopped'))
    },
  }
  const context: JobContext = { ...jobContext(lab.store, stop.signal), progress }
  const job = lab.job(topic, { include: [topic], rateLimitBytes: 200_000, ...options })
  const report = await runRestore(job, context)
  assert.equal(report.interrupted, true)
  return report
}

async function rejects(running: Promise<unknown>, code: ErrorCode): Promise<void> {
  await assert.rejects(running, (error: unknown) => isTidemarkError(error, code) && error.exit === 4)
}
