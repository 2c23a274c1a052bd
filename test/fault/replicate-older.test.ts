import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type ReplicateLab, startLab } from '../support/replicate-lab.ts'
import { assertCopied, assertMapped, untilAtEnd } from '../support/replicated.ts'

let lab: ReplicateLab

before(async () => {
  lab = await startLab({ source: { version: '3.9.1' }, target: { version: '3.9.1' } })
})

after(async () => {
  await lab?.[Symbol.asyncDispose]()
})

test('between brokers of Kafka 3.9: a worker that is killed and one that goes on copy every record once', async () => {
  await lab.sourceAdmin.createTopic('older-a', 3)
  const producer = await lab.java.producer({ 'bootstrap.servers': lab.source.bootstrap })
  const job = lab.job('older')
  for (let round = 0; round < 3; round++) {
    await producer.fill({ topic: 'older-a', partitions: 3, first: round * 100, count: 100, size: 50 })
    const worker = lab.worker(job)
    await worker.until('it copies', ({ records }) => records > 0)
    worker.kill('SIGKILL')
    await worker.ended
  }
  const last = lab.worker(job)
  await untilAtEnd(lab, last, ['older-a'])
  assert.equal(await last.stop(), 0)
  await assertCopied(lab, 'older-a', 3)
  await assertMapped(lab, job, 'older-a', 3)
})

test('two workers that were given one name share the work all the same', async () => {
  await lab.sourceAdmin.createTopic('named-a', 4)
  const producer = await lab.java.producer({ 'bootstrap.servers': lab.source.bootstrap })
  const job = lab.job('named', { workerId: 'same' })
  const workers = [lab.worker(job), lab.worker(job)]
  for (const worker of workers) await worker.until('it has half', ({ shards }) => shards.length === 8)
  await producer.fill({ topic: 'named-a', partitions: 4, count: 100, size: 50 })
  await workers[0]?.until(
    'both copy together',
    () => workers.reduce((sum, { status }) => sum + (status?.records ?? 0), 0) === 400,
  )
  for (const worker of workers) assert.equal(await worker.stop(), 0)
  await assertCopied(lab, 'named-a', 4)
})
