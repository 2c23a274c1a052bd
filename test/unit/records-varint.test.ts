import assert from 'node:assert/strict'
import { it } from 'node:test'
import { varintSize, varlongSize, writeVarint, writeVarlong } from '../../src/records/index.ts'

const edges = [6, 7, 13, 14, 20, 21, 27, 28, 30, 31].flatMap((bits) => [
  2 ** bits - 1,
  2 ** bits,
  2 ** bits + 1,
])
const values = [0, 1, ...edges].flatMap((value) => [value, -value]).filter((value) => (value | 0) === value)

/** The definition, bit by bit. */
function plainly(value: bigint): number[] {
  let zigzag = value >= 0n ? value * 2n : -value * 2n - 1n
  const bytes: number[] = []
  for (; zigzag > 127n; zigzag /= 128n) bytes.push(Number(zigzag % 128n) + 128)
  return [...bytes, Number(zigzag)]
}

it('32-bit numbers take the bytes that they are said to take, at every edge', () => {
  for (const value of values) {
    const target = Buffer.alloc(12, 0xee)
    const expected = plainly(BigInt(value))
    assert.equal(varintSize(value), expected.length, String(value))
    assert.equal(writeVarint(target, 1, value), 1 + expected.length)
    assert.deepEqual([...target.subarray(1, 1 + expected.length)], expected)
    assert.equal(target[1 + expected.length], 0xee)
  }
})

it('so do 64-bit numbers', () => {
  const large = Array.from({ length: 63 }, (_, bits) => 1n << BigInt(bits)).flatMap((n) => [
    n - 1n,
    n,
    -n,
    -n - 1n,
  ])
  for (const value of [...values.map(BigInt), ...large, (1n << 63n) - 1n, -(1n << 63n)]) {
    const target = Buffer.alloc(12, 0xee)
    const expected = plainly(value)
    assert.equal(varlongSize(value), expected.length, String(value))
    assert.equal(writeVarlong(target, 1, value), 1 + expected.length)
    assert.deepEqual([...target.subarray(1, 1 + expected.length)], expected)
  }
})
