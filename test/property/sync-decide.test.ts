import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Position } from '../../src/kafka/index.ts'
import { MapBuilder, type PartitionMap } from '../../src/offsets/index.ts'
import {
  decide,
  type GuardRules,
  type RememberedCommit,
  type TargetSide,
} from '../../src/replicate/sync/decide.ts'
import { guardOf, guardText, isOwnMetadata } from '../../src/replicate/sync/guard.ts'

const place = { topic: 'orders', partition: 0 }
const rules: GuardRules = {
  prefix: 'k2k_',
  version: 1n,
  versions: true,
  allowRewind: false,
  overrideOwn: false,
}

function at(offset: number | bigint, metadata: string | null = ''): Position {
  return { ...place, offset: BigInt(offset), leaderEpoch: -1, metadata }
}

/** What happens around the sync, one step each. */
type Step =
  /** The source gets a record (true), or an offset that holds none. */
  | { readonly type: 'append'; readonly record: boolean }
  /** The copy goes on by so many source offsets. */
  | { readonly type: 'copy'; readonly offsets: number }
  /** The group commits on the source, somewhere up to its end. */
  | { readonly type: 'commit'; readonly share: number; readonly metadata: string }
  /** The group is set back on the source. */
  | { readonly type: 'rewind'; readonly share: number }
  /** The application on the target commits by itself. */
  | { readonly type: 'own'; readonly share: number }
  | { readonly type: 'sync'; readonly active: boolean }
  /** The program dies between remembering and committing. */
  | { readonly type: 'torn' }
  /** The target forgets the position. */
  | { readonly type: 'expire' }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('append' as const), record: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('copy' as const), offsets: fc.integer({ min: 0, max: 5 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('commit' as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      metadata: fc.constantFrom('', '', 'AQAAAYx', 'k2k_7 other/3@9'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('own' as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('rewind' as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('sync' as const),
      active: fc.boolean(),
    }),
  },
  fc.constant({ type: 'torn' as const }),
  fc.constant({ type: 'expire' as const }),
)

/** Two logs, a copy between them and one group, kept the plain way. */
class World {
  readonly source: boolean[] = []
  /** Source offsets, or undefined for what others wrote. */
  readonly target: (number | undefined)[]
  readonly copyStart: number
  copied = 0
  position: Position | undefined
  current: Position | undefined
  /** Whether the application on the target made the present commit. */
  ownNow = false
  remembered: RememberedCommit | undefined
  /** Highest position that the group had on the source. */
  highest = 0n
  /** Every commit, and the source position that it was for. */
  readonly commits: { readonly target: bigint; readonly position: bigint }[] = []
  readonly #builder = new MapBuilder({
    sourceTopic: 'orders',
    sourcePartition: 0,
    targetTopic: 'orders',
    targetPartition: 0,
    sourceCluster: 'c',
  })

  constructor(copyStart: number) {
    this.copyStart = copyStart
    this.target = Array(copyStart).fill(undefined)
  }

  copy(offsets: number): void {
    for (let n = 0; n < offsets && this.copied < this.source.length; n++, this.copied++) {
      if (!this.source[this.copied]) continue
      this.#builder.append(BigInt(this.copied), BigInt(this.target.length), 1)
      this.target.push(this.copied)
    }
  }

  map(): PartitionMap {
    return this.#builder.seal({ sourceEnd: BigInt(this.copied), copyStart: BigInt(this.copyStart) })
  }

  side(active: boolean): TargetSide {
    return {
      log: { logStart: 0n, logEnd: BigInt(this.target.length) },
      current: this.current,
      remembered: this.remembered,
      group: active ? 'active' : 'idle',
      aging: false,
    }
  }

  /** First source record that a reader at this target offset would get; undefined at the end. */
  nextOnTarget(offset: bigint): number | undefined {
    return this.target.slice(Number(offset)).find((source) => source !== undefined)
  }

  nextOnSource(offset: bigint): number | undefined {
    const found = this.source.findIndex((record, i) => record && i >= Number(offset))
    return found < 0 ? undefined : found
  }

  sync(active: boolean, torn: boolean): void {
    if (this.position === undefined) return
    const before = this.current
    const wasOwn = this.ownNow
    const decision = decide(
      [{ map: this.map(), position: this.position, outdated: false }],
      this.side(active),
      {
        ...rules,
        version: BigInt(this.copied),
      },
    )
    if (decision.action === 'keep') {
      assert.equal(decision.target, before?.offset)
      return
    }
    if (decision.action !== 'commit') {
      if (decision.action === 'wait') assert.ok(this.position.offset > BigInt(this.copied), decision.detail)
      return
    }
    assert.ok(!active, 'never while the group has members')
    assert.ok(!wasOwn, 'never over the commit of the application')
    assert.ok(before === undefined || decision.target >= before.offset, 'never back')
    assert.ok(decision.target <= BigInt(this.target.length), 'never past the end')
    assert.equal(
      this.nextOnTarget(decision.target),
      // What is not copied yet is beyond the copy on both sides.
      [this.nextOnSource(this.position.offset)].find((next) => next !== undefined && next < this.copied),
      'the next record is the same',
    )
    assert.equal(decision.remember, isOwnMetadata('k2k_', this.position.metadata))
    if (decision.remember) {
      const now = { offset: decision.target, metadata: decision.metadata }
      const old = before && { offset: before.offset, metadata: before.metadata ?? '' }
      this.remembered = { version: BigInt(this.copied), commits: old ? [now, old] : [now] }
    }
    this.commits.push({ target: decision.target, position: this.position.offset })
    if (torn) return
    this.current = at(decision.target, decision.metadata)
    this.ownNow = false
  }
}

test('whatever happens, a commit leads to the same next record, never back, never over what is not ours', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(0, 3),
      fc.array(step, { minLength: 10, maxLength: 120, size: 'max' }),
      (copyStart, steps) => {
        const world = new World(copyStart)
        for (const happens of steps) {
          switch (happens.type) {
            case 'append':
              world.source.push(happens.record)
              break
            case 'copy':
              world.copy(happens.offsets)
              break
            case 'commit': {
              const floor = Number(world.position?.offset ?? 0n)
              const offset = floor + Math.floor(happens.share * (world.source.length - floor + 0.99))
              world.position = at(offset, happens.metadata)
              if (world.position.offset > world.highest) world.highest = world.position.offset
              break
            }
            case 'rewind':
              if (world.position === undefined) break
              world.position = at(Math.floor(happens.share * Number(world.position.offset)))
              break
            case 'own':
              world.current = at(Math.floor(happens.share * world.target.length), 'app')
              world.ownNow = true
              break
            case 'expire':
              world.current = undefined
              world.ownNow = false
              break
            case 'torn':
              world.sync(false, true)
              break
            case 'sync':
              world.sync(happens.active, false)
          }
        }
        // Left in peace, everything arrives.
        world.copy(1000)
        world.sync(false, false)
        for (const { target, position } of world.commits) {
          assert.equal(
            world.nextOnTarget(target),
            world.nextOnSource(position),
            'right also when all is copied',
          )
        }
        if (world.position !== undefined && world.position.offset >= world.highest && !world.ownNow) {
          assert.equal(
            world.nextOnTarget(world.current?.offset ?? -1n),
            world.nextOnSource(world.position.offset),
          )
        }
      },
    ),
    { numRuns: 400 },
  )
})

test('a guard reads back as it was written, and nothing of an application reads as one', () => {
  const number = fc.bigInt({ min: 0n, max: 2n ** 62n })
  const guard = fc
    .tuple(number, fc.stringMatching(/^[a-zA-Z0-9._-]{1,40}$/), fc.nat({ max: 10_000 }), number)
    .map(([version, topic, partition, offset]) => ({ version, from: { topic, partition, offset } }))
  const prefix = fc.constantFrom('k2k_', 'x', 'my guard: ')
  fc.assert(
    fc.property(prefix, guard, (prefix, guard) => {
      assert.deepEqual(guardOf(prefix, guardText(prefix, guard)), guard)
      const { version } = guard
      assert.deepEqual(guardOf(prefix, guardText(prefix, { version })), { version })
    }),
  )
  fc.assert(
    fc.property(fc.string(), (text) => {
      if (!text.startsWith('k2k_')) assert.equal(guardOf('k2k_', text), undefined)
    }),
  )
  assert.equal(guardOf('k2k_', 'k2k_note of the application'), undefined)
  assert.equal(guardOf('k2k_', null), undefined)
})
