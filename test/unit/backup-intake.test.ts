import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { BackupWriter, ChunkInput, CommitInput } from '../../src/archive/index.ts'
import { Intake } from '../../src/backup/intake.ts'
import type { BackupNotice } from '../../src/backup/job.ts'
import { PartitionLedger } from '../../src/backup/partition-ledger.ts'
import { noProgress, systemClock, TidemarkError } from '../../src/base/index.ts'
import type { FetchedBatches } from '../../src/kafka/index.ts'
import { batchBytes } from '../support/archive-data.ts'

const topic = 'orders'
const recordsEach = 10

/** A writer that takes its time, and what came to it. */
function slowWriter() {
  const chunks: ChunkInput[] = []
  const commits: CommitInput[] = []
  const writer = {
    async write(chunk: ChunkInput) {
      await delay(2)
      chunks.push(chunk)
    },
    async commit(input: CommitInput) {
      await delay(2)
      commits.push(input)
      return { commit: commits.length, bytes: 0 }
    },
  }
  return { chunks, commits, writer: writer as unknown as BackupWriter }
}

function setUp(memory: number) {
  const { chunks, commits, writer } = slowWriter()
  const notices: BackupNotice[] = []
  const gaveUp: string[] = []
  const errors: unknown[] = []
  const intake = new Intake({
    writer,
    isolation: 'read_committed',
    clock: systemClock,
    progress: noProgress,
    memory,
    commitBytes: 1 << 30,
    notice: (notice) => notices.push(notice),
    gaveUp: ({ partition }, error) => gaveUp.push(`${partition}: ${error.message}`),
    failed: (error) => errors.push(error),
  })
  const open = (partition: number) =>
    intake.open(
      new PartitionLedger({ topic, topicId: undefined, partition, next: 0n, leaderEpoch: -1, fresh: true }),
    )
  return { intake, chunks, commits, notices, gaveUp, errors, open }
}

let lent = 0

/** A response with one batch of ten records from an offset on. */
function response(partition: number, from: bigint): FetchedBatches {
  const buffer = batchBytes({ topic, partition }, from, [recordsEach], { valueBytes: 100 })
  lent++
  return {
    topic,
    partition,
    buffer,
    start: 0,
    end: buffer.length,
    fromOffset: from,
    nextOffset: from + BigInt(recordsEach),
    leaderEpoch: 0,
    aborted: [],
    logStartOffset: 0n,
    lastStableOffset: 1000n,
    highWatermark: 1000n,
    release: () => {
      lent--
    },
  }
}

test('a commit after settling holds everything delivered, however slow the store is', async () => {
  // Less memory than two responses take: nearly all of them wait in line.
  const { intake, chunks, commits, errors, open } = setUp(2000)
  const responses = 40
  for (const partition of [0, 1, 2]) open(partition)
  for (let i = 0; i < responses; i++) {
    for (const partition of [0, 1, 2]) intake.batches(response(partition, BigInt(i * recordsEach)))
  }
  await intake.settled()
  await intake.commit({ final: true })
  assert.deepEqual(errors, [])
  assert.equal(lent, 0, 'all memory was given back')
  assert.deepEqual(
    commits[0]?.accounts.map(({ partition, from, to }) => [partition, from, to]),
    [0, 1, 2].map((partition) => [partition, 0n, BigInt(responses * recordsEach)]),
  )
  for (const partition of [0, 1, 2]) {
    let next = 0n
    for (const chunk of chunks.filter((each) => each.partition === partition)) {
      assert.equal(chunk.firstOffset, next)
      next = chunk.lastOffset + 1n
    }
    assert.equal(next, BigInt(responses * recordsEach))
  }
})

test('records of the first batch that lie before the beginning are kept with it, and not counted as copied', async () => {
  const { intake, chunks, commits, errors } = setUp(1 << 20)
  const start = { topic, topicId: undefined, partition: 0, next: 4n, leaderEpoch: -1, fresh: true }
  intake.open(new PartitionLedger(start))
  intake.batches({ ...response(0, 0n), fromOffset: 4n })
  intake.batches(response(0, 10n))
  await intake.settled()
  await intake.commit()
  assert.deepEqual(errors, [])
  assert.equal(intake.totals.records, 16)
  assert.deepEqual(
    commits[0]?.accounts.map(({ from, to }) => [from, to]),
    [[4n, 20n]],
  )
  assert.deepEqual(
    chunks.map(({ firstOffset, lastOffset, records }) => [firstOffset, lastOffset, records]),
    [[0n, 19n, 20]],
  )
})

test('what is delivered a second time ends the run instead of becoming a chunk', async () => {
  const { intake, errors, open } = setUp(1 << 20)
  open(0)
  intake.batches(response(0, 0n))
  intake.batches(response(0, 0n))
  await intake.settled()
  assert.match(String(errors[0]), /nothing twice/)
  await assert.rejects(intake.commit())
})

test('a partition that cannot be read is given up alone, and accounted for as far as it came', async () => {
  const { intake, commits, gaveUp, notices, errors, open } = setUp(1 << 20)
  for (const partition of [0, 1, 2]) open(partition)
  for (const partition of [0, 1, 2]) intake.batches(response(partition, 0n))
  const broken = response(0, 10n)
  broken.buffer.writeUInt8(broken.buffer.readUInt8(90) ^ 1, 90)
  intake.batches(broken)
  intake.batches(response(0, 20n))
  intake.batches(response(1, 10n))
  const denied = new TidemarkError('AUTHORIZATION_FAILED', 'no right to read')
  intake.event({ type: 'lost', topic, partition: 2, error: denied })
  await intake.settled()
  await intake.commit()
  assert.deepEqual(errors, [])
  assert.equal(gaveUp.length, 2)
  assert.match(gaveUp[0] ?? '', /^0: .*CRC/)
  assert.equal(gaveUp[1], '2: no right to read')
  assert.deepEqual(notices, [], 'no gap: the next run goes on there')
  assert.deepEqual(
    commits[0]?.accounts.map(({ partition, to, gaps }) => [partition, to, gaps.length]),
    [
      [0, 10n, 0],
      [1, 20n, 0],
      [2, 10n, 0],
    ],
  )
})

test('only of a topic that is gone is it written that nothing more will come', async () => {
  const { intake, commits, gaveUp, open } = setUp(1 << 20)
  open(0)
  intake.batches(response(0, 0n))
  intake.event({ type: 'lost', topic, partition: 0, error: new TidemarkError('TOPIC_NOT_FOUND', 'gone') })
  await intake.settled()
  await intake.commit()
  assert.deepEqual(gaveUp, [])
  assert.deepEqual(
    commits[0]?.accounts[0]?.gaps.map(({ reason, from, to }) => [reason, from, to]),
    [['lost', 10n, 10n]],
  )
})
