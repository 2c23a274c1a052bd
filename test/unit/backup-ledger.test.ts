import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PartitionLedger } from '../../src/backup/partition-ledger.ts'

const start = { topic: 'orders', topicId: 'id', partition: 0, next: 10n, leaderEpoch: 3 }

test('a partition that is new to the backup is accounted for even when nothing was read', () => {
  const ledger = new PartitionLedger({ ...start, fresh: true })
  ledger.bounds(10n, 10n)
  const account = ledger.take()
  assert.equal(account?.from, 10n)
  assert.equal(account?.to, 10n)
  assert.equal(account?.endOffset, 10n)
  assert.equal(ledger.take(), undefined)
})

test('a known partition of which nothing was read is not mentioned', () => {
  const ledger = new PartitionLedger({ ...start, fresh: false })
  ledger.bounds(0n, 10n)
  assert.equal(ledger.take(), undefined)
})

test('accounts join: each begins where the one before it ended', () => {
  const ledger = new PartitionLedger({ ...start, fresh: false })
  ledger.advance(25n, 4)
  const first = ledger.take()
  ledger.advance(40n, 4)
  const second = ledger.take()
  assert.deepEqual([first?.from, first?.to, first?.leaderEpoch], [10n, 25n, 4])
  assert.deepEqual([second?.from, second?.to], [25n, 40n])
})

test('aborted ranges that touch become one, and belong to the account in which they were seen', () => {
  const ledger = new PartitionLedger({ ...start, fresh: false })
  ledger.aborted({ from: 10n, to: 12n })
  ledger.aborted({ from: 12n, to: 15n })
  ledger.aborted({ from: 20n, to: 21n })
  ledger.advance(30n, 3)
  assert.deepEqual(ledger.take()?.aborted, [
    { from: 10n, to: 15n },
    { from: 20n, to: 21n },
  ])
  ledger.advance(31n, 3)
  assert.deepEqual(ledger.take()?.aborted, [])
})

test('a gap moves on to its end and is in the account with its exact bounds', () => {
  const ledger = new PartitionLedger({ ...start, fresh: false })
  ledger.gap({ from: 10n, to: 100n }, 'retention', 5)
  const account = ledger.take()
  assert.equal(ledger.next, 100n)
  assert.deepEqual(account?.gaps, [{ from: 10n, to: 100n, reason: 'retention', found: 5 }])
  assert.equal(account?.to, 100n)
})

test('after a truncation the account begins anew at the divergence', () => {
  const ledger = new PartitionLedger({ ...start, fresh: false })
  ledger.advance(50n, 3)
  assert.equal(ledger.take()?.to, 50n)
  ledger.truncated(30n, 50n, 7)
  ledger.advance(45n, 5)
  const account = ledger.take()
  assert.equal(account?.divergence, 30n)
  assert.deepEqual([account?.from, account?.to], [30n, 45n])
  assert.deepEqual(account?.gaps, [{ from: 30n, to: 50n, reason: 'truncated', found: 7 }])
  assert.equal(ledger.take(), undefined)
})

test('an aborted batch that begins below the account is counted from the account on', () => {
  const ledger = new PartitionLedger({ ...start, fresh: true })
  ledger.aborted({ from: 5n, to: 12n })
  ledger.aborted({ from: 2n, to: 8n })
  ledger.advance(12n, 3)
  assert.deepEqual(ledger.take()?.aborted, [{ from: 10n, to: 12n }])
})

test('a log that was cut beyond what has been read is read on from there', () => {
  const ledger = new PartitionLedger({ ...start, fresh: false })
  ledger.advance(20n, 3)
  ledger.take()
  ledger.truncated(30n, 50n, 1)
  assert.equal(ledger.next, 20n)
  ledger.advance(30n, 4)
  const account = ledger.take()
  assert.deepEqual([account?.from, account?.to, account?.divergence], [20n, 30n, 20n])
})
