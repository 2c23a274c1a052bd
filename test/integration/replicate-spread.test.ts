import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { translate } from '../../src/offsets/index.ts'
import { partitionForKey } from '../../src/records/index.ts'
import type { SeenRecord } from '../support/java-client.ts'
import { type LabJob, type ReplicateLab, startLab } from '../support/replicate-lab.ts'
import { mapsOf, until } from '../support/replicated.ts'

/* Records that find their partition by key, while source or target get more partitions under a running worker. */

let lab: ReplicateLab
before(async () => {
  lab = await startLab()
})
after(async () => {
  await lab?.[Symbol.asyncDispose]()
})

const tracing = { topic: false, partition: true, offset: true, pipeline: false }

/** A record on the target, and where the headers say that it was. */
interface Copied {
  readonly record: SeenRecord
  /** Of the target. */
  readonly partition: number
  readonly from: { readonly partition: number; readonly offset: bigint }
}

/** Sends records without a pause until it ends: each key always to the same source partition. */
class Sender implements AsyncDisposable {
  sent = 0
  readonly #work: Promise<void>
  #ending = false

  constructor(topic: string, partitionOf: (key: number) => number) {
    this.#work = this.#send(topic, partitionOf)
    this.#work.catch(() => {})
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending = true
    await this.#work
  }

  async #send(topic: string, partitionOf: (key: number) => number): Promise<void> {
    const producer = await lab.java.producer({ 'bootstrap.servers': lab.source.bootstrap })
    while (!this.#ending) {
      const records = Array.from({ length: 50 }, () => {
        const key = this.sent % 97
        return { topic, partition: partitionOf(key), key: `k${key}`, value: String(this.sent++) }
      })
      producer.send(...records)
      await producer.flush()
    }
    await producer.close()
  }
}

async function copies(topic: string, partitions: number): Promise<Copied[]> {
  const all: Copied[] = []
  for (let partition = 0; partition < partitions; partition++) {
    for (const record of await lab.java.read(lab.target.bootstrap, topic, partition)) {
      const told = new Map(record.headers.map(({ key, value }) => [key, value?.toString() ?? '']))
      const from = {
        partition: Number(told.get('x-tidemark-partition')),
        offset: BigInt(told.get('x-tidemark-offset') ?? -1),
      }
      all.push({ record, partition, from })
    }
  }
  return all
}

/** Every record once, in the order of its source partition within each target partition, and where the map says. */
async function assertExact(
  job: LabJob,
  topic: string,
  all: readonly Copied[],
  sources: number,
  sent: number,
): Promise<void> {
  const numbers = all.map(({ record }) => Number(record.value?.toString())).sort((a, b) => a - b)
  assert.deepEqual(
    numbers,
    Array.from({ length: sent }, (_, i) => i),
  )
  const last = new Map<string, bigint>()
  for (const { partition, from } of all) {
    const key = `${from.partition} → ${partition}`
    assert.ok(from.offset > (last.get(key) ?? -1n), `records from ${key} are in their order`)
    last.set(key, from.offset)
  }
  const maps = await mapsOf(lab, job)
  for (const { partition, from, record } of all) {
    const map = maps.from(topic, from.partition).find(({ targetPartition }) => targetPartition === partition)
    assert.ok(map, `a map of ${topic}-${from.partition} into ${partition}`)
    const found = translate(map, from.offset, { logStart: 0n, logEnd: 1n << 40n })
    assert.deepEqual([found.kind, found.target], ['exact', record.offset])
  }
  let mapped = 0
  for (let source = 0; source < sources; source++) {
    for (const map of maps.from(topic, source)) {
      assert.equal(map.completeFrom, undefined)
      mapped += map.records
    }
  }
  assert.equal(mapped, sent)
}

/** From each source partition the records lie as a producer would put them that learns of new partitions once each time. */
function assertSwitched(all: readonly Copied[], counts: readonly number[]): void {
  for (const [source, of] of Map.groupBy(all, ({ from }) => from.partition)) {
    let at = 0
    const inOrder = of.toSorted((a, b) => (a.from.offset < b.from.offset ? -1 : 1))
    for (const { record, partition, from } of inOrder) {
      const fits = () => partitionForKey(record.key ?? Buffer.alloc(0), counts[at] ?? 0) === partition
      while (at < counts.length && !fits()) at++
      assert.ok(at < counts.length, `offset ${from.offset} of ${source} lies in ${partition}`)
    }
    assert.equal(at, counts.length - 1, `records of ${source} came to the newest partitions`)
  }
}

for (const exactlyOnce of [true, false]) {
  test(`a target gets more partitions, twice: records find them, each is there once and in order, ${exactlyOnce ? 'exactly once' : 'at least once'}`, async () => {
    const { java, sourceAdmin, targetAdmin, target } = lab
    const name = exactlyOnce ? 'grown' : 'grownleast'
    const topic = `${name}-a`
    await Promise.all([sourceAdmin.createTopic(topic, 2), targetAdmin.createTopic(topic, 3)])
    const job = lab.job(name, { partitioning: 'key', exactlyOnce, tracing })
    const worker = lab.worker(job)
    const sender = new Sender(topic, (key) => key % 2)
    const comesTo = (partition: number) =>
      until(`records come to partition ${partition}`, async () => {
        return (await java.read(target.bootstrap, topic, partition, { max: 1 })).length > 0
      })
    await comesTo(2)
    await targetAdmin.grow(topic, 5)
    await comesTo(4)
    await targetAdmin.grow(topic, 7)
    for (const partition of [5, 6]) await comesTo(partition)
    await sender[Symbol.asyncDispose]()
    const { duplicates } = await worker.until('all is copied', ({ records }) => records >= sender.sent)
    assert.equal(duplicates, 0)
    assert.equal(await worker.stop(), 0)
    const all = await copies(topic, 7)
    assertSwitched(all, [3, 5, 7])
    await assertExact(job, topic, all, 2, sender.sent)
  })
}

test('a worker that is killed while it learns of new partitions loses nothing, and copies nothing twice', async () => {
  const { sourceAdmin, targetAdmin } = lab
  const topic = 'killed-a'
  await Promise.all([sourceAdmin.createTopic(topic, 2), targetAdmin.createTopic(topic, 3)])
  const job = lab.job('killed', { partitioning: 'key', tracing })
  await using sender = new Sender(topic, (key) => key % 2)
  const counts = [3]
  for (const partitions of [4, 6, 9]) {
    const worker = lab.worker(job)
    await worker.until('it copies', ({ records }) => records > 0)
    await targetAdmin.grow(topic, partitions)
    counts.push(partitions)
    await until('it has noticed', async () =>
      worker.log.some(
        ({ message, topic: of }) => of === topic && String(message).includes('number of partitions'),
      ),
    )
    worker.kill('SIGKILL')
    await worker.ended
  }
  await sender[Symbol.asyncDispose]()
  const worker = lab.worker(job)
  let all: Copied[] = []
  await until('all is copied', async () => {
    all = await copies(topic, 9)
    return all.length >= sender.sent
  })
  assert.equal(await worker.stop(), 0)
  assertSwitched(all, counts)
  await assertExact(job, topic, all, 2, sender.sent)
})

test('a source gets more partitions than the target: from then on records find theirs by key', async () => {
  const { java, sourceAdmin, targetAdmin, target } = lab
  const topic = 'source-a'
  await Promise.all([sourceAdmin.createTopic(topic, 2), targetAdmin.createTopic(topic, 2)])
  const job = lab.job('source', { partitioning: 'key', tracing })
  const worker = lab.worker(job)
  // Not where a key belongs by its hash: as long as there are as many partitions, records stay in theirs.
  const apart = (key: number) => 1 - (partitionForKey(Buffer.from(`k${key}`), 2) ?? 0)
  const sender = new Sender(topic, apart)
  await until(
    'records are copied',
    async () => (await java.read(target.bootstrap, topic, 1, { max: 1 })).length > 0,
  )
  await sourceAdmin.grow(topic, 3)
  await until('records of the partitions before find theirs by key', async () =>
    (await copies(topic, 2)).some(({ partition, from }) => partition !== from.partition),
  )
  await sender[Symbol.asyncDispose]()
  await worker.until('all is copied', ({ records }) => records >= sender.sent)
  assert.equal(await worker.stop(), 0)
  const all = await copies(topic, 2)
  for (const source of [0, 1]) {
    const inOrder = all
      .filter(({ from }) => from.partition === source)
      .sort((a, b) => (a.from.offset < b.from.offset ? -1 : 1))
    const first = inOrder.findIndex(({ partition }) => partition !== source)
    assert.ok(first > 0)
    assert.ok(
      inOrder.slice(first).every(({ partition }) => partition === 1 - source),
      'from one record on',
    )
  }
  await assertExact(job, topic, all, 2, sender.sent)
})

test('partitions of one topic in the same shard have each their own map', async () => {
  const { java, sourceAdmin } = lab
  await sourceAdmin.createTopic('wide-a', 18)
  const producer = await java.producer({ 'bootstrap.servers': lab.source.bootstrap })
  producer.send(
    ...Array.from({ length: 180 }, (_, i) => ({
      topic: 'wide-a',
      partition: i % 18,
      key: 'k',
      value: String(i),
    })),
  )
  await producer.flush()
  const job = lab.job('wide')
  const worker = lab.worker(job)
  await worker.until('all is copied', ({ records }) => records === 180)
  assert.equal(await worker.stop(), 0)
  const maps = await mapsOf(lab, job)
  for (let partition = 0; partition < 18; partition++) {
    const found = maps
      .from('wide-a', partition)
      .map(({ targetPartition, records }) => [targetPartition, records])
    assert.deepEqual(found, [[partition, 10]])
  }
})
