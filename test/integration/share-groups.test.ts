import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openBackup } from '../../src/archive/index.ts'
import { isTidemarkError } from '../../src/base/index.ts'
import { planFromJson } from '../../src/offsets/index.ts'
import { openStore } from '../../src/storage/index.ts'
import { cli, runCli } from '../support/cli.ts'
import type { OutcomeJson, PlanJson } from '../support/command-json.ts'
import { errorOf, reportOf, type ThreePhaseJson } from '../support/e2e-stage.ts'
import { GroupsStage, until } from '../support/groups-stage.ts'
import { runKmap } from '../support/kmap.ts'

/* Share groups on a real broker, with the real program. Kafka's own clients set and read their start offsets. */

let lab: GroupsStage

before(async () => {
  lab = await GroupsStage.open()
})

after(async () => {
  await lab?.[Symbol.asyncDispose]()
})

const emptied = (group: string) => until(async () => (await lab.members(group)) === 0)

test('start offsets of share groups are positions: of a group that has read, and none where there is none', async () => {
  const { admin } = lab
  await lab.topic('tasks', 2)
  await admin.setStartOffset('workers', 'tasks', 0, 5n)
  const read = await admin.readShared('workers', 'tasks', 3)
  await emptied('workers')
  assert.deepEqual(
    read
      .filter(([partition]) => partition === 0)
      .map(([, offset]) => offset)
      .slice(0, 1),
    [5n],
  )
  await admin.commit('plain', 'tasks', 0, 7n, 'kept')
  const { done, failed } = await lab.cluster.fetchPositions(['workers', 'plain', 'nobody'])
  assert.deepEqual(failed, [])
  const [workers, plain, nobody] = ['workers', 'plain', 'nobody'].map((name) =>
    done.find(({ group }) => group === name),
  )
  assert.equal(workers?.type, 'share')
  const own = Object.fromEntries(
    (workers?.positions ?? []).map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]),
  )
  assert.deepEqual(own, await lab.starts('workers'))
  assert.ok((own['tasks/0'] ?? 0n) >= 5n + BigInt(read.filter(([partition]) => partition === 0).length) - 1n)
  assert.deepEqual(plain?.type, undefined)
  assert.deepEqual([plain?.positions.length, nobody?.positions.length], [1, 0])
})

test('a share group is saved, changed and rolled back, to what it had and to nothing', async () => {
  const { admin } = lab
  await lab.topic('jobs', 3)
  await lab.topic('more-jobs', 1)
  await admin.setStartOffset('crew', 'jobs', 0, 10n)
  await admin.setStartOffset('crew', 'jobs', 1, 11n)
  const before = await lab.starts('crew')
  const place = ['--path', lab.file('share snapshots'), ...lab.server, '-o', 'json']
  const saved = reportOf<{ snapshot_id: string; positions: number }>(
    await runCli(['offset-rollback', 'snapshot', '--groups', 'crew', ...place]),
  )
  assert.equal(saved.positions, 2)
  const file = await readFile(join(lab.file('share snapshots'), `${saved.snapshot_id}.json`), 'utf8')
  const [written] = (JSON.parse(file) as { groups: { type?: string; positions: { metadata: unknown }[] }[] })
    .groups
  assert.equal(written?.type, 'share')
  assert.equal(written?.positions[0]?.metadata, null)

  await admin.setStartOffset('crew', 'jobs', 0, 40n)
  await admin.setStartOffset('crew', 'jobs', 2, 12n)
  await admin.setStartOffset('crew', 'more-jobs', 0, 3n)
  const chosen = ['--snapshot-id', saved.snapshot_id, ...place]
  const compared = reportOf<{ differences: { topic: string; partition: number; kind: string }[] }>(
    await runCli(['offset-rollback', 'verify', ...chosen]),
    5,
  )
  assert.deepEqual(
    compared.differences.map(({ topic, partition, kind }) => `${topic}/${partition} ${kind}`),
    ['jobs/0 different', 'jobs/2 extra', 'more-jobs/0 extra'],
  )
  const changed = await lab.starts('crew')
  const rolled = reportOf<OutcomeJson>(await runCli(['offset-rollback', 'rollback', ...chosen]))
  assert.deepEqual([rolled.counts.set, rolled.counts.deleted, rolled.counts.kept], [1, 2, 1])
  assert.deepEqual(await lab.starts('crew'), before)
  reportOf(await runCli(['offset-rollback', 'verify', ...chosen]))
  assert.deepEqual((await admin.readShared('crew', 'jobs', 1)).length, 1, 'consumers go on')
  await emptied('crew')

  const back = ['--snapshot-id', rolled.snapshot_id ?? '', ...place]
  reportOf(await runCli(['offset-rollback', 'rollback', ...back]))
  assert.deepEqual(await lab.starts('crew'), changed)
})

test('a share group with members is refused, and named with them; nothing is changed', async () => {
  const { admin } = lab
  await lab.topic('busy', 1)
  await admin.setStartOffset('busy-crew', 'busy', 0, 10n)
  const place = ['--path', lab.file('busy snapshots'), ...lab.server, '-o', 'json']
  const saved = reportOf<{ snapshot_id: string }>(
    await runCli(['offset-rollback', 'snapshot', '--groups', 'busy-crew', ...place]),
  )
  await admin.setStartOffset('busy-crew', 'busy', 0, 20n)
  {
    await using _member = await admin.join('busy-crew', 'busy', 'busy-app', 'share')
    await until(async () => (await lab.members('busy-crew')) > 0)
    const rollback = ['offset-rollback', 'rollback', '--snapshot-id', saved.snapshot_id, ...place]
    const refused = errorOf(await runCli(rollback), 4, 'GROUP_ACTIVE')
    assert.match(refused.message, /busy-app at 127\.0\.0\.1/)
    const { failed } = await lab.cluster.commitPositions(
      'busy-crew',
      [{ topic: 'busy', partition: 0, offset: 1n, leaderEpoch: -1, metadata: null }],
      { share: true },
    )
    assert.ok(isTidemarkError(failed[0]?.error, 'GROUP_ACTIVE'), String(failed[0]?.error))
    const gone = await lab.cluster.deletePositions('busy-crew', [{ topic: 'busy', partition: 0 }], {
      share: true,
    })
    assert.ok(isTidemarkError(gone.failed[0]?.error, 'GROUP_ACTIVE'), String(gone.failed[0]?.error))
  }
})

test('a backup captures start offsets, and a restore sets them, translated; a group of another type is left alone', async () => {
  const { admin } = lab
  await lab.topic('orders', 2)
  await admin.deleteRecords('orders', 0, 20n)
  await admin.setStartOffset('packers', 'orders', 0, 30n)
  await admin.setStartOffset('packers', 'orders', 1, 31n)
  await admin.setStartOffset('clash', 'orders', 0, 25n)
  await admin.commit('readers', 'orders', 0, 40n)
  reportOf(await lab.stage.backup({ backupId: 'shared', topics: ['orders'] }))
  await using store = await openStore(lab.stage.archive)
  await using reader = await openBackup(store, 'shared')
  const capture = await reader.positions()
  const packers = capture?.groups.find(({ group }) => group === 'packers')
  assert.equal(packers?.type, 'share')
  assert.deepEqual(
    packers?.positions.map(({ partition, offset }) => [partition, offset]),
    [
      [0, 30n],
      [1, 31n],
    ],
  )
  await lab.cluster.deleteGroups(['packers', 'clash', 'readers'])
  await admin.commit('clash', 'orders', 1, 1n, 'of an application')

  const restored = reportOf<ThreePhaseJson>(
    await lab.stage.restore({
      backupId: 'shared',
      restore: {
        topic_mapping: { orders: 'orders-again' },
        consumer_groups: ['packers', 'clash', 'readers'],
        create_topics: true,
      },
    }),
    3,
  )
  const outcomes = (restored.positions?.groups ?? []).map(({ group, outcome, positions }) => [
    group,
    outcome,
    positions[0]?.error?.code ?? null,
  ])
  assert.deepEqual(outcomes.sort(), [
    ['clash', 'refused', 'GROUP_TYPE_DIFFERS'],
    ['packers', 'done', null],
    ['readers', 'done', null],
  ])
  assert.deepEqual(await lab.starts('packers'), { 'orders-again/0': 10n, 'orders-again/1': 31n })
  assert.deepEqual(await admin.positions('clash'), [
    { topic: 'orders', partition: 1, offset: 1n, metadata: 'of an application' },
  ])
  const plan = reportOf<PlanJson>(
    await runCli([
      ...['offset-reset', 'plan', '-p', lab.stage.archive, '-b', 'shared', '-g', 'packers', ...lab.server],
      ...['--output', lab.file('plan.json'), '-o', 'json'],
    ]),
  )
  assert.deepEqual(new Set(plan.entries.map(({ action }) => action)), new Set(['KEEP']))
  const read = planFromJson(await readFile(lab.file('plan.json'), 'utf8'), 'plan.json')
  assert.deepEqual(new Set(read.entries.map(({ type }) => type)), new Set(['share']))
  const script = await cli([
    ...['offset-reset', 'script', '-p', lab.stage.archive, '-b', 'shared', '-g', 'packers', ...lab.server],
  ])
  assert.match(script, /cannot packers orders-again:0 'no tool of Kafka/)
})

test('kmap saves start offsets, marked as such, and sets them; a file without the mark is read as before', async () => {
  const { admin } = lab
  await lab.topic('parcels', 1)
  await admin.setStartOffset('couriers', 'parcels', 0, 17n)
  const brokers = ['-brokers', lab.bootstrap]
  const name = lab.file('couriers.json')
  const save = await runKmap([...brokers, '-groups', 'couriers', '-save-offsets', name], {
    cwd: lab.stage.folder,
  })
  assert.equal(save.status, 0, save.stderr)
  const text = await readFile(name, 'utf8')
  assert.match(text, /"group": "couriers",\n\s+"type": "share",/)
  await admin.setStartOffset('couriers', 'parcels', 0, 30n)
  const restore = await runKmap([...brokers, '-restore-offsets', name, '-no-snapshot'], {
    cwd: lab.stage.folder,
  })
  assert.equal(restore.status, 0, restore.stderr)
  assert.deepEqual(await lab.starts('couriers'), { 'parcels/0': 17n })
})
