import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { type ReplicateLab, startLab, type Worker } from '../support/replicate-lab.ts'
import { untilAtEnd } from '../support/replicated.ts'

/* Much at once, and targets that are slow: the copy is whole, and takes no more memory than it may. */

const mib = 1 << 20
/** Of the worker's batches. */
const memory = 8 * mib
const fetchMaxBytes = 2 * mib
/** What the rest of the program may take for a partition: its books, its queues, its place among the routes. */
const perPartition = 0.1 * mib
/** Room for what the garbage collector has not come to, and for buffers of the sockets. */
const slack = 64 * mib

let lab: ReplicateLab

before(async () => {
  // By default a quota lets ten seconds' worth through before it slows anybody down.
  const setup = { apart: true, heap: '640m', properties: { 'quota.window.num': '2' } } as const
  lab = await startLab({ source: setup, target: setup })
})

after(async () => {
  await lab?.[Symbol.asyncDispose]()
})

/** Most memory that the process ever had, in bytes. */
async function peak({ process: { pid } }: Worker): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}

async function fill(topic: string, partitions: number, count: number, size: number): Promise<void> {
  const producer = await lab.java.producer({ 'bootstrap.servers': lab.source.bootstrap })
  await producer.fill({ topic, partitions, count, size })
  await producer.close()
}

/** Every partition holds the keys `<partition>-0` … in order, once each. */
async function assertWhole(topic: string, partitions: number, count: number): Promise<void> {
  for (let partition = 0; partition < partitions; partition++) {
    const records = await lab.java.read(lab.target.bootstrap, topic, partition)
    assert.deepEqual(
      records.map(({ key }) => key?.toString()),
      Array.from({ length: count }, (_, i) => `${partition}-${i}`),
      `${topic}-${partition}`,
    )
  }
}

let idleKnown: number | undefined

/** What a worker takes that has next to nothing to do. */
async function idlePeak(): Promise<number> {
  if (idleKnown !== undefined) return idleKnown
  await lab.sourceAdmin.createTopic('idle-a', 1)
  await fill('idle-a', 1, 10, 100)
  const worker = lab.worker(lab.job('idle', { memory, fetchMaxBytes }))
  await untilAtEnd(lab, worker, ['idle-a'])
  idleKnown = await peak(worker)
  assert.equal(await worker.stop(), 0)
  return idleKnown
}

test('six hundred partitions by one worker: all is copied, in little more memory than it is allowed', async (context) => {
  const [partitions, count, size] = [100, 100, 2_000]
  const topics = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `many-${name}`)
  for (const topic of topics) {
    await lab.sourceAdmin.createTopic(topic, partitions)
    await fill(topic, partitions, count, size)
  }
  const all = topics.length * partitions
  const idle = await idlePeak()
  const worker = lab.worker(lab.job('many', { memory, fetchMaxBytes, topicRefresh: 5_000 }))
  await worker.until('all is copied', ({ records }) => records === all * count, 300)
  assert.equal(worker.status?.partitions.length, all)
  const most = await peak(worker)
  assert.equal(await worker.stop(), 0)
  for (const topic of topics) await assertWhole(topic, partitions, count)
  const bytes = all * count * size
  context.diagnostic(
    `${all} partitions, ${Math.round(bytes / mib)} MiB: ${Math.round(most / mib)} MiB at most, ${Math.round(idle / mib)} MiB when idle`,
  )
  assert.ok(most - idle < memory + all * perPartition + slack, `${most} at most, ${idle} when idle`)
})

test('a slow target, by a quota of its brokers: what waits is bounded, and the copy is whole', async (context) => {
  const [partitions, count, size] = [8, 2_500, 1_000]
  await lab.sourceAdmin.createTopic('slow-a', partitions)
  await fill('slow-a', partitions, count, size)
  const bytes = partitions * count * size
  const rate = 2 * mib
  await lab.targetAdmin.quota({ producer_byte_rate: rate })
  try {
    const worker = lab.worker(lab.job('slow', { memory, fetchMaxBytes }))
    const began = performance.now()
    await worker.until('all is copied', ({ records }) => records === partitions * count, 300)
    const seconds = (performance.now() - began) / 1000
    const most = await peak(worker)
    assert.equal(await worker.stop(), 0)
    await assertWhole('slow-a', partitions, count)
    context.diagnostic(
      `${Math.round(bytes / mib)} MiB at ${rate / mib} MiB/s in ${Math.round(seconds)} s, ${Math.round(most / mib)} MiB at most`,
    )
    assert.equal(worker.status?.transactions.aborted, 0)
    assert.ok(most < (await idlePeak()) + memory + slack, `${most}`)
    // A quota lets a second's worth or two through at once.
    assert.ok(seconds > bytes / rate / 4, `${seconds} s`)
  } finally {
    await lab.targetAdmin.quota({ producer_byte_rate: undefined })
  }
})

test('a slow source, by a quota of its brokers: the copy is whole', async () => {
  const [partitions, count] = [4, 2_000]
  await lab.sourceAdmin.createTopic('thin-a', partitions)
  await fill('thin-a', partitions, count, 1_000)
  await lab.sourceAdmin.quota({ consumer_byte_rate: mib })
  try {
    const worker = lab.worker(lab.job('thin', { memory, fetchMaxBytes }))
    await worker.until('all is copied', ({ records }) => records === partitions * count, 300)
    assert.equal(await worker.stop(), 0)
    assert.equal(worker.status?.transactions.aborted, 0)
  } finally {
    await lab.sourceAdmin.quota({ consumer_byte_rate: undefined })
  }
  await assertWhole('thin-a', partitions, count)
})
