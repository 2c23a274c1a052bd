import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isTidemarkError } from '../../src/base/index.ts'
import { FrameReader } from '../../src/kafka/frame-reader.ts'

function frame(correlationId: number, body: Buffer): Buffer {
  const head = Buffer.alloc(8)
  head.writeInt32BE(body.length + 4, 0)
  head.writeInt32BE(correlationId, 4)
  return Buffer.concat([head, body])
}

/** Reads like the kernel: into the space offered, up to `most` bytes at a time. */
function feed(reader: FrameReader, bytes: Buffer, most: (at: number) => number): void {
  for (let at = 0; at < bytes.length; ) {
    const space = reader.space()
    assert.ok(space.length > 0, 'space is never empty')
    const count = Math.min(space.length, most(at), bytes.length - at)
    bytes.copy(space, 0, at, at + count)
    reader.filled(count)
    at += count
  }
}

test('frames come out whole and in order however the bytes are cut', () => {
  const sizes = fc.array(fc.oneof(fc.nat(40), fc.integer({ min: 60_000, max: 200_000 })), { maxLength: 12 })
  const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 150_000 })), {
    minLength: 1,
  })
  fc.assert(
    fc.property(sizes, cuts, (bodies, reads) => {
      const sent = bodies.map((size, i) => frame(i + 1, Buffer.alloc(size, i + 1)))
      const seen: Buffer[] = []
      const reader = new FrameReader({
        begin: (_correlationId, size) => Buffer.alloc(size + 3),
        complete: (whole) => seen.push(Buffer.from(whole)),
      })
      const bytes = Buffer.concat(sent)
      let i = 0
      feed(reader, bytes, () => reads[i++ % reads.length] ?? 1)
      assert.deepEqual(
        seen,
        sent.map((whole) => whole.subarray(4)),
      )
      assert.equal(reader.pending.length, 0)
    }),
    { numRuns: 60 },
  )
})

test('all but the first 64 KiB of a large frame is read straight into the memory that was given', () => {
  const memory = Buffer.alloc(1 << 20)
  const body = Buffer.alloc((1 << 20) - 4, 7)
  let completed: Buffer | undefined
  const reader = new FrameReader({
    begin: () => memory,
    complete: (whole) => {
      completed = whole
    },
  })
  let direct = 0
  feed(reader, frame(1, body), () => {
    const space = reader.space()
    if (space.buffer === memory.buffer) direct += Math.min(space.length, 100_000)
    return 100_000
  })
  assert.equal(completed?.buffer, memory.buffer)
  assert.equal(completed?.length, 1 << 20)
  assert.ok(direct >= (1 << 20) - (64 << 10))
})

test('memory is asked for when size and correlation id are known, before the body comes', () => {
  const asked: number[] = []
  const reader = new FrameReader({
    begin: (correlationId, size) => {
      asked.push(correlationId, size)
      return Buffer.alloc(size)
    },
    complete: () => {},
  })
  feed(reader, frame(77, Buffer.alloc(500)).subarray(0, 7), () => 7)
  assert.deepEqual(asked, [])
  feed(reader, Buffer.of(77), () => 1)
  assert.deepEqual(asked, [77, 504])
})

test('a size that cannot be is a protocol error', () => {
  for (const size of [-1, 0, 3]) {
    const reader = new FrameReader({ begin: (_id, bytes) => Buffer.alloc(bytes), complete: () => {} })
    const bytes = Buffer.alloc(8)
    bytes.writeInt32BE(size)
    assert.throws(
      () => feed(reader, bytes, () => 8),
      (error) => isTidemarkError(error, 'PROTOCOL_ERROR'),
    )
  }
})
