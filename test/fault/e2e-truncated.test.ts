import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type BackupJson, reportOf, Stage, type ThreePhaseJson } from '../support/e2e-stage.ts'
import type { SeenRecord } from '../support/java-client.ts'
import { type KafkaVersion, kafkaVersions } from '../support/kafka-jars.ts'
import { archivedRecords, assertSameLog, assertValid } from '../support/record-lists.ts'
import { assertGroup, assertRestored } from '../support/restored.ts'

const topic = 'ledger'
/** Records that both replicas have. */
const common = 100
/**
 * What becomes of each partition. `lost`: records that only the leader had, and that were backed up; `later`: such that were not;
 * `grown`: records written after the election, from `common` on.
 */
const fates = [
  { name: 'cut back below what was backed up', lost: 50, later: 0, grown: 0 },
  { name: 'cut back, and grown past our last offset', lost: 50, later: 0, grown: 80 },
  { name: 'cut back, and grown to exactly our last offset', lost: 50, later: 0, grown: 50 },
  { name: 'cut back, and grown to somewhere in between', lost: 50, later: 0, grown: 20 },
  { name: 'cut back to exactly our last offset', lost: 0, later: 50, grown: 0 },
  { name: 'cut back to our last offset, and grown', lost: 0, later: 50, grown: 30 },
] as const

for (const version of kafkaVersions) {
  test(`an unclean election on Kafka ${version}: what was cut off is a gap, and the backup holds what is on the source now`, async () => {
    await uncleanElection(version)
  })
}

async function uncleanElection(version: KafkaVersion): Promise<void> {
  await using stage = await Stage.open({ apart: true, brokers: 3, version })
  const { admin, cluster } = stage.source
  await admin.createTopic(
    topic,
    fates.map(() => [1, 2]),
    { 'unclean.leader.election.enable': 'true', 'min.insync.replicas': '1' },
  )
  await write(stage, 'both', () => common)
  await cluster.broker(2).kill()
  await until(stage, ({ inSync }) => inSync.join() === '1')
  await write(stage, 'lost', ({ lost }) => lost)
  await admin.commit('reader', topic, 1, 140n)
  const jobs = ['plain', 'strict'].map((backupId) => ({ backupId, topics: [topic] }))
  for (const job of jobs) reportOf(await stage.backup(job))
  await write(stage, 'later', ({ later }) => later)

  await cluster.broker(1).kill()
  await cluster.broker(2).start()
  await until(stage, ({ leader }) => leader === 2)
  await write(stage, 'grown', ({ grown }) => grown)
  await cluster.broker(1).start()
  await until(stage, ({ inSync }) => inSync.length === 2)

  const gaps = fates.flatMap(({ lost }, partition) =>
    lost > 0 ? [[partition, 'truncated', common, common + lost]] : [],
  )
  const now = await stage.read(stage.source, topic)
  for (const job of jobs) {
    const strict = job.backupId === 'strict'
    const report = reportOf<BackupJson>(await stage.backup(job, strict ? ['--strict'] : []), strict ? 3 : 0)
    assert.deepEqual(
      report.notices
        .filter(({ type }) => type === 'gap')
        .map(({ partition, reason, from, to }) => [partition, reason, from, to])
        .sort(),
      gaps,
    )
    await assertValid(stage.archive, job.backupId)
    await assertHolds(stage, job.backupId, now)
    const quiet = reportOf<BackupJson>(await stage.backup(job, strict ? ['--strict'] : []))
    assert.deepEqual(
      quiet.notices.filter(({ type }) => type === 'gap'),
      [],
      'told once',
    )
  }

  // The dead branch is not restored, and the map knows the living one.
  const mapping = join(stage.folder, 'mapping.json')
  const restored = { source: topic, target: 'restored', records: now, ends: [] }
  const restore = {
    create_topics: true,
    topic_mapping: { [topic]: 'restored' },
    auto_consumer_groups: true,
  }
  const done = await stage.restore({ backupId: 'plain', restore }, ['--mapping-output', mapping])
  assert.equal(reportOf<ThreePhaseJson>(done).restore.status, 'done')
  const logs = await assertRestored(stage, [restored], mapping)
  await assertGroup(stage, [restored], logs, 'reader', { [topic]: { 1: 140n } })
  reportOf(await stage.verify({ backupId: 'plain', restore }))
}

async function assertHolds(
  stage: Stage,
  backupId: string,
  now: readonly (readonly SeenRecord[])[],
): Promise<void> {
  for (const [partition, expected] of now.entries()) {
    const held = await archivedRecords(stage.archive, backupId, topic, partition)
    assertSameLog(held, expected, `${backupId}: ${fates[partition]?.name}`)
  }
}

/** So many records into each partition; the value tells the branch. Each in a batch of its own, so that a log may end anywhere. */
async function write(
  stage: Stage,
  branch: string,
  count: (fate: (typeof fates)[number]) => number,
): Promise<void> {
  const producer = await stage.java.producer({
    'bootstrap.servers': stage.source.cluster.bootstrap,
    'batch.size': '0',
  })
  for (const [partition, fate] of fates.entries()) {
    for (let i = 0; i < count(fate); i++) {
      producer.send({ topic, partition, key: `${partition}-${branch}-${i}`, value: branch })
    }
  }
  await producer.flush()
  await producer.close()
}

async function until(
  stage: Stage,
  holds: (partition: { readonly leader: number; readonly inSync: readonly number[] }) => boolean,
): Promise<void> {
  for (let looks = 0; ; looks++) {
    const partitions = await stage.source.admin.partitions(topic).catch(() => [])
    if (partitions.length > 0 && partitions.every(holds)) return
    assert.ok(
      looks < 600,
      `in vain: ${JSON.stringify(partitions.map(({ leader, inSync }) => [leader, inSync]))}`,
    )
    await delay(200)
  }
}
