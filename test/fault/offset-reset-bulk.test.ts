import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../../src/base/index.ts'
import { type Cluster, connectCluster } from '../../src/kafka/index.ts'
import {
  type ApplyOptions,
  type ApplyReport,
  applyPlan,
  makePlan,
  type Plan,
  readTarget,
} from '../../src/offsets/index.ts'
import { startCluster, type TestCluster } from '../support/brokers.ts'
import { JavaAdmin } from '../support/java-admin.ts'
import { type JavaClient, startJavaClient } from '../support/java-client.ts'
import { type KafkaProxy, offsetCommit, startKafkaProxy } from '../support/kafka-proxy.ts'

/*
 * Three brokers, each behind a proxy that can hold commits and their answers, so that a fault falls into the middle of a bulk reset
 * however fast the machine is. Afterwards Kafka's own admin client finds every position where the report says it is.
 */

const partitions = 4
const groups = Array.from({ length: 120 }, (_, i) => `group-${i}`)
const offsetsTopic = '__consumer_offsets'

let brokers: TestCluster
let proxies: readonly KafkaProxy[]
let java: JavaClient
let admin: JavaAdmin
let cluster: Cluster

before(async () => {
  const targets = [{ port: 0 }, { port: 0 }, { port: 0 }]
  proxies = await Promise.all(targets.map(startKafkaProxy))
  const toldPort = proxies.map(({ port }) => port)
  ;[brokers, java] = await Promise.all([
    startCluster({
      apart: true,
      brokers: 3,
      listeners: [{ name: 'PROXIED', security: 'PLAINTEXT', toldPort }],
    }),
    startJavaClient(),
  ])
  for (const [i, target] of targets.entries()) target.port = brokers.broker(i + 1).portOf('PROXIED')
  admin = new JavaAdmin(java, brokers.bootstrap)
  await admin.createTopic('orders', partitions)
  const producer = await java.producer({ 'bootstrap.servers': brokers.bootstrap })
  await producer.fill({ topic: 'orders', partitions, count: 100, size: 20 })
  await producer.close()
  cluster = await connectCluster({ bootstrap: proxies.map(({ port }) => `127.0.0.1:${port}`) })
  // The offsets topic is there, and every coordinator has been asked for once.
  await reset(1)
})

after(async () => {
  await cluster?.[Symbol.asyncDispose]()
  await Promise.all((proxies ?? []).map((proxy) => proxy[Symbol.asyncDispose]()))
  await java?.[Symbol.asyncDispose]()
  await brokers?.[Symbol.asyncDispose]()
})

afterEach(() => {
  for (const { hooks } of proxies) {
    hooks.onRequest = undefined
    hooks.onAnswer = undefined
  }
})

test('a coordinator that moves in the middle costs a retry', async () => {
  const moved = inTheMiddle(async () => {
    for (const { partition, replicas } of await admin.partitions(offsetsTopic)) {
      const [first = 0, ...rest] = replicas
      await admin.reassign(offsetsTopic, partition, [...rest, first])
    }
    for (const { partition, replicas } of await admin.partitions(offsetsTopic)) {
      for (;;) {
        await admin.elect(offsetsTopic, partition, 'PREFERRED')
        const [now] = (await admin.partitions(offsetsTopic)).filter((one) => one.partition === partition)
        if (now?.leader === replicas[0]) break
        await delay(50)
      }
    }
  })
  const before = await leaders()
  const report = await reset(2)
  await moved
  const after = await leaders()
  assert.ok(
    before.every((leader, partition) => leader !== after[partition]),
    `${before} → ${after}`,
  )
  assert.deepEqual(report.counts, { ...none, set: groups.length * partitions })
  assert.ok((report.commits?.retries ?? 0) > 0)
  await assertTold(report)
})

test('a broker that is killed in the middle costs no position', async () => {
  // Some of its commits are written and never answered.
  const [, proxy] = proxies
  assert.ok(proxy)
  proxy.hooks.onAnswer = (apiKey) => (apiKey === offsetCommit ? never : undefined)
  const killed = inTheMiddle(() => brokers.broker(2).kill())
  const report = await reset(3)
  await killed
  try {
    assert.deepEqual(report.counts, { ...none, set: groups.length * partitions })
    assert.ok((report.commits?.retries ?? 0) > 0)
    await assertTold(report)
  } finally {
    proxy.hooks.onAnswer = undefined
    await brokers.broker(2).start()
    while ((await admin.partitions(offsetsTopic)).some(({ inSync }) => inSync.length < 3)) await delay(100)
  }
})

test('commits whose answers are lost with their connections are made again', async () => {
  let held = 0
  for (const proxy of proxies) {
    proxy.hooks.onAnswer = (apiKey) => {
      if (apiKey !== offsetCommit || held >= 3) return undefined
      if (++held === 3) for (const each of proxies) setImmediate(() => each.cut())
      return never
    }
  }
  const report = await reset(4)
  assert.deepEqual(report.counts, { ...none, set: groups.length * partitions })
  assert.ok((report.commits?.retries ?? 0) >= 3)
  await assertTold(report)
})

test('a commit that is answered too late is settled by reading back, without another try', async () => {
  let held = 0
  let release = () => {}
  const late = new Promise<void>((resolve) => {
    release = resolve
  })
  for (const proxy of proxies) {
    proxy.hooks.onAnswer = (apiKey) => (apiKey === offsetCommit && held++ < 2 ? late : undefined)
  }
  const report = await reset(5, { retries: 0 })
  release()
  assert.ok(held > 2)
  assert.equal(report.commits?.retries, 0)
  assert.equal(report.commits?.groups, groups.length - 2, 'two were never answered')
  assert.deepEqual(report.counts, { ...none, set: groups.length * partitions })
  await assertTold(report)
})

test('a commit that never arrived is told as failed, with the position that is still there', async () => {
  let held = 0
  for (const proxy of proxies) {
    proxy.hooks.onRequest = (apiKey) => {
      if (apiKey !== offsetCommit || held >= 1) return undefined
      held++
      setImmediate(() => proxy.cut())
      return never
    }
  }
  const report = await reset(6, { retries: 0, clock: { ...systemClock, sleep: async () => {} } })
  const failed = report.groups.filter(({ outcome }) => outcome === 'failed')
  assert.ok(failed.length > 0 && failed.length < groups.length)
  assert.equal(report.counts.failed, failed.length * partitions)
  assert.equal(report.counts.set, (groups.length - failed.length) * partitions)
  for (const { entries } of failed) {
    for (const entry of entries) {
      assert.equal(entry.now, 5n)
      assert.ok(entry.outcome === 'failed')
      assert.equal(entry.error.code, 'CONNECTION_LOST')
    }
  }
  await assertTold(report)
  const again = await reset(6)
  assert.equal(again.counts.set, failed.length * partitions)
  assert.equal(again.counts.kept, (groups.length - failed.length) * partitions)
  await assertTold(again)
})

const none = { set: 0, deleted: 0, kept: 0, skipped: 0, failed: 0, refused: 0 }
const never = new Promise<void>(() => {})

/** Holds every commit from the middle on until the fault has happened. */
function inTheMiddle(fault: () => Promise<void>): Promise<void> {
  let commits = 0
  return new Promise<void>((resolve, reject) => {
    let happened: Promise<void> | undefined
    for (const { hooks } of proxies) {
      hooks.onRequest = (apiKey) => {
        if (apiKey !== offsetCommit || ++commits < groups.length / 3) return undefined
        happened ??= fault()
        happened.then(resolve, reject)
        return happened
      }
    }
  })
}

/** Sets every group to an offset in every partition. */
async function reset(offset: number, options: Partial<ApplyOptions> = {}): Promise<ApplyReport> {
  const plan = await planFor(BigInt(offset))
  return await applyPlan(plan, cluster, { snapshot: 'none', watchMs: 0, concurrency: 12, ...options })
}

async function planFor(offset: bigint): Promise<Plan> {
  const state = await readTarget(cluster, groups, ['orders'])
  return makePlan({
    clusterId: cluster.clusterId,
    created: Date.now(),
    origin: { type: 'file', file: 'test', captured: 0 },
    wanted: groups.flatMap((group) =>
      Array.from({ length: partitions }, (_, partition) => ({
        ...{ group, topic: 'orders', partition, offset, metadata: null },
        ...{ kind: 'as-given' as const, reason: '', reread: 0, from: [] },
      })),
    ),
    notices: [],
    ...state,
  })
}

/** Every position is what the report says, as Kafka's own admin client sees it. */
async function assertTold(report: ApplyReport): Promise<void> {
  assert.equal(report.groups.length, groups.length)
  for (const { group, entries } of report.groups) {
    const found = new Map((await admin.positions(group)).map(({ partition, offset }) => [partition, offset]))
    for (const { entry, now, outcome } of entries) {
      assert.equal(found.get(entry.partition), now, `${group}/${entry.partition}: ${outcome}`)
      if (outcome === 'set') assert.equal(now, entry.target)
    }
  }
}

async function leaders(): Promise<number[]> {
  return (await admin.partitions(offsetsTopic)).map(({ leader }) => leader)
}
