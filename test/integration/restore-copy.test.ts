import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { isTidemarkError } from '../../src/base/index.ts'
import { loadRestoreMaps } from '../../src/restore/index.ts'
import { kafkaTool } from '../support/kafka-tools.ts'
import { RestoreLab, range } from '../support/restore-lab.ts'

let lab: RestoreLab

before(async () => {
  lab = await RestoreLab.open({ targetVersion: '3.9.1' })
})

after(async () => {
  await lab?.[Symbol.asyncDispose]()
})

/** Limits of time that let every record in. */
const everyTime = {
  'message.timestamp.after.max.ms': '9223372036854775807',
  'message.timestamp.before.max.ms': '9223372036854775807',
}

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

test('every codec, null and empty, repeated header keys and times decades apart come out as they went in', async () => {
  const topic = await lab.createTopic('fidelity', 2, everyTime)
  for (const codec of codecs) {
    const producer = await lab.java.producer({
      'bootstrap.servers': lab.source.bootstrap,
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
  await lab.backup('fidelity', { include: [topic] })
  const report = await lab.restore('fidelity', { include: [topic] })
  assert.equal(report.records, 5 * 3005)
  await lab.assertSame(topic, 2)
})

test('committed transactions arrive, aborted ones and markers do not, and positions in between are the same records', async () => {
  const topic = await lab.createTopic('transactions', 1)
  const plain = await lab.java.producer({ 'bootstrap.servers': lab.source.bootstrap })
  const a = await lab.java.producer({ 'bootstrap.servers': lab.source.bootstrap, 'transactional.id': 'a' })
  const b = await lab.java.producer({ 'bootstrap.servers': lab.source.bootstrap, 'transactional.id': 'b' })
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
  await lab.backup('transactions', { include: [topic] })
  await lab.restore('transactions', { include: [topic] })
  await lab.assertSame(topic, 1)
  assert.equal(
    (await lab.java.read(lab.target.bootstrap, topic, 0, { isolation: 'read_uncommitted' })).length,
    13 * 2 + 5 + 20,
  )
})

test('small batches come out as few large ones, as far as the topic takes them: the same records, each where the map says', async () => {
  const kept = { ...everyTime, 'retention.ms': '-1' }
  const topic = await lab.createTopic('small-batches', 1, kept)
  const small = { 'bootstrap.servers': lab.source.bootstrap, 'batch.size': '300', 'linger.ms': '0' }
  const plain = await lab.java.producer(small)
  const aborting = await lab.java.producer({ ...small, 'transactional.id': 'small-batches' })
  for (let i = 0; i < 3000; i++) {
    const timestamp = i % 50 === 0 ? BigInt(i) : 1_700_000_000_000n + BigInt(i * 1000)
    plain.send({ topic, partition: 0, key: `k${i % 7}`, value: `${i}-${'x'.repeat(i % 200)}`, timestamp })
    if (i % 1000 !== 999) continue
    await plain.flush()
    await aborting.begin()
    aborting.send({ topic, partition: 0, value: 'never seen' })
    await aborting.abort()
  }
  for (const producer of [plain, aborting]) await producer.close()
  await lab.backup('small-batches', { include: [topic] })
  for (const [restored, largest] of [
    ['joined', 1 << 20],
    ['joined-less', 10_000],
  ] as const) {
    await lab.createTopic(restored, 1, { ...kept, 'max.message.bytes': `${largest}` }, lab.target)
    const report = await lab.restore('small-batches', {
      include: [topic],
      topicRules: [{ type: 'exact', from: topic, to: restored }],
    })
    await lab.assertSame(topic, 1, restored)
    const sizes = await batchSizes(restored)
    assert.ok(sizes.length < 100, `${sizes.length} batches`)
    assert.ok(sizes.every((size) => size <= largest))
    const { maps } = await loadRestoreMaps(lab.store, 'small-batches', { restoreId: report.restoreId })
    const here = new Map((await lab.here(restored)).map((record) => [record.offset, record.value]))
    for (const { offset, value } of await lab.there(topic)) {
      const found = maps.from(topic, 0)[0]?.find(offset)
      assert.equal(found?.source, offset)
      assert.deepEqual(here.get(found.target), value)
    }
  }
})

test('small batches of quick codecs come out as few large ones of the same codec, with headers added as well', async () => {
  for (const codec of ['lz4', 'snappy', 'zstd', 'gzip']) {
    const topic = await lab.createTopic(`small-${codec}`, 1, everyTime)
    const producer = await lab.java.producer({
      ...{ 'bootstrap.servers': lab.source.bootstrap, 'compression.type': codec },
      ...{ 'batch.size': '2000', 'linger.ms': '0' },
    })
    for (let i = 0; i < 2000; i++) {
      const value = `${i}-${randomBytes(i % 300).toString('latin1')}-${'x'.repeat(i % 200)}`
      producer.send({
        topic,
        key: `k${i % 7}`,
        value,
        headers: i % 3 === 0 ? [{ key: 'h', value: `${i}` }] : [],
      })
    }
    await producer.flush()
    await producer.close()
    await lab.backup(topic, { include: [topic] })
    const before = await batchesOf(topic, lab.source)
    assert.ok(before.length > 100, `${before.length} batches of ${codec}`)
    await lab.restore(topic, { include: [topic] })
    await lab.assertSame(topic, 1)
    const after = await batchesOf(topic)
    assert.deepEqual([...new Set(after.map((batch) => batch.codec))], [codec])
    if (codec === 'gzip') assert.equal(after.length, before.length)
    else assert.ok(after.length * 20 < before.length, `${before.length} became ${after.length}`)
    assert.ok(total(after) <= total(before))
    const traced = `traced-${codec}`
    await lab.restore(topic, {
      include: [topic],
      addOffsetHeaders: true,
      topicRules: [{ type: 'exact', from: topic, to: traced }],
    })
    const withHeaders = await batchesOf(traced)
    assert.deepEqual([...new Set(withHeaders.map((batch) => batch.codec))], [codec])
    if (codec !== 'gzip') assert.ok(withHeaders.length * 20 < before.length)
    const source = await lab.there(topic)
    const found = await lab.here(traced)
    assert.deepEqual(
      found.map(({ key, value }) => [key, value]),
      source.map(({ key, value }) => [key, value]),
    )
    assert.deepEqual(
      found.map(({ headers }) => `${headers.find(({ key }) => key === 'x-kafka-backup-offset')?.value}`),
      source.map(({ offset }) => `${offset}`),
    )
  }
})

function total(batches: readonly { readonly size: number }[]): number {
  return batches.reduce((sum, { size }) => sum + size, 0)
}

/** Sizes of the batches in the first partition of a target topic, as Kafka's own tool tells them. */
async function batchSizes(topic: string): Promise<number[]> {
  return (await batchesOf(topic)).map(({ size }) => size)
}

/** Size and codec of the batches in the first partition of a topic, as Kafka's own tool tells them. */
async function batchesOf(topic: string, cluster = lab.target): Promise<{ size: number; codec: string }[]> {
  const folder = join(cluster.broker(1).logs, `${topic}-0`)
  const files = (await readdir(folder))
    .filter((name) => name.endsWith('.log'))
    .map((name) => join(folder, name))
  const text = await kafkaTool('dumpLogSegments', ['--files', files.join(',')])
  return [...text.matchAll(/^baseOffset: .* size: (\d+) .* compresscodec: (\w+)/gm)].map(
    ([, size, codec]) => ({
      size: Number(size),
      codec: codec ?? '',
    }),
  )
}

test('the times that consumers saw in a LogAppendTime topic are the times on the target', async () => {
  const topic = await lab.createTopic('append-time', 1, { 'message.timestamp.type': 'LogAppendTime' })
  const producer = await lab.java.producer({
    'bootstrap.servers': lab.source.bootstrap,
    'linger.ms': '20',
    'compression.type': 'lz4',
  })
  for (let i = 0; i < 500; i++) producer.send({ topic, key: `k${i}`, value: `v${i}`, timestamp: 5n })
  await producer.flush()
  await producer.close()
  await lab.backup('append-time', { include: [topic] })
  await lab.restore('append-time', { include: [topic] })
  const restored = await lab.assertSame(topic, 1)
  assert.ok(restored.every((record) => record.timestamp > 1_000_000_000_000n))
  assert.equal((await lab.configs(topic)).get('message.timestamp.type'), 'LogAppendTime')
})

test('a topic whose beginning was deleted, and one whose records lie years back, keep every record that there was', async () => {
  const topic = await lab.createTopic('old', 1, { ...everyTime, 'retention.ms': '432000000000' })
  const year = 365n * 86_400_000n
  const producer = await lab.java.producer({ 'bootstrap.servers': lab.source.bootstrap })
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
  await lab.backup('old', { include: [topic] })
  const report = await lab.restore('old', {
    include: [topic],
    configOverrides: { 'retention.ms': '86400000' },
  })
  assert.deepEqual(
    report.waitingTopics.map(({ configs }) => configs),
    [{ 'retention.ms': '86400000' }],
  )
  assert.equal((await lab.configs(topic)).get('retention.ms'), '-1')
  await lab.assertSame(topic, 1)
})

test('the same command once more says that it is done, and changes nothing', async () => {
  const topic = await lab.createTopic('twice', 1)
  await lab.write(range(100).map((i) => ({ topic, key: `k${i}`, value: `v${i}` })))
  await lab.backup('twice', { include: [topic] })
  const first = await lab.restore('twice', { include: [topic] })
  const second = await lab.restore('twice', { include: [topic] })
  assert.equal(first.alreadyDone, false)
  assert.equal(second.alreadyDone, true)
  assert.equal(second.restoreId, first.restoreId)
  assert.equal(second.records, 100)
  await lab.assertSame(topic, 1)
})

test('a target topic that is not empty is refused, unless told to append; then its records stay and the map knows', async () => {
  const topic = await lab.createTopic('filled', 1)
  await lab.write(range(50).map((i) => ({ topic, key: `k${i}`, value: `v${i}` })))
  await lab.backup('filled', { include: [topic] })
  await lab.restore('filled', {
    include: [topic],
    topicRules: [{ type: 'exact', from: topic, to: 'filled-copy' }],
  })
  await assert.rejects(
    lab.restore('filled', {
      include: [topic],
      topicRules: [{ type: 'prefix', from: 'filled', to: 'filled-copy' }],
    }),
    (error: unknown) => isTidemarkError(error, 'TARGET_NOT_EMPTY') && error.exit === 4,
  )
  const report = await lab.restore('filled', {
    include: [topic],
    append: true,
    topicRules: [{ type: 'prefix', from: 'filled', to: 'filled-copy' }],
  })
  assert.equal(report.partitions[0]?.targetStart, 50n)
  const records = await lab.java.read(lab.target.bootstrap, 'filled-copy', 0)
  assert.deepEqual(
    records.map((record) => record.value?.toString()),
    [...range(50), ...range(50)].map((i) => `v${i}`),
  )
})
