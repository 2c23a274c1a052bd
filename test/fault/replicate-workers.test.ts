import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type ReplicateLab, startLab } from '../support/replicate-lab.ts'
import { assertCopied, assertMapped, untilAtEnd, untilCopied } from '../support/replicated.ts'

let lab: ReplicateLab

before(async () => {
  lab = await startLab()
})

after(async () => {
  await lab?.[Symbol.asyncDispose]()
})

/** Writes to a topic until stopped; resolves when all is durable. */
async function writing(topic: string, partitions: number): Promise<{ stop: () => Promise<number> }> {
  await lab.sourceAdmin.createTopic(topic, partitions)
  const producer = await lab.java.producer({ 'bootstrap.servers': lab.source.bootstrap, 'linger.ms': '5' })
  let running = true
  let first = 0
  const work = (async () => {
    while (running) {
      await producer.fill({ topic, partitions, first, count: 20, size: 100 })
      first += 20
      // Enough to copy at any moment, little enough to be read again and again.
      await delay(100)
    }
  })()
  return {
    stop: async () => {
      running = false
      await work
      await producer.close()
      return first * partitions
    },
  }
}

test('a worker that is killed again and again loses nothing and copies nothing twice', async () => {
  const job = lab.job('killed')
  const writer = await writing('killed-a', 4)
  let seen = 0
  for (let kill = 0; kill < 5; kill++) {
    const worker = lab.worker(job)
    await worker.until('it copies', ({ records }) => records > 100 * kill)
    seen += worker.status?.records ?? 0
    worker.kill('SIGKILL')
    await worker.ended
  }
  assert.ok(seen > 0)
  const total = await writer.stop()
  const worker = lab.worker(job)
  await untilCopied(lab, 'killed-a', 4)
  assert.equal(await worker.stop(), 0)
  await assertCopied(lab, 'killed-a', 4)
  assert.equal((await lab.java.read(lab.target.bootstrap, 'killed-a', 0)).length * 4, total)
  await assertMapped(lab, job, 'killed-a', 4)
})

test('a second worker takes its half and gives it back, and a dead one’s part is taken over', async () => {
  const job = lab.job('shared')
  const writer = await writing('shared-a', 8)
  const first = lab.worker({ ...job, workerId: 'one' })
  await first.until('it copies', ({ records, shards }) => records > 0 && shards.length === 16)
  const second = lab.worker({ ...job, workerId: 'two' })
  await second.until('it copies its half', ({ records, shards }) => records > 0 && shards.length === 8)
  await first.until('it has the other half', ({ shards }) => shards.length === 8)
  assert.equal(await second.stop(), 0)
  await first.until('it has all again', ({ shards }) => shards.length === 16)
  const third = lab.worker({ ...job, workerId: 'three' })
  await third.until('it copies', ({ records, shards }) => records > 0 && shards.length === 8)
  third.kill('SIGKILL')
  await first.until('the dead one’s part is taken over', ({ shards }) => shards.length === 16)
  await writer.stop()
  await untilCopied(lab, 'shared-a', 8)
  assert.equal(await first.stop(), 0)
  await assertCopied(lab, 'shared-a', 8)
  await assertMapped(lab, job, 'shared-a', 8)
})

test('a worker that was stopped beyond its session and wakes up commits nothing more', async () => {
  const job = lab.job('asleep')
  const writer = await writing('asleep-a', 4)
  const sleeper = lab.worker({ ...job, workerId: 'sleeper' })
  await sleeper.until('it copies', ({ records }) => records > 0)
  sleeper.kill('SIGSTOP')
  const other = lab.worker({ ...job, workerId: 'other' })
  await other.until(
    'it has all shards and copies',
    ({ records, shards }) => records > 500 && shards.length === 16,
  )
  const before = sleeper.status?.records ?? 0
  sleeper.kill('SIGCONT')
  await sleeper.until('it has come back as a member', ({ shards }) => shards.length === 8)
  await sleeper.until('it copies again', ({ records }) => records > before)
  await writer.stop()
  await untilCopied(lab, 'asleep-a', 4)
  assert.deepEqual([await sleeper.stop(), await other.stop()], [0, 0])
  await assertCopied(lab, 'asleep-a', 4)
  await assertMapped(lab, job, 'asleep-a', 4)
})

test('at least once: nothing is lost by kills, and what may be there twice is counted', async () => {
  const job = lab.job('least', { exactlyOnce: false })
  const writer = await writing('least-a', 2)
  let counted = 0
  for (let kill = 0; kill < 3; kill++) {
    const worker = lab.worker(job)
    await worker.until('it copies', ({ records }) => records > 300)
    worker.kill('SIGKILL')
    await worker.ended
    counted += worker.status?.duplicates ?? 0
  }
  await writer.stop()
  const worker = lab.worker(job)
  await untilCopied(lab, 'least-a', 2)
  await untilAtEnd(lab, worker, ['least-a'])
  assert.equal(await worker.stop(), 0)
  counted += worker.status?.duplicates ?? 0
  let twice = 0
  for (let partition = 0; partition < 2; partition++) {
    const source = await lab.java.read(lab.source.bootstrap, 'least-a', partition)
    const target = await lab.java.read(lab.target.bootstrap, 'least-a', partition)
    const keys = new Set(target.map(({ key }) => key?.toString()))
    assert.ok(source.every(({ key }) => keys.has(key?.toString())))
    twice += target.length - source.length
  }
  assert.ok(twice >= 0 && twice <= counted, `${twice} are there twice, ${counted} were counted`)
})
