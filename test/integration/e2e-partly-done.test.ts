import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type RunningCli, runCli } from '../support/cli.ts'
import { errorOf, progressUntil, reportOf, Stage, type ThreePhaseJson } from '../support/e2e-stage.ts'
import { assertGroup, assertRestored, type RestoredTopic } from '../support/restored.ts'

let stage: Stage

before(async () => {
  stage = await Stage.open({}, {})
})

after(async () => {
  await stage?.[Symbol.asyncDispose]()
})

/** So slow that the large topic, the only one with megabytes, takes a minute, and the others are done in a second. */
const slowly = { rate_limit_bytes_per_sec: 100_000 }

test('a topic that the target stops taking fails alone: map and positions of the others are right, and the same command brings it when it can', async () => {
  const { admin } = stage.target
  // Its second partition is empty, and so is done before the first one fails.
  await write('ledger', 2, 6000, { size: 1000, filled: 1 })
  const topics = [await write('orders', 2, 300), await write('refunds', 1, 40)]
  const stands = {
    billing: { ledger: { 0: 2500n }, orders: { 0: 100n, 1: 300n } },
    audit: { refunds: { 0: 7n } },
    archive: { ledger: { 0: 10n } },
  }
  await commit(stands)
  reportOf(await stage.backup({ backupId: 'shop', topics: ['ledger', 'orders', 'refunds'] }))
  const restore = { create_topics: true, settle_ms: 300, auto_consumer_groups: true }
  const mapping = join(stage.folder, 'mapping.json')
  const flags = ['--mapping-output', mapping]
  const running = await stage.startRestore({ backupId: 'shop', restore: { ...restore, ...slowly } }, [
    ...flags,
    ...['--progress', 'json'],
  ])
  await copying(running)
  await admin.configure('ledger', { 'max.message.bytes': '1000' })
  const ended = await running.ended
  const report = reportOf<ThreePhaseJson>(ended, 3)
  assert.equal(report.restore.status, 'partly done')
  assert.deepEqual(
    report.restore.failed_topics.map(({ topic, code }) => [topic, code]),
    [['ledger', 'RECORD_TOO_LARGE']],
  )
  assert.match(ended.stderr, /ledger was not copied whole: it is not in the offset map/)
  assert.deepEqual(await topicsIn(mapping), ['orders', 'refunds'])
  assert.deepEqual([report.map?.partitions, report.map?.records], [3, 640])
  const logs = await assertRestored(stage, topics, mapping)
  await assertGroup(stage, topics, logs, 'billing', stands.billing)
  await assertGroup(stage, topics, logs, 'audit', stands.audit)
  const skipped = report.positions?.groups.flatMap(({ group, positions }) =>
    positions
      .filter(({ topic }) => topic === 'ledger')
      .map(({ outcome, reason }) => [group, outcome, reason]),
  )
  const why = 'the topic was not restored'
  assert.deepEqual(skipped?.sort(), [
    ['archive', 'skipped', why],
    ['billing', 'skipped', why],
  ])
  for (const group of ['billing', 'archive']) {
    const places = (await admin.positions(group)).filter(({ topic }) => topic === 'ledger')
    assert.deepEqual(places, [], `${group}: nothing was set where nothing was restored`)
  }

  const again = await stage.restoreFile({ backupId: 'shop', restore })
  const text = await runCli(['three-phase-restore', '-c', again, ...flags])
  assert.equal(text.status, 3, text.stderr)
  assert.match(text.stdout, /^Restore \S+ of shop: partly done$/m)
  assert.match(text.stdout, /^Failed topics:\n {2}ledger: .*\[RECORD_TOO_LARGE\]$/m)

  await admin.configure('ledger', { 'max.message.bytes': '' })
  const rest = reportOf<ThreePhaseJson>(await stage.restore({ backupId: 'shop', restore }, flags))
  assert.deepEqual([rest.restore.status, rest.restore.resumed], ['done', true])
  const all = [...topics, await seen('ledger')]
  const whole = await assertRestored(stage, all, mapping)
  for (const [group, stand] of Object.entries(stands)) await assertGroup(stage, all, whole, group, stand)
})

test('a topic that is deleted under the copy fails alone, and the same command refuses to go on without it', async () => {
  const { admin } = stage.target
  await write('doomed', 1, 6000, { size: 1000 })
  const kept = await write('kept', 1, 50)
  await commit({ reader: { doomed: { 0: 5n }, kept: { 0: 20n } } })
  reportOf(await stage.backup({ backupId: 'deleted', topics: ['doomed', 'kept'] }))
  const restore = { create_topics: true, settle_ms: 300, consumer_groups: ['reader'], ...slowly }
  const mapping = join(stage.folder, 'deleted.json')
  const job = { backupId: 'deleted', restore }
  const running = await stage.startRestore(job, ['--mapping-output', mapping, '--progress', 'json'])
  await copying(running)
  await admin.deleteTopic('doomed')
  const report = reportOf<ThreePhaseJson>(await running.ended, 3)
  assert.equal(report.restore.status, 'partly done')
  assert.deepEqual(
    report.restore.failed_topics.map(({ topic }) => topic),
    ['doomed'],
  )
  const logs = await assertRestored(stage, [kept], mapping)
  await assertGroup(stage, [kept], logs, 'reader', { kept: { 0: 20n } })
  const error = errorOf(await stage.restore(job), 4, 'TARGET_CHANGED')
  assert.match(error.message, /doomed was deleted since the restore began/)
})

test('a topic that the target does not let be created fails alone, as validate-restore says beforehand', async () => {
  const { admin } = stage.target
  await write('daily.sales', 1, 30)
  const weekly = await write('weekly', 1, 30)
  await commit({ sums: { 'daily.sales': { 0: 3n }, weekly: { 0: 4n } } })
  reportOf(await stage.backup({ backupId: 'names', topics: ['daily.sales', 'weekly'] }))
  // Kafka keeps names apart that would be one name in its metrics.
  await admin.createTopic('daily_sales', 1)
  const job = { backupId: 'names', restore: { create_topics: true, auto_consumer_groups: true } }
  const file = await stage.restoreFile(job)
  const checked = await runCli(['validate-restore', '-c', file, '-o', 'json'])
  assert.equal(checked.status, 4, checked.stderr)
  assert.match(checked.stdout, /daily\.sales cannot be created: .*collides/)
  const mapping = join(stage.folder, 'names.json')
  const report = reportOf<ThreePhaseJson>(await stage.restore(job, ['--mapping-output', mapping]), 3)
  assert.equal(report.restore.status, 'partly done')
  assert.match(report.restore.failed_topics[0]?.message ?? '', /daily\.sales.*collides/)
  assert.deepEqual(
    report.restore.notices.filter(({ code }) => code === 'settings-of-copy'),
    [],
    'a topic that is not there keeps no settings',
  )
  assert.deepEqual(await topicsIn(mapping), ['weekly'])
  const logs = await assertRestored(stage, [weekly], mapping)
  await assertGroup(stage, [weekly], logs, 'sums', { weekly: { 0: 4n } })

  await admin.deleteTopic('daily_sales')
  const rest = reportOf<ThreePhaseJson>(await stage.restore(job, ['--mapping-output', mapping]))
  assert.equal(rest.restore.status, 'done')
  const both = [await seen('daily.sales'), weekly]
  const whole = await assertRestored(stage, both, mapping)
  await assertGroup(stage, both, whole, 'sums', { 'daily.sales': { 0: 3n }, weekly: { 0: 4n } })
})

test('a group that is in use is left alone and named, the others are set, and the same command completes when it has left', async () => {
  const { admin } = stage.target
  const topics = [await write('stock', 2, 100)]
  const stands = { busy: { stock: { 0: 10n, 1: 20n } }, idle: { stock: { 0: 30n, 1: 100n } } }
  await commit(stands)
  reportOf(await stage.backup({ backupId: 'stock', topics: ['stock'] }))
  await admin.createTopic('elsewhere', 1)
  const job = { backupId: 'stock', restore: { create_topics: true, auto_consumer_groups: true } }
  const mapping = join(stage.folder, 'stock.json')
  {
    await using _ = await admin.join('busy', 'elsewhere', 'busy-consumer')
    const report = reportOf<ThreePhaseJson>(await stage.restore(job, ['--mapping-output', mapping]), 3)
    assert.equal(report.restore.status, 'done', 'all records are there')
    assert.deepEqual(report.positions?.counts, {
      set: 2,
      deleted: 0,
      kept: 0,
      skipped: 0,
      failed: 0,
      refused: 2,
    })
    const busy = report.positions?.groups.find(({ group }) => group === 'busy')
    assert.equal(busy?.outcome, 'refused')
    assert.deepEqual(
      busy?.positions.map(({ outcome, error }) => [outcome, error?.code]),
      [
        ['refused', 'GROUP_ACTIVE'],
        ['refused', 'GROUP_ACTIVE'],
      ],
    )
    assert.match(busy?.positions[0]?.error?.message ?? '', /'busy' has busy-consumer at /)
    const logs = await assertRestored(stage, topics, mapping)
    await assertGroup(stage, topics, logs, 'idle', stands.idle)
    assert.deepEqual(await admin.positions('busy'), [])
  }
  const rest = reportOf<ThreePhaseJson>(await stage.restore(job, ['--mapping-output', mapping]))
  assert.deepEqual(rest.positions?.counts, { set: 2, deleted: 0, kept: 2, skipped: 0, failed: 0, refused: 0 })
  const logs = await assertRestored(stage, topics, mapping)
  for (const [group, stand] of Object.entries(stands)) await assertGroup(stage, topics, logs, group, stand)
  assert.equal(reportOf<ThreePhaseJson>(await stage.restore(job)).restore.already_done, true)
})

/** Resolves when a restore has written something. */
async function copying(running: RunningCli): Promise<void> {
  const line = await progressUntil(running, ({ phase, records }) => phase === 'copy' && records > 0)
  assert.ok(line, running.output().stderr)
}

/** Makes a topic on the source; what Kafka's own client reads of it. */
async function write(
  topic: string,
  partitions: number,
  count: number,
  { size = 50, filled = partitions } = {},
): Promise<RestoredTopic> {
  const { admin, cluster } = stage.source
  await admin.createTopic(topic, partitions)
  const producer = await stage.java.producer({ 'bootstrap.servers': cluster.bootstrap, 'linger.ms': '5' })
  await producer.fill({ topic, partitions: filled, count, size })
  await producer.close()
  return await seen(topic)
}

async function seen(topic: string): Promise<RestoredTopic> {
  const ends = (await stage.source.admin.partitions(topic)).map(({ end }) => end)
  return { source: topic, target: topic, records: await stage.read(stage.source, topic), ends }
}

/** Puts groups where they stand on the source: group → topic → partition → offset. */
async function commit(
  stands: Readonly<Record<string, Readonly<Record<string, Readonly<Record<number, bigint>>>>>>,
): Promise<void> {
  for (const [group, topics] of Object.entries(stands)) {
    for (const [topic, offsets] of Object.entries(topics)) {
      for (const [partition, offset] of Object.entries(offsets))
        await stage.source.admin.commit(group, topic, Number(partition), offset)
    }
  }
}

/** Source topics of an offset map, sorted. */
async function topicsIn(file: string): Promise<string[]> {
  interface Topic {
    readonly topic?: string
    readonly source_topic?: string
  }
  const root = JSON.parse(await readFile(file, 'utf8')) as Topic & { readonly topics?: readonly Topic[] }
  return (root.topics ?? [root]).map((each) => each.source_topic ?? each.topic ?? '').sort()
}
