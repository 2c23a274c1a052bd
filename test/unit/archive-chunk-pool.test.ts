import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ChunkPool } from '../../src/archive/chunk-memory.ts'

const MIB = 2 ** 20
const spare = 16 * MIB

/** Everything that a pool has ever made. */
class Watch {
  readonly pool = new ChunkPool()
  readonly #seen = new Set<ArrayBufferLike>()
  readonly held: Buffer[] = []
  made = 0
  peak = 0

  take(size: number): void {
    const memory = this.pool.take(size)
    assert.ok(memory.length >= size)
    assert.ok(!this.held.some(({ buffer }) => buffer === memory.buffer), 'handed out twice')
    if (!this.#seen.has(memory.buffer)) this.made += memory.length
    this.#seen.add(memory.buffer)
    this.held.push(memory)
    const used = this.held.reduce((sum, { length }) => sum + length, 0)
    this.peak = Math.max(this.peak, used)
    assert.ok(this.pool.bytes <= this.peak + spare)
  }

  give(which: number): void {
    const [memory] = this.held.splice(which % Math.max(1, this.held.length), 1)
    if (memory) this.pool.give(memory)
  }
}

describe('chunk pool', () => {
  it('hands nothing out twice, and has little more than was ever in use at once', () => {
    const size = fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 9 * MIB }))
    const step = fc.oneof(
      size.map((take) => ({ take, give: 0 })),
      fc.nat().map((give) => ({ take: undefined, give })),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const watch = new Watch()
        for (const { take, give } of steps) {
          if (take === undefined) watch.give(give)
          else watch.take(take)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('makes next to nothing once it has what is needed, however the sizes change', () => {
    for (const phases of [
      [[8 * MIB, 12]],
      [
        [8 * MIB, 1],
        [300_000, 1],
      ],
      [
        [1_300_000, 26],
        [300_000, 115],
        [8 * MIB, 4],
      ],
    ] as const) {
      const watch = new Watch()
      for (let round = 0; round < 60; round++) {
        for (const [size, count] of phases) {
          for (let i = 0; i < count; i++) watch.take(size)
          while (watch.held.length > 0) watch.give(0)
        }
        if (round === 4) watch.made = 0
      }
      assert.ok(watch.made <= 2 * watch.peak, `${watch.made} bytes made anew, ${watch.peak} in use at most`)
    }
  })

  it('forgets what is dropped', () => {
    const pool = new ChunkPool()
    const memory = pool.take(MIB)
    pool.drop(memory)
    assert.equal(pool.bytes, 0)
    assert.notEqual(pool.take(MIB).buffer, memory.buffer)
  })
})
