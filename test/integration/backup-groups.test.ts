import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { cli } from '../support/cli.ts'
import { type BackupJson, reportOf, Stage, type ThreePhaseJson } from '../support/e2e-stage.ts'
import type { DescribedGroup } from '../support/java-admin.ts'
import { assertGroup, assertRestored, type GroupStand, type RestoredTopic } from '../support/restored.ts'

let stage: Stage

before(async () => {
  stage = await Stage.open({ brokers: 3 })
})

after(async () => {
  await stage?.[Symbol.asyncDispose]()
})

test('one backup captures live groups of both protocols, empty ones, and those of every coordinator, with their metadata', async () => {
  const topic = 'orders'
  const { admin } = stage.source
  await admin.createTopic(topic, 3)
  await fill(topic, 3, 100)
  const stands: Record<string, Record<number, bigint>> = {
    classic: { 0: 10n, 1: 20n },
    consumer: { 0: 30n, 2: 7n },
    idle: { 0: 100n, 1: 0n, 2: 50n },
    stateful: { 0: 42n, 2: 1n },
  }
  for (let i = 0; i < 12; i++) stands[`spread-${i}`] = { [i % 3]: BigInt(i * 8) }
  // What applications keep there is any text: Kafka Streams keeps base64.
  const metadata: Record<string, string> = { stateful: 'AgAAAZOkZ+8= "état" ☃' }
  for (const [group, positions] of Object.entries(stands)) {
    for (const [partition, offset] of Object.entries(positions)) {
      await admin.commit(group, topic, Number(partition), offset, metadata[group] ?? '')
    }
  }
  {
    await using _classic = await admin.join('classic', topic, 'member-1', 'classic')
    await using _consumer = await admin.join('consumer', topic, 'member-2', 'consumer')
    const seen = await describeAll(Object.keys(stands))
    assert.deepEqual(
      ['classic', 'consumer', 'idle'].map((group) => seen.get(group)),
      [
        { type: 'classic', state: 'stable', members: 1 },
        { type: 'consumer', state: 'stable', members: 1 },
        { type: 'classic', state: 'empty', members: 0 },
      ],
      'the groups are what this test is about',
    )
    const report = reportOf<BackupJson>(await stage.backup({ backupId: topic, topics: [topic] }))
    assert.deepEqual(report.notices, [])
    assert.equal(report.groups, 16)

    const described = await describeBackup(topic)
    assert.deepEqual(described.failed_groups, [])
    for (const { group, type, state, members, positions } of described.groups) {
      assert.deepEqual({ type, state: state.toLowerCase(), members }, seen.get(group), group)
      const captured = positions.map(({ partition, offset, metadata: kept }) => {
        return { topic, partition, offset: BigInt(offset), metadata: kept ?? '' }
      })
      assert.deepEqual(
        captured.sort(byPartition),
        (await admin.positions(group)).sort(byPartition),
        `positions of ${group}`,
      )
    }
    assert.deepEqual(described.groups.map(({ group }) => group).sort(), Object.keys(stands).sort())
    assert.deepEqual(await describeAll(Object.keys(stands)), seen, 'nobody was disturbed')
  }

  await untilEmpty('classic')
  await untilEmpty('consumer')
  const { report } = await comesBack(topic, 'orders-copy', stands)
  assert.ok((report.positions as PositionsJson).groups.every(({ outcome }) => outcome === 'done'))
  for (const { topic: of, metadata: kept } of await admin.positions('stateful')) {
    assert.equal(kept, metadata.stateful, of)
  }
})

test('positions beyond the last stable offset are named, cost no record, and become exact with the next run', async () => {
  const topic = 'held'
  const { admin, cluster } = stage.source
  await admin.createTopic(topic, 1)
  await fill(topic, 1, 20)
  const settings = { 'bootstrap.servers': cluster.bootstrap, 'transactional.id': topic }
  const open = await stage.java.producer(settings)
  await open.begin()
  await open.fill({ topic, partitions: 1, first: 20, count: 10, size: 50 })
  await fill(topic, 1, 5, 30)
  // As a consumer commits that reads uncommitted data.
  const stands = { ahead: { 0: 30n }, further: { 0: 35n }, 'at-end': { 0: 20n }, behind: { 0: 5n } }
  for (const [group, positions] of Object.entries(stands)) await admin.commit(group, topic, 0, positions[0])

  for (const flags of [[], ['--strict']]) {
    const report = reportOf<GroupNotices>(await stage.backup({ backupId: topic, topics: [topic] }, flags))
    assert.deepEqual(
      report.notices.map(({ type, group, position, copied_to }) => [type, group, position, copied_to]).sort(),
      [
        ['open-transaction', undefined, undefined, undefined],
        ['position-ahead', 'ahead', 30, 20],
        ['position-ahead', 'further', 35, 20],
      ],
    )
  }
  const early = await comesBack(topic, 'held-1', stands)
  assert.deepEqual(early.kinds, {
    ahead: 'ahead-of-copy',
    'at-end': 'exact',
    behind: 'exact',
    further: 'ahead-of-copy',
  })

  await open.commit()
  await open.close()
  await untilEnd(topic, 36n)
  const report = reportOf<BackupJson>(await stage.backup({ backupId: topic, topics: [topic] }))
  assert.equal(report.records, 15)
  assert.deepEqual(report.notices, [])
  const late = await comesBack(topic, 'held-2', stands)
  assert.deepEqual(late.kinds, { ahead: 'exact', 'at-end': 'exact', behind: 'exact', further: 'exact' })
})

test('a position that is part of an open transaction is named, and captured as it was decided last', async () => {
  const topic = 'undecided'
  const { admin, cluster } = stage.source
  await admin.createTopic(topic, 1)
  await fill(topic, 1, 10)
  await admin.commit('pipeline', topic, 0, 3n)
  const settings = { 'bootstrap.servers': cluster.bootstrap, 'transactional.id': topic }
  const open = await stage.java.producer(settings)
  await open.begin()
  await open.sendOffset('pipeline', topic, 0, 7n)
  const job = { backupId: topic, topics: [topic] }
  const report = reportOf<GroupNotices>(await stage.backup(job, ['--strict']))
  assert.deepEqual(
    report.notices.map(({ type, group, partition }) => [type, group, partition]),
    [['position-unstable', 'pipeline', 0]],
  )
  const captured = async () => (await describeBackup(topic)).groups.map(({ positions }) => positions)
  assert.deepEqual(
    (await captured()).map(([position]) => [position?.offset, position?.unstable]),
    [[3, true]],
  )
  await open.commit()
  await open.close()
  assert.deepEqual(reportOf<BackupJson>(await stage.backup(job)).notices, [])
  assert.deepEqual(
    (await captured()).map(([position]) => position?.offset),
    [7],
  )
})

/** What `backup -o json` says of groups. */
interface GroupNotices {
  readonly notices: readonly {
    readonly type: string
    readonly group?: string
    readonly partition?: number
    readonly position?: number
    readonly copied_to?: number
  }[]
}

interface DescribeJson {
  readonly groups: readonly {
    readonly group: string
    readonly type: string
    readonly state: string
    readonly members: number
    readonly positions: readonly {
      readonly partition: number
      readonly offset: number
      readonly metadata: string | null
      readonly unstable?: boolean
    }[]
  }[]
  readonly failed_groups: readonly unknown[]
}

interface PositionsJson {
  readonly groups: readonly {
    readonly group: string
    readonly outcome: string
    readonly positions: readonly { readonly kind: string }[]
  }[]
}

async function describeBackup(backupId: string): Promise<DescribeJson> {
  return JSON.parse(
    await cli(['describe', '-p', stage.archive, '-b', backupId, '-o', 'json']),
  ) as DescribeJson
}

/** Groups as their coordinators describe them, which are several. */
async function describeAll(
  groups: readonly string[],
): Promise<ReadonlyMap<string, Pick<DescribedGroup, 'type' | 'state' | 'members'>>> {
  const found = new Map<string, Pick<DescribedGroup, 'type' | 'state' | 'members'>>()
  const coordinators = new Set<number>()
  for (const group of groups) {
    const { type, state, members, coordinator } = await stage.source.admin.group(group)
    found.set(group, { type, state: state.toLowerCase(), members })
    coordinators.add(coordinator)
  }
  assert.ok(coordinators.size > 1, 'several brokers coordinate the groups')
  return found
}

async function untilEmpty(group: string): Promise<void> {
  while ((await stage.source.admin.group(group)).state.toLowerCase() !== 'empty') await delay(100)
}

/** Until the marker of a transaction is there: its end is answered before. */
async function untilEnd(topic: string, end: bigint): Promise<void> {
  while ((await stage.source.admin.partitions(topic))[0]?.end !== end) await delay(50)
}

async function fill(topic: string, partitions: number, count: number, first = 0): Promise<void> {
  const producer = await stage.java.producer({ 'bootstrap.servers': stage.source.cluster.bootstrap })
  await producer.fill({ topic, partitions, first, count, size: 50 })
  await producer.close()
}

/** Restores a backup under another name, and holds records and positions to what the source has. */
async function comesBack(
  topic: string,
  target: string,
  stands: Readonly<Record<string, GroupStand[string]>>,
): Promise<{ readonly report: ThreePhaseJson; readonly kinds: Readonly<Record<string, string>> }> {
  const mapping = join(stage.folder, `${target}.json`)
  const restore = { create_topics: true, topic_mapping: { [topic]: target } }
  const job = { backupId: topic, name: target, restore }
  const records = await stage.read(stage.source, topic)
  const ends = (await stage.source.admin.partitions(topic)).map(({ end }) => end)
  const report = reportOf<ThreePhaseJson>(await stage.restore(job, ['--mapping-output', mapping]))
  const restored: RestoredTopic[] = [{ source: topic, target, records, ends }]
  const logs = await assertRestored(stage, restored, mapping)
  for (const [group, stand] of Object.entries(stands)) {
    await assertGroup(stage, restored, logs, group, { [topic]: stand })
  }
  const verified = reportOf<{ readonly verified: boolean }>(await stage.verify(job))
  assert.equal(verified.verified, true)
  const { groups } = report.positions as PositionsJson
  const kinds = groups.map(({ group, positions }) => [group, positions[0]?.kind ?? ''])
  return { report, kinds: Object.fromEntries(kinds) }
}

function byPartition(a: { readonly partition: number }, b: { readonly partition: number }): number {
  return a.partition - b.partition
}
