import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { isTidemarkError } from '../../src/base/index.ts'
import { type Cluster, connectCluster, kafkaCodeOf, Producer, recover } from '../../src/kafka/index.ts'
import { startCluster, type TestCluster } from '../support/brokers.ts'
import { numbered, outgoing, sendNumbered } from '../support/data-plane.ts'
import { type JavaClient, startJavaClient } from '../support/java-client.ts'
import { kafkaTool } from '../support/kafka-tools.ts'

let brokers: TestCluster
let java: JavaClient
let cluster: Cluster

before(async () => {
  ;[brokers, java] = await Promise.all([startCluster(), startJavaClient()])
  cluster = await connectCluster({ bootstrap: [brokers.bootstrap], deliveryTimeout: 20_000 })
})

after(async () => {
  await cluster?.[Symbol.asyncDispose]()
  await java?.[Symbol.asyncDispose]()
  await brokers?.[Symbol.asyncDispose]()
})

async function makeTopic(
  name: string,
  partitions = 1,
  configs: Readonly<Record<string, string>> = {},
): Promise<string> {
  const topic = `${name}-${randomUUID().slice(0, 8)}`
  // The records are old: retention would take them at once.
  const all = { 'retention.ms': '-1', ...configs }
  const made = await cluster.createTopics([{ name: topic, partitions, replicationFactor: 1, configs: all }])
  assert.deepEqual(made.failed, [])
  return topic
}

async function valuesOf(topic: string, partition = 0): Promise<(string | undefined)[]> {
  const records = await java.read(brokers.bootstrap, topic, partition)
  return records.map((record) => record.value?.toString())
}

const hasCode = (code: Parameters<typeof isTidemarkError>[1]) => (error: unknown) =>
  isTidemarkError(error, code)

test('many partitions are written whole and in order, and each batch is told where it landed', async () => {
  const topic = await makeTopic('many', 40)
  await using producer = new Producer(cluster, { identity: await cluster.initProducerId() })
  const all = await Promise.all(
    numbered(40).map(async (_, partition) => {
      const way = producer.partition({ topic, partition, expectedBase: 0n })
      return sendNumbered(way, { batches: 50, perBatch: 7 })
    }),
  )
  for (let p = 0; p < 40; p++) {
    assert.deepEqual(
      all[p],
      numbered(50).map((_, n) => BigInt(n * 7)),
    )
  }
  for (const p of [0, 17, 39]) assert.deepEqual(await valuesOf(topic, p), numbered(350))
  assert.equal(producer.memoryUsed, 0)
})

test('every Produce version that the broker offers writes the same', async () => {
  const topic = await makeTopic('versions')
  let expectedBase = 0n
  for (let version = 3; version <= 13; version++) {
    const old = await connectCluster(
      { bootstrap: [brokers.bootstrap] },
      { versionCeiling: new Map([[0, version]]) },
    )
    await using producer = new Producer(old, { identity: await old.initProducerId() })
    const way = producer.partition({ topic, partition: 0, expectedBase })
    await sendNumbered(way, { batches: 3, perBatch: 5, prefix: `v${version}-` })
    expectedBase += 15n
    await producer.close()
    await old[Symbol.asyncDispose]()
  }
  const expected = numbered(11).flatMap((_, i) => numbered(15, `v${i + 3}-`))
  assert.deepEqual(await valuesOf(topic), expected)
})

test('a sender waits while its queue is full and goes on as batches land', async () => {
  const topic = await makeTopic('waiting', 3)
  const limits = { memory: 40_000, partitionMemory: 20_000 }
  await using producer = new Producer(cluster, { identity: await cluster.initProducerId(), ...limits })
  let most = 0
  await Promise.all(
    [0, 1, 2].map(async (partition) => {
      const way = producer.partition({ topic, partition })
      for (let n = 0; n < 200; n++) {
        await way.send(outgoing([`${n}-${'x'.repeat(4000)}`]))
        most = Math.max(most, producer.memoryUsed)
      }
      await way.flush()
    }),
  )
  assert.ok(most <= 40_000 + 3 * 6 * 5000, `${most} bytes were queued`)
  for (const p of [0, 1, 2]) {
    assert.deepEqual(
      (await valuesOf(topic, p)).map((value) => value?.split('-')[0]),
      numbered(200),
    )
  }
})

test('a partition whose batch is refused for good fails with place and hint, and the others go on', async () => {
  const small = await makeTopic('small', 1, { 'max.message.bytes': '1000' })
  const strict = await makeTopic('strict', 1, { 'message.timestamp.before.max.ms': '1000' })
  const good = await makeTopic('good')
  await using producer = new Producer(cluster, { identity: await cluster.initProducerId() })
  const [tooLarge, tooOld, fine] = [small, strict, good].map((topic) =>
    producer.partition({ topic, partition: 0, expectedBase: 0n }),
  )
  assert.ok(tooLarge && tooOld && fine)
  const landed: bigint[] = []
  await tooLarge.send(outgoing(['fits'], (base) => landed.push(base)))
  await tooLarge.send(outgoing(['x'.repeat(2000)], () => assert.fail('it cannot land')))
  await tooLarge.send(outgoing(['behind it'], () => assert.fail('nothing lands behind it')))
  await assert.rejects(tooLarge.flush(), (error) => {
    assert.ok(isTidemarkError(error, 'RECORD_TOO_LARGE'))
    assert.match(error.message, new RegExp(small))
    assert.match(error.hint ?? '', /max\.message\.bytes/)
    assert.deepEqual([error.details.topic, error.details.partition], [small, 0])
    return true
  })
  assert.deepEqual(landed, [0n])
  await assert.rejects(async () => await tooLarge.send(outgoing(['later'])), hasCode('RECORD_TOO_LARGE'))
  await tooOld.send(outgoing(['old']))
  await assert.rejects(tooOld.flush(), (error) => kafkaCodeOf(error) === 32)
  await sendNumbered(fine, { batches: 20, perBatch: 3 })
  assert.deepEqual(await valuesOf(good), numbered(60))
  assert.deepEqual(await valuesOf(small), ['fits'])
})

test('records of another producer in a topic that is ours alone are found out, and refused', async () => {
  const topic = await makeTopic('alone')
  await using producer = new Producer(cluster, { identity: await cluster.initProducerId() })
  const way = producer.partition({ topic, partition: 0, expectedBase: 0n })
  await sendNumbered(way, { batches: 2, perBatch: 2 })
  const other = await java.producer({ 'bootstrap.servers': brokers.bootstrap })
  other.send({ topic, partition: 0, value: 'foreign' })
  await other.flush()
  await other.close()
  await way.send(outgoing(['after it']))
  await assert.rejects(way.flush(), hasCode('TARGET_CHANGED'))
})

test('among the records of others, each batch is told its own place', async () => {
  const topic = await makeTopic('shared')
  const other = await java.producer({ 'bootstrap.servers': brokers.bootstrap })
  await using producer = new Producer(cluster, { identity: await cluster.initProducerId() })
  const way = producer.partition({ topic, partition: 0 })
  const bases: bigint[] = []
  for (let n = 0; n < 10; n++) {
    other.send({ topic, partition: 0, value: `other ${n}` })
    await other.flush()
    bases.push(...(await sendNumbered(way, { batches: 1, perBatch: 2, prefix: `ours ${n}-` })))
  }
  await other.close()
  const values = await valuesOf(topic)
  bases.forEach((base, n) => {
    assert.equal(values[Number(base)], `ours ${n}-0`)
  })
  assert.equal(values.length, 30)
})

test('a topic that is deleted or created again in between is refused, not written to', async () => {
  const topic = await makeTopic('gone')
  const [info] = await cluster.topics([topic])
  assert.ok(info?.id)
  await using producer = new Producer(cluster, { identity: await cluster.initProducerId() })
  const way = producer.partition({ topic, topicId: info.id, partition: 0, expectedBase: 0n })
  await sendNumbered(way, { batches: 1, perBatch: 2 })
  await cluster.deleteTopics([topic])
  await cluster.createTopics([{ name: topic, partitions: 1, replicationFactor: 1, configs: {} }])
  await way.send(outgoing(['into another topic']))
  await assert.rejects(way.flush(), hasCode('TARGET_CHANGED'))
  assert.deepEqual(await valuesOf(topic), [])
})

test('recover tells what carries our producer id since an offset, and counts the rest', async () => {
  const topic = await makeTopic('recover')
  const identity = await cluster.initProducerId()
  await using producer = new Producer(cluster, { identity })
  const way = producer.partition({ topic, partition: 0 })
  await sendNumbered(way, { batches: 3, perBatch: 4 })
  const other = await java.producer({ 'bootstrap.servers': brokers.bootstrap })
  other.send({ topic, partition: 0, value: 'foreign' })
  await other.flush()
  await other.close()
  await sendNumbered(way, { batches: 1, perBatch: 4 })
  const place = { topic, partition: 0 }
  const found = await recover(cluster, place, { producerId: identity.producerId, since: 4n, settleMs: 100 })
  assert.deepEqual(
    found.batches.map((batch) => [batch.baseOffset, batch.lastOffset, batch.records, batch.baseSequence]),
    [
      [4n, 7n, 4, 4],
      [8n, 11n, 4, 8],
      [13n, 16n, 4, 12],
    ],
  )
  assert.deepEqual([found.logEnd, found.foreign], [17n, 1])
  const beyond = await recover(cluster, place, { producerId: identity.producerId, since: 99n, settleMs: 0 })
  assert.deepEqual([beyond.batches.length, beyond.logEnd], [0, 17n])
})

test('a produce quota slows the producer down without losing or doubling anything', async () => {
  const topic = await makeTopic('quota', 2)
  const quota = ['--entity-type', 'clients', '--entity-name', 'throttled-writer']
  const alter = ['--bootstrap-server', brokers.bootstrap, '--alter', ...quota]
  await kafkaTool('configs', [...alter, '--add-config', 'producer_byte_rate=150000'])
  const slow = await connectCluster({ bootstrap: [brokers.bootstrap], clientId: 'throttled-writer' })
  await using producer = new Producer(slow, { identity: await slow.initProducerId() })
  const started = performance.now()
  await Promise.all(
    [0, 1].map(async (partition) => {
      const way = producer.partition({ topic, partition, expectedBase: 0n })
      for (let n = 0; n < 100; n++) await way.send(outgoing([`${n} ${'q'.repeat(10_000)}`]))
      await way.flush()
    }),
  )
  assert.ok(performance.now() - started > 500, 'the quota did not bite: this test shows nothing')
  await producer.close()
  await slow[Symbol.asyncDispose]()
  for (const p of [0, 1]) {
    assert.deepEqual(
      (await valuesOf(topic, p)).map((value) => value?.split(' ')[0]),
      numbered(100),
    )
  }
})

test('what is sent in a transaction counts when it is committed, and not when it is aborted', async () => {
  const topics = [await makeTopic('tx-a', 3), await makeTopic('tx-b')]
  const [a = '', b = ''] = topics
  const transactional = { id: `tx-${a}`, timeoutMs: 60_000 }
  const identity = await cluster.initProducerId(transactional)
  await using producer = new Producer(cluster, { identity, transactional })
  const ways = [0, 1, 2].map((partition) => producer.partition({ topic: a, partition }))
  const other = producer.partition({ topic: b, partition: 0 })
  for (let round = 0; round < 10; round++) {
    producer.begin()
    await producer.addPartitions([{ topic: a, partition: 0 }])
    for (const way of ways) for (const n of [0, 1, 2]) await way.send(outgoing([`${round}.${n}`]))
    await other.send(outgoing([`${round}`]))
    await (round % 3 === 2 ? producer.abort() : producer.commit())
  }
  const rounds = [0, 1, 3, 4, 6, 7, 9]
  for (const p of [0, 1, 2]) {
    assert.deepEqual(
      await valuesOf(a, p),
      rounds.flatMap((round) => [`${round}.0`, `${round}.1`, `${round}.2`]),
    )
  }
  assert.deepEqual(await valuesOf(b), rounds.map(String))
})

test('of transactions, recover counts what was committed when asked to', async () => {
  const topic = await makeTopic('tx-recover')
  const transactional = { id: `tx-${topic}`, timeoutMs: 60_000 }
  const identity = await cluster.initProducerId(transactional)
  await using producer = new Producer(cluster, { identity, transactional })
  const way = producer.partition({ topic, partition: 0 })
  for (const end of ['commit', 'abort', 'commit'] as const) {
    producer.begin()
    await way.send(outgoing([end, end]))
    await way.flush()
    await producer[end]()
  }
  producer.begin()
  await way.send(outgoing(['left open']))
  await way.flush()
  await producer.close()
  // Whoever takes the id over ends what was left open.
  await cluster.initProducerId(transactional)
  const place = { topic, partition: 0 }
  const options = { producerId: identity.producerId, since: 0n, settleMs: 0 }
  const committed = await recover(cluster, place, { ...options, isolation: 'read_committed' })
  assert.deepEqual(
    committed.batches.map((batch) => batch.baseOffset),
    [0n, 6n],
  )
  const all = await recover(cluster, place, options)
  assert.deepEqual(
    all.batches.map((batch) => batch.baseOffset),
    [0n, 3n, 6n, 9n],
  )
})

test('a transaction that goes wrong is aborted and can be sent anew; one whose id was taken over is fenced', async () => {
  const topic = await makeTopic('tx-wrong', 1, { 'max.message.bytes': '1000' })
  const transactional = { id: `tx-${topic}`, timeoutMs: 60_000 }
  const identity = await cluster.initProducerId(transactional)
  await using producer = new Producer(cluster, { identity, transactional })
  const way = producer.partition({ topic, partition: 0 })
  producer.begin()
  await way.send(outgoing(['lost with the transaction']))
  await way.flush()
  await way.send(outgoing(['x'.repeat(2000)]))
  await assert.rejects(producer.commit(), hasCode('RECORD_TOO_LARGE'))
  await producer.abort()
  producer.begin()
  await way.send(outgoing(['anew']))
  await producer.commit()
  assert.deepEqual(await valuesOf(topic), ['anew'])

  producer.begin()
  await way.send(outgoing(['of the former owner']))
  await way.flush()
  await using successor = new Producer(cluster, {
    identity: await cluster.initProducerId(transactional),
    transactional,
  })
  await assert.rejects(producer.commit())
  await assert.rejects(producer.abort())
  const next = successor.partition({ topic, partition: 0 })
  successor.begin()
  await next.send(outgoing(['of the successor']))
  await successor.commit()
  assert.deepEqual(await valuesOf(topic), ['anew', 'of the successor'])
})
