import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type BackupJob, runBackup } from '../../src/backup/index.ts'
import { isTidemarkError } from '../../src/base/index.ts'
import { type RestoreJob, type RestoreReport, runRestore } from '../../src/restore/index.ts'
import { type ObjectStore, openStore } from '../../src/storage/index.ts'
import { startCluster, type TestCluster } from '../support/brokers.ts'
import { type JavaClient, type SeenRecord, startJavaClient } from '../support/java-client.ts'
import { backupJob, jobContext, restoreJob } from '../support/jobs.ts'
import { kafkaTool } from '../support/kafka-tools.ts'
import { type TempFolder, tempFolder } from '../support/temp-folder.ts'

let source: TestCluster
let target: TestCluster
let java: JavaClient
let folder: TempFolder
let store: ObjectStore

before(async () => {
  ;[source, target, java, folder] = await Promise.all([
    startCluster(),
    startCluster({ version: '3.9.1' }),
    startJavaClient(),
    tempFolder('restore'),
  ])
  store = await openStore(folder.path)
})

after(async () => {
  await java?.[Symbol.asyncDispose]()
  await source?.[Symbol.asyncDispose]()
  await target?.[Symbol.asyncDispose]()
  await store?.[Symbol.asyncDispose]()
  await folder?.[Symbol.asyncDispose]()
})

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

test('every codec, null and empty, repeated header keys and times decades apart come out as they went in', async () => {
  const topic = await createTopic('fidelity', 2, [
    ...['--config', 'message.timestamp.after.max.ms=9223372036854775807'],
    ...['--config', 'message.timestamp.before.max.ms=9223372036854775807'],
  ])
  for (const codec of codecs) {
    const producer = await java.producer({
      'bootstrap.servers': source.bootstrap,
      'compression.type': codec,
      'linger.ms': '50',
    })
    producer.send(
      { topic, partition: 0, key: null, value: `${codec} without key`, timestamp: 1n },
      { topic, partition: 0, key: '', value: '', timestamp: 4_000_000_000_000n },
      { topic, partition: 0, key: 'tombstone', value: null, timestamp: 1_700_000_000_000n },
      { topic, partition: 0, key: codec, value: 'x'.repeat(100_000), timestamp: 2n },
      {
        topic,
        partition: 1,
        key: codec,
        value: 'v',
        headers: [
          { key: 'x', value: null },
          { key: 'x', value: '' },
          { key: 'x', value: '*' },
        ],
      },
    )
    for (let i = 0; i < 3000; i++)
      producer.send({ topic, partition: 1, key: `k${i}`, value: `${codec} ${i}` })
    await producer.flush()
    await producer.close()
  }
  await backup('fidelity', { include: [topic] })
  const report = await restore('fidelity', { include: [topic] })
  assert.equal(report.records, 5 * 3005)
  await assertSame(topic, 2)
})

test('committed transactions arrive, aborted ones and markers do not, and positions in between are the same records', async () => {
  const topic = await createTopic('transactions', 1)
  const plain = await java.producer({ 'bootstrap.servers': source.bootstrap })
  const a = await java.producer({ 'bootstrap.servers': source.bootstrap, 'transactional.id': 'a' })
  const b = await java.producer({ 'bootstrap.servers': source.bootstrap, 'transactional.id': 'b' })
  for (let i = 0; i < 20; i++) {
    await a.begin()
    await b.begin()
    a.send({ topic, partition: 0, key: 'a', value: `a${i}` })
    b.send({ topic, partition: 0, key: 'b', value: `b${i}` })
    plain.send({ topic, partition: 0, key: 'p', value: `p${i}` })
    await plain.flush()
    a.send({ topic, partition: 0, key: 'a', value: `a${i} again` })
    await a.flush()
    if (i % 3 === 0) await a.abort()
    else await a.commit()
    if (i % 4 === 0) await b.commit()
    else await b.abort()
  }
  for (const producer of [plain, a, b]) await producer.close()
  await backup('transactions', { include: [topic] })
  await restore('transactions', { include: [topic] })
  await assertSame(topic, 1)
  assert.equal(
    (await java.read(target.bootstrap, topic, 0, { isolation: 'read_uncommitted' })).length,
    13 * 2 + 5 + 20,
  )
})

test('the times that consumers saw in a LogAppendTime topic are the times on the target', async () => {
  const topic = await createTopic('append-time', 1, ['--config', 'message.timestamp.type=LogAppendTime'])
  const producer = await java.producer({
    'bootstrap.servers': source.bootstrap,
    'linger.ms': '20',
    'compression.type': 'lz4',
  })
  for (let i = 0; i < 500; i++) producer.send({ topic, key: `k${i}`, value: `v${i}`, timestamp: 5n })
  await producer.flush()
  await producer.close()
  await backup('append-time', { include: [topic] })
  await restore('append-time', { include: [topic] })
  const restored = await assertSame(topic, 1)
  assert.ok(restored.every((record) => record.timestamp > 1_000_000_000_000n))
  assert.equal((await configOf(topic)).get('message.timestamp.type'), 'LogAppendTime')
})

test('a topic whose beginning was deleted, and one whose records lie years back, keep every record that there was', async () => {
  const topic = await createTopic('old', 1, [
    ...['--config', 'message.timestamp.before.max.ms=9223372036854775807'],
    ...['--config', 'retention.ms=432000000000'],
  ])
  const year = 365n * 86_400_000n
  const producer = await java.producer({ 'bootstrap.servers': source.bootstrap })
  for (let i = 0; i < 300; i++) {
    producer.send({
      topic,
      key: `k${i}`,
      value: `v${i}`,
      timestamp: BigInt(Date.now()) - 3n * year + BigInt(i),
    })
  }
  await producer.flush()
  await producer.close()
  await backup('old', { include: [topic] })
  const report = await restore('old', { include: [topic], configOverrides: { 'retention.ms': '86400000' } })
  assert.deepEqual(
    report.waitingTopics.map(({ configs }) => configs),
    [{ 'retention.ms': '86400000' }],
  )
  assert.equal((await configOf(topic)).get('retention.ms'), '-1')
  await assertSame(topic, 1)
})

test('the same command once more says that it is done, and changes nothing', async () => {
  const topic = await createTopic('twice', 1)
  await write(topic, 0, 100)
  await backup('twice', { include: [topic] })
  const first = await restore('twice', { include: [topic] })
  const second = await restore('twice', { include: [topic] })
  assert.equal(first.alreadyDone, false)
  assert.equal(second.alreadyDone, true)
  assert.equal(second.restoreId, first.restoreId)
  assert.equal(second.records, 100)
  await assertSame(topic, 1)
})

test('a target topic that is not empty is refused, unless told to append; then its records stay and the map knows', async () => {
  const topic = await createTopic('filled', 1)
  await write(topic, 0, 50)
  await backup('filled', { include: [topic] })
  await restore('filled', {
    include: [topic],
    topicRules: [{ type: 'exact', from: topic, to: 'filled-copy' }],
  })
  await assert.rejects(
    restore('filled', {
      include: [topic],
      topicRules: [{ type: 'prefix', from: 'filled', to: 'filled-copy' }],
    }),
    (error: unknown) => isTidemarkError(error, 'TARGET_NOT_EMPTY') && error.exit === 4,
  )
  const report = await restore('filled', {
    include: [topic],
    append: true,
    topicRules: [{ type: 'prefix', from: 'filled', to: 'filled-copy' }],
  })
  assert.equal(report.partitions[0]?.targetStart, 50n)
  const records = await java.read(target.bootstrap, 'filled-copy', 0)
  assert.deepEqual(
    records.map((record) => record.value?.toString()),
    [...range(50), ...range(50)].map((i) => `v${i}`),
  )
})

async function createTopic(topic: string, partitions: number, more: readonly string[] = []): Promise<string> {
  const place = ['--bootstrap-server', source.bootstrap, '--create', '--topic', topic]
  await kafkaTool('topics', [...place, '--partitions', String(partitions), ...more])
  return topic
}

async function write(topic: string, partition: number, count: number): Promise<void> {
  const producer = await java.producer({ 'bootstrap.servers': source.bootstrap })
  for (let i = 0; i < count; i++) producer.send({ topic, partition, key: `k${i}`, value: `v${i}` })
  await producer.flush()
  await producer.close()
}

async function backup(backupId: string, options: Partial<BackupJob>): Promise<void> {
  await runBackup(backupJob(backupId, source.bootstrap, options), jobContext(store))
}

async function restore(backupId: string, options: Partial<RestoreJob>): Promise<RestoreReport> {
  return await runRestore(restoreJob(backupId, target.bootstrap, options), jobContext(store))
}

/** Holds what a consumer reads on the target against what it reads on the source; answers with the former. */
async function assertSame(topic: string, partitions: number, restored = topic): Promise<SeenRecord[]> {
  const all: SeenRecord[] = []
  for (let partition = 0; partition < partitions; partition++) {
    const there = await java.read(source.bootstrap, topic, partition)
    const here = await java.read(target.bootstrap, restored, partition)
    assert.deepEqual(here.map(content), there.map(content))
    assert.ok(here.length > 0)
    all.push(...here)
  }
  return all
}

function content({ timestamp, key, value, headers }: SeenRecord): unknown {
  return { timestamp, key, value, headers }
}

async function configOf(topic: string): Promise<Map<string, string>> {
  const text = await kafkaTool('configs', [
    ...['--bootstrap-server', target.bootstrap, '--describe', '--all'],
    ...['--entity-type', 'topics', '--entity-name', topic],
  ])
  return new Map([...text.matchAll(/^\s+([\w.]+)=(\S*)/gm)].map(([, name = '', value = '']) => [name, value]))
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}
