import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { runCli } from '../support/cli.ts'
import type { OutcomeJson, PlanJson } from '../support/command-json.ts'
import { errorOf, reportOf } from '../support/e2e-stage.ts'
import { GroupsStage, until } from '../support/groups-stage.ts'

/* What `groups` changes, on a real broker, with the real program. */

let lab: GroupsStage

before(async () => {
  lab = await GroupsStage.open()
})

after(async () => {
  await lab?.[Symbol.asyncDispose]()
})

const json = ['-o', 'json']
const saving = () => ['--snapshot-path', lab.file('saved')]

test('positions are copied to another group with their metadata, also start offsets; what is there is not overwritten unasked', async () => {
  const { admin } = lab
  await lab.topic('copied', 2)
  await admin.commit('copy-from', 'copied', 0, 10n, 'state {"a":1}')
  await admin.commit('copy-from', 'copied', 1, 20n)
  const copy = (...args: string[]) => runCli(['groups', 'copy', ...args, ...saving(), ...lab.server, ...json])
  const plan = reportOf<PlanJson>(await copy('copy-from', 'copy-to', '--dry-run'))
  assert.deepEqual(
    plan.entries.map(({ group, target, action }) => [group, target, action]),
    [
      ['copy-to', 10, 'SET'],
      ['copy-to', 20, 'SET'],
    ],
  )
  assert.equal(await lab.exists('copy-to'), false)
  const done = reportOf<OutcomeJson>(await copy('copy-from', 'copy-to'))
  assert.equal(done.counts.set, 2)
  assert.deepEqual(await lab.held('copy-to'), { 'copied/0': '10 state {"a":1}', 'copied/1': '20' })

  await admin.commit('copy-from', 'copied', 0, 60n, 'newer')
  errorOf(await copy('copy-from', 'copy-to'), 4, 'GROUP_EXISTS')
  const one = reportOf<OutcomeJson>(await copy('copy-from', 'copy-to', '--overwrite', '--topic', 'copied:0'))
  assert.equal(one.counts.set, 1)
  assert.deepEqual(await lab.held('copy-to'), { 'copied/0': '60 newer', 'copied/1': '20' })
  reportOf(
    await runCli([
      'offset-rollback',
      'rollback',
      '--path',
      lab.file('saved'),
      '--snapshot-id',
      one.snapshot_id ?? '',
      ...lab.server,
      ...json,
    ]),
  )
  assert.deepEqual(await lab.held('copy-to'), { 'copied/0': '10 state {"a":1}', 'copied/1': '20' })

  await admin.setStartOffset('copy-share', 'copied', 1, 33n)
  reportOf(await copy('copy-share', 'copy-share-too'))
  assert.deepEqual(await admin.startOffsets('copy-share-too'), [
    { topic: 'copied', partition: 1, offset: 33n },
  ])
  const mixed = await copy('copy-share', 'copy-to', '--overwrite')
  errorOf(mixed, 4, 'GROUP_TYPE_DIFFERS')
  errorOf(await copy('copy-nobody', 'copy-other'), 2, 'GROUP_NOT_FOUND')
  errorOf(await copy('copy-from', 'copy-from'), 2, 'USAGE')
})

test('a group is renamed: everything is in the new one, the old one is gone; one in use is refused', async () => {
  const { admin } = lab
  await lab.topic('renamed', 2)
  await admin.commit('old-name', 'renamed', 0, 10n, 'kept')
  await admin.commit('old-name', 'renamed', 1, 20n)
  const rename = (...args: string[]) =>
    runCli(['groups', 'rename', ...args, ...saving(), ...lab.server, ...json])
  {
    await using _member = await admin.join('old-name', 'renamed', 'renamer', 'classic')
    const refused = errorOf(await rename('old-name', 'new-name'), 4, 'GROUP_ACTIVE')
    assert.match(refused.message, /renamer at 127\.0\.0\.1/)
    assert.equal(await lab.exists('new-name'), false)
  }
  await until(async () => (await lab.members('old-name')) === 0)
  reportOf<PlanJson>(await rename('old-name', 'new-name', '--dry-run'))
  const done = reportOf<{ renamed: boolean; copied: OutcomeJson; deleted: OutcomeJson }>(
    await rename('old-name', 'new-name'),
  )
  assert.deepEqual([done.renamed, done.copied.counts.set, done.deleted.counts.deleted], [true, 2, 2])
  assert.deepEqual(await lab.held('new-name'), { 'renamed/0': '10 kept', 'renamed/1': '20' })
  assert.equal(await lab.exists('old-name'), false)
  const back = ['--path', lab.file('saved'), '--snapshot-id', done.deleted.snapshot_id ?? '']
  reportOf(await runCli(['offset-rollback', 'rollback', ...back, ...lab.server, ...json]))
  assert.deepEqual(await lab.held('old-name'), { 'renamed/0': '10 kept', 'renamed/1': '20' })

  await admin.setStartOffset('old-share', 'renamed', 0, 5n)
  const shared = reportOf<{ renamed: boolean }>(await rename('old-share', 'new-share'))
  assert.equal(shared.renamed, true)
  assert.deepEqual(await admin.startOffsets('new-share'), [{ topic: 'renamed', partition: 0, offset: 5n }])
  assert.equal(await lab.exists('old-share'), false)
})

test('a group whose positions cannot all be copied keeps its name', async () => {
  const { admin } = lab
  await lab.topic('stays', 1)
  await lab.topic('vanishes', 1)
  await admin.commit('half-copied', 'stays', 0, 10n)
  await admin.commit('half-copied', 'stays', 0, 100n)
  await admin.deleteRecords('stays', 0, 60n)
  await admin.commit('half-copied', 'stays', 0, 10n)
  const args = ['half-copied', 'half-new', ...saving(), ...lab.server]
  errorOf(await runCli(['groups', 'rename', ...args, ...json]), 4, 'OFFSET_OUT_OF_RANGE')
  const skipped = await runCli(['groups', 'rename', ...args, '--out-of-range', 'skip'])
  assert.equal(skipped.status, 3, skipped.stderr)
  assert.match(skipped.stdout, /The group half-copied is still there/)
  assert.deepEqual(await lab.held('half-copied'), { 'stays/0': '10' })
})

test('positions are deleted by topic and partition, and come back by a rollback', async () => {
  const { admin } = lab
  await lab.topic('dropped', 3)
  await lab.topic('other', 1)
  for (const partition of [0, 1, 2]) await admin.commit('dropper', 'dropped', partition, 10n, `m${partition}`)
  await admin.commit('dropper', 'other', 0, 5n)
  await admin.setStartOffset('drop-share', 'dropped', 0, 7n)
  await admin.setStartOffset('drop-share', 'dropped', 1, 8n)
  const drop = (...args: string[]) =>
    runCli(['groups', 'delete-offsets', ...args, ...saving(), ...lab.server, ...json])
  errorOf(await drop('--groups', 'dropper'), 2, 'USAGE')
  errorOf(await drop('--groups', 'dropper', '--topic', 'dropped:x'), 2, 'USAGE')
  reportOf<PlanJson>(await drop('--groups', 'dropper', '--topic', 'dropped:1,2', '--dry-run'))
  const before = await lab.held('dropper')
  const done = reportOf<OutcomeJson>(await drop('--groups', 'dropper,drop-share', '--topic', 'dropped:1,2'))
  assert.equal(done.counts.deleted, 3)
  assert.deepEqual(await lab.held('dropper'), { 'dropped/0': '10 m0', 'other/0': '5' })
  assert.deepEqual(await admin.startOffsets('drop-share'), [{ topic: 'dropped', partition: 0, offset: 7n }])
  const back = ['--path', lab.file('saved'), '--snapshot-id', done.snapshot_id ?? '']
  reportOf(await runCli(['offset-rollback', 'rollback', ...back, ...lab.server, ...json]))
  assert.deepEqual(await lab.held('dropper'), before)
  reportOf(await drop('--groups', 'drop-share', '--all-topics'))
  assert.deepEqual(await admin.startOffsets('drop-share'), [])
  await using _member = await admin.join('dropper', 'dropped', 'busy', 'consumer')
  errorOf(await drop('--groups', 'dropper', '--all-topics'), 4, 'GROUP_ACTIVE')
})
