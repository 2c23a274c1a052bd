import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { isTidemarkError } from '../../src/base/index.ts'
import { doChores } from '../../src/kafka/fetch-chores.ts'
import { epochEnds, localLogStart } from '../../src/kafka/fetch-epochs.ts'
import { patienceForEmpties } from '../../src/kafka/fetch-judge.ts'
import { LaneBook, type LaneHost } from '../../src/kafka/fetch-lane-book.ts'
import { FetchMemory } from '../../src/kafka/fetch-memory.ts'
import { FetchPartition } from '../../src/kafka/fetch-partition.ts'
import {
  type Cluster,
  connectCluster,
  type FetchAssignment,
  type FetchedBatches,
  Fetcher,
  fetchFrom,
  PositionReader,
} from '../../src/kafka/index.ts'
import { startCluster, type TestCluster } from '../support/brokers.ts'
import { assignmentsOf, Collector, fetchAll, numbered } from '../support/data-plane.ts'
import { type JavaClient, startJavaClient } from '../support/java-client.ts'
import { kafkaTool } from '../support/kafka-tools.ts'

let brokers: TestCluster
let java: JavaClient
let cluster: Cluster

before(async () => {
  ;[brokers, java] = await Promise.all([
    startCluster({ properties: { 'log.cleaner.min.compaction.lag.ms': '0' } }),
    startJavaClient(),
  ])
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
  const made = await cluster.createTopics([{ name: topic, partitions, replicationFactor: 1, configs }])
  assert.deepEqual(made.failed, [])
  return topic
}

async function write(topic: string, partition: number, values: readonly string[], settings = {}) {
  const producer = await java.producer({ 'bootstrap.servers': brokers.bootstrap, ...settings })
  for (const value of values) producer.send({ topic, partition, value })
  await producer.flush()
  await producer.close()
}

async function only(topic: string): Promise<FetchAssignment> {
  const [assignment] = await assignmentsOf(cluster, topic)
  assert.ok(assignment)
  return assignment
}

test('many partitions are read whole, each in order, with few connections and bounded memory', async () => {
  const topic = await makeTopic('many', 60)
  const producer = await java.producer({ 'bootstrap.servers': brokers.bootstrap })
  for (let i = 0; i < 30_000; i++) producer.send({ topic, partition: i % 60, value: `${Math.floor(i / 60)}` })
  await producer.flush()
  await producer.close()
  const assignments = await assignmentsOf(cluster, topic)
  // Small requests and a moving part of the partitions, so that rotation has work to do.
  const collector = await fetchAll(cluster, assignments, { maxBytes: 4096, maxPartitions: 7 })
  for (let p = 0; p < 60; p++) {
    assert.deepEqual(collector.values(topic, p), numbered(500))
    assert.deepEqual(
      collector.eventsOf(topic, p).map((event) => event.type),
      ['done'],
    )
  }
  assert.deepEqual(collector.disorder, [])
})

test('every Fetch version that the broker offers reads the same', async () => {
  const topic = await makeTopic('versions', 3)
  for (const p of [0, 1, 2]) await write(topic, p, numbered(50, `p${p}-`))
  for (let version = 4; version <= 17; version++) {
    const old = await connectCluster(
      { bootstrap: [brokers.bootstrap] },
      { versionCeiling: new Map([[1, version]]) },
    )
    const collector = await fetchAll(old, await assignmentsOf(old, topic))
    for (const p of [0, 1, 2]) assert.deepEqual(collector.values(topic, p), numbered(50, `p${p}-`))
    assert.deepEqual(collector.disorder, [])
    await old[Symbol.asyncDispose]()
  }
})

test('committed transactions are read, aborted ones are listed with each response, an open one holds the end', async () => {
  const topic = await makeTopic('transactions')
  const plain = await java.producer({ 'bootstrap.servers': brokers.bootstrap })
  const settings = { 'bootstrap.servers': brokers.bootstrap, 'batch.size': '200' }
  const a = await java.producer({ ...settings, 'transactional.id': `a-${topic}` })
  const b = await java.producer({ ...settings, 'transactional.id': `b-${topic}` })
  for (let round = 0; round < 20; round++) {
    await a.begin()
    await b.begin()
    a.send({ topic, partition: 0, value: `a${round}` }, { topic, partition: 0, value: `A${round}` })
    await a.flush()
    b.send({ topic, partition: 0, value: `b${round}` })
    await b.flush()
    plain.send({ topic, partition: 0, value: `plain${round}` })
    await plain.flush()
    await (round % 3 === 0 ? a.abort() : a.commit())
    await (round % 4 === 0 ? b.commit() : b.abort())
  }
  const expected = (await java.read(brokers.bootstrap, topic, 0)).map((r) => r.value?.toString())
  const whole = await fetchAll(cluster, await assignmentsOf(cluster, topic))
  assert.deepEqual(whole.values(topic, 0), expected)
  const pieces = await fetchAll(cluster, await assignmentsOf(cluster, topic), { maxBytes: 300 })
  assert.deepEqual(pieces.values(topic, 0), expected)

  await a.begin()
  a.send({ topic, partition: 0, value: 'open' })
  await a.flush()
  plain.send({ topic, partition: 0, value: 'behind the open one' })
  await plain.flush()
  const [latest] = await cluster.listOffsets([{ topic, partition: 0, at: 'latest' }])
  assert.ok(latest?.offset)
  const beyond = { ...(await only(topic)), stop: latest.offset }
  const collector = new Collector()
  const held = Promise.withResolvers<void>()
  collector.onEvent = (event) => {
    if (event.type === 'held') held.resolve()
  }
  const running = fetchAll(cluster, [beyond], { maxWait: 100 }, collector)
  await held.promise
  assert.deepEqual(collector.values(topic, 0), expected)
  await a.commit()
  await running
  assert.deepEqual(collector.values(topic, 0), [...expected, 'open', 'behind the open one'])
  assert.equal(collector.events.at(-1)?.type, 'done')
  for (const producer of [plain, a, b]) await producer.close()
})

const eagerCleaning = {
  'cleanup.policy': 'compact',
  'segment.bytes': '1048576',
  'segment.ms': '100',
  'min.cleanable.dirty.ratio': '0.01',
  'min.compaction.lag.ms': '0',
  'delete.retention.ms': '0',
  'max.compaction.lag.ms': '200',
}

async function cleanedUntil(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `the cleaner did not get there: ${what}`)
    await delay(500)
  }
}

/** What the chores of a lane make of a partition that has been empty too often. */
async function lookBeyond(topic: string, from: bigint, stop: bigint): Promise<string[]> {
  const found: string[] = []
  const host: LaneHost = {
    memory: new FetchMemory(8 << 20, 1 << 20),
    committed: true,
    maxBytes: 1 << 20,
    maxWait: 100,
    gather: 0,
    maxPartitions: 10,
    rack: '',
    signal: AbortSignal.timeout(30_000),
    connect: (broker) => cluster.connect(broker),
    deliver: (_, what) => found.push('type' in what ? what.type : 'batches'),
    doubt: (_, doubt) => found.push(doubt),
    place: () => found.push('place'),
    lost: (_, error) => found.push(error.message),
    finished: () => found.push('finished'),
  }
  const book = new LaneBook(1, host)
  book.connection = await cluster.connect(1)
  book.version = 12
  const partition = new FetchPartition({ ...(await only(topic)), from, stop })
  partition.empties = patienceForEmpties
  book.add(partition)
  while (book.chores.size > 0) await doChores(book, host.deliver)
  book.closeConnection()
  assert.equal(host.memory.used, 0)
  return found
}

test('holes of compaction are passed over, and a last stretch that was compacted away is reported as such', async () => {
  const topic = await makeTopic('compacted', 1, eagerCleaning)
  const settings = { 'bootstrap.servers': brokers.bootstrap, 'enable.idempotence': 'false', 'linger.ms': '0' }
  const producer = await java.producer(settings)
  for (let round = 0; round < 30; round++) {
    for (let key = 0; key < 10; key++) {
      producer.send({ topic, partition: 0, key: `k${key}`, value: `${round}-${key}` })
    }
    await producer.flush()
  }
  const before = await only(topic)
  assert.equal(before.stop, 300n)
  const offsets = async () => (await java.read(brokers.bootstrap, topic, 0)).map((r) => r.offset)
  // Each further segment lets the cleaner at the one before; the same keys make all older records superfluous.
  await cleanedUntil('all old records gone', async () => {
    for (let key = 0; key < 10; key++) producer.send({ topic, partition: 0, key: `k${key}`, value: 'new' })
    await producer.flush()
    return (await offsets()).every((offset) => offset >= 300n)
  })
  await producer.close()
  // Until the cleaner did not work in between.
  for (let seen = await offsets(); ; ) {
    const whole = await fetchAll(cluster, [await only(topic)])
    const then = await offsets()
    if (then.length === seen.length) {
      assert.deepEqual(
        whole.records(topic, 0).map((r) => r.offset),
        then,
      )
      break
    }
    seen = then
  }
  const bounded = await fetchAll(cluster, [{ ...before, lastFetchedEpoch: 0 }])
  assert.deepEqual(bounded.values(topic, 0), [])
  const [compacted, done] = bounded.eventsOf(topic, 0)
  assert.ok(compacted?.type === 'compacted' && compacted.from === 0n && compacted.to === 300n)
  assert.ok(done?.type === 'done' && done.nextOffset === 300n && done.leaderEpoch === 0)
  assert.deepEqual(await lookBeyond(topic, 0n, 300n), ['compacted', 'done', 'finished'])
})

test('a look beyond a hole finds what comes next: data, the stop, or an open transaction', async () => {
  const topic = await makeTopic('looked')
  await write(topic, 0, numbered(10))
  const open = await java.producer({
    'bootstrap.servers': brokers.bootstrap,
    'transactional.id': `open-${topic}`,
  })
  await open.begin()
  open.send({ topic, partition: 0, value: 'undecided' })
  await open.flush()
  assert.deepEqual(await lookBeyond(topic, 4n, 10n), [], 'there is data: it is fetched after all')
  assert.deepEqual(await lookBeyond(topic, 10n, 11n), ['held'])
  await open.abort()
  await open.close()
})

test('a leader tells where an epoch ends, in every version, and where its own disks begin', async () => {
  const topic = await makeTopic('epochs')
  await write(topic, 0, numbered(10))
  const place = { topic, partition: 0 }
  for (const version of [2, 3, 4]) {
    const versionCeiling = new Map([[23, version]])
    await using old = await connectCluster({ bootstrap: [brokers.bootstrap] }, { versionCeiling })
    await using connection = await old.connect(1)
    const ask = (epoch: number) => epochEnds(connection, [{ ...place, leaderEpoch: 0, epoch }])
    assert.deepEqual(await ask(0), [{ ...place, error: 0, epoch: 0, endOffset: 10n }])
    assert.deepEqual(await ask(5), [{ ...place, error: 0, epoch: -1, endOffset: -1n }])
  }
  await using connection = await cluster.connect(1)
  assert.equal(await localLogStart(connection, place), 0n)
  await cluster.deleteRecords([{ ...place, offset: 4n }])
  assert.equal(await localLogStart(connection, place), 4n)
})

test('what retention has taken is a gap with exact bounds, never beyond the stop', async () => {
  const topic = await makeTopic('retention')
  await write(topic, 0, numbered(100))
  const assignment = await only(topic)
  await cluster.deleteRecords([{ topic, partition: 0, offset: 40n }])
  const late = await fetchAll(cluster, [assignment])
  assert.deepEqual(late.values(topic, 0), numbered(100).slice(40))
  assert.deepEqual(
    late.events.map((event) => (event.type === 'gap' ? [event.reason, event.from, event.to] : event.type)),
    [['retention', 0n, 40n], 'done'],
  )
  const all = await fetchAll(cluster, [{ ...assignment, stop: 30n }])
  assert.deepEqual(
    all.events.map((event) =>
      event.type === 'gap' ? [event.from, event.to] : event.type === 'done' ? event.nextOffset : event.type,
    ),
    [[0n, 30n], 30n],
  )
})

test('a topic that was created again is told from the one that was assigned, and one that is gone is lost', async () => {
  const topic = await makeTopic('again', 2)
  await write(topic, 0, numbered(10))
  const before = await assignmentsOf(cluster, topic)
  await cluster.deleteTopics([topic])
  const gone = await fetchAll(cluster, before)
  assert.deepEqual(
    gone.events.filter((event) => event.partition === 0).map((event) => event.type),
    ['lost'],
  )
  const [created] = (
    await cluster.createTopics([{ name: topic, partitions: 2, replicationFactor: 1, configs: {} }])
  ).done
  const again = await fetchAll(cluster, before)
  const event = again.eventsOf(topic, 0)[0]
  assert.ok(event?.type === 'recreated')
  assert.equal(event.topicId, created?.id)
})

test('a topic created again while it is followed is noticed by the fetches themselves', async () => {
  const topic = await makeTopic('followed')
  await write(topic, 0, numbered(10))
  const collector = new Collector()
  const { stop: _, ...endless } = await only(topic)
  const ten = new Promise<void>((resolve) => {
    collector.onDelivery = (fetched) => fetched.nextOffset >= 10n && resolve()
  })
  const running = fetchAll(cluster, [{ ...endless, stop: undefined }], { maxWait: 100 }, collector)
  await ten
  await cluster.deleteTopics([topic])
  await cluster.createTopics([{ name: topic, partitions: 1, replicationFactor: 1, configs: {} }])
  await write(topic, 0, numbered(20, 'other-'))
  await running
  assert.deepEqual(collector.values(topic, 0), numbered(10))
  assert.deepEqual(
    collector.events.map((event) => event.type),
    ['recreated'],
  )
})

test('a batch larger than the response and than all the memory comes whole', async () => {
  const topic = await makeTopic('large', 2, { 'max.message.bytes': '5000000' })
  const large = 'x'.repeat(3_000_000)
  const settings = { 'max.request.size': '6000000' }
  await write(topic, 0, ['small', large, 'after'], settings)
  await write(topic, 1, [large, large, large], settings)
  const collector = await fetchAll(cluster, await assignmentsOf(cluster, topic), {
    maxBytes: 1000,
    memory: 100_000,
  })
  assert.deepEqual(collector.values(topic, 0), ['small', large, 'after'])
  assert.deepEqual(collector.values(topic, 1), [large, large, large])
})

test('a slow sink holds the fetcher back instead of filling the memory', async () => {
  const topic = await makeTopic('slow', 8)
  const producer = await java.producer({ 'bootstrap.servers': brokers.bootstrap })
  for (let i = 0; i < 8000; i++) producer.send({ topic, partition: i % 8, value: 'y'.repeat(1000) })
  await producer.flush()
  await producer.close()
  const held: FetchedBatches[] = []
  let most = 0
  let bytes = 0
  const fetcher: Fetcher = new Fetcher(
    cluster,
    { memory: 2 << 20, maxBytes: 256 << 10 },
    {
      batches(fetched) {
        held.push(fetched)
        bytes += fetched.end - fetched.start
        most = Math.max(most, fetcher.memoryUsed)
        if (held.length >= 2) setTimeout(() => held.shift()?.release(), 3)
        else setTimeout(() => held.shift()?.release(), 10)
      },
      event() {},
    },
  )
  for (const assignment of await assignmentsOf(cluster, topic)) fetcher.add(assignment)
  await fetcher.run(AbortSignal.timeout(60_000))
  assert.ok(bytes > 8_000_000)
  assert.ok(most <= 2 << 20, `${most} bytes were in use`)
  while (held.length > 0) await delay(10)
  assert.equal(fetcher.memoryUsed, 0)
})

test('what trickles in is fetched some at a time when that is asked for, and all of it', async () => {
  const topic = await makeTopic('trickle')
  const gather = 100
  const count = 60
  const times: number[] = []
  let records = 0
  const stop = new AbortController()
  const fetcher = new Fetcher(
    cluster,
    { gather },
    {
      batches(fetched) {
        times.push(performance.now())
        records = Number(fetched.nextOffset)
        fetched.release()
        if (records === count) stop.abort()
      },
      event() {},
    },
  )
  fetcher.add({ ...(await only(topic)), stop: undefined })
  const running = fetcher.run(AbortSignal.any([stop.signal, AbortSignal.timeout(60_000)])).catch(() => {})
  const producer = await java.producer({ 'bootstrap.servers': brokers.bootstrap, 'linger.ms': '0' })
  for (const value of numbered(count)) {
    producer.send({ topic, partition: 0, value })
    await producer.flush()
  }
  await producer.close()
  await running
  assert.equal(records, count)
  const elapsed = (times.at(-1) ?? 0) - (times[0] ?? 0)
  assert.ok(times.length <= elapsed / gather + 3, `${times.length} deliveries in ${elapsed} ms`)
})

test('partitions that come and go while it runs: added ones are read, removed ones stay silent', async () => {
  const topic = await makeTopic('come-and-go', 3)
  for (const p of [0, 1, 2]) await write(topic, p, numbered(5, `${p}-`))
  const assignments = await assignmentsOf(cluster, topic)
  const collector = new Collector()
  const fetcher = new Fetcher(cluster, { maxWait: 50 }, collector)
  const controller = new AbortController()
  const [first, second, third] = assignments
  assert.ok(first && second && third)
  fetcher.add({ ...first, stop: undefined })
  const seen = (p: number, count: number) =>
    new Promise<void>((resolve) => {
      const poll = () => (collector.values(topic, p).length >= count ? resolve() : setTimeout(poll, 10))
      poll()
    })
  const running = fetcher.run(controller.signal)
  await seen(0, 5)
  fetcher.add({ ...second, stop: undefined })
  await seen(1, 5)
  fetcher.remove(topic, 0)
  await write(topic, 0, ['unseen'])
  await write(topic, 1, ['seen'])
  await seen(1, 6)
  assert.deepEqual(collector.values(topic, 0), numbered(5, '0-'))
  controller.abort(new Error('enough'))
  await assert.rejects(running, /enough/)
  assert.deepEqual(collector.disorder, [])
})

test('a throttled broker is waited for, and its empty answers do not end anything', async () => {
  const topic = await makeTopic('throttled', 2)
  for (const p of [0, 1]) await write(topic, p, numbered(300, 'z'.repeat(2000)))
  const quota = ['--entity-type', 'clients', '--entity-name', 'throttled-reader']
  const alter = ['--bootstrap-server', brokers.bootstrap, '--alter', ...quota]
  await kafkaTool('configs', [...alter, '--add-config', 'consumer_byte_rate=80000'])
  const slow = await connectCluster({ bootstrap: [brokers.bootstrap], clientId: 'throttled-reader' })
  const started = performance.now()
  const collector = await fetchAll(slow, await assignmentsOf(slow, topic), {
    maxBytes: 100_000,
    maxWait: 100,
  })
  assert.ok(performance.now() - started > 500, 'the quota did not bite: this test shows nothing')
  await slow[Symbol.asyncDispose]()
  for (const p of [0, 1]) assert.deepEqual(collector.values(topic, p), numbered(300, 'z'.repeat(2000)))
  assert.deepEqual(
    collector.events.map((event) => event.type),
    ['done', 'done'],
  )
})

test('a single position is fetched: inside a batch, at the end, below the start, in a topic that is not there', async () => {
  const topic = await makeTopic('single')
  await write(topic, 0, numbered(20))
  await cluster.deleteRecords([{ topic, partition: 0, offset: 5n }])
  const place = { topic, partition: 0 }
  const found = await fetchFrom(cluster, place, 12n)
  assert.ok(found && found.fromOffset === 12n && found.nextOffset > 12n)
  assert.equal(await fetchFrom(cluster, place, 20n), undefined)
  const isOutOfRange = (error: unknown) => isTidemarkError(error, 'OFFSET_OUT_OF_RANGE')
  await assert.rejects(fetchFrom(cluster, place, 3n), isOutOfRange)
  await assert.rejects(fetchFrom(cluster, place, 21n), isOutOfRange)
  await assert.rejects(fetchFrom(cluster, { topic: 'not-there', partition: 0 }, 0n), (error) =>
    isTidemarkError(error, 'TOPIC_NOT_FOUND'),
  )
  await using reader = new PositionReader(cluster)
  const many = await Promise.all(
    numbered(20)
      .slice(5)
      .map((n) => reader.fetchFrom(place, BigInt(n))),
  )
  assert.ok(many.every((one, i) => one !== undefined && one.fromOffset === BigInt(i + 5)))
  assert.deepEqual((await reader.trueEnd(place))?.end, 20n)
})
