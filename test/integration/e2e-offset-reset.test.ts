import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type CliResult, runCli } from '../support/cli.ts'
import type { OutcomeJson, PlanJson } from '../support/command-json.ts'
import { errorOf, reportOf, Stage } from '../support/e2e-stage.ts'
import { keyOf } from '../support/record-lists.ts'

/*
 * One backup, restored three times to another cluster: the orders as `old-orders` and later as `new-orders`, and two topics into
 * one. The groups are set by hand afterwards.
 */

let stage: Stage
/** The offset map of the first restore, as `restore --mapping-output` wrote it. */
let oldMap: string

const start = BigInt(Date.now() - 3_600_000)

before(async () => {
  stage = await Stage.open({}, {})
  const { admin, cluster } = stage.source
  await admin.createTopic('orders', 2)
  await admin.createTopic('left', 1)
  await admin.createTopic('right', 1)
  const producer = await stage.java.producer({ 'bootstrap.servers': cluster.bootstrap })
  await producer.fill({ topic: 'orders', partitions: 2, count: 100, size: 50 })
  for (let i = 0; i < 50; i++) {
    producer.send({ topic: 'left', partition: 0, key: `left-${i}`, timestamp: start + BigInt(2 * i) })
    producer.send({ topic: 'right', partition: 0, key: `right-${i}`, timestamp: start + BigInt(2 * i + 1) })
  }
  await producer.flush()
  await producer.close()
  for (const [group, topic, partition, offset] of [
    ['billing', 'orders', 0, 40n],
    ['billing', 'orders', 1, 100n],
    ['audit', 'orders', 0, 7n],
    ['half', 'left', 0, 10n],
  ] as const) {
    await admin.commit(group, topic, partition, offset)
  }
  const topics = ['orders', 'left', 'right']
  const backup = { source_cluster_id: 'prod-us-east-1' }
  for (const backupId of ['shop', 'twin']) reportOf(await stage.backup({ backupId, topics, backup }))
  oldMap = join(stage.folder, 'old-map.json')
  await restore('old', 'orders', { orders: 'old-orders' }, ['--mapping-output', oldMap])
  await restore('merged', 'left,right', { left: 'both', right: 'both' })
  await restore('new', 'orders', { orders: 'new-orders' })
})

after(async () => {
  await stage?.[Symbol.asyncDispose]()
})

test('the newest restore to the cluster is used, unless --restore-id names an older one', async () => {
  const newest = await plan(['-g', 'billing'])
  assert.equal(newest.origin.restore_id, 'new')
  assert.deepEqual(entries(newest), [
    ['new-orders', 0, 40, 'SET'],
    ['new-orders', 1, 100, 'SET'],
  ])
  assert.deepEqual(
    newest.entries.map(({ current }) => current),
    [null, null],
    'it had none',
  )
  const older = await plan(['-g', 'billing', '--restore-id', 'old'])
  assert.equal(older.origin.restore_id, 'old')
  assert.deepEqual(entries(older), [
    ['old-orders', 0, 40, 'SET'],
    ['old-orders', 1, 100, 'SET'],
  ])
  const unknown = await reset('plan', ['-g', 'billing', '--restore-id', 'oldest'])
  assert.match(errorOf(unknown, 2, 'RESTORE_NOT_FOUND').message, /oldest/)
})

test('--mapping-file takes the JSON that restore --mapping-output wrote, with the archive or from elsewhere', async () => {
  const flags = ['-g', 'billing', '--mapping-file', oldMap]
  const planned = await plan([...flags, '--strategy', 'from-mapping'])
  assert.equal(planned.origin.restore_id, 'old')
  assert.deepEqual(entries(planned), [
    ['old-orders', 0, 40, 'SET'],
    ['old-orders', 1, 100, 'SET'],
  ])
  const done = reportOf<OutcomeJson>(await reset('execute', flags))
  assert.deepEqual(done.counts, { set: 2, deleted: 0, kept: 0, skipped: 0, failed: 0, refused: 0 })
  assert.deepEqual(await positions('billing', 'old-orders'), [40n, 100n])
  assert.deepEqual(await nextKeys('old-orders', [40n, 100n]), ['0-40', undefined])
  assert.deepEqual(entries(await plan(flags)), [
    ['old-orders', 0, 40, 'KEEP'],
    ['old-orders', 1, 100, 'KEEP'],
  ])

  // As other programs write it: ranges alone, for a topic.
  const plain = join(stage.folder, 'plain-map.json')
  const { source_topic, target_topic, source_cluster, mappings } = JSON.parse(await readFile(oldMap, 'utf8'))
  await writeFile(plain, JSON.stringify({ source_topic, target_topic, source_cluster, mappings }))
  assert.deepEqual(entries(await plan(['-g', 'audit', '--mapping-file', plain])), [
    ['old-orders', 0, 7, 'SET'],
    ['old-orders', 1, null, 'SKIP'],
  ])
})

test('a map of another cluster or backup is refused, and one that cannot be read is named', async () => {
  const flags = ['-g', 'billing', '--mapping-file', oldMap]
  const { cluster } = stage.source
  const elsewhere = ['--bootstrap-servers', cluster.bootstrap]
  for (const map of [flags, ['-g', 'billing', '--restore-id', 'old']]) {
    const error = errorOf(await reset('execute', [...map, ...elsewhere]), 4, 'SOURCE_MISMATCH')
    assert.match(error.message, new RegExp(`${stage.target.cluster.clusterId}.*${cluster.clusterId}`))
  }
  errorOf(await reset('plan', ['-g', 'billing', ...elsewhere]), 2, 'RESTORE_NOT_FOUND')
  const other = errorOf(await reset('execute', [...flags, '--backup-id', 'twin']), 4, 'SOURCE_MISMATCH')
  assert.match(other.message, /old-map\.json is of the backup shop, not of twin/)
  assert.equal((await stage.source.admin.positions('billing')).length, 2, 'as before')

  const csv = join(stage.folder, 'map.csv')
  await writeFile(csv, 'source_topic,source_partition,source_start\n')
  for (const file of [csv, join(stage.folder, 'no-such.json')]) {
    const unread = errorOf(
      await reset('plan', ['-g', 'billing', '--mapping-file', file]),
      2,
      'FILE_NOT_READABLE',
    )
    assert.ok(unread.message.includes(file), unread.message)
  }
})

test('--source-cluster takes the name or the id of the source, and refuses any other', async () => {
  for (const cluster of ['prod-us-east-1', stage.source.cluster.clusterId]) {
    assert.equal((await plan(['-g', 'billing', '--source-cluster', cluster])).entries.length, 2)
  }
  const other = stage.target.cluster.clusterId
  for (const action of ['plan', 'execute']) {
    const wrong = await reset(action, ['-g', 'audit', '--source-cluster', other])
    const error = errorOf(wrong, 4, 'SOURCE_MISMATCH')
    assert.match(error.message, /shop is of the cluster prod-us-east-1, not of /)
  }
  const script = await reset('script', ['-g', 'audit', '--source-cluster', other])
  assert.equal(script.status, 4, script.stderr)
  assert.match(script.stderr, /SOURCE_MISMATCH/)
  assert.deepEqual(await positions('audit', 'new-orders'), [])
})

test('--missing says whether a merged partition counts as unread or read where a group had no position', async () => {
  const flags = ['-g', 'half', '--restore-id', 'merged']
  const wanted = [
    // Nothing of `right` was read: its first record comes next, and left-1 to left-9 come again.
    { missing: 'earliest', target: 1, next: 'right-0', reread: 9 },
    // All of `right` was read: left-10 comes next, and right-10 to right-49 come again.
    { missing: 'latest', target: 20, next: 'left-10', reread: 40 },
  ]
  assert.deepEqual(entries(await plan(flags)), [['both', 0, 1, 'SET']], 'earliest, unless told')
  for (const { missing, target, next, reread } of wanted) {
    const planned = await plan([...flags, '--missing', missing])
    assert.deepEqual(entries(planned), [['both', 0, target, 'SET']])
    assert.equal(planned.entries[0]?.reread, reread)
    reportOf(await reset('execute', [...flags, '--missing', missing]))
    assert.deepEqual(await positions('half', 'both'), [BigInt(target)])
    assert.deepEqual(await nextKeys('both', [BigInt(target)]), [next])
  }
  errorOf(await reset('plan', [...flags, '--missing', 'newest']), 2, 'USAGE')
})

test('a position that the log no longer holds is refused, skipped or moved to its near end, as --out-of-range says', async () => {
  await stage.target.admin.deleteRecords('new-orders', 0, 60n)
  const flags = ['-g', 'billing', '--restore-id', 'new']
  const outside = 'Offset 40 is out of range for partition 0 (current: 60-100)'
  for (const policy of [[], ['--out-of-range', 'fail']]) {
    const planned = await plan([...flags, ...policy], 4)
    assert.deepEqual(
      planned.entries.map(({ action, reason }) => [action, reason]),
      [
        ['REFUSE', outside],
        ['SET', ''],
      ],
    )
    const error = errorOf(await reset('execute', [...flags, ...policy]), 4, 'OFFSET_OUT_OF_RANGE')
    assert.equal(error.message, outside)
  }
  assert.deepEqual(await positions('billing', 'new-orders'), [], 'nothing of the group was set')

  const skip = [...flags, '--out-of-range', 'skip']
  assert.deepEqual(entries(await plan(skip)), [
    ['new-orders', 0, 40, 'SKIP'],
    ['new-orders', 1, 100, 'SET'],
  ])
  const skipped = reportOf<OutcomeJson>(await reset('execute', skip))
  assert.deepEqual(skipped.counts, { set: 1, deleted: 0, kept: 0, skipped: 1, failed: 0, refused: 0 })
  assert.equal(skipped.groups[0]?.positions[0]?.reason, outside)
  assert.deepEqual(await positions('billing', 'new-orders'), [undefined, 100n])

  const clamped = reportOf<OutcomeJson>(await reset('execute', [...flags, '--out-of-range', 'clamp']))
  assert.deepEqual(clamped.counts, { set: 1, deleted: 0, kept: 1, skipped: 0, failed: 0, refused: 0 })
  assert.match(
    clamped.groups[0]?.positions[0]?.reason ?? '',
    /out of range .*; moved to the start of the log/,
  )
  assert.deepEqual(await positions('billing', 'new-orders'), [60n, 100n])
})

test('a position that moved since the plan was made is left alone, unless --allow-moved', async () => {
  const { admin } = stage.target
  const file = join(stage.folder, 'moved.json')
  await plan(['-g', 'audit', '--restore-id', 'old', '--output', file])
  await admin.commit('audit', 'old-orders', 0, 3n, 'moved by hand')
  const snapshots = join(stage.folder, 'moved-snapshots')
  const apply = (...flags: string[]) => fromPlan(file, ['--snapshot-path', snapshots, ...flags])
  const stale = errorOf(await apply(), 4, 'PLAN_STALE')
  assert.match(stale.message, /'audit' in old-orders\/0 has moved since the plan was made: none then, 3 now/)
  assert.deepEqual(await positions('audit', 'old-orders'), [3n])
  await assert.rejects(readdir(snapshots), { code: 'ENOENT' })

  const { snapshot_id: id, counts } = reportOf<OutcomeJson>(await apply('--allow-moved'))
  assert.equal(counts.set, 1)
  assert.deepEqual(await positions('audit', 'old-orders'), [7n])
  assert.deepEqual(await readdir(snapshots), [`${id}.json`])
  const saved = JSON.parse(await readFile(join(snapshots, `${id}.json`), 'utf8'))
  assert.deepEqual(
    saved.groups.map((each: { group: string; positions: Record<string, unknown>[] }) => [
      each.group,
      each.positions.map(({ topic, partition, offset, metadata }) => [topic, partition, offset, metadata]),
    ]),
    [['audit', [['old-orders', 0, 3, 'moved by hand']]]],
  )
})

test('the positions before are saved where --snapshot-path says, else in the archive, or nowhere when told so', async () => {
  const { admin } = stage.target
  const apart = join(stage.folder, 'snapshots')
  const inArchive = join(stage.archive, 'offset-snapshots')
  const there = () => readdir(inArchive).catch(() => [])
  const before = await there()
  const execute = async (...flags: string[]) => {
    await admin.commit('audit', 'new-orders', 0, 99n)
    const flagged = ['-g', 'audit', '--restore-id', 'new', '--out-of-range', 'clamp', ...flags]
    return reportOf<OutcomeJson>(await reset('execute', flagged)).snapshot_id
  }
  const first = await execute('--snapshot-path', apart)
  assert.deepEqual(await readdir(apart), [`${first}.json`])
  assert.deepEqual(await there(), before)
  assert.equal(await execute('--no-snapshot'), null)
  assert.deepEqual(await there(), before)
  const second = await execute()
  assert.deepEqual((await there()).sort(), [...before, `${second}.json`].sort())
  assert.deepEqual(await positions('audit', 'new-orders'), [60n])

  const file = join(stage.folder, 'here.json')
  await admin.commit('audit', 'new-orders', 0, 99n)
  await plan(['-g', 'audit', '--restore-id', 'new', '--out-of-range', 'clamp', '--output', file])
  const third = reportOf<OutcomeJson>(await fromPlan(file, []))
  assert.deepEqual(await readdir(join(stage.folder, 'offset-snapshots')), [`${third.snapshot_id}.json`])
})

/** A restore of records alone, under its id. */
async function restore(
  id: string,
  topics: string,
  mapping: Readonly<Record<string, string>>,
  flags: readonly string[] = [],
): Promise<void> {
  const keys = { create_topics: true, restore_id: id, topic_mapping: mapping }
  const job = { backupId: 'shop', name: id, restore: keys }
  reportOf(await stage.restore(job, ['--topics', topics, ...flags], 'restore'))
}

/** `offset-reset` with the archive, on the target; later flags go over that. */
async function reset(action: string, flags: readonly string[]): Promise<CliResult> {
  const place = ['--path', stage.archive, '--backup-id', 'shop']
  const cluster = ['--bootstrap-servers', stage.target.cluster.bootstrap]
  const format = action === 'script' ? [] : ['-o', 'json']
  return await runCli(['offset-reset', action, ...place, ...cluster, ...format, ...flags])
}

async function plan(flags: readonly string[], status = 0): Promise<PlanJson> {
  return reportOf<PlanJson>(await reset('plan', flags), status)
}

/** Applies a plan file with nothing but the cluster, in the folder of the stage. */
async function fromPlan(file: string, flags: readonly string[]): Promise<CliResult> {
  const cluster = ['--bootstrap-servers', stage.target.cluster.bootstrap, '-o', 'json']
  return await runCli(['offset-reset', 'execute', '--plan', file, ...cluster, ...flags], {
    cwd: stage.folder,
  })
}

function entries({ entries }: PlanJson): unknown {
  return entries.map(({ topic, partition, target, action }) => [topic, partition, target, action])
}

/** Positions of a group in the partitions of a target topic, up to the last that it has. */
async function positions(group: string, topic: string): Promise<(bigint | undefined)[]> {
  const found: (bigint | undefined)[] = []
  for (const each of await stage.target.admin.positions(group)) {
    if (each.topic === topic) found[each.partition] = each.offset
  }
  return Array.from(found)
}

/** Keys of the records that come next in each partition. */
async function nextKeys(topic: string, offsets: readonly bigint[]): Promise<(string | undefined)[]> {
  const keys: (string | undefined)[] = []
  for (const [partition, from] of offsets.entries()) {
    const { bootstrap } = stage.target.cluster
    const [next] = await stage.java.read(bootstrap, topic, partition, { from, max: 1 })
    keys.push(keyOf(next))
  }
  return keys
}
