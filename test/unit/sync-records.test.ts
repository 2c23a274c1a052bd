import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isTidemarkError } from '../../src/base/index.ts'
import { MapBuilder, MapSet } from '../../src/offsets/index.ts'
import { planBack } from '../../src/replicate/fail-over/plan-back.ts'
import { commitRecord, decodeGroupRecord, handOverRecord } from '../../src/replicate/sync/group-record.ts'
import {
  type Checkpoint,
  decodeCheckpoint,
  decodeOffsetSync,
  encodeCheckpoint,
} from '../../src/replicate/sync/mm2-records.ts'

const key = { pipeline: 'dr', group: 'a group', topic: 't', partition: 3 }

test('what is remembered of a commit reads back, and so does that it is forgotten', () => {
  const remembered = { version: 2n ** 60n, commits: [{ offset: 2n ** 61n, metadata: 'AQAB "x"' }] }
  for (const what of [remembered, undefined]) {
    const record = commitRecord(key, what, 77)
    const read = decodeGroupRecord(record.key, record.value, 'here')
    assert.deepEqual(read, { type: 'commit', key, written: 77, remembered: what })
  }
})

test('a group that was handed over reads back, and records of others are no matter', () => {
  const { key, value } = handOverRecord('dr', 'g', { since: 5, by: 'failover' }, 6)
  const handOver = { since: 5, by: 'failover' }
  assert.deepEqual(decodeGroupRecord(key, value, 'here'), {
    type: 'group',
    pipeline: 'dr',
    group: 'g',
    written: 6,
    handOver,
  })
  assert.equal(decodeGroupRecord(Buffer.from('{"type":"position"}'), value, 'here'), undefined)
  assert.throws(
    () =>
      decodeGroupRecord(Buffer.from('{"type":"group","pipeline":"p","group":"g"}'), Buffer.from('{}'), 'it'),
    (error) => isTidemarkError(error, 'MAP_RECORD_INVALID') && error.message.includes('it'),
  )
})

test("a checkpoint has the bytes of MirrorMaker 2's", () => {
  const checkpoint: Checkpoint = {
    ...{ group: 'g1', topic: 'é', partition: 258, upstreamOffset: 7n, offset: 2n ** 40n, metadata: 'm' },
  }
  const { key, value } = encodeCheckpoint(checkpoint)
  assert.equal(key.toString('hex'), '00026731' + '0002c3a9' + '00000102')
  assert.equal(value.toString('hex'), '0000' + '0000000000000007' + '0000010000000000' + '00016d')
  assert.deepEqual(decodeCheckpoint(key, value), checkpoint)
})

test('an offset sync is read; rubbish is no record', () => {
  const key = Buffer.from('000174' + '00000001', 'hex')
  const value = Buffer.from('0000000000000005' + '0000000000000009', 'hex')
  assert.deepEqual(decodeOffsetSync(key, value), { topic: 't', partition: 1, upstreamOffset: 5n, offset: 9n })
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 40 }), (key, value) => {
      decodeCheckpoint(Buffer.from(key), Buffer.from(value))
      decodeOffsetSync(Buffer.from(key), Buffer.from(value))
    }),
  )
})

test('the way back: what was translated comes home, and what lies behind the copy says so', () => {
  const builder = new MapBuilder({
    ...{ sourceTopic: 't', sourcePartition: 0, targetTopic: 'dr-t', targetPartition: 0, sourceCluster: 'c' },
  })
  builder.append(10n, 100n, 5)
  builder.append(20n, 106n, 5)
  const back = new MapSet({ sourceCluster: 'c' }, [builder.seal({ sourceEnd: 26n, copyStart: 100n })]).invert(
    'd',
  )
  const logs = new Map([['t', new Map([[0, { logStart: 0n, logEnd: 26n }]])]])
  const planned = (offset: bigint, metadata = '') =>
    planBack('g', [{ topic: 'dr-t', partition: 0, offset, leaderEpoch: -1, metadata }], back, logs, 'k2k_')[0]
  assert.equal(planned(102n)?.offset, 12n)
  // 105 is a marker of the copy.
  assert.equal(planned(105n)?.offset, 20n)
  assert.equal(planned(110n)?.offset, 24n)
  assert.equal(planned(111n)?.kind, 'exact')
  const behind = planned(115n)
  assert.equal(behind?.kind, 'ahead-of-copy')
  assert.match(behind?.reason ?? '', /115 in dr-t\/0/)
  assert.equal(planned(102n, 'AQAB')?.metadata, 'AQAB')
  assert.equal(planned(102n, 'k2k_1')?.metadata, '')
})
