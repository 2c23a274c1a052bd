import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  type Cluster,
  connectCluster,
  type FetchAssignment,
  Fetcher,
  Producer,
} from '../../src/kafka/index.ts'
import { startCluster, type TestCluster } from '../support/brokers.ts'
import { assignmentsOf, Collector, fetchAll, numbered, outgoing } from '../support/data-plane.ts'
import { type JavaClient, startJavaClient } from '../support/java-client.ts'

let brokers: TestCluster
let java: JavaClient
let cluster: Cluster
/** Speaks Fetch v11: the brokers compare epochs only when asked to. */
let older: Cluster

before(async () => {
  ;[brokers, java] = await Promise.all([startCluster({ apart: true, brokers: 3 }), startJavaClient()])
  const options = { bootstrap: brokers.bootstrap.split(','), deliveryTimeout: 90_000 }
  cluster = await connectCluster(options)
  older = await connectCluster(options, { versionCeiling: new Map([[1, 11]]) })
})

after(async () => {
  await cluster?.[Symbol.asyncDispose]()
  await older?.[Symbol.asyncDispose]()
  await java?.[Symbol.asyncDispose]()
  await brokers?.[Symbol.asyncDispose]()
})

async function makeTopic(
  name: string,
  partitions: number,
  replicationFactor: number,
  configs: Readonly<Record<string, string>> = {},
): Promise<string> {
  const topic = `${name}-${randomUUID().slice(0, 8)}`
  const all = { 'retention.ms': '-1', ...configs }
  const made = await cluster.createTopics([{ name: topic, partitions, replicationFactor, configs: all }])
  assert.deepEqual(made.failed, [])
  return topic
}

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `in vain: ${what}`)
    await delay(100)
  }
}

async function leaderOf(topic: string): Promise<number | undefined> {
  const [info] = await cluster.topics([topic])
  return info?.partitions[0]?.leader
}

async function write(topic: string, values: readonly string[]): Promise<void> {
  await using producer = new Producer(cluster, { identity: await cluster.initProducerId() })
  const way = producer.partition({ topic, partition: 0 })
  for (const value of values) await way.send(outgoing([value]))
  await way.flush()
}

test('leaders that stop, die and come back cost time, not records: everything is read once, and written once', async () => {
  const topic = await makeTopic('moving', 12, 3)
  const collector = new Collector()
  const fetcher = new Fetcher(cluster, { maxWait: 200 }, collector)
  for (const assignment of await assignmentsOf(cluster, topic))
    fetcher.add({ ...assignment, stop: undefined })
  collector.onDelivery = ({ partition, nextOffset }) => {
    if (nextOffset >= 400n) fetcher.remove(topic, partition)
  }
  const reading = fetcher.run(AbortSignal.timeout(150_000))
  await using producer = new Producer(cluster, {
    identity: await cluster.initProducerId(),
    settleMs: 1000,
  })
  let written = 0
  const writing = Promise.all(
    numbered(12).map(async (_, partition) => {
      const way = producer.partition({ topic, partition, expectedBase: 0n })
      const bases: bigint[] = []
      for (let n = 0; n < 400; n++) {
        await way.send(outgoing([`${n}`], (base) => bases.push(base)))
        written++
        await delay(100)
      }
      await way.flush()
      return bases
    }),
  )
  for (const id of [1, 2]) {
    const goal = written + 300
    await until('writing goes on', () => written >= goal)
    if (id === 1) await brokers.broker(id).stop()
    else await brokers.broker(id).kill()
    await delay(4000)
    await brokers.broker(id).start()
  }
  const told = await writing
  await reading
  for (let p = 0; p < 12; p++) {
    assert.deepEqual(
      told[p],
      numbered(400).map((n) => BigInt(n)),
    )
    assert.deepEqual(collector.values(topic, p), numbered(400))
  }
  assert.deepEqual(collector.events, [])
  assert.deepEqual(collector.disorder, [])
  const seen = await java.read(brokers.bootstrap, topic, 5)
  assert.deepEqual(
    seen.map((record) => record.value?.toString()),
    numbered(400),
  )
})

test('a log that unclean elections truncate twice is followed to where it really parts, and what is dead is named', async () => {
  const topic = await makeTopic('unclean', 1, 2, {
    'unclean.leader.election.enable': 'true',
    'min.insync.replicas': '1',
  })
  const [info] = await cluster.topics([topic])
  const [a = 0, b = 0] = info?.partitions[0]?.replicas ?? []
  await until('the first replica leads', async () => (await leaderOf(topic)) === a)
  const [only] = await assignmentsOf(cluster, topic)
  assert.ok(only)
  const endless: FetchAssignment = { ...only, stop: undefined }
  const over = new AbortController()
  const collectors = [new Collector(), new Collector()] as const
  const running = Promise.allSettled([
    fetchAll(cluster, [endless], { maxWait: 200 }, collectors[0], over.signal),
    fetchAll(older, [endless], { maxWait: 200 }, collectors[1], over.signal),
  ])
  const readBy = (count: number, last: string) =>
    until(`reading ${last}`, () =>
      collectors.every((c) => {
        const values = c.values(topic, 0)
        return values.length === count && values.at(-1) === last
      }),
    )
  await write(topic, numbered(90, 'both-'))
  await readBy(90, 'both-89')
  await brokers.broker(b).kill()
  await until('the second replica is out of sync', async () => {
    const [now] = await cluster.topics([topic])
    return now?.partitions[0]?.isr.length === 1
  })

  // The first replica alone; nobody reads this before its broker is gone and the other leads, without it.
  const paused = Promise.withResolvers<void>()
  for (const collector of collectors) collector.onDelivery = () => paused.resolve()
  await write(topic, numbered(10, 'a-'))
  await readBy(100, 'a-9')
  await brokers.broker(a).kill()
  await brokers.broker(b).start()
  await until('the second replica leads', async () => (await leaderOf(topic)) === b)
  await write(topic, numbered(30, 'b-'))
  await readBy(120, 'b-29')
  for (const collector of collectors) {
    const truncated = collector.events.filter((event) => event.type === 'truncated')
    assert.deepEqual(
      truncated.map((event) => [event.divergence, event.seenTo]),
      [[90n, 100n]],
    )
  }

  // Back to the first, whose log never heard of the second's: the two part at 90, though the first's epoch ends at 100.
  await brokers.broker(b).kill()
  await brokers.broker(a).start()
  await until('the first replica leads again', async () => (await leaderOf(topic)) === a)
  await write(topic, numbered(40, 'again-'))
  await readBy(140, 'again-39')
  const expected = [...numbered(90, 'both-'), ...numbered(10, 'a-'), ...numbered(40, 'again-')]
  for (const collector of collectors) {
    assert.deepEqual(collector.values(topic, 0), expected)
    const last = collector.events.filter((event) => event.type === 'truncated').at(-1)
    assert.equal(last?.divergence, 90n)
    assert.deepEqual(collector.disorder, [])
  }
  over.abort()
  await running
  await brokers.broker(b).start()

  // A later run that knows only its position and the epoch before it.
  const seen = await java.read(brokers.bootstrap, topic, 0)
  assert.deepEqual(
    seen.map((record) => record.value?.toString()),
    expected,
  )
})

test('a stop that an unclean election has taken away ends the partition where its log ends now', async () => {
  const topic = await makeTopic('short', 1, 2, {
    'unclean.leader.election.enable': 'true',
    'min.insync.replicas': '1',
  })
  const [info] = await cluster.topics([topic])
  const [a = 0, b = 0] = info?.partitions[0]?.replicas ?? []
  await write(topic, numbered(20))
  await until('both replicas are in sync', async () => {
    const [now] = await cluster.topics([topic])
    return now?.partitions[0]?.isr.length === 2
  })
  await brokers.broker(b).kill()
  await until('the second replica is out of sync', async () => {
    const [now] = await cluster.topics([topic])
    return now?.partitions[0]?.isr.length === 1
  })
  await write(topic, numbered(10, 'lost-'))
  const [before] = await assignmentsOf(cluster, topic)
  assert.ok(before?.stop === 30n)
  const epoch = (await cluster.topics([topic]))[0]?.partitions[0]?.leaderEpoch ?? 0
  await brokers.broker(a).kill()
  await brokers.broker(b).start()
  await until('the second replica leads', async () => (await leaderOf(topic)) === b)
  const unread = await fetchAll(cluster, [before], { maxWait: 100 })
  assert.deepEqual(unread.values(topic, 0), numbered(20))
  assert.deepEqual(
    unread.events.map((event) =>
      event.type === 'truncated' ? [event.divergence, event.seenTo] : event.type,
    ),
    [[20n, 30n], 'done'],
  )
  // Another run had copied all thirty and finds nothing new to fetch: the truncation is noticed all the same.
  for (const reader of [cluster, older]) {
    const idle = { ...before, from: 30n, stop: 20n, lastFetchedEpoch: epoch }
    const copied = await fetchAll(reader, [idle], { maxWait: 100 })
    assert.deepEqual(
      copied.events.map((event) =>
        event.type === 'truncated' ? [event.divergence, event.seenTo] : event.type,
      ),
      [[20n, 30n], 'done'],
    )
  }
  await brokers.broker(a).start()
})
