import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  layerOffsets,
  makePlan,
  type OffsetsFile,
  offsetsFromJson,
  offsetsSince,
  offsetsToJson,
  type PlanInput,
  planFromFile,
  planFromJson,
  planFromSnapshot,
  planToJson,
  resetScript,
  restoreScript,
  type Snapshot,
  snapshotFromJson,
  snapshotToJson,
  type WantedPosition,
} from '../../src/offsets/index.ts'

const logs = new Map([['t', new Map([[0, { logStart: 0n, logEnd: 100n }]])]])
const position = (offset: bigint) => ({ topic: 't', partition: 0, offset, leaderEpoch: 0, metadata: null })
const has = (group: string, offset: bigint, type?: 'share') => ({
  done: [{ group, positions: [position(offset)], unstable: [], ...(type && { type }) }],
  failed: [],
})
const given = (current: PlanInput['current']) => ({ clusterId: 'c', created: 0, current, logs })
const wanted = (group: string, more: Partial<WantedPosition> = {}): WantedPosition => ({
  ...{ group, topic: 't', partition: 0, offset: 5n, metadata: 'tidemark/1 cluster=c' },
  ...{ kind: 'exact', reason: '', reread: 0, from: [], ...more },
})
const origin = { type: 'file', file: 'f', captured: 0 } as const

test('a plan marks the positions of share groups, wants no metadata of them, and is read as it was written', () => {
  const plan = makePlan({
    ...given(has('s', 9n, 'share')),
    origin,
    notices: [],
    wanted: [wanted('s', { type: 'share' }), wanted('new', { type: 'share' }), wanted('plain')],
  })
  assert.deepEqual(
    plan.entries.map(({ group, type, metadata, action }) => [group, type, metadata, action]),
    [
      ['s', 'share', null, 'SET'],
      ['new', 'share', null, 'SET'],
      ['plain', undefined, 'tidemark/1 cluster=c', 'SET'],
    ],
  )
  assert.deepEqual(planFromJson(planToJson(plan), 'plan'), plan)
  assert.match(resetScript(plan, { bootstrapServers: 'h:1' }), /cannot s t:0 'no tool of Kafka/)
})

test('positions of one kind of group are never set on the other', () => {
  const kinds = [
    [has('g', 9n, 'share'), 'classic'],
    [has('g', 9n), 'share'],
  ] as const
  for (const [current, type] of kinds) {
    const plan = makePlan({ ...given(current), origin, notices: [], wanted: [wanted('g', { type })] })
    assert.deepEqual(
      plan.entries.map(({ action, kind }) => [action, kind]),
      [['REFUSE', 'other-type']],
    )
  }
  const unsaid = makePlan({ ...given(has('g', 9n, 'share')), origin, notices: [], wanted: [wanted('g')] })
  assert.deepEqual(
    unsaid.entries.map(({ action, type }) => [action, type]),
    [['SET', 'share']],
    'a strategy that knows no types takes the group as it is',
  )
})

const snapshot = (groups: Snapshot['groups']): Snapshot => ({
  ...{ id: 'snapshot-1', created: 0, description: '', clusterId: 'c', planHash: undefined },
  ...{ groups, base: undefined, removed: [] },
})

test('snapshots say which groups share; those without a word of it are read, and mean other groups', () => {
  const made = snapshot([
    { group: 'plain', positions: [position(1n)], absent: [] },
    { group: 's', type: 'share', positions: [position(2n)], absent: [] },
  ])
  const text = snapshotToJson(made)
  assert.deepEqual(snapshotFromJson(text, 'file'), made)
  assert.equal(text.match(/"type"/g)?.length, 1)
  assert.throws(() => snapshotFromJson(text.replace('"share"', '"other"'), 'file'), /groups\[1\]\.type/)
  const back = planFromSnapshot(made, given(has('s', 9n, 'share')))
  assert.deepEqual(
    back.entries.map(({ group, type, action }) => [group, type, action]),
    [
      ['plain', undefined, 'SET'],
      ['s', 'share', 'SET'],
    ],
  )
  const old = snapshot([{ group: 's', positions: [position(2n)], absent: [] }])
  assert.equal(planFromSnapshot(old, given(has('s', 9n, 'share'))).entries[0]?.kind, 'other-type')
  const none = snapshot([{ group: 's', positions: [], absent: [] }])
  const [gone] = planFromSnapshot(none, given(has('s', 9n, 'share'))).entries
  assert.deepEqual([gone?.action, gone?.type], ['DELETE', 'share'])
})

const saved = (groups: OffsetsFile['groups']): OffsetsFile => ({
  ...{ taken: 0, cluster: 'h:1', groups, base: undefined, removed: [] },
})
const rows = (offset: bigint) =>
  new Map([
    ['t', [{ partition: 0, offset, leaderEpoch: 0, metadata: null, timestamp: undefined, lag: undefined }]],
  ])

test('files of kmap say which groups share, also layered, and the script cannot set them', () => {
  const file = saved([
    { group: 'plain', taken: 0, topics: rows(1n) },
    { group: 's', type: 'share', taken: 0, topics: rows(2n) },
  ])
  const { file: read } = offsetsFromJson(offsetsToJson(file), 'file')
  assert.deepEqual(read, file)
  const newer = saved([
    { group: 'plain', taken: 0, topics: rows(1n) },
    { group: 's', type: 'share', taken: 0, topics: rows(7n) },
  ])
  const layered = layerOffsets([
    { name: 'a', file },
    { name: 'b', file: offsetsSince(file, newer) },
  ])
  assert.deepEqual(
    layered.groups.map(({ group, type }) => [group, type]),
    [
      ['plain', undefined],
      ['s', 'share'],
    ],
  )
  const plan = planFromFile(read, {
    ...given(has('s', 9n, 'share')),
    name: 'file',
    strategy: { type: 'offset' },
  })
  assert.deepEqual(
    plan.entries.map(({ group, type }) => [group, type]),
    [
      ['plain', undefined],
      ['s', 'share'],
    ],
  )
  assert.match(restoreScript(read), /group s\ncannot 't:0 -> 2' 'no tool of Kafka/)
})
