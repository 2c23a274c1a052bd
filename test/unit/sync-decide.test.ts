import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Position } from '../../src/kafka/index.ts'
import { MapBuilder, type PartitionMap } from '../../src/offsets/index.ts'
import {
  decide,
  type GuardRules,
  type MappedPosition,
  type TargetSide,
} from '../../src/replicate/sync/decide.ts'

const rules: GuardRules = {
  prefix: 'k2k_',
  version: 5n,
  versions: true,
  allowRewind: false,
  overrideOwn: false,
}

/** Source 0–99 at 1000 of the target; `to`: how far the copy is. */
function mapped(to = 100n, partition = 0, targetFrom = 1000n, records = 100): PartitionMap {
  const builder = new MapBuilder({
    sourceTopic: 'orders',
    sourcePartition: partition,
    targetTopic: 'orders',
    targetPartition: 0,
    sourceCluster: 'c',
  })
  if (records > 0) builder.append(0n, targetFrom, records)
  return builder.seal({ sourceEnd: to, copyStart: targetFrom })
}

function at(offset: bigint, metadata = ''): Position {
  return { topic: 'orders', partition: 0, offset, leaderEpoch: -1, metadata }
}

function source(offset: bigint | undefined, map = mapped(), metadata = ''): MappedPosition {
  return { map, position: offset === undefined ? undefined : at(offset, metadata), outdated: false }
}

function target(over: Partial<TargetSide> = {}): TargetSide {
  return {
    log: { logStart: 0n, logEnd: 1100n },
    current: undefined,
    remembered: undefined,
    group: 'idle',
    aging: false,
    ...over,
  }
}

const causeOf = (side: Partial<TargetSide>, over: Partial<GuardRules> = {}, from = source(10n)) =>
  decide([from], target(side), { ...rules, ...over }).cause

test('a commit says by which mapping and from where it was made', () => {
  assert.deepEqual(decide([source(10n)], target(), rules), {
    action: 'commit',
    cause: 'first',
    target: 1010n,
    metadata: 'k2k_5 orders/0@10',
    remember: false,
    reread: 0,
  })
})

test('each guard, and what lifts it', () => {
  const ours = (offset: bigint, version = 5) => ({ current: at(offset, `k2k_${version}`) })
  assert.equal(causeOf(ours(1000n)), 'moved')
  assert.equal(causeOf(ours(1010n)), 'in-step')
  assert.equal(causeOf(ours(1050n)), 'backwards')
  assert.equal(causeOf(ours(1050n), { allowRewind: true }), 'rewound')
  assert.equal(causeOf(ours(1000n, 6)), 'newer-mapping')
  assert.equal(causeOf(ours(1000n, 6), { versions: false }), 'moved')
  assert.equal(causeOf({ current: at(1000n) }), 'own-commit')
  assert.equal(causeOf({ current: at(1010n) }), 'in-step')
  assert.equal(causeOf({ current: at(1000n) }, { overrideOwn: true }), 'moved')
  assert.equal(causeOf({ group: 'handed-over' }), 'handed-over')
})

test('a group with members is left alone, and one that stands right is no reason to complain', () => {
  assert.equal(causeOf({ group: 'active' }), 'active')
  assert.equal(causeOf({ group: 'active', current: at(1000n, 'k2k_5') }), 'active')
  assert.equal(causeOf({ group: 'active', current: at(1010n, 'k2k_5'), aging: true }), 'in-step')
})

test('a commit that gets old is made again, unless it is not ours', () => {
  assert.equal(causeOf({ current: at(1010n, 'k2k_5'), aging: true }), 'aging')
  assert.equal(causeOf({ current: at(1010n), aging: true }), 'in-step')
})

test('metadata of the application goes over as it is, and is known again by what was remembered', () => {
  const streams = source(10n, mapped(), 'AQAB')
  const first = decide([streams], target(), rules)
  assert.equal(first.action === 'commit' && first.remember && first.metadata, 'AQAB')
  const remembered = { version: 5n, commits: [{ offset: 1005n, metadata: 'AQAA' }] }
  assert.equal(causeOf({ current: at(1005n, 'AQAA'), remembered }, {}, streams), 'moved')
  assert.equal(causeOf({ current: at(1005n, 'AQAX'), remembered }, {}, streams), 'own-commit')
  assert.equal(causeOf({ current: at(1006n, 'AQAA'), remembered }, {}, streams), 'own-commit')
  assert.equal(causeOf({ current: at(1010n, 'k2k_5') }, {}, streams), 'metadata')
})

test('the copy is waited for, also when it has not begun', () => {
  assert.equal(causeOf({}, {}, source(101n)), 'ahead-of-copy')
  assert.equal(causeOf({}, {}, source(100n)), 'first')
  assert.equal(causeOf({}, {}, source(10n, mapped(0n, 0, 1000n, 0))), 'ahead-of-copy')
  assert.equal(causeOf({}, {}, source(0n, mapped(0n, 0, 1000n, 0))), 'first')
  assert.equal(causeOf({}, {}, { ...source(10n), outdated: true }), 'source-recreated')
})

test('a commit never lies outside the log of the target', () => {
  assert.equal(causeOf({ log: { logStart: 0n, logEnd: 1005n } }), 'target-changed')
  const started = decide([source(10n)], target({ log: { logStart: 1050n, logEnd: 1100n } }), rules)
  assert.equal(started.target, 1050n)
})

test('partitions that go into one lead to the first record that none of them has read', () => {
  const two = [source(50n, mapped(100n, 0, 1000n, 100)), source(20n, mapped(100n, 1, 2000n, 100))]
  const log = { logStart: 0n, logEnd: 2100n }
  const decision = decide(two, target({ log }), rules)
  assert.equal(decision.target, 1050n)
  assert.equal(decision.action === 'commit' && decision.metadata, 'k2k_5')
  const missing = decide(
    [two[0] as MappedPosition, source(undefined, mapped(100n, 1, 500n, 100))],
    target({ log }),
    rules,
  )
  assert.equal(missing.target, 500n, 'a partition without a position is unread')
})
