import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Budget, TidemarkError } from '../../src/base/index.ts'
import { distinctBytes } from '../../src/storage/checks/check.ts'
import { MemoryStore } from '../../src/storage/memory.ts'
import { type PartUpload, PartWriter } from '../../src/storage/part-writer.ts'
import { RetryStore } from '../../src/storage/retry.ts'
import { SegmentPool } from '../../src/storage/segment-pool.ts'
import type { ObjectWriter } from '../../src/storage/store.ts'

const passing = () => new TidemarkError('STORAGE_UNAVAILABLE', 'for a moment', { retriable: true })

/** The receiving end of an upload: keeps parts as a server would, and fails by plan. */
class Receiver implements PartUpload {
  readonly partSize = 1000
  readonly parts = new Map<string, Buffer>()
  object?: Buffer
  aborted = false

  get finished(): boolean {
    return this.object !== undefined
  }

  under = 0
  most = 0
  attempts = 0
  fails: (attempt: number) => boolean = () => false
  hold: Promise<void> | undefined

  async whole(pieces: readonly Buffer[]): Promise<void> {
    if (this.fails(++this.attempts)) throw passing()
    this.object = Buffer.concat(pieces)
  }

  async part(number: number, pieces: readonly Buffer[], signal: AbortSignal): Promise<string> {
    this.most = Math.max(this.most, ++this.under)
    try {
      await (this.hold ?? new Promise((resolve) => setImmediate(resolve)))
      signal.throwIfAborted()
      if (this.fails(++this.attempts)) throw passing()
      this.parts.set(`tag-${number}`, Buffer.concat(pieces))
      return `tag-${number}`
    } finally {
      this.under--
    }
  }

  async complete(tags: readonly string[]): Promise<void> {
    if (this.fails(++this.attempts)) throw passing()
    this.object = Buffer.concat(tags.map((tag) => this.parts.get(tag) ?? assert.fail(`${tag} is missing`)))
  }

  async abort(): Promise<void> {
    this.aborted = true
    this.parts.clear()
  }
}

function writerTo(receiver: Receiver, slots = new Budget(6)): PartWriter {
  return new PartWriter(receiver, new SegmentPool(64, 10), slots, undefined)
}

/** The writer as the retry wrapper hands it out. */
async function retried(writer: ObjectWriter): Promise<ObjectWriter> {
  class One extends MemoryStore {
    override async create(): Promise<ObjectWriter> {
      return writer
    }
  }
  const clock = { now: () => 0, monotonic: () => 0, sleep: async () => {} }
  return await new RetryStore(new One(), { clock, policy: { attempts: 50, delay: 1, maxDelay: 1 } }).create(
    'key',
  )
}

async function writeAll(writer: ObjectWriter, bytes: Buffer, step: number): Promise<void> {
  const memory = Buffer.alloc(step)
  for (let at = 0; at < bytes.length; at += step) {
    const size = Math.min(step, bytes.length - at)
    bytes.copy(memory, 0, at, at + size)
    await writer.write(memory.subarray(0, size))
    memory.fill(0xee)
  }
}

test('what is written arrives whole, whatever the sizes of the writes', async () => {
  for (const size of [0, 1, 999, 1000, 1001, 2000, 12_345]) {
    for (const step of [1, 64, 333, 1000, 5000]) {
      const receiver = new Receiver()
      const writer = writerTo(receiver)
      const bytes = distinctBytes(size)
      await writeAll(writer, bytes, step)
      assert.equal(writer.size, size)
      assert.equal(receiver.finished, false)
      await writer.close()
      assert.ok(receiver.object?.equals(bytes), `${size} bytes in steps of ${step}`)
    }
  }
})

test('bytes out of memory that threads share arrive whole, at whatever addresses they lie', async () => {
  const receiver = new Receiver()
  const upload = Object.assign(receiver, { partSize: 30_000 })
  const writer = new PartWriter(upload, new SegmentPool(8192, 10), new Budget(6), undefined)
  const shared = Buffer.from(new SharedArrayBuffer(200_000))
  shared.set(distinctBytes(shared.length))
  let at = 0
  for (const size of [1, 1023, 1024, 5003, 8191, 8192, 8193, 29_999, 60_001, 7, 40_000]) {
    await writer.write(shared.subarray(at, at + size))
    at += size
  }
  await writer.close()
  assert.ok(receiver.object?.equals(shared.subarray(0, at)))
  assert.equal(writer.size, at)
})

test('parts that fail are sent again, and a write that was interrupted goes on where it stopped', async () => {
  for (const every of [2, 3, 5]) {
    for (const step of [100, 1500, 20_000]) {
      const receiver = new Receiver()
      receiver.fails = (attempt) => attempt % every === 0
      const writer = await retried(writerTo(receiver))
      const bytes = distinctBytes(23_456)
      await writeAll(writer, bytes, step)
      await writer.close()
      assert.equal(writer.size, bytes.length)
      assert.ok(receiver.object?.equals(bytes), `every ${every}th call fails, steps of ${step}`)
    }
  }
})

test('an error of a part comes out, and until it is tried again nothing is closed', async () => {
  const receiver = new Receiver()
  receiver.fails = () => true
  const writer = writerTo(receiver)
  await writer.write(distinctBytes(1500))
  await assert.rejects(writer.close(), { code: 'STORAGE_UNAVAILABLE' })
  await assert.rejects(writer.close(), { code: 'STORAGE_UNAVAILABLE' })
  assert.equal(receiver.finished, false)
  receiver.fails = () => false
  await writer.close()
  assert.ok(receiver.object?.equals(distinctBytes(1500)))
})

test('all writers together send no more parts at once than there are slots', async () => {
  const slots = new Budget(3)
  const receivers = Array.from({ length: 8 }, () => new Receiver())
  let most = 0
  await Promise.all(
    receivers.map(async (receiver, i) => {
      const writer = writerTo(receiver, slots)
      const bytes = distinctBytes(9000 + i, i)
      for (let at = 0; at < bytes.length; at += 700) {
        await writer.write(bytes.subarray(at, at + 700))
        most = Math.max(
          most,
          receivers.reduce((sum, r) => sum + r.under, 0),
        )
      }
      await writer.close()
      assert.ok(receiver.object?.equals(bytes))
    }),
  )
  assert.ok(most <= 3, `${most} at once`)
  assert.equal(slots.used, 0)
})

test('a writer waits while its parts do not get through, instead of taking more memory', async () => {
  const receiver = new Receiver()
  let release = () => {}
  receiver.hold = new Promise((resolve) => {
    release = resolve
  })
  const writer = writerTo(receiver, new Budget(2))
  await writer.write(distinctBytes(3000))
  let done = false
  const waiting = writer.write(distinctBytes(10_000)).then(() => {
    done = true
  })
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(done, false)
  assert.equal(receiver.under, 2)
  assert.equal(writer.size, 3000)
  release()
  await waiting
  await writer.close()
  assert.equal(receiver.object?.length, 13_000)
})

test('an aborted writer drops its parts, also those under way, and cannot be closed', async () => {
  const receiver = new Receiver()
  const slots = new Budget(2)
  const writer = writerTo(receiver, slots)
  await writer.write(distinctBytes(2500))
  await writer.abort()
  await writer.abort()
  assert.equal(receiver.aborted, true)
  assert.equal(receiver.parts.size, 0)
  assert.equal(slots.used, 0)
  await assert.rejects(writer.close(), { code: 'INTERNAL' })
})

test('a caller that stops waiting gets the reason of its signal', async () => {
  const receiver = new Receiver()
  let release = () => {}
  receiver.hold = new Promise((resolve) => {
    release = resolve
  })
  const writer = writerTo(receiver, new Budget(1))
  const stop = new AbortController()
  const waiting = writer.write(distinctBytes(5000), { signal: stop.signal })
  await new Promise((resolve) => setImmediate(resolve))
  stop.abort(new Error('enough'))
  await assert.rejects(waiting, /enough/)
  release()
  await writer.abort()
})
