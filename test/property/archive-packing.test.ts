import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { chunkMemory } from '../../src/archive/chunk-memory.ts'
import { inAnotherThread } from '../../src/archive/chunk-threads.ts'
import { sha256 } from '../../src/archive/digest.ts'
import { pack, unpack } from '../../src/archive/packing.ts'

const codecs = ['zstd', 'gzip', 'lz4'] as const

/** Bytes on both sides of the sizes from which on another thread does the work, in memory of both kinds, that compress well, somewhat or not at all. */
const input = fc
  .record({
    size: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 15_000, max: 400_000 })),
    shared: fc.boolean(),
    kind: fc.constantFrom('zeros', 'text', 'noise'),
    seed: fc.integer({ min: 1, max: 2 ** 31 }),
  })
  .map(({ size, shared, kind, seed }) => {
    const bytes = shared ? chunkMemory(size) : Buffer.alloc(size)
    let state = seed
    for (let i = 0; i < size; i++) {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      bytes[i] = kind === 'zeros' ? 0 : kind === 'text' ? 97 + (state & 3) : state & 0xff
    }
    return bytes
  })

test('a chunk comes back as it was, under the digest that any other program gives it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...codecs), input, fc.boolean(), async (codec, bytes, shared) => {
      const { stored, digest, release } = await pack(codec, bytes, undefined)
      assert.equal(digest, digestOf(stored))
      assert.equal(await sha256(stored), digest)
      const target = shared ? chunkMemory(bytes.length) : Buffer.alloc(bytes.length)
      assert.equal(await unpack(codec, stored, digest, target), true)
      assert.ok(target.equals(bytes))
      release()
    }),
    { numRuns: 120 },
  )
})

test('a changed bit is found before anything is decompressed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...codecs), input, fc.nat(), async (codec, bytes, where) => {
      const { stored, digest } = await pack(codec, bytes, undefined)
      const bit = where % (stored.length * 8)
      stored[bit >> 3] = (stored[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      assert.equal(await unpack(codec, stored, digest, Buffer.alloc(bytes.length)), false)
    }),
    { numRuns: 60 },
  )
})

test('what is no frame, or makes another length, is refused by name, and the thread goes on', async () => {
  for (const codec of codecs) {
    const bytes = Buffer.alloc(200_000, 'some text or other ')
    const { stored, digest } = await pack(codec, bytes, undefined)
    for (const length of [bytes.length - 1, bytes.length + 1, 10, 16 * 1024 * 1024]) {
      await assert.rejects(unpack(codec, stored, digest, Buffer.alloc(length)), `${codec} ${length}`)
    }
    const rubbish = Buffer.alloc(200_000, 'this was never compressed')
    await assert.rejects(unpack(codec, rubbish, digestOf(rubbish), Buffer.alloc(bytes.length)), codec)
    const target = Buffer.alloc(bytes.length)
    assert.equal(await unpack(codec, stored, digest, target), true)
    assert.ok(target.equals(bytes))
  }
})

test('many at once, on several threads, do not get into each other', async () => {
  const inputs = Array.from({ length: 40 }, (_, i) => Buffer.alloc(150_000 + i, `chunk ${i} `))
  const round = async (bytes: Buffer) => {
    const { stored, digest, release } = await pack('zstd', bytes, undefined)
    const target = chunkMemory(bytes.length)
    assert.equal(await unpack('zstd', stored, digest, target), true)
    assert.ok(target.equals(bytes))
    assert.equal(await sha256(bytes), digestOf(bytes))
    release()
  }
  await Promise.all(inputs.map(round))
})

test('a target that is too small is an error, not a cut chunk', async () => {
  const bytes = chunkMemory(200_000)
  const work = { type: 'pack', bytes, codec: 'gzip', level: 0, target: chunkMemory(1000) } as const
  await assert.rejects(inAnotherThread(work), /do not fit/)
})

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
