import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type ReplicateLab, startLab } from '../support/replicate-lab.ts'
import { assertCopied, assertMapped, mapsOf, until, untilAtEnd } from '../support/replicated.ts'

/* What becomes of a pipeline whose own topics, on the target, are deleted, emptied or kept from being read. */

let lab: ReplicateLab

before(async () => {
  lab = await startLab()
})

after(async () => {
  await lab?.[Symbol.asyncDispose]()
})

async function fill(topic: string, first: number, count: number, partitions = 1): Promise<void> {
  const producer = await lab.java.producer({ 'bootstrap.servers': lab.source.bootstrap })
  await producer.fill({ topic, partitions, first, count, size: 30 })
  await producer.close()
}

/** A pipeline with topics of its own, whose topic `<name>-a` has been copied with ten records in each of two partitions. */
async function copied(name: string, configs: Readonly<Record<string, string>> = {}) {
  const topic = `${name}-a`
  await lab.sourceAdmin.createTopic(topic, 2)
  await fill(topic, 0, 10, 2)
  const own = (kind: string) => ({
    name: `${name}.${kind}`,
    create: { partitions: 2, replicationFactor: 1, configs: kind === 'control' ? configs : {} },
  })
  const job = lab.job(name, { controlTopic: own('control'), mapTopic: own('map') })
  const worker = lab.worker(job)
  await untilAtEnd(lab, worker, [topic])
  return { job, topic, worker, control: `${name}.control`, map: `${name}.map` }
}

/** Records of the target, which are never to be more than those of the source. */
async function count(topic: string): Promise<number> {
  let sum = 0
  for (const partition of [0, 1]) sum += (await lab.java.read(lab.target.bootstrap, topic, partition)).length
  return sum
}

test('a control topic that was deleted between two runs: nothing is copied a second time, and the reason is told', async () => {
  const { job, topic, worker, control, map } = await copied('wiped')
  assert.equal(await worker.stop(), 0)
  await lab.targetAdmin.deleteTopic(control)
  await fill(topic, 10, 5, 2)
  const second = lab.worker(job)
  assert.equal(await second.ended, 4)
  const said = second.log.at(-1)
  assert.equal(said?.code, 'TARGET_CHANGED')
  assert.match(String(said?.message), /wiped\.control.* does not say how far wiped-a\/[01] was copied/)
  assert.equal(await count(topic), 20)
  // Told to begin anew, it does.
  await lab.targetAdmin.deleteTopic(map)
  await lab.targetAdmin.deleteTopic(topic)
  const third = lab.worker(job)
  await untilAtEnd(lab, third, [topic])
  assert.equal(await third.stop(), 0)
  await assertCopied(lab, topic, 2)
  await assertMapped(lab, job, topic, 2)
})

test('a control topic that is made anew under a running pipeline ends it; what it copied is not copied again', async () => {
  const { job, topic, worker, control } = await copied('anew')
  await lab.targetAdmin.deleteTopic(control)
  await lab.targetAdmin.createTopic(control, 2, { 'cleanup.policy': 'compact' })
  // Only one partition has something new: the other one's position is lost.
  const producer = await lab.java.producer({ 'bootstrap.servers': lab.source.bootstrap })
  producer.send({ topic, partition: 0, key: 'new', value: 'new' })
  await producer.flush()
  await producer.close()
  assert.equal(await worker.ended, 4)
  assert.equal(worker.log.at(-1)?.code, 'TARGET_CHANGED')
  const second = lab.worker(job)
  assert.equal(await second.ended, 4)
  assert.equal(await count(topic), 20)
})

test('a control topic that is gone under a running pipeline ends it with its name', async () => {
  const { topic, worker, control } = await copied('gone')
  await lab.targetAdmin.deleteTopic(control)
  await fill(topic, 10, 5, 2)
  assert.equal(await worker.ended, 2)
  assert.equal(worker.log.at(-1)?.code, 'TOPIC_NOT_FOUND')
  assert.match(String(worker.log.at(-1)?.message), /gone\.control/)
  assert.equal(await count(topic), 20)
})

test('a map topic that is deleted under a running pipeline ends it; started again it goes on, with a map that knows from where on it is complete', async () => {
  const { job, topic, worker, map } = await copied('mapless')
  // Whole, of both partitions: what was never published is still in the position, and is published later.
  await until('the map is published', async () => {
    const read = await Promise.all([0, 1].map((p) => lab.java.read(lab.target.bootstrap, map, p)))
    const whole = read.flat().filter(({ value }) => JSON.parse(String(value)).to >= 10)
    return new Set(whole.map(({ key }) => String(key))).size === 2
  })
  await lab.targetAdmin.deleteTopic(map)
  await fill(topic, 10, 5, 2)
  assert.equal(await worker.ended, 2)
  assert.equal(worker.log.at(-1)?.code, 'TOPIC_NOT_FOUND')
  assert.match(String(worker.log.at(-1)?.message), /mapless\.map/)
  const second = lab.worker(job)
  await untilAtEnd(lab, second, [topic])
  await until('the map is published', async () => (await mapsOf(lab, job)).from(topic, 0).length > 0)
  assert.equal(await second.stop(), 0)
  await assertCopied(lab, topic, 2)
  const maps = await mapsOf(lab, job)
  for (const partition of [0, 1]) {
    const [found] = maps.from(topic, partition)
    assert.ok(found)
    // A control topic that was not cleaned yet may still hold the runs that were not published at first: then nothing is missing.
    if (found.completeFrom === undefined) assert.equal(found.records, 15)
    else assert.ok(found.completeFrom >= 10n, `complete from ${found.completeFrom}`)
  }
})

test('a control topic that was cleaned still says where every partition stands', async () => {
  const { job, topic, worker, control } = await copied('cleaned', {
    ...{ 'segment.ms': '100', 'min.cleanable.dirty.ratio': '0.01', 'max.compaction.lag.ms': '200' },
  })
  await lab.sourceAdmin.createTopic('cleaned-idle', 1)
  await fill('cleaned-idle', 0, 10)
  await untilAtEnd(lab, worker, ['cleaned-idle'])
  const records = async () => {
    const read = await Promise.all([0, 1].map((p) => lab.java.read(lab.target.bootstrap, control, p)))
    return read.flat().length
  }
  let [written, there] = [0, 0]
  let first = 10
  await until('the cleaner has been there', async () => {
    await fill(topic, first++, 1, 2)
    await untilAtEnd(lab, worker, [topic])
    const now = await records()
    const cleaned = now < there
    there = now
    written++
    return cleaned && written > 5
  })
  assert.equal(await worker.stop(), 0)
  await fill(topic, first, 3, 2)
  const second = lab.worker(job)
  await untilAtEnd(lab, second, [topic, 'cleaned-idle'])
  assert.equal(await second.stop(), 0)
  await assertCopied(lab, topic, 2)
  await assertCopied(lab, 'cleaned-idle', 1)
  await assertMapped(lab, job, topic, 2)
})

test('a transaction of somebody that keeps the control topic from being read is waited for so long, and named', async () => {
  const { job, topic, worker, control } = await copied('blocked')
  assert.equal(await worker.stop(), 0)
  const foreign = await lab.java.producer({
    'bootstrap.servers': lab.target.bootstrap,
    'transactional.id': 'somebody',
  })
  await foreign.begin()
  foreign.send({ topic: control, partition: 0, key: 'x', value: 'x' })
  await foreign.flush()
  await fill(topic, 10, 5, 2)
  const second = lab.worker({ ...job, controlTimeout: 500 })
  await until('it is named', async () =>
    second.log.some(({ error }) => /open transaction keeps blocked\.control\/0/.test(String(error))),
  )
  assert.equal(await count(topic), 20)
  await foreign.abort()
  await untilAtEnd(lab, second, [topic])
  assert.equal(await second.stop(), 0)
  await foreign.close()
  await assertCopied(lab, topic, 2)
})
