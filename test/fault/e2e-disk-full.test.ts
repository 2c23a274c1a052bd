import assert, { AssertionError } from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { isTidemarkError } from '../../src/base/index.ts'
import { type CliOptions, runCli } from '../support/cli.ts'
import {
  type BackupJson,
  type BackupOptions,
  errorOf,
  progressUntil,
  reportOf,
  Stage,
  type ThreePhaseJson,
} from '../support/e2e-stage.ts'
import { type AnyRecord, archivedRecords, assertSameLog } from '../support/record-lists.ts'
import { assertGroup, assertRestored } from '../support/restored.ts'
import { openShop, type Shop } from '../support/shop.ts'
import { mountSmallDisk, type SmallDisk } from '../support/small-disk.ts'

const mib = 1024 * 1024
const perPartition = 16_000
/** Kept as it came, so that it takes its 13 MB; a commit whenever another MiB has come. */
const backup = { compression: 'none', fetch_max_bytes: 200_000, commit_bytes: mib }

let stage: Stage
let shop: Shop

before(async () => {
  stage = await Stage.open({}, {})
  shop = await openShop(stage, { perPartition })
})

after(async () => {
  await stage?.[Symbol.asyncDispose]()
})

test('a backup that fills the disk ends with exit 1, loses nothing committed, and completes when there is room', async (t) => {
  await using disk = await diskOf(t)
  if (!disk) return
  const job = { backupId: 'shop', topics: ['*'], path: disk.folder, backup }
  await disk.fill(6 * mib)
  await assertRefused(disk, job)
  const held = await assertHeld(disk, 'shop', {})
  assert.ok(held > 0 && held < countOf(shop), `${held} records are committed`)

  // While it stays full nothing is lost either.
  await disk.fill(0)
  await assertRefused(disk, job)
  const kept = await assertHeld(disk, 'shop', {})
  assert.ok(kept >= held)

  await disk.makeRoom()
  const report = reportOf<BackupJson>(await stage.backup(job, [], on(disk)))
  assert.deepEqual([report.status, report.notices], ['done', []])
  assert.equal(report.records, countOf(shop) - kept)
  assert.equal(await assertHeld(disk, 'shop', { whole: true }), countOf(shop))
})

test('a backup that finds the disk full ends with exit 1, and completes when there is room', async (t) => {
  await using disk = await diskOf(t)
  if (!disk) return
  const job = { backupId: 'shop', topics: ['*'], path: disk.folder, backup }
  await disk.fill(0)
  await assertRefused(disk, job)
  await disk.makeRoom()
  const report = reportOf<BackupJson>(await stage.backup(job, [], on(disk)))
  assert.equal(report.records, countOf(shop))
  await assertHeld(disk, 'shop', { whole: true })
})

test('a backup whose object outgrows the limit of a file ends with exit 1, and completes without the limit', async () => {
  const job = { backupId: 'limited', topics: ['*'], backup: { compression: 'none' } }
  const limit = ['sh', '-c', 'ulimit -f 4096; exec "$@"', 'sh']
  const error = errorOf(await stage.backup(job, [], { through: limit }), 1, 'STORAGE_FULL')
  assert.match(error.message, /the largest file size allowed is reached/)
  assert.match(String(error.hint), /ulimit -f/)
  const report = reportOf<BackupJson>(await stage.backup(job))
  assert.equal(report.records, countOf(shop))
  const at = ['--path', stage.archive, '--backup-id', 'limited']
  reportOf(await runCli(['validate', ...at, '--deep', '-o', 'json']))
})

test('a restore whose journal fills the disk ends with exit 1, and goes on when there is room: every record once', async (t) => {
  await using disk = await diskOf(t)
  if (!disk) return
  reportOf(await stage.backup({ backupId: 'shop', topics: ['*'], path: disk.folder, backup }, [], on(disk)))
  const mapping = join(stage.folder, 'mapping.json')
  const restore = {
    create_topics: true,
    topic_mapping: { '*': 'dr-*' },
    settle_ms: 500,
    auto_consumer_groups: true,
  }
  const job = { backupId: 'shop', path: disk.folder, restore }
  const slow = { ...job, restore: { ...restore, rate_limit_bytes_per_sec: 2_000_000 } }
  const running = await stage.startRestore(slow, ['--progress', 'json'], 'three-phase-restore', on(disk))
  assert.ok(await progressUntil(running, ({ phase, records }) => phase === 'copy' && records > 0))
  await disk.fill(0)
  const error = errorOf(await running.ended, 1, 'STORAGE_FULL')
  assert.match(error.message, /restores\/.*: no space is left/)
  errorOf(await stage.restore(job, [], 'three-phase-restore', on(disk)), 1, 'STORAGE_FULL')

  await disk.makeRoom()
  const flags = ['--mapping-output', mapping]
  const rest = reportOf<ThreePhaseJson>(await stage.restore(job, flags, 'three-phase-restore', on(disk)))
  assert.deepEqual([rest.restore.status, rest.restore.resumed], ['done', true])
  const topics = shop.topics.map((topic) => ({ ...topic, target: `dr-${topic.source}` }))
  const logs = await assertRestored(stage, topics, mapping)
  for (const [group, stand] of Object.entries(shop.groups)) {
    await assertGroup(stage, topics, logs, group, stand)
  }
  reportOf(await stage.verify(job, [], on(disk)))
})

/** Undefined, and the test is skipped, where none can be mounted. */
async function diskOf(t: TestContext): Promise<SmallDisk | undefined> {
  const disk = await mountSmallDisk(64 * mib)
  if (typeof disk !== 'string') return disk
  t.skip(disk)
  return undefined
}

/** Starts programs where they see the disk. */
function on(disk: SmallDisk): CliOptions {
  return { through: disk.through }
}

async function assertRefused(disk: SmallDisk, job: BackupOptions): Promise<void> {
  const result = await stage.backup(job, [], on(disk))
  const error = errorOf(result, 1, 'STORAGE_FULL')
  assert.match(error.message, /^Cannot \w+ \S+ in \S+: no space is left$/)
  assert.ok(error.message.includes(disk.folder))
  assert.match(String(error.hint), /Free space.*the same command then goes on/)
  assert.equal(result.stdout, '')
  const files = await readdir(disk.outside, { recursive: true })
  assert.deepEqual(
    files.filter((name) => name.startsWith('.')),
    [],
    'unfinished files are removed',
  )
}

/**
 * What is committed validates, and is from the beginning on what the source holds, of each partition; with `whole` to the
 * end. How many records.
 */
async function assertHeld(
  disk: SmallDisk,
  backupId: string,
  { whole = false }: { readonly whole?: boolean },
): Promise<number> {
  const at = ['--path', disk.folder, '--backup-id', backupId]
  const { valid, records } = reportOf<{ readonly valid: boolean; readonly records: number }>(
    await runCli(['validate', ...at, '--deep', '-o', 'json'], on(disk)),
  )
  assert.equal(valid, true)
  let held = 0
  for (const topic of shop.topics) {
    for (const [partition, expected] of topic.records.entries()) {
      const found = await archived(disk, backupId, topic.source, partition, whole)
      assertSameLog(found, whole ? expected : expected.slice(0, found.length), `${topic.source}/${partition}`)
      held += found.length
    }
  }
  assert.equal(records, held)
  return held
}

/** Of a partition that no commit names yet: nothing. */
async function archived(
  disk: SmallDisk,
  backupId: string,
  topic: string,
  partition: number,
  whole: boolean,
): Promise<readonly AnyRecord[]> {
  try {
    return await archivedRecords(disk.outside, backupId, topic, partition)
  } catch (error) {
    const absent = isTidemarkError(error, 'TOPIC_NOT_FOUND') || error instanceof AssertionError
    if (whole || !absent) throw error
    return []
  }
}

function countOf({ topics }: Shop): number {
  return topics.reduce((sum, { records }) => sum + records.flat().length, 0)
}
