import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getHeapSpaceStatistics } from 'node:v8'
import { keepHeapLean } from '../../src/cli/pipeline/lean-heap.ts'

function newSpace(): number {
  return (
    getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? Number.NaN
  )
}

test('the part of the heap for new objects does not grow any more, whatever is made and dropped', () => {
  keepHeapLean()
  const before = newSpace()
  const alive: unknown[] = []
  for (let i = 0; i < 500_000; i++) alive[i % 20_000] = { number: i, list: [i] }
  assert.ok(newSpace() <= before, `${newSpace()} bytes after ${before}`)
})
