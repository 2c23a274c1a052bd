import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { readJournal } from '../../src/restore/state/journal.ts'
import type { StoredLanded } from '../../src/restore/state/journal-types.ts'
import { restorePrefix } from '../../src/restore/state/restore-record.ts'
import { openStore } from '../../src/storage/index.ts'
import type { RunningCli } from '../support/cli.ts'
import {
  errorOf,
  type JsonError,
  progressUntil,
  reportOf,
  Stage,
  type ThreePhaseJson,
} from '../support/e2e-stage.ts'
import type { Section } from '../support/job-files.ts'
import { writeLate } from '../support/late-batch.ts'

const topic = 'orders'
const count = 6000
const twoYearsAgo = BigInt(Date.now()) - 2n * 365n * 86_400_000n

let stage: Stage

before(async () => {
  // The broker looks all the time for producers to forget, and those of old records are forgotten at once.
  stage = await Stage.open({ properties: { 'producer.id.expiration.check.interval.ms': '300' } })
  await stage.source.admin.createTopic(topic, 1, { 'retention.ms': '-1' })
  const producer = await stage.java.producer({ 'bootstrap.servers': stage.source.cluster.bootstrap })
  await producer.fill({ topic, partitions: 1, count, size: 400, timestamp: twoYearsAgo })
  await producer.close()
  reportOf(await stage.backup({ backupId: topic, topics: [topic] }))
})

after(async () => {
  await stage?.[Symbol.asyncDispose]()
})

test('a batch of the first run that arrives after the second has stopped is not taken for the next of the stream: the third writes nothing', async () => {
  const restore = new Restore('behind')
  await restore.interrupted()
  await restore.interrupted()
  const { next, seams } = await restore.journal()
  assert.deepEqual(
    seams?.map(({ epoch }) => epoch),
    [2],
    'the journal keeps where the second run began',
  )
  assert.ok((seams?.[0]?.from ?? next) < next, 'the second run had sent something')
  const offset = await restore.late()
  assert.equal(offset, next)
  for (const again of [false, true]) {
    const error = await restore.refused()
    const place = `Partition 0 of behind holds a batch of this restore at offset ${offset} that arrived too late`
    assert.ok(error.message.startsWith(place), error.message)
    assert.match(error.hint ?? '', /Delete the topic .*another restore_id.*settle_ms/)
    assert.equal((await restore.values()).length, Number(offset) + 2, again ? 'and so it stays' : '')
  }
})

test('one that arrives while the second run is sending ends it, and every run after it', async () => {
  const restore = new Restore('between')
  await restore.interrupted()
  const running = await restore.copying()
  const offset = await restore.late(running)
  const error = errorOf(await running.ended, 4, 'TARGET_CHANGED')
  assert.match(
    error.message,
    /Partition 0 of topic "between" .*\(epoch 0, sequence \d+\) at offset \d+ arrived after/,
  )
  const there = (await restore.values()).length
  assert.match((await restore.refused()).message, new RegExp(`at offset ${offset} that arrived too late`))
  assert.equal((await restore.values()).length, there)
})

test('in a topic that others write to it is found between the batches of the second run when that is done', async () => {
  await stage.source.admin.createTopic('shared', 1, { 'retention.ms': '-1' })
  const restore = new Restore('shared', { append: true })
  await restore.interrupted()
  const running = await restore.copying()
  const offset = await restore.late(running)
  const error = errorOf(await running.ended, 4, 'TARGET_CHANGED')
  assert.match(
    error.message,
    new RegExp(`Partition 0 of shared .* at offset ${offset} that arrived too late`),
  )
  assert.match(error.hint ?? '', /Restore it into another topic/)
  const values = await restore.values()
  assert.equal(values.filter((value) => !value.startsWith('late')).length, count)
  assert.match((await restore.refused()).message, new RegExp(`at offset ${offset} that arrived too late`))
  assert.equal((await restore.values()).length, count + 2)
})

test('others may write between, before and after an interruption: that is no late batch', async () => {
  await stage.source.admin.createTopic('mixed', 1, { 'retention.ms': '-1' })
  const restore = new Restore('mixed', { append: true })
  await restore.interrupted()
  const running = await restore.copying()
  const producer = await stage.java.producer({ 'bootstrap.servers': stage.source.cluster.bootstrap })
  producer.send({ topic: 'mixed', partition: 0, value: 'of others' })
  await producer.flush()
  await producer.close()
  const report = reportOf<ThreePhaseJson>(await running.ended)
  assert.equal(report.map?.records, count)
  assert.equal((await restore.values()).length, count + 1)
})

/** A restore of the topic under another name. */
class Restore {
  readonly #target: string
  readonly #restore: Section

  constructor(target: string, options: Section = {}) {
    this.#target = target
    this.#restore = {
      create_topics: true,
      topic_mapping: { [topic]: target },
      settle_ms: 300,
      produce_max_batch_bytes: 20_000,
      rate_limit_bytes_per_sec: 500_000,
      restore_id: target,
      ...options,
    }
  }

  /** A run that is under way, and has sent something. */
  async copying(): Promise<RunningCli> {
    const job = { backupId: topic, name: this.#target, restore: this.#restore }
    const running = await stage.startRestore(job, ['--progress', 'json'])
    const seen = await progressUntil(running, ({ phase, records }) => phase === 'copy' && records > 0)
    assert.ok(seen, `it ended too early: ${running.output().stderr}`)
    return running
  }

  async interrupted(): Promise<void> {
    const running = await this.copying()
    running.process.kill('SIGINT')
    const report = reportOf<ThreePhaseJson>(await running.ended, 130)
    assert.equal(report.restore.status, 'interrupted')
  }

  async refused(): Promise<JsonError> {
    const job = { backupId: topic, name: this.#target, restore: this.#restore }
    return errorOf(await stage.restore(job), 4, 'TARGET_CHANGED')
  }

  async journal(): Promise<StoredLanded> {
    const store = await openStore(stage.archive)
    const journal = await readJournal(store, restorePrefix(topic, this.#target))
    await store[Symbol.asyncDispose]()
    const landed = journal?.header.lanes[0]?.landed[0]
    assert.ok(landed)
    return landed
  }

  /**
   * Writes a batch as the first run may have had it on its way: its epoch, and the sequence that follows. A run that is sending stands
   * still meanwhile, or the broker would remember its epoch.
   */
  async late(running?: RunningCli): Promise<bigint> {
    const { producerId, seams } = await this.journal()
    running?.process.kill('SIGSTOP')
    const offset = await writeLate(stage.source.cluster.bootstrap, {
      topic: this.#target,
      partition: 0,
      producerId,
      producerEpoch: 0,
      baseSequence: Number(seams?.[0]?.records ?? 0n),
      values: ['late 0', 'late 1'],
      timestamp: twoYearsAgo,
    })
    running?.process.kill('SIGCONT')
    return offset
  }

  async values(): Promise<string[]> {
    const records = await stage.java.read(stage.source.cluster.bootstrap, this.#target, 0)
    return records.map(({ value }) => value?.toString() ?? '')
  }
}
