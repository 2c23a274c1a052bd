import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { cli } from '../support/cli.ts'
import { type BackupJson, reportOf, Stage, type ThreePhaseJson } from '../support/e2e-stage.ts'
import { archivedRecords, assertSameLog, assertValid } from '../support/record-lists.ts'
import { assertGroup, assertRestored } from '../support/restored.ts'

let stage: Stage

before(async () => {
  stage = await Stage.open({}, {})
})

after(async () => {
  await stage?.[Symbol.asyncDispose]()
})

/** Record i of every partition is this old, plus i milliseconds. */
const hourAgo = BigInt(Date.now()) - 3_600_000n
/** All records of a partition that are written together share a batch, so that most beginnings cut through one. */
const oneBatch = { 'linger.ms': '5000', 'batch.size': '100000', 'compression.type': 'zstd' }

/** Group → partition → position. */
type Stands = Readonly<Record<string, Readonly<Record<number, bigint>>>>

test('a backup from given offsets holds each partition from there on, and goes on where it stands', async () => {
  const topic = await makeTopic('given', 4)
  await fill(topic, 4, 100)
  await stage.source.admin.deleteRecords(topic, 3, 20n)
  // Within a batch; behind the end; not named; below the log start.
  const start_offset = { specific: { [topic]: { 0: 37, 1: 5000, 3: 5 } } }
  const job = { backupId: topic, topics: [topic], backup: { start_offset } }
  const begins = [37n, 100n, 0n, 20n]
  const stands = {
    before: { 0: 10n, 1: 10n, 3: 3n },
    'at-start': { 0: 37n, 3: 20n },
    inside: { 0: 60n, 2: 60n },
    'at-end': { 0: 100n, 1: 100n, 2: 100n, 3: 100n },
  }
  await commit(topic, stands)
  const first = reportOf<BackupJson>(await stage.backup(job))
  assert.equal(first.records, 63 + 0 + 100 + 80)
  assert.deepEqual(first.notices, [], 'what was not asked for is no gap')
  await assertHolds(topic, begins)
  assert.deepEqual(await shown(topic), [
    [0, 37, 99, 63],
    [1, null, null, 0],
    [2, 0, 99, 100],
    [3, 20, 99, 80],
  ])
  const nothingThere = ['before/1 empty', 'at-end/1 empty']
  assert.deepEqual(
    await comesBack(topic, 'given-1', begins, stands),
    told(stands, ['before/0 before-copy', 'before/3 before-copy', ...nothingThere]),
  )

  await fill(topic, 4, 50, 100)
  const second = reportOf<BackupJson>(await stage.backup(job))
  assert.equal(second.records, 4 * 50)
  assert.deepEqual(second.notices, [])
  await assertHolds(topic, begins)
  assert.deepEqual(
    await comesBack(topic, 'given-2', begins, stands),
    told(stands, ['before/0 before-copy', 'before/1 before-copy', 'before/3 before-copy']),
  )
})

test('a backup from a time begins with the first record of each partition that is not older, else at its end', async () => {
  const topic = await makeTopic('timed', 4)
  // In order but for one early record of a later time; all older; all younger; and a partition without any.
  await send(topic, 0, 100, (i) => hourAgo + BigInt(i === 20 ? 500 : i))
  await send(topic, 1, 100, (i) => hourAgo - 1000n + BigInt(i))
  await send(topic, 2, 100, (i) => hourAgo + 1000n + BigInt(i))
  const start_offset = { timestamp: new Date(Number(hourAgo + 40n)).toISOString() }
  const job = { backupId: topic, topics: [topic], backup: { start_offset } }
  const begins = [20n, 100n, 0n, 0n]
  const stands = {
    before: { 0: 5n, 1: 50n },
    inside: { 0: 70n, 2: 0n },
    'at-end': { 0: 100n, 1: 100n, 3: 0n },
  }
  await commit(topic, stands)
  const first = reportOf<BackupJson>(await stage.backup(job))
  assert.equal(first.records, 80 + 0 + 100 + 0)
  assert.deepEqual(first.notices, [])
  await assertHolds(topic, begins)
  assert.deepEqual(
    await comesBack(topic, 'timed-1', begins, stands),
    told(stands, ['before/0 before-copy', 'before/1 empty', 'at-end/1 empty', 'at-end/3 empty']),
  )

  // What is written later belongs to the backup, however old it says it is.
  for (const partition of [0, 1, 3]) await send(topic, partition, 10, () => hourAgo - 5000n)
  assert.equal(reportOf<BackupJson>(await stage.backup(job)).records, 30)
  await assertHolds(topic, begins)
  assert.deepEqual(
    await comesBack(topic, 'timed-2', begins, stands),
    told(stands, ['before/0 before-copy', 'before/1 before-copy']),
  )
})

test('a backup from the latest begins with what comes after its first run, and with what was not decided by then', async () => {
  const topic = await makeTopic('latest', 2)
  await fill(topic, 2, 100)
  const { bootstrap } = stage.source.cluster
  const open = await stage.java.producer({ 'bootstrap.servers': bootstrap, 'transactional.id': topic })
  await open.begin()
  open.send(...[0, 1, 2, 3, 4].map((i) => ({ topic, partition: 1, key: `open-${i}`, value: 'undecided' })))
  await open.flush()
  await send(topic, 1, 1, () => hourAgo)
  const job = { backupId: topic, topics: [topic], backup: { start_offset: 'latest' } }
  const begins = [100n, 100n]
  const stands = { before: { 0: 10n, 1: 3n }, 'at-end': { 0: 100n, 1: 100n } }
  await commit(topic, stands)
  const first = reportOf<BackupJson>(await stage.backup(job))
  assert.equal(first.records, 0)
  assert.deepEqual(
    first.notices.map(({ type, partition }) => [type, partition]),
    [['open-transaction', 1]],
  )
  await assertHolds(topic, begins)
  assert.deepEqual(
    await comesBack(topic, 'latest-1', begins, stands),
    told(stands, ['before/0 empty', 'before/1 empty', 'at-end/0 empty', 'at-end/1 empty']),
  )

  await open.commit()
  await open.close()
  await fill(topic, 1, 50, 100)
  const later = { ...stands, inside: { 0: 120n, 1: 102n } }
  await commit(topic, later)
  const second = reportOf<BackupJson>(await stage.backup(job))
  assert.equal(second.records, 50 + 5 + 1)
  assert.deepEqual(second.notices, [])
  await assertHolds(topic, begins)
  assert.deepEqual(
    await comesBack(topic, 'latest-2', begins, later),
    told(later, ['before/0 before-copy', 'before/1 before-copy']),
  )
})

test('a beginning within a transaction keeps what was committed from there on, and nothing that was aborted', async () => {
  const topic = await makeTopic('within', 3)
  const { bootstrap } = stage.source.cluster
  const producer = await stage.java.producer({ 'bootstrap.servers': bootstrap, 'transactional.id': topic })
  // 0 to 9 aborted, a marker; 11 to 20 committed, a marker.
  for (const first of [0, 10]) {
    await producer.begin()
    await producer.fill({ topic, partitions: 3, first, count: 10, timestamp: hourAgo, size: 50 })
    await (first === 0 ? producer.abort() : producer.commit())
    await untilEnd(topic, first === 0 ? 11n : 22n)
  }
  await producer.close()
  const start_offset = { specific: { [topic]: { 0: 5, 1: 15, 2: 21 } } }
  const job = { backupId: topic, topics: [topic], backup: { start_offset } }
  const begins = [5n, 15n, 21n]
  const stands = {
    aborted: { 0: 7n, 1: 7n, 2: 7n },
    committed: { 0: 12n, 1: 18n, 2: 12n },
    'on-marker': { 0: 10n, 1: 21n, 2: 21n },
  }
  await commit(topic, stands)
  const report = reportOf<BackupJson & { readonly aborted_records_dropped: number }>(await stage.backup(job))
  assert.equal(report.records, 10 + 6 + 0)
  assert.equal(report.aborted_records_dropped, 5 + 0 + 0)
  await assertHolds(topic, begins)
  const early = ['aborted/0 before-copy', 'aborted/1 before-copy', 'on-marker/0 before-copy']
  const nothingThere = ['aborted/2 empty', 'committed/2 empty', 'on-marker/2 empty']
  assert.deepEqual(
    await comesBack(topic, 'within-1', begins, stands),
    told(stands, [...early, ...nothingThere]),
  )

  await fill(topic, 3, 10, 100)
  assert.equal(reportOf<BackupJson>(await stage.backup(job)).records, 30)
  await assertHolds(topic, begins)
  const earlier = ['aborted/2 before-copy', 'committed/2 before-copy', 'on-marker/2 before-copy']
  assert.deepEqual(await comesBack(topic, 'within-2', begins, stands), told(stands, [...early, ...earlier]))
})

test('a partition that a topic gets later is held from its start, wherever the others began', async () => {
  const topic = await makeTopic('grown', 1)
  await fill(topic, 1, 20)
  const job = { backupId: topic, topics: [topic], backup: { start_offset: 'latest' } }
  assert.equal(reportOf<BackupJson>(await stage.backup(job)).records, 0)
  await stage.source.admin.grow(topic, 2)
  await fill(topic, 2, 10, 20)
  assert.equal(reportOf<BackupJson>(await stage.backup(job)).records, 10 + 10)
  await assertHolds(topic, [20n, 0n])
  const stands = { before: { 0: 10n }, new: { 0: 25n, 1: 3n } }
  await commit(topic, stands)
  reportOf(await stage.backup(job))
  assert.deepEqual(
    await comesBack(topic, 'grown-1', [20n, 0n], stands),
    told(stands, ['before/0 before-copy']),
  )
})

async function makeTopic(topic: string, partitions: number): Promise<string> {
  await stage.source.admin.createTopic(topic, partitions)
  return topic
}

/** Writes records to all partitions; record i has the time {@link hourAgo} + i. */
async function fill(topic: string, partitions: number, count: number, first = 0): Promise<void> {
  const { bootstrap } = stage.source.cluster
  const producer = await stage.java.producer({ 'bootstrap.servers': bootstrap, ...oneBatch })
  await producer.fill({ topic, partitions, first, count, timestamp: hourAgo, size: 50 })
  await producer.close()
}

/** Writes records with times of their own to one partition. */
async function send(
  topic: string,
  partition: number,
  count: number,
  time: (i: number) => bigint,
): Promise<void> {
  const { bootstrap } = stage.source.cluster
  const producer = await stage.java.producer({ 'bootstrap.servers': bootstrap, ...oneBatch })
  for (let i = 0; i < count; i++) {
    producer.send({ topic, partition, key: `${partition}-${i}`, value: `v${i}`, timestamp: time(i) })
  }
  await producer.flush()
  await producer.close()
}

/** Until the markers of a transaction are in every partition: its end is answered before they are. */
async function untilEnd(topic: string, end: bigint): Promise<void> {
  for (;;) {
    const partitions = await stage.source.admin.partitions(topic)
    if (partitions.every((partition) => partition.end === end)) return
    assert.ok(partitions.every((partition) => partition.end <= end))
  }
}

async function commit(topic: string, stands: Stands): Promise<void> {
  for (const [group, positions] of Object.entries(stands)) {
    for (const [partition, offset] of Object.entries(positions)) {
      await stage.source.admin.commit(`${topic}-${group}`, topic, Number(partition), offset)
    }
  }
}

/** The archive holds what a consumer of the source reads from the beginnings on, at its offsets, and nothing else. */
async function assertHolds(topic: string, begins: readonly bigint[]): Promise<void> {
  for (const [partition, records] of (await recordsFrom(topic, begins)).entries()) {
    const held = await archivedRecords(stage.archive, topic, topic, partition)
    assertSameLog(held, records, `${topic}/${partition}`)
  }
  await assertValid(stage.archive, topic)
}

/** What `show-offset-mapping` says of a backup: partition, first and last offset, records. */
async function shown(backupId: string): Promise<(number | null)[][]> {
  const said = await cli(['show-offset-mapping', '-p', stage.archive, '-b', backupId, '-o', 'json'])
  const { topics } = JSON.parse(said) as ShownJson
  return topics.flatMap(({ partitions }) =>
    partitions.map((held) => [held.partition, held.first_offset, held.last_offset, held.record_count]),
  )
}

async function recordsFrom(topic: string, begins: readonly bigint[]) {
  const read = await stage.read(stage.source, topic)
  return read.map((records, partition) =>
    records.filter((record) => record.offset >= (begins[partition] ?? 0n)),
  )
}

/**
 * Restores the backup to a new topic and holds it to its promises: every record once, every group at the first record that it has
 * not read, and a verification without differences. Answers how the positions were found.
 */
async function comesBack(
  topic: string,
  target: string,
  begins: readonly bigint[],
  stands: Stands,
): Promise<string[]> {
  const mapping = join(stage.folder, `${target}.json`)
  const job = {
    backupId: topic,
    name: target,
    restore: { create_topics: true, topic_mapping: { [topic]: target } },
  }
  const report = reportOf<ThreePhaseJson>(await stage.restore(job, ['--mapping-output', mapping]))
  const records = await recordsFrom(topic, begins)
  const ends = (await stage.source.admin.partitions(topic)).map(({ end }) => end)
  const restored = [{ source: topic, target, records, ends }]
  const logs = await assertRestored(stage, restored, mapping)
  for (const [group, stand] of Object.entries(stands)) {
    await assertGroup(stage, restored, logs, `${topic}-${group}`, { [topic]: stand })
  }
  const verified = reportOf<{ readonly verified: boolean; readonly positions: readonly unknown[] }>(
    await stage.verify(job),
  )
  assert.equal(verified.verified, true)
  assert.equal(verified.positions.length, told(stands).length, 'every position was looked at')
  const { groups } = report.positions as PositionsJson
  return groups
    .flatMap(({ group, positions }) =>
      positions
        .filter(({ kind }) => kind !== 'no-position')
        .map(({ partition, kind }) => `${group.slice(topic.length + 1)}/${partition} ${kind}`),
    )
    .sort()
}

interface ShownJson {
  readonly topics: readonly {
    readonly partitions: readonly {
      readonly partition: number
      readonly first_offset: number | null
      readonly last_offset: number | null
      readonly record_count: number
    }[]
  }[]
}

interface PositionsJson {
  readonly groups: readonly {
    readonly group: string
    readonly positions: readonly { readonly partition: number; readonly kind: string }[]
  }[]
}

/** All positions as `group/partition kind`: `exact` but for those named. */
function told(stands: Stands, others: readonly string[] = []): string[] {
  const kinds = new Map(others.map((other) => other.split(' ') as [string, string]))
  return Object.entries(stands)
    .flatMap(([group, positions]) =>
      Object.keys(positions).map((partition) => {
        const place = `${group}/${partition}`
        return `${place} ${kinds.get(place) ?? 'exact'}`
      }),
    )
    .sort()
}
