import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { cli, runCli } from '../support/cli.ts'
import type { OutcomeJson } from '../support/command-json.ts'
import { errorOf, reportOf } from '../support/e2e-stage.ts'
import { GroupsStage, until } from '../support/groups-stage.ts'
import { joinStreams } from '../support/streams-member.ts'

/* Groups of the streams protocol on a real broker, with the real program. */

let lab: GroupsStage

before(async () => {
  lab = await GroupsStage.open()
})

after(async () => {
  await lab?.[Symbol.asyncDispose]()
})

const json = ['-o', 'json']

test('a streams group is seen with its members, saved, refused while it runs, and rolled back when it has stopped', async () => {
  await lab.topic('flow', 1)
  const position = (offset: bigint, metadata: string) => {
    return [{ topic: 'flow', partition: 0, offset, leaderEpoch: -1, metadata }]
  }
  const place = ['--path', lab.file('flows'), ...lab.server, ...json]
  const seen = async () => {
    const { groups } = reportOf<{
      groups: { type: string; members: { client_id: string }[]; positions: { position: number }[] }[]
    }>(await runCli(['groups', 'describe', '--groups', 'flow-app', ...lab.server, ...json]))
    return groups.map(({ type, members, positions }) => [
      ...[type, members.length, positions.map(({ position }) => position)],
    ])
  }
  {
    await using _member = await joinStreams(lab.cluster, 'flow-app', 'flow')
    assert.deepEqual(await seen(), [['streams', 1, []]])
    const copied = await runCli(['groups', 'copy', 'flow-app', 'flow-copy', ...lab.server, ...json])
    errorOf(copied, 2, 'GROUP_NOT_FOUND')
  }
  await until(async () => (await lab.members('flow-app')) === 0)
  assert.deepEqual((await lab.cluster.commitPositions('flow-app', position(40n, 'AwAA/state'))).failed, [])
  assert.deepEqual(await seen(), [['streams', 0, [40]]])
  const { snapshot_id: id } = reportOf<{ snapshot_id: string }>(
    await runCli(['offset-rollback', 'snapshot', '--groups', 'flow-app', ...place]),
  )
  assert.deepEqual((await lab.cluster.commitPositions('flow-app', position(60n, 'other'))).failed, [])
  const rollback = ['offset-rollback', 'rollback', '--snapshot-id', id, ...place]
  {
    await using _member = await joinStreams(lab.cluster, 'flow-app', 'flow')
    errorOf(await runCli(rollback), 4, 'GROUP_ACTIVE')
  }
  await until(async () => (await lab.members('flow-app')) === 0)
  assert.equal(reportOf<OutcomeJson>(await runCli(rollback)).counts.set, 1)
  assert.deepEqual(await lab.held('flow-app'), { 'flow/0': '40 AwAA/state' })
  const listed = await cli(['groups', 'list', '--state', 'empty', ...lab.server, '-o', 'csv'])
  assert.match(listed, /^target,flow-app,streams,Empty,streams,0,1,60,0$/m)
})
