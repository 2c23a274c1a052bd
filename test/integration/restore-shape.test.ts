import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { isTidemarkError } from '../../src/base/index.ts'
import { partitionForKey } from '../../src/records/index.ts'
import { JavaAdmin } from '../support/java-admin.ts'
import { kafkaTool } from '../support/kafka-tools.ts'
import { content, RestoreLab, range } from '../support/restore-lab.ts'

let lab: RestoreLab

before(async () => {
  lab = await RestoreLab.open({ sourceVersion: '3.9.1' })
})

after(async () => {
  await lab?.[Symbol.asyncDispose]()
})

const start = BigInt(Date.now() - 3_600_000)

test('a time window takes records on both of its ends, wherever they lie in a batch, and whole batches stay whole', async () => {
  const topic = await lab.createTopic('window', 1)
  const now = BigInt(Date.now()) - 10_000_000n
  // Out of order, in batches of many.
  const times = range(3000).map((i) => now + BigInt((i * 7919) % 3000))
  await lab.write(
    times.map((timestamp, i) => ({ topic, key: `k${i}`, value: `v${i}`, timestamp })),
    { 'linger.ms': '100', 'compression.type': 'zstd' },
  )
  await lab.backup('window')
  const [from, to] = [now + 1000n, now + 1999n]
  const report = await lab.restore('window', { window: { start: from, end: to, mode: 'record' } })
  assert.equal(report.records, 1000)
  const wanted = (await lab.there(topic)).filter((r) => r.timestamp >= from && r.timestamp <= to)
  assert.deepEqual((await lab.here(topic)).map(content), wanted.map(content))
})

test('a transaction over three topics is in the window wholly or not at all', async () => {
  const topics = ['tx-orders', 'tx-payments', 'tx-audit']
  for (const topic of topics) await lab.createTopic(topic, 2)
  const producer = await lab.java.producer({
    'bootstrap.servers': lab.source.bootstrap,
    'transactional.id': 'shop',
  })
  for (const i of range(60)) {
    await producer.begin()
    for (const topic of topics)
      producer.send({ topic, partition: i % 2, key: `t${i}`, value: `${topic} ${i}` })
    if (i % 7 === 3) await producer.abort()
    else await producer.commit()
  }
  await producer.close()
  await lab.backup('tx', { include: topics })
  const seen = await lab.there('tx-orders', 0)
  const middle = seen[Math.floor(seen.length / 2)]?.timestamp ?? 0n
  for (const [name, offset] of [
    ['at', 0n],
    ['just-after', 1n],
    ['before', -1n],
  ] as const) {
    const report = await lab.restore('tx', {
      include: topics,
      topicRules: [{ type: 'regex', from: 'tx-(.*)', to: `${name}-$1` }],
      window: { start: undefined, end: middle + offset, mode: 'transaction' },
    })
    assert.ok(report.records > 0)
    const keys = await Promise.all(
      ['orders', 'payments', 'audit'].map(async (topic) => {
        const both = await Promise.all([0, 1].map((p) => lab.here(`${name}-${topic}`, p)))
        return both
          .flat()
          .map((r) => r.key?.toString())
          .sort()
      }),
    )
    assert.deepEqual(keys[1], keys[0])
    assert.deepEqual(keys[2], keys[0])
  }
})

test('headers say where a record came from; another restore replaces them; stripping takes them away', async () => {
  const topic = await lab.createTopic('headers', 1)
  await lab.write(
    range(500).map((i) => ({
      topic,
      key: `k${i}`,
      value: `v${i}`,
      timestamp: start + BigInt(i),
      headers: i % 2 === 0 ? [{ key: 'app', value: `h${i}` }] : [],
    })),
    { 'compression.type': 'lz4', 'linger.ms': '50' },
  )
  await lab.backup('headers', { include: [topic], sourceName: 'first' })
  await lab.restore('headers', { include: [topic], addOffsetHeaders: true })
  const once = await lab.here(topic)
  assert.deepEqual(
    once.map((r) => r.headers.map(({ key, value }) => `${key}=${value}`)),
    range(500).map((i) => [
      ...(i % 2 === 0 ? [`app=h${i}`] : []),
      `x-kafka-backup-offset=${i}`,
      'x-kafka-backup-partition=0',
      'x-kafka-backup-cluster=first',
      `x-kafka-backup-timestamp=${start + BigInt(i)}`,
    ]),
  )
  await lab.write(
    once.slice(100, 200).map((r) => ({ topic: 'again', partition: 0, ...r })),
    {},
    await lab.createTopic('again', 1).then(() => lab.source),
  )
  await lab.backup('again', { include: ['again'], sourceName: 'second' })
  await lab.restore('again', { include: ['again'], addOffsetHeaders: true })
  const [twice] = await lab.here('again')
  assert.deepEqual(
    twice?.headers.map(({ key, value }) => `${key}=${value}`),
    [
      'app=h100',
      'x-kafka-backup-offset=0',
      'x-kafka-backup-partition=0',
      'x-kafka-backup-cluster=second',
      `x-kafka-backup-timestamp=${start + 100n}`,
    ],
  )
  const bare = [{ type: 'exact', from: 'again', to: 'bare' }] as const
  await lab.restore('again', { include: ['again'], stripOffsetHeaders: true, topicRules: bare })
  assert.deepEqual(
    (await lab.here('bare')).map((r) => r.headers.map(({ key }) => key)),
    range(100).map((i) => (i % 2 === 0 ? ['app'] : [])),
  )
})

test('repartitioning by key puts each record where a Java producer would, and keeps the order of each key', async () => {
  const topic = await lab.createTopic('spread', 3)
  await lab.write(
    range(4000).map((i) => ({
      topic,
      key: i % 50 === 0 ? null : i % 51 === 0 ? '' : `key-${i % 97}`,
      value: `v${i}`,
      timestamp: start + BigInt(i),
    })),
    { 'compression.type': 'gzip', 'linger.ms': '20' },
  )
  await lab.backup('spread', { include: [topic] })
  const report = await lab.restore('spread', {
    include: [topic],
    repartitioning: { [topic]: { strategy: 'murmur2', partitions: 7 } },
    memory: 8 << 20,
    produceBatchBytes: 4096,
  })
  assert.equal(report.records, 4000)
  const source = (await Promise.all(range(3).map((p) => lab.there(topic, p)))).flat()
  const target = await Promise.all(range(7).map((p) => lab.here(topic, p)))
  assert.equal(target.flat().length, 4000)
  for (const [partition, records] of target.entries()) {
    for (const { key } of records) {
      if (key !== null) assert.equal(partitionForKey(key, 7), partition)
    }
  }
  const byKey = (records: typeof source) => {
    const keyed = records.filter(({ key }) => key !== null)
    return new Map(
      [...Map.groupBy(keyed, ({ key }) => key?.toString())].map(([key, list]) => [key, list.map(content)]),
    )
  }
  assert.deepEqual(byKey(target.flat()), byKey(source))
  // The neutral writer, given the same keys, chooses the same partitions.
  await lab.createTopic('judge', 7)
  await lab.write(
    source.filter(({ key }) => key !== null).map(({ key, value }) => ({ topic: 'judge', key, value })),
  )
  for (const [partition, records] of target.entries()) {
    const values = (list: typeof source) =>
      list.flatMap(({ key, value }) => (key === null ? [] : [value?.toString()])).sort()
    assert.deepEqual(values(records), values(await lab.there('judge', partition)))
  }
})

test('two topics that are mapped to one come together by time, each in its own order', async () => {
  await lab.createTopic('left', 1)
  await lab.createTopic('right', 1)
  for (const [topic, shift] of [
    ['left', 0],
    ['right', 1],
  ] as const) {
    await lab.write(
      range(1000).map((i) => ({
        topic,
        key: topic,
        value: `${topic} ${i}`,
        timestamp: start + BigInt(2 * i + shift),
      })),
      { 'linger.ms': '20' },
    )
  }
  await lab.backup('merge', { include: ['left', 'right'] })
  const report = await lab.restore('merge', {
    include: ['left', 'right'],
    topicRules: [{ type: 'regex', from: 'left|right', to: 'both' }],
  })
  assert.ok(report.notices.some(({ code }) => code === 'topics-merged'))
  assert.deepEqual(
    (await lab.here('both')).map(({ value }) => value?.toString()),
    range(1000).flatMap((i) => [`left ${i}`, `right ${i}`]),
  )
})

test('partitions are filtered and mapped, and a target with too few of them is refused', async () => {
  const topic = await lab.createTopic('mapped', 3)
  await lab.write(range(300).map((i) => ({ topic, partition: i % 3, key: `k${i}`, value: `v${i}` })))
  await lab.backup('mapped', { include: [topic] })
  await lab.restore('mapped', {
    include: [topic],
    sourcePartitions: [1, 2],
    partitionMapping: { 1: 0, 2: 4 },
    topicRules: [{ type: 'exact', from: topic, to: 'remapped' }],
  })
  assert.deepEqual((await lab.here('remapped', 0)).map(content), (await lab.there(topic, 1)).map(content))
  assert.deepEqual((await lab.here('remapped', 4)).map(content), (await lab.there(topic, 2)).map(content))
  await lab.createTopic('narrow', 2, {}, lab.target)
  await assert.rejects(
    lab.restore('mapped', { include: [topic], topicRules: [{ type: 'exact', from: topic, to: 'narrow' }] }),
    (error: unknown) => isTidemarkError(error, 'TARGET_UNSUITABLE') && error.exit === 4,
  )
  assert.equal((await lab.here('narrow', 0)).length, 0)
})

test('batches that the target does not take are split; a record that does not fit alone is named before anything is sent', async () => {
  const topic = await lab.createTopic('large', 1)
  const noise = (i: number) => Buffer.from(range(1500).map((j) => (i * 31 + j * j * 7) % 251))
  await lab.write(
    range(200).map((i) => ({ topic, key: `k${i}`, value: noise(i) })),
    { 'batch.size': '200000', 'linger.ms': '100' },
  )
  await lab.backup('large', { include: [topic] })
  const limited = { 'max.message.bytes': '4096' }
  await lab.restore('large', { include: [topic], configOverrides: limited })
  await lab.assertSame(topic, 1)
  await lab.write([{ topic, key: 'huge', value: Buffer.from(range(9000).map((j) => (j * j * 13) % 251)) }])
  await lab.backup('large', { include: [topic] })
  const renamed = [{ type: 'exact', from: topic, to: 'large-again' }] as const
  await assert.rejects(
    lab.restore('large', { include: [topic], configOverrides: limited, topicRules: renamed }),
    (error: unknown) =>
      isTidemarkError(error, 'RECORD_TOO_LARGE') &&
      error.exit === 4 &&
      error.details.topic === topic &&
      error.details.partition === 0 &&
      error.details.offset === 200n,
  )
  await lab.createTopic('small', 1, limited, lab.target)
  await assert.rejects(
    lab.restore('large', { include: [topic], topicRules: [{ type: 'exact', from: topic, to: 'small' }] }),
    (error: unknown) => isTidemarkError(error, 'RECORD_TOO_LARGE'),
  )
  assert.equal((await lab.here('small')).length, 0)
})

test('of several records that are too large, the hint names a size that takes all of them', async () => {
  for (const [topic, sizes] of [
    ['growing', [9000, 30_000, 60_000]],
    ['growing-long', Array.from({ length: 15 }, (_, i) => 9000 + 5000 * i)],
  ] as const) {
    await lab.createTopic(topic, 1)
    for (const size of sizes)
      await lab.write([{ topic, value: Buffer.from(range(size).map((j) => (j * j * 13) % 251)) }])
    await lab.backup(topic, { include: [topic] })
    await lab.createTopic(`${topic}-copy`, 1, { 'max.message.bytes': '4096' }, lab.target)
    const rules = { topicRules: [{ type: 'exact', from: topic, to: `${topic}-copy` }] } as const
    let hint = ''
    await assert.rejects(lab.restore(topic, { include: [topic], ...rules }), (error: unknown) => {
      hint = isTidemarkError(error, 'RECORD_TOO_LARGE') ? (error.hint ?? '') : ''
      return hint !== ''
    })
    const needed = /max\.message\.bytes of \S+ to (\d+) or more/.exec(hint)?.[1]
    assert.ok(needed, hint)
    const admin = new JavaAdmin(lab.java, lab.target.bootstrap)
    await admin.configure(`${topic}-copy`, { 'max.message.bytes': needed })
    await lab.restore(topic, { include: [topic], ...rules })
    assert.equal((await lab.here(`${topic}-copy`)).length, sizes.length)
  }
})

test('records from the far future, a record of three megabytes, tombstones and an empty partition arrive', async () => {
  const topic = await lab.createTopic('extreme', 2, {
    'message.timestamp.after.max.ms': '9223372036854775807',
    'max.message.bytes': '5000000',
    'cleanup.policy': 'compact',
  })
  const settings = { 'max.request.size': '5000000' }
  await lab.write(
    [
      { topic, partition: 0, key: 'future', value: 'v', timestamp: 253_402_300_799_000n },
      { topic, partition: 0, key: 'large', value: Buffer.alloc(3_000_000, 'large') },
      { topic, partition: 0, key: 'gone', value: null },
    ],
    settings,
  )
  await lab.backup('extreme', { include: [topic] })
  const report = await lab.restore('extreme', { include: [topic] })
  assert.deepEqual(
    report.waitingTopics.map(({ configs }) => Object.keys(configs)),
    [['cleanup.policy']],
  )
  await lab.assertSame(topic, 2)
  assert.equal((await lab.configs(topic)).get('max.message.bytes'), '5000000')
  assert.equal((await lab.configs(topic)).get('message.timestamp.after.max.ms'), '9223372036854775807')
})

test('records without a key are refused for a compacted target before anything is written', async () => {
  const topic = await lab.createTopic('keyless', 1)
  await lab.write(range(10).map((i) => ({ topic, key: i === 7 ? null : `k${i}`, value: `v${i}` })))
  await lab.backup('keyless', { include: [topic] })
  await lab.createTopic('compact', 1, { 'cleanup.policy': 'compact' }, lab.target)
  await assert.rejects(
    lab.restore('keyless', { include: [topic], topicRules: [{ type: 'exact', from: topic, to: 'compact' }] }),
    (error: unknown) => isTidemarkError(error, 'TARGET_UNSUITABLE') && error.details.offset === 7n,
  )
  assert.equal((await lab.here('compact')).length, 0)
})

test('a dry run looks at everything and changes nothing', async () => {
  const topic = await lab.createTopic('dry', 2)
  await lab.write(range(40).map((i) => ({ topic, partition: i % 2, value: `v${i}` })))
  await lab.backup('dry', { include: [topic] })
  const report = await lab.restore('dry', { include: [topic], dryRun: true, dryRunCheckObjects: true })
  assert.equal(report.dryRun, true)
  assert.equal(report.records, 40)
  const topics = await kafkaTool('topics', ['--bootstrap-server', lab.target.bootstrap, '--list'])
  assert.ok(!topics.split('\n').includes(topic))
  const again = await lab.restore('dry', { include: [topic] })
  assert.equal(again.resumed, false)
})
