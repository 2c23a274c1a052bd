import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { translate } from '../../src/offsets/index.ts'
import {
  decodePosition,
  encodePosition,
  type PositionEntry,
} from '../../src/replicate/control/position-record.ts'
import { LineBook } from '../../src/replicate/copy/line-book.ts'
import { encodeMapEntry, encodeMapKey } from '../../src/replicate/index.ts'
import { decodeMapEntry, decodeMapKey, type MapEntry } from '../../src/replicate/map-topic/map-record.ts'
import { MapTable } from '../../src/replicate/map-topic/map-table.ts'

/** What happens to one source partition, step by step. Offsets are counted from what there is then. */
type Step =
  /** Records are copied, one after the other, or with holes between. */
  | { readonly type: 'copy'; readonly holes: readonly number[]; readonly foreign: number }
  /** Offsets without records are passed. */
  | { readonly type: 'pass'; readonly count: number }
  | { readonly type: 'gap'; readonly count: number }
  /** The transaction counts. */
  | { readonly type: 'commit'; readonly publish: boolean }
  /** The worker dies: what was not committed is forgotten, another one takes over. */
  | { readonly type: 'die' }
  | { readonly type: 'truncate'; readonly back: number }
  | { readonly type: 'recreate' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('copy' as const),
      holes: fc.array(fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 5 })), {
        minLength: 1,
        maxLength: 20,
      }),
      foreign: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 4 })),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('pass' as const), count: fc.integer({ min: 1, max: 9 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('gap' as const), count: fc.integer({ min: 1, max: 9 }) }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('commit' as const), publish: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ type: 'die' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('truncate' as const), back: fc.integer({ min: 1, max: 30 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ type: 'recreate' as const }) },
)

const key = { cluster: 'c', topic: 't', partition: 3 }

/** A target partition, a control topic and a map topic, of which only what is committed counts. */
class Stage {
  book: LineBook
  position: PositionEntry | undefined
  readonly published: MapEntry[] = []
  /** Source offset → target offset of what counts, of the source as it is now. */
  copied = new Map<number, number>()
  pending = new Map<number, number>()
  committed = { copied: new Map<number, number>(), start: 0 }
  targetEnd = 100
  generation = 1
  start = 0

  constructor(start: number) {
    this.book = this.#begin(start)
  }

  #begin(start: number): LineBook {
    this.start = start
    return LineBook.begin({
      pipeline: 'p',
      topicId: 'id-1',
      targetTopic: 'u',
      targetTopicId: 'tid',
      start: BigInt(start),
      targets: new Map([[3, 100n]]),
      now: 1,
    })
  }

  run(steps: readonly Step[], exactlyOnce: boolean): void {
    for (const step of steps) this.#step(step, exactlyOnce)
    this.#step({ type: 'commit', publish: false }, exactlyOnce)
  }

  #step(step: Step, exactlyOnce: boolean): void {
    const { book } = this
    switch (step.type) {
      case 'copy': {
        let source = Number(book.to)
        this.targetEnd += step.foreign
        for (const hole of step.holes) {
          source += hole
          book.landed(3, BigInt(source), BigInt(this.targetEnd), 1)
          this.pending.set(source, this.targetEnd)
          source++
          this.targetEnd++
        }
        book.advance(BigInt(source), 1)
        return
      }
      case 'pass':
        book.advance(book.to + BigInt(step.count), 1)
        return
      case 'gap':
        book.gap(book.to, book.to + BigInt(step.count), 2)
        return
      case 'commit': {
        const entries = book.entries(3, step.publish ? 'now' : 'later')
        this.published.push(...entries.maps.map((entry) => decodeMapEntry(encodeMapEntry(entry), 'entry')))
        this.position = decodePosition(encodePosition(entries.position), 'position')
        for (const [source, target] of this.pending) this.copied.set(source, target)
        this.pending.clear()
        this.committed = { copied: new Map(this.copied), start: this.start }
        // The marker of the transaction.
        if (exactlyOnce) this.targetEnd++
        return
      }
      case 'die':
        this.pending.clear()
        if (!this.position) {
          this.book = this.#begin(this.start)
          return
        }
        this.book = LineBook.resume(this.position)
        this.copied = new Map(this.committed.copied)
        this.start = this.committed.start
        return
      case 'truncate': {
        // Whatever was copied of the dead branch is no record of the source any more.
        const to = Math.max(0, Number(book.to) - step.back)
        book.truncated(BigInt(to), book.to, 4)
        for (const map of [this.copied, this.pending]) {
          for (const source of [...map.keys()]) if (source >= to) map.delete(source)
        }
        this.start = Math.min(this.start, to)
        return
      }
      case 'recreate':
        book.recreated(`id-${++this.generation}`, 5n, 5)
        this.start = 5
        this.copied.clear()
        this.pending.clear()
        return
    }
  }
}

/** The map that a reader has of what was published, and of the newest position. */
function tableOf(stage: Stage, order: 'map-first' | 'tail-first', from = 0): MapTable {
  const table = new MapTable()
  const tail = () => stage.position && table.applyTail(key, stage.position)
  if (order === 'tail-first') tail()
  for (const entry of stage.published.slice(from)) table.apply(key, entry)
  if (order === 'map-first') tail()
  table.settle()
  return table
}

/** Target offset that a position must become: that of the first copied record at or behind it. */
function expected(stage: Stage, position: number): number | undefined {
  const later = [...stage.copied.keys()].filter((source) => source >= position).sort((a, b) => a - b)
  const [first] = later
  return first === undefined ? undefined : stage.copied.get(first)
}

test('every position is translated to the first copied record behind it, whatever happened, however it was read', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 40 }),
      fc.array(step, { maxLength: 40 }),
      fc.constantFrom('map-first' as const, 'tail-first' as const),
      fc.boolean(),
      (start, steps, order, exactlyOnce) => {
        const stage = new Stage(start)
        stage.run(steps, exactlyOnce)
        const [map] = tableOf(stage, order).set().maps
        assert.ok(map)
        assert.equal(map.completeFrom, undefined)
        assert.equal(map.records, stage.copied.size)
        const log = { logStart: 0n, logEnd: BigInt(stage.targetEnd) }
        for (let position = 0; position <= Number(map.sourceEnd); position++) {
          const found = translate(map, BigInt(position), log)
          const wanted = expected(stage, position)
          if (wanted !== undefined) assert.equal(found.target, BigInt(wanted), `position ${position}`)
          else assert.ok((found.target ?? -1n) >= map.targetEnd)
        }
      },
    ),
    { numRuns: 300 },
  )
})

test('a reader that has only the newer part of the map topic says from where on it knows, and is right from there', () => {
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 5, maxLength: 40 }),
      fc.integer({ min: 1, max: 10 }),
      fc.constantFrom('map-first' as const, 'tail-first' as const),
      (steps, lost, order) => {
        const stage = new Stage(0)
        stage.run(steps, true)
        const [map] = tableOf(stage, order, Math.min(lost, stage.published.length)).set().maps
        assert.ok(map)
        const log = { logStart: 0n, logEnd: BigInt(stage.targetEnd) }
        for (let position = 0; position <= Number(map.sourceEnd); position++) {
          const found = translate(map, BigInt(position), log)
          if (map.completeFrom !== undefined && position < map.completeFrom) {
            assert.equal(found.kind, 'unmapped')
            continue
          }
          const wanted = expected(stage, position)
          if (wanted !== undefined) assert.equal(found.target, BigInt(wanted), `position ${position}`)
        }
      },
    ),
    { numRuns: 300 },
  )
})

test('trimming never loses the newest record, and what is left is still right', () => {
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 3, maxLength: 40 }),
      fc.integer({ min: 1, max: 5 }),
      (steps, count) => {
        const stage = new Stage(0)
        stage.run(steps, true)
        const table = tableOf(stage, 'map-first')
        table.trim(1_000_000, { time: undefined, count })
        const [map] = table.set().maps
        assert.ok(map)
        assert.ok((table.lines[0]?.mappings ?? 0) <= count)
        if (stage.copied.size > 0) assert.ok(map.records > 0)
        for (let position = Number(map.completeFrom ?? 0n); position <= Number(map.sourceEnd); position++) {
          const wanted = expected(stage, position)
          const found = translate(map, BigInt(position), { logStart: 0n, logEnd: BigInt(stage.targetEnd) })
          if (wanted !== undefined) assert.equal(found.target, BigInt(wanted))
        }
      },
    ),
    { numRuns: 200 },
  )
})

test('a billion contiguous records are one run, and one mapping also across the markers of their transactions', () => {
  const table = new MapTable()
  const million = 1_000_000
  const entry = (n: number, marker: number): MapEntry => ({
    pipeline: 'p',
    topicId: 'id',
    targetTopic: 'u',
    start: 0n,
    from: BigInt(n * million),
    to: BigInt((n + 1) * million),
    branch: 1,
    revision: n,
    written: n,
    events: [],
    targets: [
      {
        partition: 0,
        copyStart: 0n,
        end: BigInt((n + 1) * million + n * marker),
        runs: [{ source: BigInt(n * million), target: BigInt(n * million + n * marker), count: million }],
      },
    ],
  })
  for (let n = 0; n < 1000; n++) table.apply(key, entry(n, 0))
  const [map] = table.set().maps
  assert.ok(map)
  assert.equal([...map.runs()].length, 1)
  assert.equal(map.records, 1_000_000_000)
  const marked = new MapTable()
  for (let n = 0; n < 1000; n++) marked.apply(key, entry(n, 1))
  assert.equal(marked.lines[0]?.mappings, 1)
  assert.ok((marked.set().maps[0]?.bytes ?? 0) < 40_000)
})

test('records of the map topic are what they were, also with offsets beyond 2^53', () => {
  const offset = fc.bigInt({ min: 0n, max: 2n ** 62n })
  fc.assert(
    fc.property(
      offset,
      offset,
      fc.array(fc.tuple(fc.nat(50), fc.nat(50), fc.integer({ min: 1, max: 1000 }))),
      (from, at, gaps) => {
        let source = from
        let target = at
        let last: { source: bigint; target: bigint; count: number } | undefined
        const runs = gaps.flatMap(([sourceGap, targetGap, count]) => {
          if (last && sourceGap + targetGap === 0) return []
          source += BigInt(sourceGap)
          target += BigInt(targetGap)
          last = { source, target, count }
          source += BigInt(count)
          target += BigInt(count)
          return [last]
        })
        const entry: MapEntry = {
          pipeline: 'p',
          topicId: undefined,
          targetTopic: 'u',
          start: from,
          from,
          to: source,
          branch: 2,
          revision: 7,
          written: 1,
          events: [{ type: 'gap', from, to: source, time: 3 }],
          targets: [{ partition: 1, copyStart: at, end: target, runs }],
        }
        assert.deepEqual(decodeMapEntry(encodeMapEntry(entry), 'entry'), entry)
        assert.deepEqual(decodeMapKey(encodeMapKey(key), 'key'), key)
      },
    ),
  )
})

test('a record that is no map entry is refused by name', () => {
  for (const text of ['{}', 'x', '{"version":2}', '[]']) {
    assert.throws(() => decodeMapEntry(Buffer.from(text), 'The record at offset 5 of m-0'), {
      code: 'MAP_RECORD_INVALID',
      message: /offset 5 of m-0/,
    })
  }
})
