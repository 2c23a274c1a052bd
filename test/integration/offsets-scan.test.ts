import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { runBackup } from '../../src/backup/index.ts'
import { isTidemarkError } from '../../src/base/index.ts'
import { type Cluster, connectCluster } from '../../src/kafka/index.ts'
import {
  type HeaderScan,
  type MapSet,
  mapSetFromJson,
  type ScanOptions,
  scanHeaders,
  translate,
} from '../../src/offsets/index.ts'
import { loadRestoreMaps, type RestoreJob, runRestore } from '../../src/restore/index.ts'
import { type ObjectStore, openStore } from '../../src/storage/index.ts'
import { startCluster, type TestCluster } from '../support/brokers.ts'
import { runCli } from '../support/cli.ts'
import { binaryHeaders, textHeaders } from '../support/header-records.ts'
import { JavaAdmin } from '../support/java-admin.ts'
import { type JavaClient, startJavaClient } from '../support/java-client.ts'
import { backupJob, jobContext, restoreJob } from '../support/jobs.ts'
import { type TempFolder, tempFolder } from '../support/temp-folder.ts'

/*
 * One broker is source and target: `orders` (three partitions, the last of them empty, with aborted transactions and markers) and
 * `wide` (one partition of some megabytes) are backed up and restored under other names.
 */
/** Not older than retention lets records become. */
const start = BigInt(Date.now() - 3_600_000)

let broker: TestCluster
let java: JavaClient
let admin: JavaAdmin
let cluster: Cluster
let folder: TempFolder
let store: ObjectStore

before(async () => {
  ;[broker, java, folder] = await Promise.all([startCluster(), startJavaClient(), tempFolder('scan')])
  cluster = await connectCluster({ bootstrap: [broker.bootstrap] })
  admin = new JavaAdmin(java, broker.bootstrap)
  store = await openStore(folder.path)
  await admin.createTopic('orders', 3)
  await admin.createTopic('wide', 1)
  const plain = await java.producer({ 'bootstrap.servers': broker.bootstrap, 'compression.type': 'lz4' })
  await plain.fill({ topic: 'orders', partitions: 2, count: 300, timestamp: start, size: 60 })
  await plain.fill({ topic: 'wide', partitions: 1, count: 12_000, timestamp: start, size: 800 })
  const transactions = await java.producer({
    'bootstrap.servers': broker.bootstrap,
    'transactional.id': 'orders',
  })
  for (let i = 0; i < 9; i++) {
    await transactions.begin()
    for (let n = 0; n < 5; n++)
      transactions.send({ topic: 'orders', partition: i % 2, key: `t${i}-${n}`, value: 'v' })
    if (i % 3 === 1) await transactions.abort()
    else await transactions.commit()
  }
  await Promise.all([plain.close(), transactions.close()])
  const job = backupJob('shop', broker.bootstrap, {
    include: ['orders', 'wide'],
    sourceName: 'prod',
    captureGroups: false,
  })
  await runBackup(job, jobContext(store))
})
after(async () => {
  for (const held of [cluster, java, broker, store, folder]) await held?.[Symbol.asyncDispose]()
})

/** Restores one of the topics under another name, with headers, and answers the restore's own map. */
async function restored(source: string, target: string, more: Partial<RestoreJob> = {}): Promise<MapSet> {
  const restoreId = `to-${target}-${more.sourceName ?? ''}${more.delivery ?? ''}${more.append ? 'again' : ''}`
  const job = restoreJob('shop', broker.bootstrap, {
    include: [source],
    topicRules: [{ type: 'exact', from: source, to: target }],
    addOffsetHeaders: true,
    restoreId,
    ...more,
  })
  const report = await runRestore(job, jobContext(store))
  assert.deepEqual(report.failedTopics, [])
  return (await loadRestoreMaps(store, 'shop', { restoreId })).maps
}

const scan = (source: string, target: string, more: Partial<ScanOptions> = {}): Promise<HeaderScan> =>
  scanHeaders(cluster, { topics: [{ source, target }], sourceCluster: 'prod', ...more })

/** Every run, with the partitions that it connects. Partitions of which nothing was copied have none. */
const runs = (set: MapSet) =>
  set.maps.flatMap((map) =>
    [...map.runs()].map((run) => [
      map.sourceTopic,
      map.sourcePartition,
      map.targetTopic,
      map.targetPartition,
      run,
    ]),
  )

const codes = ({ notices }: HeaderScan) => notices.map(({ code }) => code)

const fails = (code: Parameters<typeof isTidemarkError>[1], text: RegExp) => (error: unknown) => {
  assert.ok(isTidemarkError(error, code), String(error))
  assert.match(error.message, text)
  return true
}

test('the scan of a restored, renamed topic is the map of the restore, and answers as it does', async () => {
  const own = await restored('orders', 'copy-orders')
  const found = await scan('orders', 'copy-orders')
  assert.deepEqual(runs(found.maps), runs(own))
  assert.ok(runs(own).length > 4, 'transactions left holes')
  assert.deepEqual(found.notices, [])
  assert.deepEqual(runs((await scan('orders', 'copy-orders', { parallel: 1 })).maps), runs(own))
  const some = { source: 'orders', target: 'copy-orders', partitions: [1] }
  const part = await scanHeaders(cluster, { topics: [some], sourceCluster: 'prod' })
  assert.deepEqual(
    runs(part.maps),
    runs(own).filter(([, partition]) => partition === 1),
  )
  assert.equal(found.maps.targetClusterId, cluster.clusterId)
  const [topic] = found.topics
  assert.deepEqual([topic?.source, topic?.target, topic?.counts.mapped], ['orders', 'copy-orders', 600 + 30])
  const log = { logStart: 0n, logEnd: 10_000n }
  for (const map of own.maps) {
    const [scanned] = found.maps.from('orders', map.sourcePartition)
    assert.ok(scanned && !scanned.floor)
    for (let position = 0n; position <= map.sourceEnd; position++) {
      assert.equal(translate(scanned, position, log).target, translate(map, position, log).target)
    }
  }
})

test('a repartitioned topic is refused, and scanned exactly when all partitions may be', async () => {
  const own = await restored('orders', 'spread', {
    repartitioning: { spread: { strategy: 'murmur2', partitions: 5 } },
  })
  await assert.rejects(
    scan('orders', 'spread'),
    fails('SCAN_NEEDS_ALL_PARTITIONS', /holds records of source partition/),
  )
  const found = await scan('orders', 'spread', { scanAllPartitions: true })
  assert.deepEqual(runs(found.maps), runs(own))
  assert.ok(found.maps.maps.length >= 8, 'records were spread')
  await assert.rejects(
    scan('orders', 'spread', { scanAllPartitions: true, sampleRate: 0.5 }),
    fails('CONFIG_INVALID', /sample_rate of 1/),
  )
})

test('a sample answers with a floor, reads a part, and never leads beyond the right record', async () => {
  const own = await restored('wide', 'copy-wide', { produceBatchBytes: 20_000 })
  const found = await scan('wide', 'copy-wide', { sampleRate: 0.1 })
  const [exact] = own.maps
  const [map] = found.maps.maps
  assert.ok(exact && map?.floor)
  assert.deepEqual(codes(found), ['sampled'])
  const read = found.topics[0]?.counts.records ?? 0
  assert.ok(read > 100 && read < 8_000, `${read} records were read`)
  const log = { logStart: 0n, logEnd: 12_000n }
  const kinds = new Set<string>()
  for (let position = 0n; position <= 12_000n; position++) {
    const answer = translate(map, position, log)
    const right: bigint = translate(exact, position, log).target ?? -1n
    assert.ok(answer.target !== undefined && answer.target <= right)
    if (answer.kind === 'exact') assert.equal(answer.target, right)
    kinds.add(answer.kind)
  }
  assert.deepEqual([...kinds].sort(), ['exact', 'floor'])
  assert.equal(translate(map, 12_000n, log).target, 12_000n)
})

test('where a sample shows that the topic is not one copy in its order, the partition is read whole', async () => {
  const own = await restored('wide', 'twice-wide', { produceBatchBytes: 20_000 })
  await restored('wide', 'twice-wide', { append: true })
  const found = await scan('wide', 'twice-wide', { sampleRate: 0.1 })
  assert.deepEqual(runs(found.maps), runs(own))
  assert.deepEqual([codes(found), found.maps.maps[0]?.floor], [['repeated'], false])
  assert.deepEqual([found.topics[0]?.counts.records, found.topics[0]?.counts.repeated], [24_000, 12_000])
})

test('what was copied twice, comes from elsewhere, or carries no headers is counted, and the first copy holds', async () => {
  const own = await restored('orders', 'busy')
  const other = { 'bootstrap.servers': broker.bootstrap }
  await restored('orders', 'busy', { append: true, sourceName: 'staging' })
  const [before] = await admin.partitions('busy')
  const producer = await java.producer(other)
  producer.send(
    ...[5, 6].map((offset) => ({ topic: 'busy', partition: 0, value: 'x', headers: text(offset, 0) })),
    { topic: 'busy', partition: 0, value: 'of an application' },
    { topic: 'busy', partition: 0, value: 'x', headers: text('rubbish', 0) },
  )
  await producer.flush()
  const found = await scan('orders', 'busy')
  assert.deepEqual(runs(found.maps), runs(own))
  assert.deepEqual(found.topics[0]?.counts, {
    records: 630 + 630 + 4,
    mapped: 630,
    repeated: 2,
    withoutHeaders: 1,
    otherCluster: 630,
    unreadable: 1,
    unnamedCluster: 0,
  })
  assert.deepEqual(found.topics[0]?.otherClusters, ['staging'])
  assert.deepEqual(codes(found), ['repeated', 'without-headers', 'other-cluster', 'unreadable-headers'])
  // One that goes on behind those of which nothing is known: what they were cannot be told.
  producer.send({ topic: 'busy', partition: 0, value: 'x', headers: text(1000, 0) })
  await producer.flush()
  await producer.close()
  const further = await scan('orders', 'busy')
  const [map] = further.maps.from('orders', 0)
  assert.ok(map?.floor)
  const last = runs(own).filter(([, partition]) => partition === 0).length
  assert.ok(last > 0 && before)
  const answer = translate(map, 900n, { logStart: 0n, logEnd: 100_000n })
  const [first] = own.from('orders', 0)
  assert.deepEqual([answer.kind, answer.target], ['floor', first?.targetEnd])
})

test('the binary form of other tools is read as the Java client writes it', async () => {
  await admin.createTopic('binary', 2)
  const producer = await java.producer({ 'bootstrap.servers': broker.bootstrap, 'compression.type': 'zstd' })
  for (let i = 0n; i < 50n; i++) {
    producer.send({ topic: 'binary', partition: 0, value: 'x', headers: binary(1000n + i, 0, 'legacy') })
    // Its restore names no cluster, its backup no partition.
    producer.send({
      topic: 'binary',
      partition: 1,
      value: 'x',
      headers: [...binary(5n * i), ...binary(5n * i, 1)],
    })
  }
  await producer.flush()
  await producer.close()
  const found = await scan('old', 'binary', { sourceCluster: 'legacy' })
  assert.deepEqual(runs(found.maps), [
    ['old', 0, 'binary', 0, { source: 1000n, target: 0n, count: 50 }],
    ...Array.from({ length: 50 }, (_, i) => [
      'old',
      1,
      'binary',
      1,
      { source: 5n * BigInt(i), target: BigInt(i), count: 1 },
    ]),
  ])
  assert.deepEqual(codes(found), ['unnamed-cluster'])
  assert.equal(found.topics[0]?.counts.unnamedCluster, 50)
})

test('what cannot be a map is an error that says what is there instead', async () => {
  await admin.createTopic('hollow', 1)
  await assert.rejects(scan('orders', 'nowhere'), fails('TOPIC_NOT_FOUND', /nowhere/))
  await assert.rejects(scan('orders', 'hollow'), fails('HEADERS_NOT_FOUND', /holds no records/))
  await assert.rejects(
    scan('orders', 'orders'),
    fails('HEADERS_NOT_FOUND', /630 read.* says where it came from/),
  )
  await restored('orders', 'foreign', { sourceName: 'staging' })
  await assert.rejects(scan('orders', 'foreign'), fails('HEADERS_NOT_FOUND', /its headers name "staging"/))
  await assert.rejects(
    scanHeaders(cluster, {
      topics: ['hollow', 'orders'].map((target) => ({ target, optional: true })),
      sourceCluster: 'prod',
    }),
    fails('HEADERS_NOT_FOUND', /None of the 2 topics/),
  )
})

test('a scan that takes too long, or is stopped, ends', async () => {
  await assert.rejects(
    scan('orders', 'orders', { timeoutMs: 0.01 }),
    fails('SCAN_TIMEOUT', /did not end within 0.00001 s: 0 of \d+ partitions were read/),
  )
  const stopping = new AbortController()
  const reason = new Error('stopped')
  stopping.abort(reason)
  await assert.rejects(scan('orders', 'orders', { signal: stopping.signal }), reason)
})

test('an open transaction is named, and what it holds back is not in the map', async () => {
  await admin.createTopic('held', 1)
  const producer = await java.producer({ 'bootstrap.servers': broker.bootstrap, 'transactional.id': 'held' })
  const write = (offset: number) =>
    producer.send({ topic: 'held', partition: 0, value: 'x', headers: text(offset, 0) })
  await producer.begin()
  for (const offset of [0, 1, 2]) write(offset)
  await producer.commit()
  await producer.begin()
  write(3)
  await producer.sendOffset('held-group', 'held', 0, 1n)
  for (;;) {
    const [partition] = await admin.partitions('held')
    if (partition && partition.end >= 5n) break
  }
  const found = await scan('held', 'held')
  assert.deepEqual(codes(found), ['open-transaction'])
  assert.deepEqual(runs(found.maps), [['held', 0, 'held', 0, { source: 0n, target: 0n, count: 3 }]])
  await producer.abort()
  await producer.close()
})

test('show-offset-mapping prints the documented object, and the lines for people beside it', async () => {
  const live = ['show-offset-mapping', '--bootstrap-servers', broker.bootstrap, '--source-cluster', 'prod']
  const one = await runCli([...live, '--topic', 'copy-wide'])
  assert.equal(one.status, 0, one.stderr)
  const { topic, source_cluster, mappings } = JSON.parse(one.stdout)
  assert.deepEqual(
    { topic, source_cluster, mappings },
    {
      topic: 'copy-wide',
      source_cluster: 'prod',
      mappings: [
        { partition: 0, source_range: { start: 0, end: 11_999 }, target_range: { start: 0, end: 11_999 } },
      ],
    },
  )
  assert.match(one.stderr, /^Partition 0: Source offset 0-11999 → Target offset 0-11999$/m)

  const renamed = await runCli([
    ...live,
    '--topic',
    'wide',
    '--topic-mapping',
    'wide=copy-wide',
    '-o',
    'json',
  ])
  const object = JSON.parse(renamed.stdout)
  assert.deepEqual([object.source_topic, object.target_topic], ['wide', 'copy-wide'])
  assert.equal(object.scanned[0].mapped, 12_000)

  const file = join(folder.path, 'mapping.json')
  const all = await runCli([...live, '--all-topics', '--scan-all-partitions', '--output', file])
  assert.equal(all.status, 0, all.stderr)
  assert.equal(all.stdout, '')
  assert.match(all.stderr, /hollow holds no records/)
  const maps = mapSetFromJson(await readFile(file, 'utf8'), file)
  for (const name of ['copy-orders', 'spread', 'copy-wide', 'busy'])
    assert.ok(maps.targetTopics.includes(name), name)
  assert.ok(!maps.targetTopics.includes('foreign'))
  const spread = await scan('spread', 'spread', { scanAllPartitions: true })
  assert.deepEqual(
    runs(maps).filter(([name]) => name === 'spread'),
    runs(spread.maps),
  )

  const lines = await runCli([...live, '--topic', 'copy-w*', '--format', 'text'])
  assert.match(lines.stdout, /Partition 0: Source offset 0-11999 → Target offset 0-11999/)
  const csv = await runCli([...live, '--topic', 'copy-wide', '--format', 'csv'])
  assert.match(csv.stdout, /\ncopy-wide,0,0,11999,copy-wide,0,0,11999,12000\n/)

  for (const [flags, text] of [
    [['--topic', 'x', '--all-topics'], /--topic, or ask for --all-topics/],
    [['--topic', 'x', '-p', folder.path], /--path is for the map of a backup/],
    [['--topic', 'x', '--sample-rate', '1.5'], /--sample-rate needs a number above 0 and at most 1/],
    [['--topic', 'x', '--topic-mapping', 'a=b,c'], /--topic-mapping needs source=target/],
    [['--topic', 'nope-*'], /no topic nope-/],
  ] as const) {
    const { status, stderr } = await runCli([...live, ...flags])
    assert.equal(status, 2, stderr)
    assert.match(stderr, text)
  }
})

const text = (offset: unknown, partition: number) => forJava(textHeaders(offset, partition))
const binary = (offset: bigint, partition?: number, source?: string) =>
  forJava(binaryHeaders(offset, partition, source))

function forJava(headers: ReturnType<typeof textHeaders>) {
  return headers.map(({ key, value }) => ({ key: key.toString(), value }))
}
