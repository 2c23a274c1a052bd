import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTidemarkError, systemClock } from '../../src/base/index.ts'
import { encodeBatch } from '../../src/records/index.ts'
import { RateLimit } from '../../src/restore/copy/rate-limit.ts'
import { TransactionChoice } from '../../src/restore/copy/transaction-choice.ts'
import { groupMarkers, type Marker } from '../../src/restore/copy/transaction-groups.ts'
import { targetTopic } from '../../src/restore/plan/topic-rules.ts'
import { recodeBatch } from '../../src/restore/recode/recode-batch.ts'
import { batchInRange } from '../../src/restore/recode/time-range.ts'
import { decodeState, encodeState } from '../../src/restore/state/state-object.ts'
import { copyConfigs, hurtfulConfigs } from '../../src/restore/topics/copy-configs.ts'
import { type DecisionInput, decideSettings } from '../../src/restore/topics/decide-settings.ts'

test('the first topic rule that matches wins; without one a topic keeps its name', () => {
  const rules = [
    { type: 'exact', from: 'orders', to: 'orders-copy' },
    { type: 'regex', from: '(?<team>[a-z]+)-(\\d+)', to: 'r.$<team>.$2' },
    { type: 'prefix', from: 'prod.', to: 'dr.' },
  ] as const
  assert.equal(targetTopic(rules, 'orders'), 'orders-copy')
  assert.equal(targetTopic(rules, 'shop-12'), 'r.shop.12')
  assert.equal(targetTopic(rules, 'shop-12-x'), 'shop-12-x')
  assert.equal(targetTopic(rules, 'prod.payments'), 'dr.payments')
  assert.equal(targetTopic(rules, 'payments'), 'payments')
  assert.throws(
    () => targetTopic([{ type: 'regex', from: '.*', to: 'a b' }], 'x'),
    (error: unknown) => isTidemarkError(error, 'CONFIG_INVALID'),
  )
})

test('a record that fits no batch is named with its source offset, and compression may save it', () => {
  const value = Buffer.alloc(40_000, 'a')
  const one = (codec: 'none' | 'zstd') =>
    encodeBatch([{ offset: 77n, timestamp: 1n, key: null, value, headers: [] }], { codec, offsets: 'keep' })
  const options = {
    input: 0,
    from: 0n,
    to: 100n,
    range: undefined,
    headers: undefined,
    skip: 0,
    limit: 4096,
    place: { topic: 'big', partition: 3 },
  }
  assert.equal(recodeBatch(one('zstd'), 0, options).length, 1)
  assert.throws(
    () => recodeBatch(one('none'), 0, options),
    (error: unknown) =>
      isTidemarkError(error, 'RECORD_TOO_LARGE') &&
      error.details.offset === 77n &&
      error.details.topic === 'big' &&
      error.details.partition === 3,
  )
})

test('both ends of a time window are inclusive, and the header decides where it can', () => {
  const batch = (...times: bigint[]) =>
    encodeBatch(
      times.map((timestamp) => ({ timestamp, key: null, value: Buffer.from('v') })),
      { codec: 'none' },
    )
  const range = { start: 10n, end: 20n }
  assert.equal(batchInRange(range, batch(10n, 20n, 15n), 0), 'all')
  assert.equal(batchInRange(range, batch(9n, 20n), 0), 'some')
  assert.equal(batchInRange(range, batch(10n, 21n), 0), 'some')
  assert.equal(batchInRange(range, batch(1n, 9n), 0), 'none')
  assert.equal(batchInRange(range, batch(21n, 30n), 0), 'none')
  assert.equal(batchInRange(range, batch(9n, 21n), 0), 'some')
  assert.equal(batchInRange({ start: undefined, end: 20n }, batch(1n, 20n), 0), 'all')
  assert.equal(batchInRange({ start: 10n, end: undefined }, batch(10n, 99n), 0), 'all')
})

test('markers of one transaction are brought together however its producer numbers them', () => {
  const marker = (place: number, offset: number, time: number, lastData: number, epoch = 0): Marker => ({
    place,
    producerId: 5n,
    epoch,
    offset,
    time,
    lastData,
  })
  const sizes = (...markers: Marker[]) => groupMarkers(markers).map((group) => group.length)
  assert.deepEqual(sizes(marker(0, 10, 100, 90), marker(1, 5, 103, 95), marker(2, 7, 101, 99)), [3])
  assert.deepEqual(sizes(marker(0, 10, 100, 90), marker(0, 20, 105, 104)), [1, 1], 'a partition comes again')
  assert.deepEqual(
    sizes(marker(0, 10, 100, 90), marker(1, 20, 105, 104)),
    [1, 1],
    'written after the first was decided',
  )
  assert.deepEqual(
    sizes(marker(0, 10, 100, 90, 1), marker(1, 20, 101, 90, 2)),
    [1, 1],
    'each has its own epoch',
  )
})

test('a batch belongs to the next marker of its producer', () => {
  const choice = new TransactionChoice(
    new Map([
      [
        1n,
        [
          { marker: 10, taken: true },
          { marker: 20, taken: false },
        ],
      ],
    ]),
  )
  assert.equal(choice.takes(1n, 3), true)
  assert.equal(choice.takes(1n, 11), false)
  assert.equal(choice.takes(1n, 21), undefined)
  assert.equal(choice.takes(2n, 3), undefined)
})

test('a state object that was cut or changed in one bit is not taken for one', () => {
  const parts = encodeState({
    header: { offset: 5n, topics: ['5n', 'a'] },
    blobs: [Buffer.from('abc'), Buffer.alloc(0)],
  })
  const bytes = Buffer.concat(parts)
  assert.deepEqual(decodeState(bytes)?.header, { offset: 5n, topics: ['5n', 'a'] })
  assert.deepEqual(
    decodeState(bytes)?.blobs.map((blob) => blob.toString()),
    ['abc', ''],
  )
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ 0x10
    assert.equal(decodeState(changed), undefined)
    assert.equal(decodeState(bytes.subarray(0, at)), undefined)
  }
})

test('the rate limit holds for all who share it together', async () => {
  let now = 0
  const clock = {
    ...systemClock,
    monotonic: () => now,
    sleep: async (ms: number) => {
      now += ms
    },
  }
  const limit = new RateLimit(1000, undefined, clock)
  const signal = new AbortController().signal
  for (let i = 0; i < 50; i++) await limit.take(200, 1, signal)
  assert.ok(
    now >= 9000 - 1 && now <= 9000 + 1,
    `10,000 bytes at 1000 a second, one second's worth at hand: ${now} ms`,
  )
})

test('settings of the copy hurt nothing, and only those that the target knows are asked for', () => {
  const known = new Set(['cleanup.policy', 'retention.ms', 'min.insync.replicas'])
  assert.deepEqual(copyConfigs(known, { maxMessageBytes: 5, minInSyncReplicas: 1 }), {
    'cleanup.policy': 'delete',
    'retention.ms': '-1',
    'min.insync.replicas': '1',
  })
  const effective = new Map([
    ['cleanup.policy', 'compact,delete'],
    ['retention.ms', '1000'],
    ['message.timestamp.type', 'CreateTime'],
    ['compression.type', 'producer'],
  ])
  assert.deepEqual(hurtfulConfigs(effective), { 'cleanup.policy': 'delete', 'retention.ms': '-1' })
})

const decision: DecisionInput = {
  wanted: { 'retention.ms': '1000', 'retention.bytes': null, 'cleanup.policy': null, 'segment.ms': '5' },
  restored: { records: 5, oldest: 99_500n, largestPartition: 100 },
  defaults: { retentionMs: 604_800_000n, retentionBytes: -1n, cleanupPolicy: 'delete' },
  now: 100_000,
  applyRetention: 'wait',
}

test('retention waits exactly when it would delete something that was restored', () => {
  assert.deepEqual(decideSettings(decision).waiting, {})
  const old = { ...decision, restored: { ...decision.restored, oldest: 98_000n } }
  assert.deepEqual(decideSettings(old).waiting, { 'retention.ms': '1000' })
  assert.deepEqual(decideSettings(old).now, {
    'retention.bytes': null,
    'cleanup.policy': null,
    'segment.ms': '5',
  })
  assert.match(decideSettings(old).reason, /1970-01-01T00:01:38/)
  assert.deepEqual(decideSettings({ ...old, applyRetention: 'now' }).waiting, {})
  assert.deepEqual(decideSettings({ ...old, restored: { ...old.restored, records: 0 } }).waiting, {})
  const large = { ...decision, defaults: { ...decision.defaults, retentionBytes: 99n } }
  assert.deepEqual(decideSettings(large).waiting, { 'retention.bytes': null })
})

test('while compaction waits, a retention that it would not have heeded waits with it', () => {
  const old = { ...decision.restored, oldest: 98_000n }
  const compacted = {
    ...decision,
    restored: old,
    wanted: { ...decision.wanted, 'cleanup.policy': 'compact' },
  }
  assert.deepEqual(decideSettings(compacted).waiting, { 'cleanup.policy': 'compact', 'retention.ms': '1000' })
})
