import assert from 'node:assert/strict'
import { randomInt, randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { isTidemarkError } from '../../src/base/index.ts'
import { type Cluster, connectCluster } from '../../src/kafka/index.ts'
import { startCluster, type TestCluster } from '../support/brokers.ts'
import { assignmentsOf, Collector, dataThrough, fetchAll, numbered } from '../support/data-plane.ts'
import { type JavaClient, startJavaClient } from '../support/java-client.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'

let brokers: TestCluster
let java: JavaClient
let cluster: Cluster
let proxy: TcpProxy

before(async () => {
  ;[brokers, java] = await Promise.all([startCluster({ apart: true }), startJavaClient()])
  cluster = await connectCluster({ bootstrap: [brokers.bootstrap], deliveryTimeout: 60_000 })
  proxy = await startTcpProxy(brokers.broker(1))
})

after(async () => {
  await proxy?.[Symbol.asyncDispose]()
  await cluster?.[Symbol.asyncDispose]()
  await java?.[Symbol.asyncDispose]()
  await brokers?.[Symbol.asyncDispose]()
})

async function written(partitions: number, perPartition: number): Promise<string> {
  const topic = `cut-${randomUUID().slice(0, 8)}`
  await cluster.createTopics([{ name: topic, partitions, replicationFactor: 1, configs: {} }])
  const producer = await java.producer({ 'bootstrap.servers': brokers.bootstrap, 'batch.size': '2000' })
  for (let n = 0; n < perPartition; n++) {
    for (let p = 0; p < partitions; p++) {
      producer.send({ topic, partition: p, value: `${n} ${'-'.repeat(200)}` })
    }
  }
  await producer.flush()
  await producer.close()
  return topic
}

function assertWhole(collector: Collector, topic: string, partitions: number, perPartition: number): void {
  for (let p = 0; p < partitions; p++) {
    assert.deepEqual(
      collector.values(topic, p).map((value) => value?.split(' ')[0]),
      numbered(perPartition),
    )
  }
  assert.deepEqual(
    collector.events.map((event) => event.type),
    numbered(partitions).map(() => 'done'),
  )
  assert.deepEqual(collector.disorder, [])
}

test('connections cut in the middle of responses and requests: everything is delivered once and in order', async () => {
  const topic = await written(6, 2000)
  const over = new AbortController()
  const cutting = (async () => {
    while (!over.signal.aborted) {
      await delay(randomInt(1, 30), undefined, { signal: over.signal }).catch(() => {})
      if (randomInt(5) === 0) proxy.rules.cutAfterUp = randomInt(1, 300)
      else proxy.rules.cutAfterDown = randomInt(1, 60_000)
    }
    proxy.rules.cutAfterUp = undefined
    proxy.rules.cutAfterDown = undefined
  })()
  const assignments = await assignmentsOf(cluster, topic)
  const collector = await fetchAll(
    dataThrough(cluster, proxy.port),
    assignments,
    { maxBytes: 20_000 },
    new Collector(5),
  )
  over.abort()
  await cutting
  assert.ok(proxy.cuts > 5, `only ${proxy.cuts} connections were cut`)
  assertWhole(collector, topic, 6, 2000)
})

test('a broker that is killed and comes back is waited for', async () => {
  const topic = await written(4, 1000)
  const assignments = await assignmentsOf(cluster, topic)
  const collector = new Collector(20)
  const some = new Promise<void>((resolve) => {
    collector.onDelivery = () => collector.deliveries > 20 && resolve()
  })
  const reading = fetchAll(cluster, assignments, { maxBytes: 4000, memory: 1 << 20 }, collector)
  await some
  await brokers.broker(1).kill()
  await delay(2000)
  await brokers.broker(1).start()
  await reading
  assertWhole(collector, topic, 4, 1000)
})

test('a broker that stays away ends its partitions as lost when patience is over, and frees what was held', async () => {
  const topic = await written(2, 200)
  const impatient = await connectCluster({ bootstrap: [brokers.bootstrap], deliveryTimeout: 3000 })
  const assignments = await assignmentsOf(impatient, topic)
  const dead = await startTcpProxy({ port: 1 })
  const collector = await fetchAll(dataThrough(impatient, dead.port), assignments)
  assert.deepEqual(
    collector.events.map((event) => event.type),
    ['lost', 'lost'],
  )
  for (const event of collector.events) {
    assert.ok(event.type === 'lost' && isTidemarkError(event.error))
    assert.ok(event.error.message.length > 20)
  }
  await dead[Symbol.asyncDispose]()
  await impatient[Symbol.asyncDispose]()
})
