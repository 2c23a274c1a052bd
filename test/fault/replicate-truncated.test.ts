import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectCluster, type PartitionInfo } from '../../src/kafka/index.ts'
import { type Translation, translate } from '../../src/offsets/index.ts'
import type { JavaClient } from '../support/java-client.ts'
import { startLab } from '../support/replicate-lab.ts'
import { mapsOf, until } from '../support/replicated.ts'

const topic = 'cut-ledger'
/** Records that both replicas have. */
const common = 100
/**
 * What becomes of each partition. `lost`: records that only the leader had, and that were copied; `later`: such that were not;
 * `grown`: records written after the election, from `common` on.
 */
const fates = [
  { name: 'cut back below what was copied', lost: 50, later: 0, grown: 0 },
  { name: 'cut back, and grown past our last offset', lost: 50, later: 0, grown: 80 },
  { name: 'cut back, and grown to exactly our last offset', lost: 50, later: 0, grown: 50 },
  { name: 'cut back, and grown to somewhere in between', lost: 50, later: 0, grown: 20 },
  { name: 'cut back to our last offset, and grown', lost: 0, later: 50, grown: 30 },
] as const

test('an unclean election at the source: what was lost is told, the living branch is copied whole, and the map knows it alone', async () => {
  // Partitions that lose their leader before the other replica is back wait for the controller's next look.
  const properties = { 'unclean.leader.election.interval.ms': '1000' }
  await using lab = await startLab({ source: { apart: true, brokers: 3, properties } })
  const { sourceAdmin, source, java } = lab
  await sourceAdmin.createTopic(
    topic,
    fates.map(() => [1, 2]),
    { 'unclean.leader.election.enable': 'true', 'min.insync.replicas': '1' },
  )
  await using cluster = await connectCluster({ bootstrap: source.bootstrap.split(',') })
  const look = async () => (await cluster.topics([topic]))[0]?.partitions ?? []
  const whenAll = (what: string, holds: (partition: PartitionInfo) => boolean) =>
    until(
      what,
      async () => {
        const partitions = await look().catch(() => [])
        return partitions.length === fates.length && partitions.every(holds)
      },
      120,
      look,
    )
  const write = (branch: string, count: (fate: (typeof fates)[number]) => number) =>
    writeBranch(java, source.bootstrap, branch, count)
  await write('both', () => common)
  await source.broker(2).kill()
  await whenAll('one replica is left', ({ isr }) => isr.join() === '1')
  await write('lost', ({ lost }) => lost)
  const job = lab.job('cut')
  // The same topic into others, by pipelines that are to hold, and to stop.
  const cautious = (['hold', 'stop'] as const).map((action) => ({
    action,
    job: lab.job(`cut-${action}`, {
      include: [topic],
      rename: { type: 'affix', prefix: `${action}-`, suffix: '' },
      onChange: { gap: 'continue', truncated: action, recreated: 'continue', lost: 'continue' },
    }),
  }))
  const first = lab.worker(job)
  const copied = fates.reduce((sum, { lost }) => sum + common + lost, 0)
  await first.until('all is copied', ({ records }) => records >= copied, 120)
  assert.equal(await first.stop(), 0)
  for (const one of cautious) {
    const worker = lab.worker(one.job)
    await worker.until('all is copied', ({ records }) => records >= copied, 120)
    assert.equal(await worker.stop(), 0)
  }
  await write('later', ({ later }) => later)

  await source.broker(1).kill()
  await source.broker(2).start()
  await whenAll('the other replica leads', ({ leader }) => leader === 2)
  await write('grown', ({ grown }) => grown)
  await source.broker(1).start()
  await whenAll('both are in sync', ({ isr }) => isr.length === 2)

  const second = lab.worker(job)
  const grown = fates.reduce((sum, fate) => sum + fate.grown, 0)
  const cut = fates.flatMap(({ lost }, partition) => (lost > 0 ? [[partition, common, common + lost]] : []))
  const status = await second.until(
    'the living branch is copied',
    ({ records, events }) => records >= grown && events.length >= cut.length,
    120,
  )
  assert.deepEqual(
    status.events
      .map(({ type, partition, from, to }) => [type, partition, Number(from), Number(to)])
      .sort((a, b) => Number(a[1]) - Number(b[1])),
    cut.map((event) => ['truncated', ...event]),
  )
  assert.equal(await second.stop(), 0)
  const quiet = lab.worker(job)
  await quiet.until(
    'it runs',
    ({ state, partitions }) => state === 'running' && partitions.length === fates.length,
  )
  assert.equal(await quiet.stop(), 0)
  assert.deepEqual(quiet.status?.events, [], 'told once')

  for (const one of cautious) {
    const worker = lab.worker(one.job)
    if (one.action === 'stop') {
      assert.equal(await worker.ended, 4)
      assert.equal(worker.log.at(-1)?.code, 'SOURCE_CHANGED')
      assert.match(String(worker.log.at(-1)?.message), /lost records that had been copied/)
    } else {
      const last = fates.length - 1
      await worker.until(
        'what was cut is held, and the rest is copied',
        ({ partitions }) =>
          partitions.filter(({ state, reason }) => state === 'held' && /had been copied/.test(reason ?? ''))
            .length === cut.length &&
          partitions.some((p) => p.partition === last && p.records === fates[last]?.grown),
        120,
      )
      assert.equal(await worker.stop(), 0)
    }
    // Nothing of the living branch lies behind the dead one.
    for (const [partition, { lost }] of fates.entries()) {
      if (lost === 0) continue
      const here = await java.read(lab.target.bootstrap, `${one.action}-${topic}`, partition)
      assert.equal(here.length, common + lost)
    }
  }

  const set = await mapsOf(lab, job)
  for (const [partition, { name, lost, grown }] of fates.entries()) {
    const there = await java.read(source.bootstrap, topic, partition)
    const here = await java.read(lab.target.bootstrap, topic, partition)
    assert.equal(here.length, common + lost + grown, name)
    const living = here.filter(({ value }) => value?.toString() !== 'lost')
    assert.deepEqual(
      living.map(({ key }) => key?.toString()),
      there.map(({ key }) => key?.toString()),
      name,
    )
    const [map] = set.from(topic, partition)
    assert.equal(map?.records, common + grown, name)
    for (const [i, { offset }] of there.entries()) {
      const found: Translation | undefined =
        map && translate(map, offset, { logStart: 0n, logEnd: 1_000_000n })
      assert.equal(found?.target, living[i]?.offset, `${name}, position ${offset}`)
    }
  }
})

/** So many records into each partition; the value tells the branch. Each in a batch of its own, so that a log may end anywhere. */
async function writeBranch(
  java: JavaClient,
  bootstrap: string,
  branch: string,
  count: (fate: (typeof fates)[number]) => number,
): Promise<void> {
  const producer = await java.producer({ 'bootstrap.servers': bootstrap, 'batch.size': '0' })
  for (const [partition, fate] of fates.entries()) {
    for (let i = 0; i < count(fate); i++) {
      producer.send({ topic, partition, key: `${partition}-${branch}-${i}`, value: branch })
    }
  }
  await producer.flush()
  await producer.close()
}
