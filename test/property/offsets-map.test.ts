import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isTidemarkError } from '../../src/base/index.ts'
import {
  decodePartitionMap,
  encodePartitionMap,
  MapBuilder,
  type PartitionMap,
  type Run,
} from '../../src/offsets/index.ts'

/** Regions of different texture, so that rows, packed runs and bitmaps stand side by side in one map. */
const small = fc.integer({ min: 0, max: 3 })
const region = fc.oneof(
  fc.record({
    runs: fc.constant(1),
    count: fc.integer({ min: 1, max: 200_000 }),
    gap: fc.constant(0),
    jump: small,
  }),
  fc.record({
    runs: fc.integer({ min: 1, max: 900 }),
    count: fc.integer({ min: 1, max: 3 }),
    gap: fc.constant(2),
    jump: fc.constant(0),
  }),
  fc.record({
    runs: fc.integer({ min: 1, max: 200 }),
    count: fc.integer({ min: 1, max: 300 }),
    gap: small,
    jump: small,
  }),
  fc.record({
    runs: fc.integer({ min: 1, max: 200 }),
    count: fc.constant(100),
    gap: fc.constant(1),
    jump: fc.constant(0),
  }),
  fc.record({
    runs: fc.integer({ min: 1, max: 3 }),
    count: fc.constant(1),
    gap: fc.constantFrom(1_000, 70_000, 2 ** 24 - 1, 2 ** 24, 2 ** 33),
    jump: fc.constantFrom(0, 5, 2 ** 24, 2 ** 34),
  }),
)
const texture = fc.record({
  base: fc.constantFrom(0n, 5n, 2n ** 53n + 1n, 2n ** 62n),
  target: fc.constantFrom(0n, 1000n, 2n ** 61n + 7n),
  regions: fc.array(region, { minLength: 1, maxLength: 8 }),
  seed: fc.nat(),
})
type Texture = typeof texture extends fc.Arbitrary<infer T> ? T : never

/** The runs that a texture describes; lengths and gaps vary by a fixed little generator. */
function layOut({ base, target, regions, seed }: Texture): Run[] {
  const runs: Run[] = []
  let state = seed + 1
  const upTo = (limit: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return limit === 0 ? 0 : (state >>> 8) % (limit + 1)
  }
  let s = base
  let t = target
  for (const { runs: n, count, gap, jump } of regions) {
    for (let i = 0; i < n; i++) {
      s += BigInt(gap > 3 ? gap : upTo(gap))
      t += BigInt(jump > 3 ? jump : upTo(jump))
      const length = count === 100 ? 100 : 1 + upTo(count - 1)
      const last = runs.at(-1)
      if (last && last.source + BigInt(last.count) === s && last.target + BigInt(last.count) === t) {
        runs[runs.length - 1] = { ...last, count: last.count + length }
      } else runs.push({ source: s, target: t, count: length })
      s += BigInt(length)
      t += BigInt(length)
    }
  }
  return runs
}

function build(runs: readonly Run[], pieces = 1): PartitionMap {
  const builder = new MapBuilder({
    sourceTopic: 'orders',
    sourcePartition: 3,
    targetTopic: 'copy of orders',
    targetPartition: 4,
    sourceCluster: 'källa',
  })
  for (const { source, target, count } of runs) {
    const step = Math.max(1, Math.ceil(count / pieces))
    for (let i = 0; i < count; i += step) {
      builder.append(source + BigInt(i), target + BigInt(i), Math.min(step, count - i))
    }
  }
  return builder.seal({ sourceEnd: builder.nextSource ?? 0n, copyStart: 9n })
}

/** The first run that holds or follows `value`, by walking: what a seek has to agree with. */
function walk(runs: readonly Run[], side: 'source' | 'target', value: bigint) {
  let rank = 0
  for (const run of runs) {
    if (value < run[side] + BigInt(run.count)) {
      const into = value > run[side] ? value - run[side] : 0n
      return { rank: rank + Number(into), source: run.source + into, target: run.target + into }
    }
    rank += run.count
  }
  return undefined
}

function probes(runs: readonly Run[], side: 'source' | 'target', picks: readonly number[]): bigint[] {
  return picks.flatMap((pick) => {
    const run = runs[pick % runs.length] as Run
    const inside = run[side] + BigInt(pick % run.count)
    return [
      run[side] - 1n,
      run[side],
      inside,
      run[side] + BigInt(run.count),
      run[side] + BigInt(run.count) + 1n,
    ]
  })
}

const picks = fc.array(fc.nat(), { minLength: 20, maxLength: 40 })

test('a map finds from either side what walking over its runs finds', () => {
  fc.assert(
    fc.property(texture, picks, fc.integer({ min: 1, max: 3 }), (texture, picks, pieces) => {
      const runs = layOut(texture)
      const map = build(runs, pieces)
      assert.deepEqual([...map.runs()], runs)
      const total = runs.reduce((sum, run) => sum + run.count, 0)
      assert.equal(map.records, total)
      for (const value of probes(runs, 'source', picks)) {
        const expected = walk(runs, 'source', value)
        assert.deepEqual(map.find(value), expected && { source: expected.source, target: expected.target })
        assert.equal(map.countBefore(value), expected?.rank ?? total)
      }
      for (const value of probes(runs, 'target', picks)) {
        const expected = walk(runs, 'target', value)
        assert.deepEqual(
          map.findByTarget(value),
          expected && { source: expected.source, target: expected.target },
        )
        assert.equal(map.countBeforeTarget(value), expected?.rank ?? total)
      }
    }),
    { numRuns: 400 },
  )
})

test('inverted twice a map has its runs again', () => {
  fc.assert(
    fc.property(texture, (texture) => {
      const map = build(layOut(texture))
      const back = map.invert('target')
      assert.deepEqual(
        [...back.runs()],
        [...map.runs()].map(({ source, target, count }) => ({ source: target, target: source, count })),
      )
      assert.deepEqual([...back.invert('source').runs()], [...map.runs()])
      assert.equal(back.sourceTopic, map.targetTopic)
      assert.equal(back.targetPartition, map.sourcePartition)
    }),
    { numRuns: 100 },
  )
})

test('a builder that goes on from a sealed map ends with the map of one that never stopped', () => {
  fc.assert(
    fc.property(texture, fc.nat(), (texture, at) => {
      const runs = layOut(texture)
      const cut = at % (runs.length + 1)
      const builder = MapBuilder.from(decodePartitionMap(encodePartitionMap(build(runs.slice(0, cut)))))
      for (const run of runs.slice(cut)) builder.append(run.source, run.target, run.count)
      const whole = build(runs)
      const resumed = builder.seal(whole)
      assert.deepEqual([...resumed.runs()], runs)
      assert.equal(resumed.bytes, whole.bytes)
    }),
    { numRuns: 200 },
  )
})

test('the bytes of a map read back as the same map', () => {
  fc.assert(
    fc.property(
      texture,
      fc.option(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), { nil: undefined }),
      (texture, from) => {
        const built = build(layOut(texture))
        const builder = MapBuilder.from(built)
        const map = builder.seal({ completeFrom: from, sourceEnd: built.sourceEnd + 3n, copyStart: 17n })
        const read = decodePartitionMap(encodePartitionMap(map))
        for (const key of [
          'sourceTopic',
          'sourcePartition',
          'targetTopic',
          'targetPartition',
          'sourceCluster',
          'completeFrom',
          'sourceEnd',
          'copyStart',
          'records',
          'bytes',
          'last',
        ] as const) {
          assert.deepEqual(read[key], map[key], key)
        }
        assert.deepEqual([...read.runs()], [...map.runs()])
      },
    ),
    { numRuns: 200 },
  )
})

test('one changed bit or a cut anywhere in the bytes of a map is found', () => {
  const runs = layOut({ base: 5n, target: 0n, seed: 7, regions: [{ runs: 300, count: 2, gap: 2, jump: 0 }] })
  const bytes = encodePartitionMap(build(runs))
  const damaged = (error: unknown) =>
    isTidemarkError(error, 'ARCHIVE_DAMAGED') || isTidemarkError(error, 'ARCHIVE_TOO_NEW')
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const other = Buffer.from(bytes)
    other[bit >>> 3] = (other[bit >>> 3] as number) ^ (1 << (bit & 7))
    assert.throws(() => decodePartitionMap(other), damaged, `bit ${bit}`)
  }
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodePartitionMap(bytes.subarray(0, length)), damaged, `${length} bytes`)
  }
})

test('rubbish with a right checksum is refused as well', async () => {
  const { crc32 } = await import('node:zlib')
  const good = encodePartitionMap(
    build(layOut({ base: 5n, target: 0n, seed: 7, regions: [{ runs: 300, count: 9, gap: 3, jump: 2 }] })),
  )
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 8 }),
      (edits) => {
        const bytes = Buffer.from(good)
        for (const [at, value] of edits) bytes[6 + (at % (bytes.length - 10))] = value
        bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4)
        let map: PartitionMap
        try {
          map = decodePartitionMap(bytes)
        } catch (error) {
          assert.ok(isTidemarkError(error, 'ARCHIVE_DAMAGED'))
          return
        }
        let source = -1n
        let target = -1n
        for (const run of map.runs()) {
          assert.ok(
            run.count > 0 && run.source > source && run.target > target,
            'what was accepted is in order',
          )
          source = run.source + BigInt(run.count) - 1n
          target = run.target + BigInt(run.count) - 1n
        }
      },
    ),
    { numRuns: 2000 },
  )
})
