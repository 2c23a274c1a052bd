import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { DrillWriter } from '../support/drill-writers.ts'
import { type ReplicateLab, startLab } from '../support/replicate-lab.ts'
import { assertCopied, assertMapped, until, untilAtEnd } from '../support/replicated.ts'

/* A target of three brokers that lose their leaderships, while the copy goes on. */

const topic = 'moved-a'
const partitions = 6
let lab: ReplicateLab

before(async () => {
  lab = await startLab({ target: { apart: true, brokers: 3 } })
})

after(async () => {
  await lab?.[Symbol.asyncDispose]()
})

for (const exactlyOnce of [true, false]) {
  const name = exactlyOnce ? 'moved' : 'least'
  test(`leaders move, a broker is killed and comes back, another is stopped: every record once, ${exactlyOnce ? 'in transactions' : 'also without transactions, as long as the worker lives'}`, async () => {
    const written = { topic: exactlyOnce ? topic : 'least-a', partitions, kind: 'plain' } as const
    await lab.sourceAdmin.createTopic(written.topic, partitions)
    await lab.targetAdmin.createTopic(
      written.topic,
      Array.from({ length: partitions }, (_, p) => [1, 2, 3].map((id) => ((id + p) % 3) + 1)),
    )
    const job = lab.job(name, { exactlyOnce })
    const worker = lab.worker(job)
    const writer = new DrillWriter(lab, written)
    const writing = writer.run()
    const goesOn = async (what: string) => {
      const before = worker.status?.records ?? 0
      await worker.until(`it copies on after ${what}`, ({ records }) => records > before + 50, 180)
    }
    await goesOn('the start')
    // Other leaders, with all brokers there: by another order of the replicas.
    for (const { partition, replicas } of await lab.targetAdmin.partitions(written.topic)) {
      await lab.targetAdmin.reassign(written.topic, partition, [
        ...replicas.slice(1),
        ...replicas.slice(0, 1),
      ])
      await until(`${partition} is led by another`, async () => {
        await lab.targetAdmin.elect(written.topic, partition, 'PREFERRED').catch(() => {})
        const now = (await lab.targetAdmin.partitions(written.topic)).find(
          (one) => one.partition === partition,
        )
        return now?.leader === replicas[1]
      })
    }
    await goesOn('the leaders moved')
    await lab.target.broker(2).kill()
    await goesOn('a broker was killed')
    await lab.target.broker(2).start()
    await until(
      'it is in sync again',
      async () =>
        (await lab.targetAdmin.partitions(written.topic)).every(({ inSync }) => inSync.length === 3),
      120,
    )
    await goesOn('it came back')
    await lab.target.broker(3).stop()
    await goesOn('another was stopped')
    await lab.target.broker(3).start()
    writer.stop()
    await writing
    await untilAtEnd(lab, worker, [written.topic], 180)
    assert.equal(await worker.stop(), 0)
    await assertCopied(lab, written.topic, partitions)
    await assertMapped(lab, job, written.topic, partitions)
  })
}

test('copies have as many replicas as the job says, and no more than there are brokers', async () => {
  await lab.sourceAdmin.createTopic('two-a', 1)
  await lab.sourceAdmin.createTopic('like-a', 1)
  const workers = [lab.worker(lab.job('two', { replicationFactor: 2 })), lab.worker(lab.job('like'))]
  for (const [name, replicas] of [
    ['two-a', 2],
    ['like-a', 1],
  ] as const) {
    const made = async () => (await lab.targetAdmin.partitions(name).catch(() => []))[0]
    await until(`${name} is made`, async () => (await made()) !== undefined)
    assert.equal((await made())?.replicas.length, replicas)
  }
  for (const worker of workers) assert.equal(await worker.stop(), 0)
})
