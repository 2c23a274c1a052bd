import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { partitionForKey } from '../../src/records/index.ts'
import { replicateDefaults } from '../../src/replicate/index.ts'
import { contents, type ReplicateLab, startLab } from '../support/replicate-lab.ts'
import { assertCopied, assertMapped, until, untilAtEnd, untilCopied } from '../support/replicated.ts'
import { topicSettings } from '../support/topic-settings.ts'

let lab: ReplicateLab

before(async () => {
  lab = await startLab()
})

after(async () => {
  await lab?.[Symbol.asyncDispose]()
})

/** Cleans every segment that is not written to any more; a segment ends 100 ms (by the records' times) after it began. */
const eagerCleaning = {
  'cleanup.policy': 'compact',
  'segment.ms': '100',
  'min.cleanable.dirty.ratio': '0.01',
  'max.compaction.lag.ms': '200',
}

test('plain, transactional, aborted, compacted and stamped records are copied as they are read, with a map of every position', async () => {
  const { java, sourceAdmin, source } = lab
  const job = lab.job('shapes')
  await Promise.all([
    sourceAdmin.createTopic('shapes-plain', 3),
    sourceAdmin.createTopic('shapes-txn', 1),
    sourceAdmin.createTopic('shapes-compacted', 1, eagerCleaning),
    sourceAdmin.createTopic('shapes-stamped', 1, { 'message.timestamp.type': 'LogAppendTime' }),
    sourceAdmin.createTopic('shapes-empty', 2),
  ])
  const plain = await java.producer({ 'bootstrap.servers': source.bootstrap, 'compression.type': 'zstd' })
  await plain.fill({ topic: 'shapes-plain', partitions: 3, count: 500, size: 80 })
  plain.send(
    { topic: 'shapes-plain', partition: 0, key: null, value: null },
    { topic: 'shapes-plain', partition: 0, key: '', value: '', timestamp: 0n },
    {
      topic: 'shapes-plain',
      partition: 0,
      key: 'k',
      value: 'v',
      headers: [
        { key: 'x', value: null },
        { key: 'x', value: '' },
        { key: 'x', value: '*' },
      ],
    },
  )
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 10; i++) {
      const timestamp = BigInt(1_700_000_000_000 + round * 1000 + i)
      plain.send({
        topic: 'shapes-compacted',
        partition: 0,
        key: `k${i % (4 + round)}`,
        value: `${round}`,
        timestamp,
      })
    }
    await plain.flush()
  }
  plain.send({ topic: 'shapes-stamped', partition: 0, key: 'a', value: 'b', timestamp: 5n })
  await plain.flush()
  const transactional = { 'bootstrap.servers': source.bootstrap, 'transactional.id': 'shapes' }
  const txn = await java.producer(transactional)
  for (let n = 0; n < 6; n++) {
    await txn.begin()
    for (let i = 0; i < 7; i++) txn.send({ topic: 'shapes-txn', partition: 0, key: `${n}`, value: `${i}` })
    await txn.flush()
    await (n % 2 === 0 ? txn.commit() : txn.abort())
    plain.send({ topic: 'shapes-txn', partition: 0, key: 'between', value: `${n}` })
    await plain.flush()
  }
  await until('the cleaner has made holes', async () => {
    return (await java.read(source.bootstrap, 'shapes-compacted', 0)).length < 25
  })
  const topics = [
    ['shapes-plain', 3],
    ['shapes-txn', 1],
    ['shapes-compacted', 1],
    ['shapes-stamped', 1],
    ['shapes-empty', 2],
  ] as const
  const worker = lab.worker(job)
  await untilAtEnd(
    lab,
    worker,
    topics.map(([topic]) => topic),
  )
  assert.equal(await worker.stop(), 0)
  for (const [topic, partitions] of topics) {
    if (topic === 'shapes-compacted') continue
    await assertCopied(lab, topic, partitions)
    await assertMapped(lab, job, topic, partitions)
  }
  // The target cleans as well; what it still holds is the newest of each key, in order.
  const [cleaned, copied] = await Promise.all([
    contents(java, source, 'shapes-compacted', 0),
    contents(java, lab.target, 'shapes-compacted', 0),
  ])
  const newest = (list: readonly string[]) => new Map(list.map((text) => [text.split(' ')[0], text]))
  assert.deepEqual(newest(copied), newest(cleaned))
  const settings = await topicSettings(lab.target.bootstrap, 'shapes-compacted')
  assert.equal(settings.get('cleanup.policy'), 'compact')
})

test('a topic that appears is found, an added partition and a changed setting are followed', async () => {
  const { java, sourceAdmin, targetAdmin } = lab
  const worker = lab.worker(lab.job('grow'))
  await worker.until('it runs', ({ state }) => state === 'running')
  await sourceAdmin.createTopic('grow-new', 1)
  const producer = await java.producer({ 'bootstrap.servers': lab.source.bootstrap })
  await producer.fill({ topic: 'grow-new', partitions: 1, count: 10, size: 20 })
  await untilCopied(lab, 'grow-new', 1)
  await sourceAdmin.configure('grow-new', { 'retention.ms': '777777777' })
  await sourceAdmin.grow('grow-new', 3)
  await until(
    'the target has three partitions',
    async () => (await targetAdmin.partitions('grow-new')).length === 3,
  )
  await producer.fill({ topic: 'grow-new', partitions: 3, first: 10, count: 10, size: 20 })
  await untilCopied(lab, 'grow-new', 3)
  await until('the setting is there', async () => {
    return (await topicSettings(lab.target.bootstrap, 'grow-new')).get('retention.ms') === '777777777'
  })
  assert.equal(await worker.stop(), 0)
  await assertCopied(lab, 'grow-new', 3)
  await assertMapped(lab, lab.job('grow'), 'grow-new', 3)
})

test('a pipeline that begins at the end copies what comes then, and topics that appear later from their beginning, also over a restart', async () => {
  const { java, sourceAdmin, target } = lab
  await sourceAdmin.createTopic('late-old', 1)
  const producer = await java.producer({ 'bootstrap.servers': lab.source.bootstrap })
  const fill = (topic: string, first: number) =>
    producer.fill({ topic, partitions: 1, first, count: 5, size: 20 })
  await fill('late-old', 0)
  const job = lab.job('late', { startAt: 'latest' })
  const first = lab.worker(job)
  await first.until('it stands at the end', ({ partitions }) => partitions.some(({ next }) => next === 5))
  await fill('late-old', 5)
  await first.until('what came then is copied', ({ records }) => records === 5)
  assert.equal(await first.stop(), 0)
  await sourceAdmin.createTopic('late-new', 1)
  await fill('late-new', 0)
  const second = lab.worker(job)
  await second.until('the new topic is copied', ({ records }) => records === 5)
  assert.equal(await second.stop(), 0)
  const keys = async (topic: string) =>
    (await java.read(target.bootstrap, topic, 0)).map(({ key }) => key?.toString())
  assert.deepEqual(await keys('late-old'), ['0-5', '0-6', '0-7', '0-8', '0-9'])
  assert.deepEqual(await keys('late-new'), ['0-0', '0-1', '0-2', '0-3', '0-4'])
})

test('records find their partition by key where the target has another number of them, with headers that say where they were', async () => {
  const { java, sourceAdmin, targetAdmin, target } = lab
  await sourceAdmin.createTopic('spread-a', 2)
  await targetAdmin.createTopic('to.spread-a', 3)
  const producer = await java.producer({ 'bootstrap.servers': lab.source.bootstrap, 'batch.size': '2000' })
  for (let i = 0; i < 300; i++) {
    producer.send({
      topic: 'spread-a',
      partition: i % 2,
      key: i % 10 === 0 ? null : `k${i % 37}`,
      value: `${i}`,
    })
  }
  await producer.flush()
  const worker = lab.worker(
    lab.job('spread', {
      partitioning: 'key',
      rename: { type: 'affix', prefix: 'to.', suffix: '' },
      tracing: { topic: true, partition: true, offset: true, pipeline: false },
    }),
  )
  await worker.until('all is copied', ({ records }) => records >= 300)
  assert.equal(await worker.stop(), 0)
  const seen: string[] = []
  for (let partition = 0; partition < 3; partition++) {
    const last = new Map<string, bigint>()
    for (const { key, value, headers } of await java.read(target.bootstrap, 'to.spread-a', partition)) {
      seen.push(value?.toString() ?? '')
      const told = new Map(headers.map((header) => [header.key, header.value?.toString() ?? '']))
      const from = told.get('x-tidemark-partition') ?? ''
      assert.equal(partition, key === null ? Number(from) : partitionForKey(key, 3))
      assert.equal(told.get('x-tidemark-topic'), 'spread-a')
      const offset = BigInt(told.get('x-tidemark-offset') ?? '')
      assert.ok(offset > (last.get(from) ?? -1n), 'records of one partition keep their order')
      last.set(from, offset)
    }
  }
  assert.deepEqual(
    seen.map(Number).sort((a, b) => a - b),
    Array.from({ length: 300 }, (_, i) => i),
  )
})

test('two pipelines, one each way, do not bring records back; without provenance the second is refused', async () => {
  const { java, sourceAdmin, targetAdmin, source, target } = lab
  await sourceAdmin.createTopic('both-a', 1)
  const there = lab.job('both', { name: 'there', include: ['both-a'], bidirectional: true })
  const back = {
    ...there,
    name: 'back',
    source: { bootstrap: target.bootstrap.split(',') },
    target: { bootstrap: source.bootstrap.split(',') },
  }
  const first = lab.worker(there)
  const near = await java.producer({ 'bootstrap.servers': source.bootstrap })
  near.send({ topic: 'both-a', partition: 0, key: 'near', value: '1' })
  await near.flush()
  await first.until('it is copied', ({ records }) => records === 1)
  const before = await sourceAdmin.topics()
  // Known by its control topic, and where that has another name, by what its workers say.
  const { controlTopic } = replicateDefaults
  for (const control of [controlTopic, { ...controlTopic, name: 'other.control' }]) {
    const refused = lab.worker({ ...back, name: 'refused', bidirectional: false, controlTopic: control })
    assert.equal(await refused.ended, 4)
    assert.equal(refused.log.at(-1)?.code, 'REPLICATION_LOOP')
  }
  assert.deepEqual(await sourceAdmin.topics(), before, 'what is refused leaves nothing behind')
  const second = lab.worker(back)
  await second.until('it runs', ({ state }) => state === 'running')
  const far = await java.producer({ 'bootstrap.servers': target.bootstrap })
  far.send({ topic: 'both-a', partition: 0, key: 'far', value: '2' })
  await far.flush()
  await second.until('it is copied back, and the other one is not', (s) => s.records === 1 && s.returned >= 1)
  await first.until('neither is brought back', ({ returned }) => returned >= 1)
  assert.deepEqual([await first.stop(), await second.stop()], [0, 0])
  for (const cluster of [source, target]) {
    const records = await java.read(cluster.bootstrap, 'both-a', 0)
    assert.deepEqual(records.map(({ key }) => key?.toString()).sort(), ['far', 'near'])
  }
  assert.equal((await targetAdmin.partitions('both-a')).length, 1)
})
