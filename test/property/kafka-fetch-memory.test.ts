import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FetchMemory, type ResponseMemory } from '../../src/kafka/fetch-memory.ts'

const maxBytes = 1 << 20
const total = 4 << 20

/** Responses that come one after the other, of sizes around those that decide, and which of those that are held is let go before each. */
const story = fc.array(
  fc.record({
    size: fc.oneof(
      fc.integer({ min: 1, max: 2 * maxBytes }),
      fc.constantFrom(
        1,
        (16 << 10) - 1,
        16 << 10,
        (16 << 10) + 1,
        maxBytes / 4,
        maxBytes,
        maxBytes + (256 << 10),
      ),
    ),
    asked: fc.constantFrom(64 << 10, maxBytes),
    released: fc.array(fc.nat(), { maxLength: 3 }),
  }),
  { maxLength: 60 },
)

test('memory of responses is never lent twice at once, and what is kept stays within the budget', () => {
  fc.assert(
    fc.property(story, (responses) => {
      const memory = new FetchMemory(total, maxBytes)
      const held: ResponseMemory[] = []
      for (const { size, asked, released } of responses) {
        for (const pick of released) held.splice(pick % Math.max(1, held.length), 1)[0]?.release()
        const reserved = memory.need(asked)
        if (!memory.tryReserve(reserved)) continue
        const lent = memory.claim(size, reserved)
        assert.ok(lent.buffer.length >= size)
        assert.ok(held.every(({ buffer }) => buffer !== lent.buffer))
        held.push(lent)
        const bytes = held.reduce((sum, { buffer }) => sum + buffer.length, 0)
        assert.equal(memory.used, bytes)
        assert.ok(memory.idle === 0 || memory.used + memory.idle <= total)
      }
      for (const lent of held) lent.release()
      assert.equal(memory.used, 0)
      assert.ok(memory.idle <= total)
    }),
  )
})

test('a steady stream of responses uses the same memory again', () => {
  const memory = new FetchMemory(total, maxBytes)
  const buffers = new Set<Buffer>()
  for (let i = 0; i < 100; i++) {
    const reserved = memory.need(64 << 10)
    assert.ok(memory.tryReserve(reserved))
    const lent = memory.claim(20_000 + i, reserved)
    buffers.add(lent.buffer)
    lent.release()
  }
  assert.equal(buffers.size, 1)
})

test('memory is used again while others wait for room: a reservation is not yet memory', async () => {
  let made = 0
  const allocate = (bytes: number) => {
    made += bytes
    return Buffer.alloc(bytes)
  }
  const memory = new FetchMemory(total, maxBytes, allocate)
  const never = new AbortController().signal
  const full = memory.need(maxBytes)
  const held: ResponseMemory[] = []
  const reserved = Array.from({ length: 8 }, () => memory.reserve(full, never))
  for (let i = 0; i < 100; i++) {
    await reserved.shift()
    held.push(memory.claim(maxBytes, full))
    reserved.push(memory.reserve(full, never))
    if (held.length === 3) held.shift()?.release()
  }
  assert.ok(made <= total, `${made} bytes were allocated of ${total}`)
})
