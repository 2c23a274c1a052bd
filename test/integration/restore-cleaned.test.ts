import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type BackupJson, reportOf, type Side, Stage } from '../support/e2e-stage.ts'
import type { JavaProducer, SeenRecord } from '../support/java-client.ts'
import { runKafkaTool } from '../support/kafka-tools.ts'
import { archivedRecords, assertSameLog, assertValid, contentOf, keyOf } from '../support/record-lists.ts'
import { assertGroup, assertRestored } from '../support/restored.ts'

let stage: Stage

before(async () => {
  stage = await Stage.open({}, {})
})

after(async () => {
  await stage?.[Symbol.asyncDispose]()
})

/**
 * Cleans every segment that is not written to any more. A segment ends when a record comes that is more than 100 ms younger than
 * its first one, by their timestamps. Tombstones and markers get a delete horizon and stay for a day.
 */
const eagerCleaning = {
  'cleanup.policy': 'compact',
  'segment.bytes': '1048576',
  'segment.ms': '100',
  'min.cleanable.dirty.ratio': '0.01',
  'min.compaction.lag.ms': '0',
  'max.compaction.lag.ms': '200',
  'delete.retention.ms': '86400000',
}

/** Group → position in partition 0. */
type Stands = Readonly<Record<string, bigint>>
type Written = readonly (readonly [key: string, value: string | null])[]

test('a cleaned topic with holes, tombstones and transactions comes back as it was read, and every group goes on at the same record', async () => {
  const topic = 'accounts'
  await stage.source.admin.createTopic(topic, 1, eagerCleaning)
  const writer = new Writer(topic)
  const keys = (letter: string, from: number, to: number, value: string | null): Written =>
    Array.from({ length: to - from }, (_, i) => [`${letter}${from + i}`, value])
  const old = await writer.plain(keys('k', 0, 20, 'v0'))
  await writer.plain(keys('k', 0, 20, 'v1'))
  const committed = await writer.transaction([...keys('c', 0, 5, 'committed'), ['k0', 'committed']], 'commit')
  const aborted = await writer.transaction([...keys('a', 0, 5, 'aborted'), ['k1', 'aborted']], 'abort')
  const emptied = await writer.transaction(keys('x', 0, 5, 'soon replaced'), 'commit')
  const kept = await writer.plain(keys('x', 0, 5, 'kept'))
  const deleted = await writer.plain(keys('k', 10, 15, null))
  const deleting = await writer.transaction([...keys('k', 15, 17, null), ['c9', 'committed']], 'commit')
  await writer.plain(keys('k', 2, 5, 'v2'))
  await writer.plain([['last', 'ends the segment before']])
  await until('all that was replaced or aborted is gone', async () => {
    const left = await readAll(topic)
    return left.map(brief).join() === writer.survivors().join()
  })
  // Only the next cleaning sees that nothing is left of a transaction, and gives its marker a horizon.
  await writer.plain([['very last', 'ends the segment before']])
  await until('markers of which nothing is left have a delete horizon', async () => {
    const horizons = (await batchesOf(topic)).filter(({ horizon }) => horizon).map(({ base }) => base)
    return [aborted.marker, emptied.marker, deleted.first].every((offset) => horizons.includes(offset))
  })
  assert.ok(
    (await batchesOf(topic)).some(({ count }) => count === 0),
    'batches are left of which no record is: they hold the sequence of their producer',
  )
  const [records = []] = await stage.read(stage.source, topic)
  assert.deepEqual(records.map(brief), writer.survivors())
  assert.equal(records.filter(({ value }) => value === null).length, 7)

  const stands: Stands = {
    'in-hole': old.first + 3n,
    'on-record': kept.first + 1n,
    'on-commit-marker': committed.marker,
    'in-aborted': aborted.first + 2n,
    'on-abort-marker': aborted.marker,
    'in-emptied': emptied.first + 1n,
    'on-emptied-marker': emptied.marker,
    'on-tombstone': deleted.first + 1n,
    'on-deleting': deleting.first,
    'on-deleting-marker': deleting.marker,
    'at-end': writer.next,
  }
  await commit(topic, stands)
  const report = reportOf<BackupJson>(await stage.backup({ backupId: topic, topics: [topic] }))
  assert.equal(report.records, records.length)
  assert.deepEqual(report.notices, [])
  assertSameLog(await archivedRecords(stage.archive, topic, topic, 0), records, topic)
  await assertValid(stage.archive, topic)
  await comesBack(topic, 'accounts-copy', stands)
})

test('partitions that hold only transaction markers, or only aborted records, are backed up and restored, and go on later', async () => {
  const topic = 'decided'
  const { admin, cluster } = stage.source
  await admin.createTopic(topic, 2)
  const settings = { 'bootstrap.servers': cluster.bootstrap, 'transactional.id': topic }
  const producer = await stage.java.producer(settings)
  for (const [partition, end] of [producer.commit, producer.abort].entries()) {
    await producer.begin()
    for (let i = 0; i < 5; i++) producer.send({ topic, partition, key: `k${i}`, value: 'v' })
    await producer.flush()
    await end()
  }
  await producer.close()
  await until('both markers are written', async () => {
    return (await admin.partitions(topic)).every(({ end }) => end === 6n)
  })
  await admin.deleteRecords(topic, 0, 5n)
  const stands: Stands = { 'before-start': 2n, 'on-marker': 5n, 'at-end': 6n }
  for (const partition of [0, 1]) await commit(topic, stands, partition)
  const job = { backupId: topic, topics: [topic] }
  const first = reportOf<BackupJson>(await stage.backup(job))
  assert.equal(first.records, 0)
  assert.deepEqual(first.notices, [])
  await assertValid(stage.archive, topic)
  await comesBack(topic, 'decided-1', stands)

  const more = await stage.java.producer({ 'bootstrap.servers': cluster.bootstrap })
  await more.fill({ topic, partitions: 2, count: 3, size: 20 })
  await more.close()
  assert.equal(reportOf<BackupJson>(await stage.backup(job)).records, 6)
  await comesBack(topic, 'decided-2', stands)
})

test('a partition of which the cleaner has left only a marker is backed up and restored, and goes on later', async () => {
  const topic = 'emptied'
  await stage.source.admin.createTopic(topic, 1, eagerCleaning)
  // The records are an hour old and the marker is not: it ends their segment, and they can be cleaned.
  const writer = new Writer(topic, BigInt(Date.now()) - 3_600_000n)
  const aborted = await writer.transaction(
    [
      ['a', 'aborted'],
      ['b', 'aborted'],
      ['c', 'aborted'],
    ],
    'abort',
  )
  await until('all records are gone', async () => (await readAll(topic)).length === 0)
  const left = await batchesOf(topic)
  assert.deepEqual(
    left.filter(({ count }) => count > 0).map(({ base, control }) => [base, control]),
    [[aborted.marker, true]],
  )
  const stands: Stands = { 'in-hole': 1n, 'on-marker': aborted.marker, 'at-end': writer.next }
  await commit(topic, stands)
  const job = { backupId: topic, topics: [topic] }
  const first = reportOf<BackupJson>(await stage.backup(job))
  assert.equal(first.records, 0)
  assert.deepEqual(first.notices, [])
  await assertValid(stage.archive, topic)
  await comesBack(topic, 'emptied-1', stands)

  await writer.plain([
    ['a', 'later'],
    ['b', null],
  ])
  assert.equal(reportOf<BackupJson>(await stage.backup(job)).records, 2)
  await comesBack(topic, 'emptied-2', stands)
})

/**
 * Writes to one partition, ten seconds apart by the timestamps, each time with a producer of its own, and knows where everything lies.
 * The times lie ahead, so that markers, which have the time of the broker, end no segment.
 */
class Writer {
  readonly #topic: string
  #time: bigint
  #written = 0
  #committed: { readonly key: string; readonly value: string | null }[] = []
  /** Offset of what is written next. */
  next = 0n

  constructor(topic: string, time = BigInt(Date.now()) + 600_000n) {
    this.#topic = topic
    this.#time = time
  }

  async plain(records: Written): Promise<{ readonly first: bigint }> {
    const producer = await this.#producer({})
    this.#send(producer, records)
    await producer.flush()
    await producer.close()
    return await this.#landed(records, true, 0n)
  }

  async transaction(
    records: Written,
    outcome: 'commit' | 'abort',
  ): Promise<{ readonly first: bigint; readonly marker: bigint }> {
    const id = `${this.#topic}-${this.#written}`
    const producer = await this.#producer({ 'transactional.id': id })
    await producer.begin()
    this.#send(producer, records)
    await producer.flush()
    await producer[outcome]()
    await producer.close()
    const { first } = await this.#landed(records, outcome === 'commit', 1n)
    return { first, marker: this.next - 1n }
  }

  /** What a cleaned log has to hold: the last committed record of every key, in the order of the log. */
  survivors(): string[] {
    const last = new Map(this.#committed.map(({ key }, i) => [key, i]))
    return this.#committed
      .filter(({ key }, i) => last.get(key) === i)
      .map(({ key, value }) => `${key}=${value}`)
  }

  #producer(settings: Readonly<Record<string, string>>): Promise<JavaProducer> {
    const compression = this.#written++ % 2 === 0 ? 'none' : 'lz4'
    return stage.java.producer({
      'bootstrap.servers': stage.source.cluster.bootstrap,
      'linger.ms': '5000',
      'compression.type': compression,
      ...settings,
    })
  }

  #send(producer: JavaProducer, records: Written): void {
    const [topic, timestamp] = [this.#topic, this.#time]
    for (const [key, value] of records) producer.send({ topic, partition: 0, key, value, timestamp })
  }

  /** Waits for the marker, too: the end of a transaction is answered before it is there. */
  async #landed(records: Written, committed: boolean, markers: bigint): Promise<{ readonly first: bigint }> {
    const first = this.next
    this.next += BigInt(records.length) + markers
    this.#time += 10_000n
    if (committed) this.#committed.push(...records.map(([key, value]) => ({ key, value })))
    await until(`the log ends at ${this.next}`, async () => {
      const [partition] = await stage.source.admin.partitions(this.#topic)
      return partition?.end === this.next
    })
    return { first }
  }
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 180_000
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `it did not come to this: ${what}`)
    await delay(200)
  }
}

/** Aborted records, too, as long as they are there. */
async function readAll(topic: string): Promise<SeenRecord[]> {
  return await stage.java.read(stage.source.cluster.bootstrap, topic, 0, { isolation: 'read_uncommitted' })
}

function brief(record: SeenRecord): string {
  return `${keyOf(record)}=${record.value?.toString() ?? null}`
}

interface Batch {
  readonly base: bigint
  readonly count: number
  readonly control: boolean
  /** It has a delete horizon. */
  readonly horizon: boolean
}

/** The batches in the files of partition 0, as Kafka's own tool shows them. */
async function batchesOf(topic: string): Promise<Batch[]> {
  const folder = join(stage.source.cluster.broker(1).logs, `${topic}-0`)
  for (;;) {
    const files = (await readdir(folder)).filter((name) => name.endsWith('.log')).sort()
    const paths = files.map((name) => join(folder, name)).join(',')
    const dump = await runKafkaTool('dumpLogSegments', ['--files', paths])
    // The cleaner may have replaced a file meanwhile.
    if (dump.code !== 0) continue
    const line =
      /^baseOffset: (\d+) lastOffset: \d+ count: (\d+) .*isControl: (true|false) deleteHorizonMs: OptionalLong(\[|\.empty)/gm
    return [...dump.stdout.matchAll(line)].map(([, base = '', count, control, horizon]) => ({
      base: BigInt(base),
      count: Number(count),
      control: control === 'true',
      horizon: horizon === '[',
    }))
  }
}

async function commit(topic: string, stands: Stands, partition = 0): Promise<void> {
  for (const [group, offset] of Object.entries(stands)) {
    await stage.source.admin.commit(`${topic}-${group}`, topic, partition, offset)
  }
}

/** The same for every partition: records as they are read at the source, each group before the same next record, nothing to verify. */
async function comesBack(topic: string, target: string, stands: Stands): Promise<void> {
  const mapping = join(stage.folder, `${target}.json`)
  const restore = { create_topics: true, topic_mapping: { [topic]: target } }
  const job = { backupId: topic, name: target, restore }
  reportOf(await stage.restore(job, ['--mapping-output', mapping]))
  const records = await stage.read(stage.source, topic)
  const ends = (await stage.source.admin.partitions(topic)).map(({ end }) => end)
  const restored = [{ source: topic, target, records, ends }]
  const logs = await assertRestored(stage, restored, mapping)
  for (const [group, offset] of Object.entries(stands)) {
    const name = `${topic}-${group}`
    const positions = Object.fromEntries(records.map((_, partition) => [partition, offset]))
    await assertGroup(stage, restored, logs, name, { [topic]: positions })
    for (const { topic: of, partition, offset: to } of await stage.target.admin.positions(name)) {
      if (of !== target) continue
      const next = await nextRecord(stage.target, target, partition, to)
      assert.equal(next, await nextRecord(stage.source, topic, partition, offset), `${name}/${partition}`)
    }
  }
  const verified = reportOf<{ readonly verified: boolean; readonly positions: readonly unknown[] }>(
    await stage.verify(job),
  )
  assert.equal(verified.verified, true)
  assert.equal(verified.positions.length, Object.keys(stands).length * records.length)
}

/** What a consumer reads from a position on. */
async function nextRecord(side: Side, topic: string, partition: number, from: bigint) {
  const [next] = await stage.java.read(side.cluster.bootstrap, topic, partition, { from, max: 1 })
  return next && contentOf(next)
}
