import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Cluster, connectCluster, Producer } from '../../src/kafka/index.ts'
import { startCluster, type TestCluster } from '../support/brokers.ts'
import { assignmentsOf, Collector, fetchAll, numbered, sendNumbered } from '../support/data-plane.ts'

let brokers: TestCluster
let cluster: Cluster

before(async () => {
  const properties = {
    'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector',
  }
  brokers = await startCluster({ apart: true, brokers: 3, properties })
  cluster = await connectCluster({ bootstrap: brokers.bootstrap.split(','), deliveryTimeout: 60_000 })
})

after(async () => {
  await cluster?.[Symbol.asyncDispose]()
  await brokers?.[Symbol.asyncDispose]()
})

test('with a rack, the replica in it is read, and the leader again when that one is gone', async () => {
  const topic = `racks-${randomUUID().slice(0, 8)}`
  const configs = { 'retention.ms': '-1' }
  const make = () => cluster.createTopics([{ name: topic, partitions: 3, replicationFactor: 3, configs }])
  assert.deepEqual((await make()).failed, [])
  await using producer = new Producer(cluster, { identity: await cluster.initProducerId() })
  const ways = [0, 1, 2].map((partition) => producer.partition({ topic, partition }))
  await Promise.all(ways.map((way) => sendNumbered(way, { batches: 50, perBatch: 4 })))

  const near = await connectCluster({
    bootstrap: brokers.bootstrap.split(','),
    rack: 'rack3',
    deliveryTimeout: 60_000,
  })
  const asked = new Set<number>()
  const watched = new Proxy(near, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        if (name === 'connect') asked.add(Number(args[0]))
        return value.apply(target, args)
      }
    },
  })
  const [info] = await near.topics([topic])
  const elsewhere = info?.partitions.filter(({ leader }) => leader !== 3).map(({ partition }) => partition)
  assert.ok(elsewhere && elsewhere.length > 0)
  const far = (await assignmentsOf(near, topic)).filter(({ partition }) => elsewhere.includes(partition))
  const bounded = await fetchAll(watched, far)
  assert.ok(asked.has(3), 'the replica in the rack was not asked, though it leads none of these')
  for (const p of elsewhere) assert.deepEqual(bounded.values(topic, p), numbered(200))
  assert.deepEqual(bounded.disorder, [])

  const collector = new Collector()
  const over = new AbortController()
  const endless = (await assignmentsOf(near, topic)).map((a) => ({ ...a, stop: undefined }))
  const running = fetchAll(near, endless, { maxWait: 200 }, collector, over.signal)
  const readBy = async (count: number) => {
    const deadline = Date.now() + 60_000
    while (![0, 1, 2].every((p) => collector.values(topic, p).length === count)) {
      assert.ok(Date.now() < deadline, `in vain: reading ${count} records`)
      await delay(50)
    }
  }
  await readBy(200)
  await brokers.broker(3).kill()
  await Promise.all(ways.map((way) => sendNumbered(way, { batches: 25, perBatch: 4, prefix: 'later ' })))
  await readBy(300)
  assert.deepEqual(collector.disorder, [])
  over.abort()
  await assert.rejects(running)
  await near[Symbol.asyncDispose]()
})
