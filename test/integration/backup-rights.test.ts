import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { openBackup } from '../../src/archive/index.ts'
import { openStore } from '../../src/storage/index.ts'
import { type CliResult, cli, runCli } from '../support/cli.ts'
import { type BackupJson, errorOf, reportOf, type ThreePhaseJson } from '../support/e2e-stage.ts'
import { JavaAdmin } from '../support/java-admin.ts'
import { type JavaClient, startJavaClient } from '../support/java-client.ts'
import { backupFile, restoreFile, type Section } from '../support/job-files.ts'
import { kafkaTool } from '../support/kafka-tools.ts'
import { archivedRecords, assertSameLog } from '../support/record-lists.ts'
import { type SecuredBroker, startSecuredBroker, users } from '../support/secured-broker.ts'
import { type TempFolder, tempFolder } from '../support/temp-folder.ts'

let broker: SecuredBroker
let java: JavaClient
let admin: JavaAdmin
let folder: TempFolder
let archive: string
/** Of clients that may do everything. */
let plain: string

before(async () => {
  ;[broker, java, folder] = await Promise.all([startSecuredBroker(), startJavaClient(), tempFolder('rights')])
  archive = join(folder.path, 'archive')
  plain = broker.address('PLAINTEXT')
  admin = new JavaAdmin(java, plain)
  const producer = await java.producer({ 'bootstrap.servers': plain })
  for (const topic of ['open', 'closed']) {
    await admin.createTopic(topic, 1, { 'retention.ms': '86400000' })
    await producer.fill({ topic, partitions: 1, count: 20, size: 50 })
  }
  await producer.close()
  await admin.commit('seen', 'open', 0, 4n)
  await admin.commit('hidden', 'open', 0, 6n)
  await allow(['Read'], ['--topic', 'open'], ['--topic', 'closed'])
  await allow(['DescribeConfigs'], ['--topic', 'open'])
  await allow(['Describe'], ['--cluster'], ['--group', 'seen'])
})

after(async () => {
  await java?.[Symbol.asyncDispose]()
  await broker?.[Symbol.asyncDispose]()
  await folder?.[Symbol.asyncDispose]()
})

test('settings of a topic that may not be read are named, cost the other topics nothing, and are captured once they may', async () => {
  const withoutGroups = { consumer_group_snapshot: false }
  const first = reportOf<BackupJson>(await backup('settings', withoutGroups))
  assert.deepEqual(
    first.notices.map(({ type, topic }) => [type, topic]),
    [['configs-unreadable', 'closed']],
  )
  assert.match(first.notices[0]?.message ?? '', /the principal has no right to topic "closed"/)
  assert.equal(first.records, 40)
  assert.deepEqual(await retention('settings'), { open: '86400000', closed: undefined })
  reportOf(await backup('settings', withoutGroups, ['--strict']), 3)
  const required = { ...withoutGroups, require_topic_configs: true }
  const error = errorOf(await backup('settings', required), 2, 'AUTHORIZATION_FAILED')
  assert.equal(error.details.topic, 'closed')
  assert.match(error.hint ?? '', /DescribeConfigs on topic "closed"/)

  await allow(['DescribeConfigs'], ['--topic', 'closed'])
  assert.deepEqual(reportOf<BackupJson>(await backup('settings', required, ['--strict'])).notices, [])
  assert.deepEqual(await retention('settings'), { open: '86400000', closed: '86400000' })
})

test('a group that may not be described is named, exit 3, and records and other groups are in the backup', async () => {
  const report = reportOf<GroupsJson>(await backup('groups'), 3)
  assert.deepEqual(
    report.notices
      .filter(({ type }) => type !== 'configs-unreadable')
      .map(({ type, group }) => [type, group]),
    [['group-failed', 'hidden']],
  )
  assert.equal(report.records, 40)
  assert.equal(report.groups, 1)
  for (const topic of ['open', 'closed']) {
    const held = await archivedRecords(archive, 'groups', topic, 0)
    assertSameLog(held, await java.read(plain, topic, 0), topic)
  }
  const described = JSON.parse(
    await cli(['describe', '-p', archive, '-b', 'groups', '-o', 'json']),
  ) as DescribeJson
  assert.deepEqual(
    described.groups.map(({ group, positions }) => [group, positions[0]?.offset]),
    [['seen', 4]],
  )
  assert.deepEqual(
    described.failed_groups.map(({ group }) => group),
    ['hidden'],
  )
  assert.match(described.failed_groups[0]?.error ?? '', /the principal has no right to group "hidden"/)

  // Asked for by its name it stops the restore; with all groups it is named.
  const error = errorOf(await restore('named', { consumer_groups: ['hidden'] }), 2, 'GROUP_NOT_FOUND')
  assert.match(error.message, /'hidden' could not be read/)
  assert.deepEqual(await admin.topics(), ['closed', 'open'], 'nothing was made')
  const restored = await restore('all', { auto_consumer_groups: true })
  assert.equal(restored.status, 3)
  const { positions } = JSON.parse(restored.stdout) as ThreePhaseJson & { readonly positions: PositionsJson }
  assert.deepEqual(
    positions.notices.map(({ code, group }) => [code, group]),
    [['capture-failed', 'hidden']],
  )
  const set = await admin.positions('seen')
  assert.equal(set.find(({ topic }) => topic === 'all-open')?.offset, 4n)
  const again = reportOf<ThreePhaseJson>(await restore('all', { auto_consumer_groups: true }), 3)
  assert.equal(again.restore.already_done, true)
  assert.deepEqual(
    again.restore.notices.map(({ code }) => code),
    ['capture-failed'],
  )
})

test('a reset from such a backup ends with 3 and names the group, whatever the command', async () => {
  const flags = ['-p', archive, '-b', 'groups', '--strategy', 'positions', '--bootstrap-servers', plain]
  const snapshots = ['--snapshot-path', join(folder.path, 'snapshots')]
  const lacking = async (command: readonly string[]) => {
    const result = await runCli([...command, ...flags, '-o', 'json'])
    const { notices } = reportOf<PositionsJson>(result, 3)
    assert.deepEqual(
      notices.map(({ code, group }) => [code, group]),
      [['capture-failed', 'hidden']],
    )
  }
  await lacking(['offset-reset', 'plan', '-g', '*'])
  await lacking(['offset-reset', 'execute', '-g', '*', '--dry-run'])
  await lacking(['offset-reset', 'execute', '-g', '*', ...snapshots])
  await lacking(['offset-reset-bulk', '-g', 'seen,hid*', ...snapshots])
  const script = await runCli(['offset-reset', 'script', '-g', '*', ...flags])
  assert.equal(script.status, 3)
  assert.match(script.stderr, /The positions of consumer group 'hidden' could not be read/)
  // Named, it stops the command; left out, nothing is missing.
  const named = await runCli([
    'offset-reset',
    'execute',
    '-g',
    'hidden',
    ...flags,
    ...snapshots,
    '-o',
    'json',
  ])
  errorOf(named, 2, 'GROUP_NOT_FOUND')
  reportOf(await runCli(['offset-reset', 'execute', '-g', 'seen', ...flags, ...snapshots, '-o', 'json']))
})

test('once all groups may be described and all settings be read, nothing is missing', async () => {
  await allow(['Describe'], ['--group', '*'])
  await allow(['DescribeConfigs'], ['--topic', '*'])
  const report = reportOf<BackupJson>(await backup('enough', {}, ['--strict']))
  assert.deepEqual(report.notices, [])
  assert.equal(report.groups, 2)
})

interface GroupsJson extends Omit<BackupJson, 'notices'> {
  readonly notices: readonly { readonly type: string; readonly group?: string }[]
}

interface DescribeJson {
  readonly groups: readonly { readonly group: string; readonly positions: readonly { offset: number }[] }[]
  readonly failed_groups: readonly { readonly group: string; readonly error: string }[]
}

interface PositionsJson {
  readonly notices: readonly { readonly code: string; readonly group?: string }[]
}

let rightsGiven = 0

/** Gives alice rights: every operation on every resource. Resolves when the broker knows them; the controller answers before. */
async function allow(operations: readonly string[], ...resources: readonly (readonly string[])[]) {
  const place = ['--bootstrap-server', plain]
  const rights = [...operations.map((operation) => ['--operation', operation]), ...resources].flat()
  await kafkaTool('acls', [...place, '--add', '--allow-principal', 'User:alice', ...rights])
  rightsGiven += operations.length * resources.length
  for (;;) {
    const known = await kafkaTool('acls', [...place, '--list', '--principal', 'User:alice'])
    if (known.match(/principal=User:alice/g)?.length === rightsGiven) return
    await delay(100)
  }
}

async function backup(
  backupId: string,
  section: Section = {},
  flags: readonly string[] = [],
): Promise<CliResult> {
  const security = {
    security_protocol: 'SASL_PLAINTEXT',
    sasl_mechanism: 'PLAIN',
    sasl_username: 'alice',
    sasl_password: users.alice,
  }
  const file = await backupFile(folder.path, {
    backupId,
    bootstrap: broker.address('SASLP'),
    topics: ['open', 'closed'],
    path: archive,
    source: { security },
    backup: section,
  })
  return await runCli(['backup', '-c', file, '-o', 'json', ...flags])
}

async function restore(name: string, section: Section): Promise<CliResult> {
  const topic_mapping = { '*': `${name}-*` }
  const file = await restoreFile(folder.path, name, {
    backupId: 'groups',
    bootstrap: plain,
    path: archive,
    restore: { create_topics: true, topic_mapping, ...section },
  })
  return await runCli(['three-phase-restore', '-c', file, '-o', 'json'])
}

/** `retention.ms` of both topics as the backup knows it. */
async function retention(backupId: string): Promise<Record<string, string | undefined>> {
  await using store = await openStore(archive, {})
  await using reader = await openBackup(store, backupId)
  const found: Record<string, string | undefined> = {}
  for (const topic of ['open', 'closed']) {
    found[topic] = (await reader.topic(topic)).description?.configs['retention.ms']
  }
  return found
}
