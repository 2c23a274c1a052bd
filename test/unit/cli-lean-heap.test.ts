import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getHeapSpaceStatistics } from 'node:v8'
import { keepHeapLean } from '../../src/cli/pipeline/lean-heap.ts'

function newSpace(): number {
  return (
    getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? Number.NaN
  )
}

/** What it grows to within this test without the setting, on the same work: 64 MiB. */
const whatItWouldBe = 64 << 20

test('the part of the heap for new objects stays small, whatever is made and dropped', () => {
  keepHeapLean()
  const alive: unknown[] = []
  for (let i = 0; i < 5_000_000; i++) alive[i % 20_000] = { number: i, list: [i] }
  const space = newSpace()
  assert.ok(space <= whatItWouldBe / 4, `${space} bytes`)
})
