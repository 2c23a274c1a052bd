import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openBackup } from '../../src/archive/index.ts'
import { type BackupJob, type BackupReport, runBackup } from '../../src/backup/index.ts'
import { isTidemarkError, noProgress, noTelemetry, systemClock } from '../../src/base/index.ts'
import { batches, decodeBatch, header } from '../../src/records/index.ts'
import { openStore } from '../../src/storage/index.ts'
import { startCluster, type TestCluster } from '../support/brokers.ts'
import { type JavaClient, startJavaClient } from '../support/java-client.ts'
import { kafkaTool } from '../support/kafka-tools.ts'
import { type TempFolder, tempFolder } from '../support/temp-folder.ts'

let cluster: TestCluster
let java: JavaClient
let folder: TempFolder

before(async () => {
  ;[cluster, java, folder] = await Promise.all([startCluster(), startJavaClient(), tempFolder('backup')])
})

after(async () => {
  await java?.[Symbol.asyncDispose]()
  await cluster?.[Symbol.asyncDispose]()
  await folder?.[Symbol.asyncDispose]()
})

test('what was committed is in the archive as it was written, whatever codec, and readable by DumpLogSegments', async () => {
  const topic = await createTopic('codecs', 1)
  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
    const producer = await java.producer({
      'bootstrap.servers': cluster.bootstrap,
      'compression.type': codec,
      'linger.ms': '20',
    })
    producer.send(
      { topic, key: null, value: `${codec} without key`, timestamp: 1n },
      { topic, key: '', value: '', timestamp: 1_700_000_000_000n },
      { topic, key: 'tombstone', value: null, timestamp: 5n },
      {
        topic,
        key: codec,
        value: 'x'.repeat(2000),
        headers: [
          { key: 'x', value: null },
          { key: 'x', value: '' },
          { key: 'x', value: '*' },
        ],
      },
    )
    await producer.flush()
    await producer.close()
  }
  const report = await backup('codecs', { include: [topic], codec: 'none', packBelow: 0 })
  assert.equal(report.records, 20)
  const seen = await java.read(cluster.bootstrap, topic, 0)
  const held = await archived('codecs', topic, 0)
  assert.deepEqual(
    held.map((record) => ({
      ...record,
      headers: record.headers.map((h) => ({ key: h.key.toString(), value: h.value })),
    })),
    seen.map(({ offset, timestamp, key, value, headers }) => ({ offset, timestamp, key, value, headers })),
  )
  const [object] = await objects('codecs', topic, 0)
  assert.ok(object)
  const dump = await kafkaTool('dumpLogSegments', ['--files', object, '--print-data-log'])
  assert.equal(dump.match(/\| offset: \d+/g)?.length, 20)
  assert.match(dump, /payload: lz4 without key/)
})

test('a second run adds what is new and leaves the objects of the first one as they are', async () => {
  const topic = await createTopic('again', 2)
  await write(topic, 0, 100)
  const first = await backup('again', { include: [topic] })
  const before = await contents('again')
  await write(topic, 1, 50)
  const second = await backup('again', { include: [topic] })
  assert.deepEqual([first.records, second.records], [100, 50])
  const afterwards = await contents('again')
  for (const [file, bytes] of before) {
    if (/topics|packs|commits/.test(file)) assert.deepEqual(afterwards.get(file), bytes, file)
  }
  assert.equal((await archived('again', topic, 0)).length, 100)
  assert.equal((await archived('again', topic, 1)).length, 50)
  const third = await backup('again', { include: [topic] })
  assert.equal(third.records, 0)
})

test('aborted data is left out, an open transaction ends the copy at the last stable offset and is reported', async () => {
  const topic = await createTopic('transactions', 1)
  const settings = { 'bootstrap.servers': cluster.bootstrap, 'linger.ms': '0' }
  const a = await java.producer({ ...settings, 'transactional.id': 'a' })
  const b = await java.producer({ ...settings, 'transactional.id': 'b' })
  const plain = await java.producer(settings)
  await a.begin()
  await b.begin()
  for (let i = 0; i < 10; i++) {
    a.send({ topic, key: `a${i}`, value: 'aborted' })
    await a.flush()
    b.send({ topic, key: `b${i}`, value: 'committed' })
    await b.flush()
    plain.send({ topic, key: `p${i}`, value: 'plain' })
    await plain.flush()
  }
  await a.abort()
  await b.commit()
  await a.begin()
  a.send({ topic, key: 'open', value: 'open' })
  await a.flush()
  plain.send({ topic, key: 'later', value: 'plain' })
  await plain.flush()

  const first = await backup('transactions', { include: [topic] })
  const keys = async () => (await archived('transactions', topic, 0)).map((record) => record.key?.toString())
  const expected = Array.from({ length: 10 }, (_, i) => [`b${i}`, `p${i}`]).flat()
  assert.deepEqual(await keys(), expected)
  assert.equal(first.abortedRecordsDropped, 10)
  const held = first.notices.find((notice) => notice.type === 'open-transaction')
  assert.ok(
    held?.type === 'open-transaction' &&
      held.highWatermark > held.lastStableOffset &&
      held.producerId !== undefined,
  )

  await a.commit()
  const second = await backup('transactions', { include: [topic] })
  assert.equal(second.notices.filter((notice) => notice.type === 'open-transaction').length, 0)
  assert.deepEqual(await keys(), [...expected, 'open', 'later'])
  await Promise.all([a.close(), b.close(), plain.close()])
})

test('records that were deleted before they could be copied are a gap with exact bounds', async () => {
  const topic = await createTopic('retention', 1)
  await write(topic, 0, 40)
  await backup('retention', { include: [topic] })
  await write(topic, 0, 60)
  await deleteBefore(topic, 0, 75)
  const report = await backup('retention', { include: [topic] })
  assert.deepEqual(
    report.notices.map((notice) =>
      notice.type === 'gap' ? [notice.reason, notice.from, notice.to] : notice.type,
    ),
    [['retention', 40n, 75n]],
  )
  const offsets = (await archived('retention', topic, 0)).map((record) => record.offset)
  assert.deepEqual(offsets, [...range(0, 40), ...range(75, 100)])
})

test('a topic that was deleted and created again begins a generation of its own', async () => {
  const topic = await createTopic('recreated', 1)
  await write(topic, 0, 30)
  await backup('recreated', { include: [topic] })
  await kafkaTool('topics', ['--bootstrap-server', cluster.bootstrap, '--delete', '--topic', topic])
  const gone = await backup('recreated', { include: ['recreat*'] })
  assert.deepEqual(types(gone), ['topic-lost'])
  await createTopic('recreated', 1)
  await write(topic, 0, 7)
  const report = await backup('recreated', { include: [topic] })
  assert.deepEqual(types(report), ['topic-recreated'])
  assert.equal((await archived('recreated', topic, 0)).length, 7)
  await using store = await openStore(folder.path, {})
  await using reader = await openBackup(store, 'recreated')
  const summary = await reader.summary()
  assert.deepEqual(
    summary.topics.map((t) => [t.records, t.superseded]).sort(),
    [
      [30, true],
      [7, false],
    ].sort(),
  )
})

test('positions of all groups on the topics are captured, with their metadata, and topics are described', async () => {
  const topic = await createTopic('groups', 2, ['--config', 'retention.ms=86400000'])
  await write(topic, 0, 20)
  await java.commitOffset(cluster.bootstrap, 'billing', topic, 0, 12n, 'state of an application')
  await java.commitOffset(cluster.bootstrap, 'shipping', topic, 1, 0n)
  const report = await backup('groups', { include: [topic] })
  assert.equal(report.groups, 2)
  await using store = await openStore(folder.path, {})
  await using reader = await openBackup(store, 'groups')
  const capture = await reader.positions()
  assert.deepEqual(
    capture?.groups.map((g) => [g.group, g.positions.map((p) => [p.partition, p.offset, p.metadata])]),
    [
      ['billing', [[0, 12n, 'state of an application']]],
      ['shipping', [[1, 0n, '']]],
    ],
  )
  const { description } = await reader.topic(topic)
  assert.equal(description?.partitions, 2)
  assert.deepEqual(description?.configs, { 'retention.ms': '86400000' })
})

test('an aborted run commits what it has received and says that it was interrupted', async () => {
  const topic = await createTopic('interrupted', 1)
  await write(topic, 0, 50)
  const stop = new AbortController()
  const running = backup('interrupted', { include: [topic], continuous: true, pollInterval: 50 }, stop.signal)
  setTimeout(() => stop.abort(new Error('stopped')), 1500)
  const report = await running
  assert.equal(report.interrupted, true)
  assert.equal((await archived('interrupted', topic, 0)).length, 50)
})

test('a continuous run takes up what is written and what topics appear while it runs', async () => {
  const topic = await createTopic('continuous', 1)
  await write(topic, 0, 10)
  const stop = new AbortController()
  const running = backup(
    'continuous',
    { include: ['continuous*'], continuous: true, pollInterval: 50, commitInterval: 200 },
    stop.signal,
  )
  const later = await createTopic('continuous-later', 1)
  await write(topic, 0, 15)
  await write(later, 0, 5)
  for (let tries = 0; tries < 100; tries++) {
    const [old, added] = await Promise.all([
      archived('continuous', topic, 0),
      archived('continuous', later, 0),
    ]).catch(() => [[], []])
    if (old.length === 25 && added.length === 5) break
    assert.ok(tries < 99, `${old.length} and ${added.length} records after a long wait`)
    await systemClock.sleep(100)
  }
  stop.abort(new Error('stopped'))
  assert.equal((await running).interrupted, true)
})

test('a backup of one cluster is not continued from another', async () => {
  const topic = await createTopic('mismatch', 1)
  await backup('mismatch', { include: [topic] })
  await using other = await startCluster()
  await assert.rejects(
    backup('mismatch', { include: [], source: { bootstrap: [other.bootstrap] } }),
    (error) => isTidemarkError(error, 'SOURCE_MISMATCH'),
  )
})

async function backup(
  backupId: string,
  options: Partial<BackupJob>,
  signal = new AbortController().signal,
): Promise<BackupReport> {
  await using store = await openStore(folder.path, {})
  const job: BackupJob = {
    backupId,
    source: { bootstrap: [cluster.bootstrap] },
    include: [],
    exclude: [],
    includeInternal: false,
    internalTopics: [],
    onMissingTopic: 'fail',
    startAt: { type: 'earliest' },
    continuous: false,
    pollInterval: 100,
    isolation: 'read_committed',
    codec: 'auto',
    level: undefined,
    objectBytes: 128 << 20,
    commitInterval: 30_000,
    commitBytes: 1 << 30,
    captureGroups: true,
    requireTopicConfigs: false,
    captureTopicConfigs: true,
    sourceName: undefined,
    strict: false,
    memory: 64 << 20,
    fetchMaxBytes: 8 << 20,
    ...options,
  }
  return await runBackup(job, {
    store,
    signal,
    telemetry: noTelemetry,
    progress: noProgress,
    clock: systemClock,
  })
}

async function archived(backupId: string, topic: string, partition: number) {
  await using store = await openStore(folder.path, {})
  await using reader = await openBackup(store, backupId)
  const index = (await reader.topic(topic)).partitions.get(partition)
  const records = []
  for (const { chunk, from, to } of index?.chunks ?? []) {
    const bytes = await reader.read(chunk)
    for (const at of batches(bytes, 0, bytes.length, { complete: true })) {
      if (header.isControl(bytes, at)) continue
      for (const { offset, timestamp, key, value, headers } of decodeBatch(bytes, at)) {
        if (offset >= from && offset < to) records.push({ offset, timestamp, key, value, headers })
      }
    }
  }
  return records
}

async function objects(backupId: string, topic: string, partition: number): Promise<string[]> {
  const path = join(folder.path, backupId, 'topics', topic, String(partition))
  return (await readdir(path)).map((name) => join(path, name))
}

async function contents(backupId: string): Promise<Map<string, Buffer>> {
  const files = await readdir(join(folder.path, backupId), { recursive: true, withFileTypes: true })
  const found = new Map<string, Buffer>()
  for (const file of files) {
    if (file.isFile())
      found.set(join(file.parentPath, file.name), await readFile(join(file.parentPath, file.name)))
  }
  return found
}

async function createTopic(topic: string, partitions: number, more: readonly string[] = []): Promise<string> {
  const place = ['--bootstrap-server', cluster.bootstrap, '--create', '--topic', topic]
  await kafkaTool('topics', [...place, '--partitions', String(partitions), ...more])
  return topic
}

async function write(topic: string, partition: number, count: number): Promise<void> {
  const producer = await java.producer({ 'bootstrap.servers': cluster.bootstrap })
  for (let i = 0; i < count; i++) producer.send({ topic, partition, key: `k${i}`, value: `v${i}` })
  await producer.flush()
  await producer.close()
}

async function deleteBefore(topic: string, partition: number, offset: number): Promise<void> {
  const { writeFile } = await import('node:fs/promises')
  const file = join(folder.path, `${topic}-delete.json`)
  await writeFile(file, JSON.stringify({ version: 1, partitions: [{ topic, partition, offset }] }))
  await kafkaTool('deleteRecords', ['--bootstrap-server', cluster.bootstrap, '--offset-json-file', file])
}

function types(report: BackupReport): string[] {
  return report.notices.map((notice) => notice.type).filter((type) => type !== 'gap')
}

function range(from: number, to: number): bigint[] {
  return Array.from({ length: to - from }, (_, i) => BigInt(from + i))
}
