import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type CliResult, runCli } from '../support/cli.ts'
import type { VerifyJson } from '../support/command-json.ts'
import { errorOf, reportOf, Stage, type ThreePhaseJson } from '../support/e2e-stage.ts'

/** One cluster; a topic `x` comes back as `dr-x`, from a backup of its name. */
let stage: Stage

const kept = { 'retention.ms': '-1' }

before(async () => {
  stage = await Stage.open()
})

after(async () => {
  await stage?.[Symbol.asyncDispose]()
})

test('without a journal records and positions are found by content, with the names that --topic-mapping gives', async () => {
  await backedUp('plain', { reader: 40n })
  await restore('plain')
  const byMap = await verify('plain')
  assert.deepEqual([byMap.verified, byMap.notices], [true, []])
  assert.deepEqual(aligned(byMap), [['dr-plain', 'map', 100, 100]])
  const ignored = await verify('plain', ['--ignore-map'])
  assert.deepEqual([ignored.restore_id, ignored.verified], [byMap.restore_id, true])
  assert.deepEqual(aligned(ignored), [['dr-plain', 'content', 100, 100]])

  await forget('plain')
  for (const mapping of ['plain=dr-plain', 'pl*=dr-pl*', '~(.*)=dr-$1']) {
    const report = await verify('plain', ['--topic-mapping', mapping])
    assert.deepEqual([report.restore_id, report.verified, codes(report)], [null, true, ['no-map']])
    assert.deepEqual(aligned(report), [['dr-plain', 'content', 100, 100]], mapping)
    assert.deepEqual(outcomes(report), [['reader', 40, 40, 'same']])
  }
})

test('a target without the topic, and a restore or group that nobody knows, are told with their exit status', async () => {
  await backedUp('absent', { reader: 3n })
  const nowhere = await verify('absent', ['--topic-mapping', '*=nowhere-*', '-g', 'read*'], 5)
  assert.deepEqual(codes(nowhere), ['no-map', 'topic-missing'])
  assert.deepEqual(
    nowhere.listed.map(({ kind, topic }) => [kind, topic]),
    [
      ['missing', 'nowhere-absent'],
      ['position', 'nowhere-absent'],
    ],
  )
  errorOf(await run('absent', ['--restore-id', 'no-such']), 2, 'RESTORE_NOT_FOUND')
  errorOf(await run('absent', ['-g', 'nobody']), 2, 'GROUP_NOT_FOUND')
  errorOf(await run('absent', ['--topics', 'absurd']), 2, 'TOPIC_NOT_FOUND')
  errorOf(await run('absent', ['--listed', 'all']), 2, 'USAGE')
})

test('on a topic that was appended to the map tells the copy from the rest; by content what was there before is extra', async () => {
  await target('appended', 50)
  await backedUp('appended', { reader: 40n })
  await restore('appended', ['--append'])
  const byMap = await verify('appended')
  assert.deepEqual([byMap.verified, outcomes(byMap)], [true, [['reader', 40, 90, 'same']]])

  await forget('appended')
  const report = await verify('appended', ['--topic-mapping', '*=dr-*', '--listed', '3'], 5)
  assert.deepEqual(aligned(report), [['dr-appended', 'content', 100, 100]])
  assert.deepEqual([report.partitions[0]?.extra, report.differences, report.listed.length], [50, 50, 3])
  assert.deepEqual(
    report.listed.map(({ kind, target }) => [kind, target?.offset]),
    [
      ['extra', 0],
      ['extra', 1],
      ['extra', 2],
    ],
  )
  assert.deepEqual(outcomes(report), [['reader', 40, 90, 'same']])
  const counted = await verify('appended', ['--topic-mapping', '*=dr-*', '--listed', '0'], 5)
  assert.deepEqual([counted.differences, counted.listed], [50, []])
})

test('behind too many records of others the copy cannot be aligned by content, and that is said', async () => {
  await target('distant', 6000)
  await backedUp('distant', { reader: 40n })
  await restore('distant', ['--append'])
  assert.equal((await verify('distant')).verified, true)
  await forget('distant')
  const report = await verify('distant', ['--topic-mapping', '*=dr-*'], 5)
  assert.deepEqual(codes(report), ['no-map', 'not-aligned'])
  assert.deepEqual(aligned(report), [['dr-distant', 'content', 100, 0]])
  assert.deepEqual([report.partitions[0]?.missing, report.differences], [100, 100])
  assert.deepEqual(outcomes(report), [['reader', 40, 6040, 'same']])
})

test('records behind the copy are counted, by map and by content; --nothing-behind makes differences of them', async () => {
  await backedUp('followed', { reader: 40n })
  await restore('followed')
  assert.deepEqual(behind(await verify('followed', ['--nothing-behind'])), [0, true, 0])
  await fill('dr-followed', 7, 2_000_000)
  const first = 100
  for (const way of [[], ['--ignore-map']]) {
    const report = await verify('followed', way)
    assert.deepEqual([report.verified, report.partitions[0]?.same, behind(report)], [true, 100, [7, true, 0]])
    const demanding = await verify('followed', [...way, '--nothing-behind'], 5)
    assert.deepEqual([demanding.differences, behind(demanding)], [7, [0, true, 7]])
    assert.deepEqual(
      demanding.listed.map(({ kind, target }) => [kind, target?.offset]),
      Array.from({ length: 7 }, (_, i) => ['extra', first + i]),
    )
  }
  // More than one fetch holds: the rest is not read.
  await fill('dr-followed', 10_000, 3_000_000, 1000)
  for (const way of [[], ['--ignore-map']]) {
    assert.deepEqual(behind(await verify('followed', way)), [10_007, false, 0])
  }
})

test('records that the target has deleted since are counted apart, and a group whose next record is among them is not to blame', async () => {
  await backedUp('expired', { slow: 20n, quick: 80n })
  await restore('expired')
  await stage.target.admin.deleteRecords('dr-expired', 0, 60n)
  const report = await verify('expired')
  assert.deepEqual([report.verified, report.differences], [true, 0])
  const [partition] = report.partitions
  assert.deepEqual([partition?.expired, partition?.same, partition?.missing], [60, 40, 0])
  assert.deepEqual(outcomes(report), [
    ['quick', 80, 80, 'same'],
    ['slow', 20, 20, 'gone'],
  ])

  await forget('expired')
  const byContent = await verify('expired', ['--topic-mapping', '*=dr-*'], 5)
  assert.deepEqual([byContent.partitions[0]?.same, byContent.partitions[0]?.missing], [40, 60])
  assert.deepEqual(outcomes(byContent), [
    ['quick', 80, 80, 'same'],
    ['slow', 20, 20, 'gone'],
  ])
})

test('a group that has read on, one that stands elsewhere, and one without a position are told apart', async () => {
  await backedUp('moving', { ahead: 10n, still: 20n, unset: 30n })
  await restore('moving', ['--groups', 'ahead,still'])
  await stage.target.admin.commit('ahead', 'dr-moving', 0, 55n)
  const report = await verify('moving', [], 5)
  assert.deepEqual(outcomes(report), [
    ['ahead', 10, 10, 'moved'],
    ['still', 20, 20, 'same'],
    ['unset', 30, 30, 'different'],
  ])
  assert.deepEqual(
    report.positions.map(({ committed }) => committed),
    [55, 20, null],
  )
  assert.deepEqual(
    report.listed.map(({ kind, group }) => [kind, group]),
    [
      ['position', 'ahead'],
      ['position', 'unset'],
    ],
  )
  assert.match(report.listed[0]?.what ?? '', /stands at 55: it has moved since/)
  const [partition] = report.partitions
  assert.deepEqual([partition?.same, report.differences], [100, 2], 'the records are all there')
  const none = await verify('moving', ['--no-groups'])
  assert.deepEqual([none.verified, none.positions], [true, []])
  const one = await verify('moving', ['--groups', 'still'])
  assert.deepEqual([one.verified, outcomes(one)], [true, [['still', 20, 20, 'same']]])

  await forget('moving')
  const bare = await verify('moving', ['--topic-mapping', '*=dr-*'], 5)
  assert.deepEqual(outcomes(bare), [
    ['ahead', 10, 55, 'different'],
    ['still', 20, 20, 'same'],
  ])
  const unset = bare.listed.find(({ group }) => group === 'unset')
  assert.match(unset?.what ?? '', /no position here; at the source it was at 30/)
})

test('a log that ends before a position that the group has is a difference, not a failure', async () => {
  await backedUp('shorter', { reader: 80n })
  await restore('shorter')
  await stage.target.admin.deleteTopic('dr-shorter')
  await target('shorter', 10)
  await stage.target.admin.commit('reader', 'dr-shorter', 0, 80n)
  const report = await verify('shorter', ['--listed', '1000'], 5)
  assert.deepEqual(outcomes(report), [['reader', 80, 80, 'different']])
  assert.match(report.listed.at(-1)?.what ?? '', /position 80 lies behind the end of the log, 10/)
  await forget('shorter')
  const bare = await verify('shorter', ['--topic-mapping', '*=dr-*'], 5)
  assert.deepEqual(outcomes(bare), [['reader', 80, 80, 'different']])
})

test('--topics looks at these topics only, and at what groups have in them', async () => {
  for (const topic of ['some', 'other']) await topicOf(topic, { reader: 15n })
  reportOf(await stage.backup({ backupId: 'two', topics: ['some', 'other'] }))
  const job = { backupId: 'two', restore: { create_topics: true, topic_mapping: { '*': 'dr-*' } } }
  reportOf(await stage.restore(job))
  await stage.target.admin.commit('reader', 'dr-other', 0, 99n)
  const all = await verify('two', [], 5)
  assert.deepEqual([all.partitions.length, all.positions.length, all.differences], [2, 2, 1])
  const some = [await verify('two', ['--topics', 'some'])]
  await forget('two')
  await stage.target.admin.deleteTopic('dr-other')
  some.push(await verify('two', ['--topics', 'some', '--topic-mapping', '*=dr-*']))
  for (const report of some) {
    assert.deepEqual(
      report.partitions.map(({ topic }) => topic),
      ['dr-some'],
    )
    assert.deepEqual(
      report.positions.map(({ topic, outcome }) => [topic, outcome]),
      [['dr-some', 'same']],
    )
  }
})

/** A topic of a hundred records, with positions of groups on it. */
async function topicOf(topic: string, groups: Readonly<Record<string, bigint>>): Promise<void> {
  await stage.source.admin.createTopic(topic, 1, kept)
  await fill(topic, 100)
  for (const [group, offset] of Object.entries(groups))
    await stage.source.admin.commit(group, topic, 0, offset)
}

async function backedUp(topic: string, groups: Readonly<Record<string, bigint>>): Promise<void> {
  await topicOf(topic, groups)
  reportOf(await stage.backup({ backupId: topic, topics: [topic] }))
}

/** A target topic with records of others. */
async function target(topic: string, count: number): Promise<void> {
  await stage.target.admin.createTopic(`dr-${topic}`, 1, kept)
  await fill(`dr-${topic}`, count, 1_000_000)
}

async function fill(topic: string, count: number, first = 0, size = 40): Promise<void> {
  const producer = await stage.java.producer({ 'bootstrap.servers': stage.source.cluster.bootstrap })
  await producer.fill({ topic, partitions: 1, first, count, size })
  await producer.close()
}

async function restore(topic: string, flags: readonly string[] = []): Promise<void> {
  const job = { backupId: topic, restore: { create_topics: true, topic_mapping: { '*': 'dr-*' } } }
  assert.equal(reportOf<ThreePhaseJson>(await stage.restore(job, flags)).restore.records, 100)
}

/** Removes what restores have left beside a backup. */
async function forget(backupId: string): Promise<void> {
  await rm(join(stage.archive, backupId, 'restores'), { recursive: true })
}

async function run(backupId: string, flags: readonly string[]): Promise<CliResult> {
  const place = ['--path', stage.archive, '--backup-id', backupId]
  const cluster = ['--bootstrap-servers', stage.target.cluster.bootstrap]
  return await runCli(['verify', ...place, ...cluster, '-o', 'json', ...flags])
}

async function verify(backupId: string, flags: readonly string[] = [], status = 0): Promise<VerifyJson> {
  return reportOf<VerifyJson>(await run(backupId, flags), status)
}

/** How each partition was aligned, how many records the archive has for it, and how many are the same. */
function aligned({ partitions }: VerifyJson): unknown {
  return partitions.map((each) => [each.topic, each.aligned, each.expected, each.same])
}

/** Group, position at the source, position that was looked at, and what was found there. */
function outcomes({ positions }: VerifyJson): unknown {
  return positions.map((each) => [each.group, each.source, each.target, each.outcome]).sort()
}

/** Records behind the copy, whether they were counted one by one, and those that are of no archive. */
function behind({ partitions }: VerifyJson): unknown {
  const [partition] = partitions
  return [partition?.behind, partition?.behind_exact, partition?.extra]
}

function codes({ notices }: VerifyJson): string[] {
  return notices.map(({ code }) => code)
}
