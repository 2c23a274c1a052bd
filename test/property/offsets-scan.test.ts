import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  decodePartitionMap,
  encodePartitionMap,
  MapBuilder,
  MapSet,
  mapSetFromJson,
  mapSetToJson,
  translate,
  translateMerged,
} from '../../src/offsets/index.ts'
import { record, scanOf, textHeaders } from '../support/header-records.ts'

type Slot =
  /** A copy, so many source offsets further on. */
  | { readonly kind: 'next'; readonly step: number }
  /** One that repeats an earlier one, or comes too late. */
  | { readonly kind: 'back'; readonly back: number }
  /** A copy in its order whose headers were lost, or are rubbish. */
  | { readonly kind: 'bare' | 'rubbish' }
  /** What an application wrote, and a copy from another cluster. */
  | { readonly kind: 'app' | 'other' }

const next = fc.integer({ min: 1, max: 4 }).map((step): Slot => ({ kind: 'next', step }))
const back = fc.integer({ min: 0, max: 12 }).map((back): Slot => ({ kind: 'back', back }))
const slots = (more: fc.Arbitrary<Slot>) =>
  fc.array(fc.oneof({ weight: 6, arbitrary: next }, { weight: 2, arbitrary: more }), { maxLength: 60 })
const codec = fc.constantFrom('none', 'gzip', 'snappy', 'lz4', 'zstd')

/** The records of the slots, and which source offset each really has. */
function written(scene: readonly Slot[]) {
  let top = 0
  const truth: (number | undefined)[] = []
  const records = scene.map((slot) => {
    if (slot.kind === 'app' || slot.kind === 'other') {
      truth.push(undefined)
      return record(slot.kind === 'app' ? [] : textHeaders(3, 0, 'other'))
    }
    const source =
      slot.kind === 'back' ? Math.max(0, top - slot.back) : top + (slot.kind === 'next' ? slot.step : 1)
    top = Math.max(top, source)
    truth.push(source)
    if (slot.kind === 'bare') return record([])
    return record(textHeaders(slot.kind === 'rubbish' ? 'rubbish' : source, 0))
  })
  return { records, truth, top }
}

test('however often and in whatever order records were copied, a position goes to the first that is unread', () => {
  const kinds = fc.oneof(back, fc.constant<Slot>({ kind: 'other' }))
  fc.assert(
    fc.property(slots(kinds), codec, (scene, name) => {
      const { records, truth, top } = written(scene)
      const scan = scanOf(records, { codec: name })
      const line = scan.lines.get(0)
      assert.equal(scan.counts.mapped + scan.counts.repeated + scan.counts.otherCluster, scene.length)
      if (!line) return
      const map = line.seal(line.nextSource)
      for (let position = 0; position < top + 4; position++) {
        const answer = translate(map, BigInt(position), { logStart: 0n, logEnd: BigInt(scene.length) })
        const first = truth.findIndex((source) => source !== undefined && source >= position)
        assert.equal(Number(answer.target), first === -1 ? Number(map.targetEnd) : first)
      }
    }),
    { numRuns: 500 },
  )
})

test('where records without headers lie among the copied ones, none that may be unread is skipped', () => {
  const kinds = fc
    .constantFrom<Slot['kind']>('bare', 'rubbish', 'app', 'other')
    .map((kind) => ({ kind }) as Slot)
  fc.assert(
    fc.property(slots(kinds), codec, (scene, name) => {
      const { records, truth, top } = written(scene)
      const scan = scanOf(records, { codec: name })
      const { counts } = scan
      assert.equal(
        counts.mapped + counts.withoutHeaders + counts.unreadable + counts.otherCluster,
        scene.length,
      )
      const line = scan.lines.get(0)
      if (!line) return
      const map = line.seal(line.nextSource)
      const last = Number(map.last?.target)
      for (let position = 0; position < top + 4; position++) {
        const answer = translate(map, BigInt(position), { logStart: 0n, logEnd: BigInt(scene.length) })
        const first = truth.findIndex((source) => source !== undefined && source >= position)
        // What has no headers and lies behind all that have cannot be told from what applications wrote since.
        if (first !== -1 && first <= last) assert.ok(Number(answer.target) <= first)
      }
    }),
    { numRuns: 500 },
  )
})

/** A copy in its order, of which only some records are known. */
const sparse = fc.record({
  steps: fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 3 }), fc.boolean()), {
    minLength: 1,
    maxLength: 80,
  }),
  start: fc.constantFrom(0, 0, 4),
})

function copyOf({ steps, start }: { steps: readonly (readonly [number, number, boolean])[]; start: number }) {
  const builder = new MapBuilder({
    sourceTopic: 's',
    sourcePartition: 0,
    targetTopic: 't',
    targetPartition: 0,
    sourceCluster: 'c',
  })
  let source = 0
  let target = start
  const log: { source: number; target: number }[] = []
  for (const [up, on, known] of steps) {
    source += up
    target += on
    log.push({ source, target })
    if (known) builder.append(BigInt(source), BigInt(target), 1)
  }
  const map = builder.seal({
    sourceEnd: builder.nextSource ?? 0n,
    copyStart: BigInt(start),
    floor: true,
  })
  return { map, log, end: BigInt(target + 1), top: source }
}

test('a map of some records answers with a floor: never beyond, at most so many read again, exact where it says so', () => {
  fc.assert(
    fc.property(sparse, (scene) => {
      const { map, log, end, top } = copyOf(scene)
      for (let position = 0; position <= top + 3; position++) {
        const answer = translate(map, BigInt(position), { logStart: 0n, logEnd: end })
        assert.ok(answer.kind === 'exact' || answer.kind === 'floor')
        const next = log.find(({ source }) => source >= position)?.target ?? Number(end)
        assert.ok(Number(answer.target) <= next)
        const again = log.filter(
          ({ source, target }) => source < position && target >= Number(answer.target),
        ).length
        if (answer.kind === 'floor') assert.ok(again <= Number(answer.atMost))
        else assert.equal(again, 0)
      }
    }),
    { numRuns: 1000 },
  )
})

test('a merged partition with such maps is never read from beyond the first unread record', () => {
  fc.assert(
    fc.property(
      fc.array(sparse, { minLength: 2, maxLength: 3 }),
      fc.array(fc.nat({ max: 200 }), { minLength: 3 }),
      (scenes, positions) => {
        const made = scenes.map(copyOf)
        const logEnd = made.map(({ end }) => end).reduce((a, b) => (a > b ? a : b))
        const sources = made.map(({ map, top }, i) => ({
          map,
          position: BigInt((positions[i] ?? 0) % (top + 2)),
        }))
        const answer = translateMerged(sources, { logStart: 0n, logEnd })
        assert.ok(answer.kind !== 'unmapped')
        for (const [i, { log }] of made.entries()) {
          const position = Number(sources[i]?.position)
          const next = log.find(({ source }) => source >= position)?.target
          if (next !== undefined) assert.ok(Number(answer.target) <= next)
        }
      },
    ),
    { numRuns: 500 },
  )
})

test('that a map is a floor map survives both of its files, and its inversion', () => {
  fc.assert(
    fc.property(sparse, (scene) => {
      const { map, log } = copyOf(scene)
      const read = decodePartitionMap(encodePartitionMap(map))
      const text = [...mapSetToJson(new MapSet({ sourceCluster: 'c' }, [map]))].join('')
      const [parsed] = mapSetFromJson(text, 'map.json').maps
      for (const other of [read, parsed]) {
        assert.ok(other?.floor)
        assert.deepEqual([...other.runs()], [...map.runs()])
        assert.equal(other.copyStart, map.copyStart)
      }
      const back = map.invert('d')
      for (const { target } of log) {
        const answer = translate(back, BigInt(target), { logStart: 0n, logEnd: 1000n })
        const unread = log.find((each) => each.target >= target)?.source ?? 0
        assert.ok(answer.kind !== 'unmapped' && Number(answer.target) <= unread)
      }
    }),
    { numRuns: 300 },
  )
})
