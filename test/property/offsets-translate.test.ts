import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MapBuilder, type PartitionMap, translate, translateMerged } from '../../src/offsets/index.ts'

/**
 * What stands at a source offset. Only `record` is copied; `outside` is a record that a time window leaves
 * out.
 */
type Slot = 'record' | 'outside' | 'hole' | 'marker' | 'aborted'

/** A source log, how it is copied, and where a group stands. */
interface Scene {
  readonly logStart: number
  readonly slots: readonly Slot[]
  readonly copyStart: number
  /** Offsets that others take on the target before a copied record. */
  readonly foreign: readonly number[]
}

const slot = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Slot>('record') },
  fc.constantFrom<Slot>('outside', 'hole', 'marker', 'aborted'),
)
/** Stretches of equal slots, so that long runs and dense holes both occur. */
const slots = fc
  .array(fc.tuple(slot, fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 300 }))), {
    maxLength: 60,
  })
  .map((stretches) => stretches.flatMap(([kind, length]) => Array<Slot>(length).fill(kind)))
const scene: fc.Arbitrary<Scene> = fc.record({
  logStart: fc.integer({ min: 0, max: 1000 }),
  slots,
  copyStart: fc.constantFrom(0, 0, 7, 5000),
  foreign: fc.array(fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 9 })), {
    maxLength: 40,
  }),
})

/**
 * Copies record by record, the plain way; the target log holds source offsets, or undefined for a foreign
 * record.
 */
function copy(scene: Scene): { map: PartitionMap; target: (number | undefined)[]; sourceEnd: number } {
  const builder = new MapBuilder({
    sourceTopic: 's',
    sourcePartition: 0,
    targetTopic: 't',
    targetPartition: 0,
    sourceCluster: 'c',
  })
  const target: (number | undefined)[] = Array(scene.copyStart).fill(undefined)
  let copied = 0
  for (const [i, kind] of scene.slots.entries()) {
    if (kind !== 'record') continue
    for (let n = scene.foreign[copied++ % 97] ?? 0; n > 0; n--) target.push(undefined)
    builder.append(BigInt(scene.logStart + i), BigInt(target.length), 1)
    target.push(scene.logStart + i)
  }
  const sourceEnd = scene.logStart + scene.slots.length
  return {
    map: builder.seal({ sourceEnd: BigInt(sourceEnd), copyStart: BigInt(scene.copyStart) }),
    target,
    sourceEnd,
  }
}

test('the first record read at a translated position is the first copied record at or after the position', () => {
  fc.assert(
    fc.property(scene, fc.array(fc.nat(), { minLength: 20, maxLength: 60 }), (scene, picks) => {
      const { map, target, sourceEnd } = copy(scene)
      const log = { logStart: 0n, logEnd: BigInt(target.length) }
      for (const pick of picks) {
        const position = pick % (sourceEnd + 5)
        const answer = translate(map, BigInt(position), log)
        assert.notEqual(answer.kind, 'unmapped')
        const at = Number(answer.target)
        assert.ok(at >= 0 && at <= target.length, 'within the log')
        const ours = (from: number) => target.slice(from).find((source) => source !== undefined)
        const expected = target.find((source) => source !== undefined && source >= position)
        assert.equal(ours(at), expected, 'the next record of ours')
        if (expected !== undefined) assert.equal(target[at], expected, 'stands exactly there')
        const copied = target.some((source) => source !== undefined)
        const first = target.find((source) => source !== undefined)
        const kind = !copied
          ? 'empty'
          : position > sourceEnd
            ? 'ahead-of-copy'
            : position < (first as number)
              ? 'before-copy'
              : 'exact'
        assert.equal(answer.kind, kind)
        if (!copied) assert.equal(at, scene.copyStart)
      }
    }),
    { numRuns: 1500 },
  )
})

test('a target log that lost its start or its end never yields a position outside of it', () => {
  fc.assert(
    fc.property(scene, fc.nat(), fc.nat(), fc.nat(), (scene, pick, a, b) => {
      const { map, target, sourceEnd } = copy(scene)
      const [logStart, logEnd] = [a, b]
        .map((n) => BigInt(n % (target.length + 1)))
        .sort((x, y) => Number(x - y))
      assert.ok(logStart !== undefined && logEnd !== undefined)
      const position = BigInt(pick % (sourceEnd + 5))
      const free = translate(map, position, { logStart: 0n, logEnd: BigInt(target.length) })
      const bound = translate(map, position, { logStart, logEnd })
      assert.ok(bound.target !== undefined && bound.target >= logStart && bound.target <= logEnd)
      assert.equal(bound.kind, free.kind)
      const inside = free.target !== undefined && free.target >= logStart && free.target <= logEnd
      if (inside) assert.equal(bound.target, free.target)
      assert.equal('outOfRange' in bound, !inside)
      if (!inside && 'outOfRange' in bound) assert.equal(bound.outOfRange?.wanted, free.target)
    }),
    { numRuns: 1000 },
  )
})

test('a trimmed map answers as the whole map from where it is complete, and nothing below', () => {
  fc.assert(
    fc.property(scene, fc.nat(), fc.array(fc.nat(), { minLength: 10 }), (scene, cut, picks) => {
      const { map, target, sourceEnd } = copy(scene)
      const from = BigInt(cut % (sourceEnd + 1))
      const trimmed = new MapBuilder(map)
      for (const run of map.runs()) {
        for (let i = 0n; i < BigInt(run.count); i++) {
          if (run.source + i >= from) trimmed.append(run.source + i, run.target + i, 1)
        }
      }
      const rest = map.find(from)
      const partial = trimmed.seal({
        completeFrom: from,
        sourceEnd: map.sourceEnd,
        copyStart: rest?.target ?? map.targetEnd,
      })
      const log = { logStart: 0n, logEnd: BigInt(target.length) }
      for (const pick of picks) {
        const position = BigInt(pick % (sourceEnd + 5))
        const answer = translate(partial, position, log)
        if (position < from) assert.equal(answer.kind, 'unmapped')
        else assert.equal(answer.target, translate(map, position, log).target)
      }
    }),
    { numRuns: 500 },
  )
})

/** Several source partitions whose records find their target partition by some key. */
const spreadScene = fc.record({
  sources: fc.array(
    fc.array(fc.tuple(slot, fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 30 })), {
      maxLength: 80,
    }),
    { minLength: 1, maxLength: 4 },
  ),
  order: fc.array(fc.nat(), { maxLength: 400 }),
  positions: fc.array(fc.option(fc.nat({ max: 90 }), { nil: undefined, freq: 4 }), {
    minLength: 4,
    maxLength: 4,
  }),
  missing: fc.constantFrom('earliest' as const, 'latest' as const),
})

test('on a repartitioned target no unread record is skipped and the records read again are counted', () => {
  fc.assert(
    fc.property(spreadScene, ({ sources, order, positions, missing }) => {
      const logs: { source: number; offset: number }[][] = [[], [], []]
      const builders = sources.map((_, s) =>
        logs.map(
          (_, q) =>
            new MapBuilder({
              sourceTopic: 's',
              sourcePartition: s,
              targetTopic: 't',
              targetPartition: q,
              sourceCluster: 'c',
            }),
        ),
      )
      const cursors = sources.map(() => 0)
      for (let step = 0; ; step++) {
        const open = sources.flatMap((log, s) => ((cursors[s] as number) < log.length ? [s] : []))
        if (open.length === 0) break
        const s = open[(order[step % Math.max(1, order.length)] ?? 0) % open.length] as number
        const offset = cursors[s] as number
        cursors[s] = offset + 1
        const [kind, q] = sources[s]?.[offset] ?? assert.fail()
        if (kind !== 'record') continue
        const log = logs[q] ?? assert.fail()
        builders[s]?.[q]?.append(BigInt(offset), BigInt(log.length), 1)
        log.push({ source: s, offset })
      }
      const end = (s: number) => sources[s]?.length ?? 0
      for (const [q, log] of logs.entries()) {
        const merged = builders.map((byTarget, s) => ({
          map: (byTarget[q] ?? assert.fail()).seal({ sourceEnd: BigInt(end(s)), copyStart: 0n }),
          position: positions[s] === undefined ? undefined : BigInt(positions[s]),
        }))
        const answer = translateMerged(merged, { logStart: 0n, logEnd: BigInt(log.length) }, missing)
        const from = (s: number) => positions[s] ?? (missing === 'earliest' ? 0 : end(s))
        const unread = log.findIndex(({ source, offset }) => offset >= from(source))
        const expected = unread === -1 ? log.length : unread
        assert.ok(answer.kind !== 'unmapped')
        assert.equal(answer.target, BigInt(expected))
        const again = log.slice(expected).filter(({ source, offset }) => offset < from(source)).length
        assert.equal(answer.reread, again)
      }
    }),
    { numRuns: 1500 },
  )
})
