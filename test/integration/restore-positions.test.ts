import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { isTidemarkError } from '../../src/base/index.ts'
import {
  finishRestore,
  loadRestoreMaps,
  type RestoreJob,
  runThreePhaseRestore,
  type ThreePhaseReport,
  type VerifyJob,
  type VerifyReport,
  validateRestore,
  verifyRestore,
} from '../../src/restore/index.ts'
import type { WrittenRecord } from '../support/java-client.ts'
import { jobContext } from '../support/jobs.ts'
import { kafkaTool } from '../support/kafka-tools.ts'
import { RestoreLab, range } from '../support/restore-lab.ts'

let lab: RestoreLab

before(async () => {
  lab = await RestoreLab.open()
})

after(async () => {
  await lab?.[Symbol.asyncDispose]()
})

/** The record that a group reads next, on either side: it must be the same. */
async function assertNext(
  group: string,
  topic: string,
  partition: number,
  at: bigint,
  renamed = topic,
): Promise<void> {
  const position = await lab.position(group, renamed, partition)
  assert.ok(position !== undefined, `${group} has a position in ${renamed}-${partition}`)
  const [expected] = await lab.java.read(lab.source.bootstrap, topic, partition, { from: at, max: 1 })
  const [found] = await lab.java.read(lab.target.bootstrap, renamed, partition, { from: position, max: 1 })
  assert.deepEqual(
    found && [found.key, found.value, found.timestamp],
    expected && [expected.key, expected.value, expected.timestamp],
  )
}

test('groups go on at exactly the right record: on a marker, in an aborted transaction, at the end, before the start, where nothing is left', async () => {
  const topic = await lab.createTopic('places', 2)
  await lab.createTopic('expired', 1)
  const producer = await lab.java.producer({
    'bootstrap.servers': lab.source.bootstrap,
    'transactional.id': 'places',
  })
  for (const i of range(30)) {
    await producer.begin()
    for (const j of range(5)) producer.send({ topic, partition: 0, key: `${i}`, value: `v${i}.${j}` })
    if (i % 5 === 4) await producer.abort()
    else await producer.commit()
  }
  await producer.close()
  await lab.write(range(20).map((i) => ({ topic: 'expired', value: `gone ${i}` })))
  await deleteBefore('expired', 0, 20)
  await deleteBefore(topic, 0, 12)
  const seen = await lab.there(topic, 0)
  const end = (seen.at(-1)?.offset ?? 0n) + 2n
  // 6 offsets for each transaction: five records and the marker.
  const positions = [13n, 17n, 18n, 25n, 27n, 29n, 30n, end - 1n, end, 2n]
  for (const [i, offset] of positions.entries()) {
    await lab.java.commitOffset(
      lab.source.bootstrap,
      `g${i}`,
      topic,
      0,
      offset,
      i === 0 ? 'kept as it is' : '',
    )
  }
  await lab.java.commitOffset(lab.source.bootstrap, 'late', 'expired', 0, 20n)
  await lab.java.commitOffset(lab.source.bootstrap, 'late', topic, 1, 0n)
  await lab.backup('places', { include: [topic, 'expired'] })
  await lab.createTopic('expired-here', 1, {}, lab.target)
  const report = await threePhase('places', {
    groups: { type: 'all' },
    topicRules: [{ type: 'exact', from: 'expired', to: 'expired-here' }],
  })
  assert.equal(report.map?.records, seen.length)
  assert.deepEqual(
    report.positions?.applied.groups.map(({ outcome }) => outcome),
    Array(11).fill('done'),
  )
  for (const [i, offset] of positions.entries())
    await assertNext(`g${i}`, topic, 0, offset < 12n ? 12n : offset)
  assert.equal(await lab.position('late', 'expired-here', 0), 0n)
  assert.equal(await lab.position('late', topic, 1), 0n)
  const log = BigInt(seen.length)
  assert.equal(await lab.position('g8', topic, 0), log)
  const verified = await verify('places', { groups: { type: 'all' } })
  assert.equal(verified.differences, 0)
  assert.equal(verified.positions.length, 12)
})

test('a compacted topic with holes, and a group in a hole, on a renamed and appended topic', async () => {
  const topic = await lab.createTopic('compacted', 1, {
    'cleanup.policy': 'compact',
    'min.cleanable.dirty.ratio': '0.01',
    'segment.ms': '100',
  })
  for (const round of range(6)) {
    await lab.write(
      range(400).map((i) => ({
        topic,
        key: `k${i % (round === 5 ? 400 : 150)}`,
        value: `${round} ${i} ${'x'.repeat(50)}`,
      })),
      { 'linger.ms': '20' },
    )
    // A segment that is written to is not cleaned: the next round begins another one.
    await new Promise((resolve) => setTimeout(resolve, 150))
  }
  await untilCompacted(topic)
  await lab.java.commitOffset(lab.source.bootstrap, 'in-hole', topic, 0, 5n)
  await lab.java.commitOffset(lab.source.bootstrap, 'further', topic, 0, 2100n)
  await lab.backup('compacted', { include: [topic] })
  await lab.createTopic('compacted-copy', 1, {}, lab.target)
  await lab.write(
    range(70).map((i) => ({ topic: 'compacted-copy', key: `old${i}`, value: 'was there' })),
    {},
    lab.target,
  )
  const report = await threePhase('compacted', {
    groups: { type: 'named', names: ['in-hole', 'further'] },
    append: true,
    topicRules: [{ type: 'exact', from: topic, to: 'compacted-copy' }],
  })
  assert.equal(report.restore.failedTopics.length, 0)
  assert.equal(report.restore.partitions[0]?.targetStart, 70n)
  const copy = (await lab.here('compacted-copy')).slice(70)
  // The cleaner may have gone on at the source meanwhile: what is there now must be in the copy, in its order.
  const kept = new Set((await lab.there(topic)).map(({ key, value }) => `${key} ${value}`))
  assert.ok(copy.length >= kept.size && kept.size > 300)
  assert.deepEqual(
    copy.map(({ key, value }) => `${key} ${value}`).filter((text) => kept.has(text)),
    [...kept],
  )
  assert.ok(((await lab.position('in-hole', 'compacted-copy', 0)) ?? 0n) >= 70n)
  const verified = await verify('compacted', { groups: { type: 'all' } })
  assert.deepEqual(verified.listed, [])
  assert.equal(verified.differences, 0)
})

test('positions outside a time window on both sides, and where a group has none, on a repartitioned topic too', async () => {
  const topic = await lab.createTopic('windowed', 2)
  const start = BigInt(Date.now() - 1_000_000)
  await lab.write(
    range(2000).map((i) => ({
      topic,
      partition: i % 2,
      key: `k${i % 31}`,
      value: `v${i}`,
      timestamp: start + BigInt(i),
    })),
    { 'linger.ms': '20' },
  )
  // Records 500 to 1499 are wanted: source offsets 250 to 749 in each partition.
  const window = { start: start + 500n, end: start + 1499n, mode: 'record' } as const
  for (const [group, offset] of [
    ['early', 3n],
    ['inside', 400n],
    ['late', 900n],
    ['at-end', 1000n],
  ] as const) {
    await lab.java.commitOffset(lab.source.bootstrap, group, topic, 0, offset)
  }
  await lab.backup('windowed', { include: [topic] })
  await threePhase('windowed', { window, groups: { type: 'all' } })
  assert.equal(await lab.position('early', topic, 0), 0n)
  assert.equal(await lab.position('inside', topic, 0), 150n)
  assert.equal(await lab.position('late', topic, 0), 500n)
  assert.equal(await lab.position('at-end', topic, 0), 500n)
  assert.equal(await lab.position('early', topic, 1), undefined)
  assert.equal((await verify('windowed', { groups: { type: 'all' } })).differences, 0)

  await threePhase('windowed', {
    window,
    groups: { type: 'named', names: ['inside'] },
    topicRules: [{ type: 'exact', from: topic, to: 'windowed-5' }],
    repartitioning: { 'windowed-5': { strategy: 'murmur2', partitions: 5 } },
  })
  const unread = (await lab.there(topic, 0))
    .filter(({ offset }) => offset >= 400n && offset <= 749n)
    .map(({ value }) => value?.toString() ?? '')
  const readAgain = new Set<string>()
  for (const partition of range(5)) {
    const position = await lab.position('inside', 'windowed-5', partition)
    if (position === undefined) continue
    const rest = await lab.java.read(lab.target.bootstrap, 'windowed-5', partition, { from: position })
    for (const { value } of rest) readAgain.add(value?.toString() ?? '')
  }
  assert.ok(
    unread.every((value) => readAgain.has(value)),
    'nothing that was not read is skipped',
  )
  assert.equal((await verify('windowed', {})).differences, 0)
})

test('groups that are asked for and were never captured stop the restore before a topic is made', async () => {
  const topic = await lab.createTopic('ungrouped', 1)
  await lab.write([{ topic, value: 'v' }])
  await lab.backup('ungrouped', { include: [topic], captureGroups: false })
  const groups = { type: 'named', names: ['nobody'] } as const
  await assert.rejects(
    threePhase('ungrouped', { groups }),
    (error: unknown) => isTidemarkError(error, 'GROUP_NOT_FOUND') && error.exit === 2,
  )
  const topics = await kafkaTool('topics', ['--bootstrap-server', lab.target.bootstrap, '--list'])
  assert.ok(!topics.split('\n').includes(topic))
})

test('settings that would delete what was restored wait until the restore is finished; the others are in force', async () => {
  const topic = await lab.createTopic('settings', 1, {
    'retention.ms': '200000000',
    'segment.bytes': '2000000',
    'max.message.bytes': '2000000',
    'message.timestamp.type': 'LogAppendTime',
    'message.timestamp.before.max.ms': '5000000',
  })
  await lab.write(range(50).map((i) => ({ topic, key: `k${i}`, value: `v${i}` })))
  await lab.backup('settings', { include: [topic] })
  const first = await lab.restore('settings', {
    include: [topic],
    configOverrides: { 'retention.ms': '1', 'no.such.setting': 'x', 'segment.index.bytes': '-5' },
  })
  assert.deepEqual(
    first.waitingTopics.map(({ configs }) => configs),
    [{ 'retention.ms': '1' }],
  )
  const codes = first.notices.map(({ code }) => code)
  assert.ok(codes.includes('config-unknown') && codes.includes('config-refused'), codes.join())
  const configs = await lab.configs(topic)
  assert.equal(configs.get('retention.ms'), '-1')
  assert.equal(configs.get('segment.bytes'), '2000000')
  assert.equal(configs.get('max.message.bytes'), '2000000')
  assert.equal(configs.get('message.timestamp.type'), 'LogAppendTime')
  assert.equal(configs.get('message.timestamp.before.max.ms'), '5000000')
  await lab.assertSame(topic, 1)
  const finished = await finishRestore(
    {
      backupId: 'settings',
      target: { bootstrap: [lab.target.bootstrap] },
      restoreId: first.restoreId,
      stateFolder: undefined,
    },
    jobContext(lab.store),
  )
  assert.deepEqual(finished.topics, [{ topic, configs: { 'retention.ms': '1' } }])
  assert.equal((await lab.configs(topic)).get('retention.ms'), '1')
})

test('an existing topic with settings that would hurt the copy gets them back', async () => {
  const topic = await lab.createTopic('hurtful', 1)
  await lab.write(range(100).map((i) => ({ topic, key: `k${i % 3}`, value: `v${i}` })))
  await lab.backup('hurtful', { include: [topic] })
  const there = {
    'cleanup.policy': 'compact',
    'message.timestamp.type': 'LogAppendTime',
    'segment.ms': '100',
    'min.cleanable.dirty.ratio': '0.01',
  }
  await lab.createTopic(topic, 1, there, lab.target)
  const report = await lab.restore('hurtful', { include: [topic] })
  await lab.assertSame(topic, 1)
  assert.deepEqual(
    report.waitingTopics.map(({ configs }) => configs),
    [{ 'cleanup.policy': 'compact' }],
  )
  const configs = await lab.configs(topic)
  assert.equal(configs.get('message.timestamp.type'), 'LogAppendTime')
  assert.equal(configs.get('cleanup.policy'), 'delete')
})

test('verification finds a changed, a missing and an added record, and a position that was moved', async () => {
  const topic = await lab.createTopic('judged', 2)
  await lab.write(range(600).map((i) => ({ topic, partition: i % 2, key: `k${i}`, value: `v${i}` })))
  await lab.java.commitOffset(lab.source.bootstrap, 'judge', topic, 0, 100n)
  await lab.backup('judged', { include: [topic] })
  await threePhase('judged', { groups: { type: 'named', names: ['judge'] } })
  const same = await verify('judged', { groups: { type: 'all' } })
  assert.equal(same.differences, 0)
  assert.deepEqual(
    same.partitions.map(({ aligned, same: n }) => [aligned, n]),
    [
      ['map', 300],
      ['map', 300],
    ],
  )
  const byContent = await verify('judged', { ignoreMap: true, groups: { type: 'all' } })
  assert.equal(byContent.differences, 0)
  assert.deepEqual(
    byContent.partitions.map(({ aligned, same: n }) => [aligned, n]),
    [
      ['content', 300],
      ['content', 300],
    ],
  )

  // The same topic with a record changed, one left out and one added.
  await kafkaTool('topics', ['--bootstrap-server', lab.target.bootstrap, '--delete', '--topic', topic])
  const records = (await lab.there(topic, 0)).flatMap((record, i): WrittenRecord[] => {
    const there = { topic, partition: 0, key: record.key, value: record.value, timestamp: record.timestamp }
    if (i === 50) return [{ ...there, value: 'changed' }]
    if (i === 60) return []
    return i === 70 ? [there, { ...there, key: 'added', value: 'added' }] : [there]
  })
  await lab.createTopic(topic, 2, {}, lab.target)
  await lab.write(records, {}, lab.target)
  await lab.write(
    (await lab.there(topic, 1)).map((record) => ({ ...record, topic, partition: 1 })),
    {},
    lab.target,
  )
  const found = await verify('judged', { ignoreMap: true })
  assert.deepEqual(
    found.listed.map(({ kind, partition, archive, target }) => [
      kind,
      partition,
      archive?.value,
      target?.value,
    ]),
    [
      ['different', 0, 'v100', 'changed'],
      ['missing', 0, 'v120', undefined],
      ['extra', 0, undefined, 'added'],
    ],
  )
  assert.ok((await verify('judged', {})).differences > 5, 'the map leads to other records now')
  await lab.java.commitOffset(lab.target.bootstrap, 'judge', topic, 0, 107n)
  const moved = await verify('judged', { ignoreMap: true, groups: { type: 'named', names: ['judge'] } })
  assert.deepEqual(
    moved.positions.map(({ outcome }) => outcome),
    ['different'],
  )
})

test('records that the target has compacted away since are counted apart, and a group whose next record is among them is not to blame', async () => {
  const topic = await lab.createTopic('cleaned', 1)
  await lab.write(range(900).map((i) => ({ topic, key: `k${i % 40}`, value: `v${i}` })))
  await lab.java.commitOffset(lab.source.bootstrap, 'cleaned', topic, 0, 5n)
  await lab.backup('cleaned', { include: [topic] })
  await threePhase('cleaned', {
    include: [topic],
    groups: { type: 'all' },
    applyRetention: 'now',
    configOverrides: {
      'cleanup.policy': 'compact',
      'segment.ms': '100',
      'min.cleanable.dirty.ratio': '0.01',
    },
  })
  await lab.write(
    range(5).map((i) => ({ topic, key: `later${i}`, value: 'rolls the segment' })),
    {},
    lab.target,
  )
  await untilCompacted(topic, lab.target.bootstrap, 900)
  for (const ignoreMap of [false, true]) {
    const report = await verify('cleaned', { ignoreMap, groups: { type: 'all' } })
    assert.deepEqual(report.listed, [])
    assert.equal(report.differences, 0)
    assert.deepEqual(
      report.positions.map(({ outcome }) => outcome),
      ['gone'],
    )
    assert.ok((report.partitions[0]?.compacted ?? 0) > 100)
  }
})

test('validation of a restore says what stands in the way, and changes nothing', async () => {
  const topic = await lab.createTopic('validated', 1)
  await lab.write([{ topic, value: 'v' }])
  await lab.backup('validated', { include: [topic] })
  const context = jobContext(lab.store)
  const clear = await validateRestore(lab.job('validated', { include: [topic] }), context)
  assert.deepEqual(clear.obstacles, [])
  const blocked = await validateRestore(
    lab.job('validated', { include: [topic], createTopics: false }),
    context,
  )
  assert.deepEqual(
    blocked.obstacles.map(({ code }) => code),
    ['TOPIC_NOT_FOUND'],
  )
  await assert.rejects(loadRestoreMaps(lab.store, 'validated'), (error: unknown) =>
    isTidemarkError(error, 'RESTORE_NOT_FOUND'),
  )
})

test('validation of a restore that is done says so, and takes what it has made for no obstacle', async () => {
  const topic = await lab.createTopic('validated-again', 1)
  await lab.write([{ topic, value: 'v' }])
  await lab.backup('validated-again', { include: [topic] })
  const job = lab.job('validated-again', { include: [topic] })
  const { restore } = await threePhase('validated-again', { include: [topic] })
  const found = await validateRestore(job, jobContext(lab.store))
  assert.deepEqual(found.obstacles, [])
  assert.deepEqual(
    found.notices.map(({ code, message }) => [code, message]),
    [['done', `The restore ${restore.restoreId} is done: running it again changes nothing`]],
  )
})

async function threePhase(backupId: string, options: Partial<RestoreJob>): Promise<ThreePhaseReport> {
  return await runThreePhaseRestore(lab.job(backupId, options), jobContext(lab.store))
}

async function verify(backupId: string, options: Partial<VerifyJob>): Promise<VerifyReport> {
  const job: VerifyJob = {
    backupId,
    target: { bootstrap: [lab.target.bootstrap] },
    restoreId: undefined,
    stateFolder: undefined,
    include: [],
    exclude: [],
    topicRules: [],
    groups: { type: 'none' },
    ignoreMap: false,
    nothingBehind: false,
    memory: 32 << 20,
    ...options,
  }
  return await verifyRestore(job, jobContext(lab.store))
}

async function deleteBefore(topic: string, partition: number, offset: number): Promise<void> {
  const { writeFile } = await import('node:fs/promises')
  const file = `${lab.folder.path}/${topic}-delete.json`
  await writeFile(file, JSON.stringify({ version: 1, partitions: [{ topic, partition, offset }] }))
  await kafkaTool('deleteRecords', ['--bootstrap-server', lab.source.bootstrap, '--offset-json-file', file])
}

/** Waits until the cleaner has taken records away. */
async function untilCompacted(
  topic: string,
  bootstrap = lab.source.bootstrap,
  written = 2400,
): Promise<void> {
  for (let attempt = 0; attempt < 120; attempt++) {
    const records = await lab.java.read(bootstrap, topic, 0)
    if (records.length < written * 0.7) return
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  throw new Error(`${topic} was not compacted`)
}
