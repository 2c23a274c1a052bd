import assert from 'node:assert/strict'
import { randomInt, randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Cluster, connectCluster, Producer } from '../../src/kafka/index.ts'
import { startCluster, type TestCluster } from '../support/brokers.ts'
import { dataThrough, numbered, outgoing } from '../support/data-plane.ts'
import { type JavaClient, startJavaClient } from '../support/java-client.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'

let brokers: TestCluster
let java: JavaClient
let cluster: Cluster
let proxy: TcpProxy

before(async () => {
  // The broker looks every 300 ms for producers to forget: those whose newest record is older than a day.
  const properties = { 'producer.id.expiration.check.interval.ms': '300' }
  ;[brokers, java] = await Promise.all([startCluster({ properties }), startJavaClient()])
  cluster = await connectCluster({ bootstrap: [brokers.bootstrap], deliveryTimeout: 60_000 })
  proxy = await startTcpProxy(brokers.broker(1))
})

after(async () => {
  await proxy?.[Symbol.asyncDispose]()
  await cluster?.[Symbol.asyncDispose]()
  await java?.[Symbol.asyncDispose]()
  await brokers?.[Symbol.asyncDispose]()
})

async function makeTopic(name: string, partitions: number): Promise<string> {
  const topic = `${name}-${randomUUID().slice(0, 8)}`
  const configs = { 'retention.ms': '-1' }
  await cluster.createTopics([{ name: topic, partitions, replicationFactor: 1, configs }])
  return topic
}

const partitions = 3
const wantedCuts = 8

/** Disturbs until told to stop; `progress` waits until something more has landed. */
type Disturbance = (progress: () => Promise<void>, signal: AbortSignal) => Promise<void>

/**
 * Writes numbered records while they are disturbed, until enough connections were cut; what is read by Java, and what was
 * told, must be exact.
 */
async function writeUnder(disturb: Disturbance, timestamp: bigint, settleMs = 400): Promise<void> {
  const topic = await makeTopic('cut', partitions)
  const through = dataThrough(cluster, proxy.port)
  await using producer = new Producer(through, {
    identity: await cluster.initProducerId(),
    settleMs,
    partitionMemory: 20_000,
  })
  const enough = proxy.cuts + wantedCuts
  const over = new AbortController()
  let landings = 0
  const progress = async () => {
    const goal = landings + 5
    while (landings < goal && !over.signal.aborted) await delay(10)
    if (proxy.cuts >= enough) over.abort()
  }
  const disturbing = disturb(progress, over.signal)
  const writing = numbered(partitions).map(async (_, partition) => {
    const way = producer.partition({ topic, partition, expectedBase: 0n })
    const bases: bigint[] = []
    const landed = (base: bigint) => {
      landings++
      bases.push(base)
    }
    for (let n = 0; n < 200 || proxy.cuts < enough; n++) {
      await way.send(outgoing([`${n}a ${'.'.repeat(500)}`, `${n}b`], landed, timestamp))
      if (n % 10 === 0) await delay(5)
    }
    await way.flush()
    return bases
  })
  const told = await Promise.all(writing).finally(async () => {
    over.abort()
    await disturbing
    proxy.rules.swallowDown = false
    proxy.rules.cutAfterUp = undefined
    proxy.rules.cutAfterDown = undefined
  })
  for (let p = 0; p < partitions; p++) {
    const count = told[p]?.length ?? 0
    assert.ok(count >= 200)
    const expected = numbered(count).flatMap((n) => [`${n}a`, `${n}b`])
    const seen = await java.read(brokers.bootstrap, topic, p)
    assert.deepEqual(
      seen.map((record) => record.value?.toString().split(' ')[0]),
      expected,
    )
    assert.deepEqual(
      told[p],
      numbered(count).map((n) => BigInt(n) * 2n),
    )
  }
}

/** Cuts connections after a random number of bytes, in requests or in answers. */
const cutAtRandom: Disturbance = async (progress, signal) => {
  while (!signal.aborted) {
    await delay(randomInt(5, 200))
    if (randomInt(2) === 0) proxy.rules.cutAfterUp = randomInt(1, 20_000)
    else proxy.rules.cutAfterDown = randomInt(1, 200)
    await progress()
  }
}

/** Lets requests through, keeps the answers back for longer than the broker remembers producers, and cuts. */
const loseAnswers: Disturbance = async (progress, signal) => {
  for (;;) {
    await progress()
    if (signal.aborted) return
    proxy.rules.swallowDown = true
    await delay(900)
    proxy.cut()
    proxy.rules.swallowDown = false
  }
}

for (const [age, timestamp] of [
  ['new', () => BigInt(Date.now())],
  ['two years old, which the broker forgets at once', () => BigInt(Date.now()) - 63_072_000_000n],
] as const) {
  test(`connections cut anywhere in requests and answers: every record once and in order (records ${age})`, async () => {
    await writeUnder(cutAtRandom, timestamp())
  })

  test(`answers that are lost after the batches were appended: every record once and in order (records ${age})`, async () => {
    await writeUnder(loseAnswers, timestamp())
  })
}

test('a producer whose epochs are used up goes on under a new id', async () => {
  const topic = await makeTopic('epochs', 1)
  const through = dataThrough(cluster, proxy.port)
  const first = await cluster.initProducerId()
  const renewed: bigint[] = []
  await using producer = new Producer(through, {
    identity: { producerId: first.producerId, epoch: 32_765 },
    settleMs: 300,
    renew: async () => {
      const identity = await cluster.initProducerId()
      renewed.push(identity.producerId)
      return identity
    },
  })
  const way = producer.partition({ topic, partition: 0, expectedBase: 0n })
  for (let round = 0; round < 3; round++) {
    await way.send(outgoing([`${round}a`]))
    await way.flush()
    proxy.rules.swallowDown = true
    await way.send(outgoing([`${round}b`]))
    await delay(200)
    proxy.cut()
    proxy.rules.swallowDown = false
    await way.flush()
  }
  assert.equal(renewed.length, 1)
  assert.equal(way.producerId, renewed[0])
  const seen = await java.read(brokers.bootstrap, topic, 0)
  assert.deepEqual(
    seen.map((record) => record.value?.toString()),
    ['0a', '0b', '1a', '1b', '2a', '2b'],
  )
})

test('a raised epoch is told before anything is sent under it, with all that landed before; when that fails, the partition fails', async () => {
  const topic = await makeTopic('raised', 1)
  const through = dataThrough(cluster, proxy.port)
  await using producer = new Producer(through, { identity: await cluster.initProducerId(), settleMs: 300 })
  const logEnd = async () => {
    const [end] = await cluster.listOffsets([{ topic, partition: 0, at: 'latest' }])
    return end?.offset
  }
  let landed = 0n
  const told: unknown[] = []
  const way = producer.partition({
    topic,
    partition: 0,
    expectedBase: 0n,
    raised: async () => {
      // Long enough for a batch that does not wait to be in the log.
      await delay(300)
      told.push([way.epoch, landed, await logEnd()])
      if (told.length === 2) throw new Error('the journal cannot be written')
    },
  })
  const send = async (value: string) => {
    await way.send(
      outgoing([value], (base) => {
        landed = base + 1n
      }),
    )
  }
  const loseAnswer = async (value: string) => {
    proxy.rules.swallowDown = true
    await send(value)
    while ((await logEnd()) === landed) await delay(10)
    await send(`behind ${value}`)
    proxy.cut()
    proxy.rules.swallowDown = false
  }
  await send('a')
  await way.flush()
  await loseAnswer('b')
  await way.flush()
  assert.deepEqual(told, [[way.epoch, 2n, 2n]])
  assert.equal(landed, 3n)
  await loseAnswer('c')
  await assert.rejects(way.flush(), /the journal cannot be written/)
  assert.equal(told.length, 2)
  const seen = await java.read(brokers.bootstrap, topic, 0)
  assert.deepEqual(
    seen.map((record) => record.value?.toString()),
    ['a', 'b', 'behind b', 'c'],
  )
})
