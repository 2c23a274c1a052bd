import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openStore } from '../../src/storage/index.ts'
import { type CliResult, runCli } from '../support/cli.ts'
import {
  type BackupJson,
  progressUntil,
  type RestoreOptions,
  reportOf,
  Stage,
  type ThreePhaseJson,
} from '../support/e2e-stage.ts'
import type { GroupPosition } from '../support/java-admin.ts'
import type { Section } from '../support/job-files.ts'
import { archivedRecords, assertSameLog } from '../support/record-lists.ts'
import { assertGroup, assertRestored, type RestoredTopic } from '../support/restored.ts'
import { type S3Server, startS3Server } from '../support/s3-server.ts'
import { commitStand, openShop, type Shop, type ShopTopic, shopTopics } from '../support/shop.ts'

const bucket = 'archive'
const prefix = 'team/kafka'
const perPartition = 6000
/** Records that come to each partition of `plain` between the two runs. */
const added = 500

let stage: Stage
let server: S3Server
let shop: Shop

before(async () => {
  ;[stage, server] = await Promise.all([Stage.open({}, {}), startS3Server()])
  await server.bucket(bucket)
  shop = await openShop(stage, { perPartition })
})

after(async () => {
  await stage?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

test('a backup goes into the bucket that the file names, and a second run adds what is new', async () => {
  const first = await backup()
  assert.deepEqual([first.status, first.notices], ['done', []])
  assert.equal(first.records, countOf(shop.topics))
  assert.equal(first.groups, Object.keys(shop.groups).length)
  await assertBucketHolds(shop.topics)

  const producer = await stage.java.producer({ 'bootstrap.servers': stage.source.cluster.bootstrap })
  await producer.fill({ topic: 'plain', partitions: 2, first: perPartition, count: added, size: 400 })
  await producer.close()
  const later = { plain: { 0: BigInt(perPartition + 100) } }
  await commitStand(stage, 'late', later)
  shop = { topics: await shopTopics(stage), groups: { ...shop.groups, late: later } }

  const second = await backup()
  assert.deepEqual([second.status, second.notices], ['done', []])
  assert.equal(second.records, 2 * added)
  await assertBucketHolds(shop.topics)
})

test('a restore from the bucket to another cluster: records, map and positions are right, and it is verified', async () => {
  const mapping = join(stage.folder, 'mapping.json')
  const job = restoreJob('dr')
  const result = await restore(job, ['--mapping-output', mapping])
  assert.equal(reportOf<ThreePhaseJson>(result).restore.status, 'done')
  await assertWhole('dr', mapping)
  await assertVerified(job)
})

test('what the bucket holds is told by its URL alone', async () => {
  const { backups } = await told<{ backups: readonly SummaryJson[] }>(['list', '-p', url()])
  assert.deepEqual(
    backups.map((each) => [each.backup_id, each.topics, each.records, each.complete]),
    [['shop', shop.topics.length, countOf(shop.topics), true]],
  )

  const described = await told<DescribeJson>(['describe', ...place()])
  assert.deepEqual(
    Object.fromEntries(described.topics.map(({ topic, records }) => [topic, records])),
    Object.fromEntries(shop.topics.map((topic) => [topic.source, countOf([topic])])),
  )
  assert.deepEqual(standsOf(described), standsOf(shopJson()))

  for (const flags of [[], ['--deep']]) {
    const valid = await told<ValidateJson>(['validate', ...place(), ...flags])
    assert.deepEqual([valid.valid, valid.errors, valid.records], [true, 0, countOf(shop.topics)])
    assert.equal(valid.chunks_read, flags.length === 0 ? 0 : valid.chunks)
  }

  const held = await told<HeldJson>(['show-offset-mapping', ...place(), '--topic', 'plain'])
  assert.deepEqual(
    held.topics.flatMap(({ topic, partitions }) =>
      partitions.map((each) => [topic, each.first_offset, each.last_offset, each.record_count]),
    ),
    [0, 1].map(() => ['plain', 0, perPartition + added - 1, perPartition + added]),
  )
})

test('the map of the restore, and the plan for its groups, come from the bucket', async () => {
  const shown = await told<MapsJson>(['show-offset-mapping', ...place(), '--restore-id', 'newest'])
  const written = JSON.parse(await readFile(join(stage.folder, 'mapping.json'), 'utf8')) as MapsJson
  assert.deepEqual(shown.topics, written.topics)

  const { admin, cluster } = stage.target
  const [stood] = (await admin.positions('late')).filter(({ topic }) => topic === 'dr-plain')
  assert.ok(stood)
  await admin.commit('late', 'dr-plain', 0, 3n)
  const at = [...place(), '--bootstrap-servers', cluster.bootstrap]
  const { entries } = await told<PlanJson>(['offset-reset', 'plan', ...at, '-g', '*'])
  for (const { group, topic, partition, action, target } of entries) {
    const positions: readonly GroupPosition[] = group === 'late' ? [stood] : await admin.positions(group)
    const wanted = positions.find((each) => each.topic === topic && each.partition === partition)
    const act = wanted === undefined ? 'SKIP' : group === 'late' ? 'SET' : 'KEEP'
    assert.deepEqual(
      [action, target],
      [act, wanted ? Number(wanted.offset) : null],
      `${group} in ${topic}/${partition}`,
    )
  }
  assert.deepEqual(new Set(entries.map(({ group }) => group)), new Set(Object.keys(shop.groups)))

  await told(['offset-reset', 'execute', ...at, '-g', 'late'])
  assert.deepEqual(
    (await admin.positions('late')).filter(({ topic }) => topic === 'dr-plain'),
    [stood],
  )
})

test('a restore killed in the middle of the copy goes on by its journal in the bucket: every record once', async () => {
  const mapping = join(stage.folder, 'mapping-killed.json')
  const slow = restoreJob('killed', { rate_limit_bytes_per_sec: 1_000_000 })
  const others = await journals()
  const running = await stage.startRestore(slow, ['--progress', 'json'], 'three-phase-restore', keys())
  const copying = await progressUntil(running, ({ phase, records }) => phase === 'copy' && records > 0)
  assert.ok(copying, running.output().stderr)
  running.process.kill('SIGKILL')
  assert.equal((await running.ended).signal, 'SIGKILL')
  const landed = (await stage.read(stage.target, 'killed-plain')).flat().length
  assert.ok(landed < countOf(shop.topics.slice(0, 1)), `${landed} records: it was killed too late`)
  const [journal, ...more] = [...(await journals())].filter((id) => !others.has(id))
  assert.ok(journal !== undefined && more.length === 0, 'it has a journal')

  const job = restoreJob('killed')
  const rest = reportOf<ThreePhaseJson>(await restore(job, ['--mapping-output', mapping]))
  const { restore_id, status, resumed } = rest.restore
  assert.deepEqual([restore_id, status, resumed], [journal, 'done', true])
  await assertWhole('killed', mapping)
  await assertVerified(job)
  assert.equal(reportOf<ThreePhaseJson>(await restore(job)).restore.already_done, true)
})

test('storage check tries the bucket, and leaves nothing behind', async () => {
  const before = await keysBelow('')
  const report = await told<CheckJson>(['storage', 'check', url()])
  assert.deepEqual([report.ok, report.checks.filter(({ ok }) => !ok)], [true, []])
  assert.ok(report.checks.length > 10)
  assert.deepEqual(await keysBelow(''), before)
})

/** The bucket by URL, as the command line takes it. */
function url(): string {
  return `s3://${bucket}/${prefix}?endpoint=${server.endpoint}&path_style=true&allow_http=true`
}

function place(): string[] {
  return ['-p', url(), '-b', 'shop']
}

/** The bucket as a section of the file; the keys come from the environment. */
function storage(): Section {
  return { backend: 's3', bucket, prefix, endpoint: server.endpoint, path_style: true, allow_http: true }
}

function keys(): { readonly env: Readonly<Record<string, string>> } {
  return { env: server.env }
}

async function backup(): Promise<BackupJson> {
  const job = { backupId: 'shop', topics: ['*'], storage: storage() }
  return reportOf<BackupJson>(await stage.backup(job, [], keys()))
}

function restoreJob(name: string, more: Section = {}): RestoreOptions {
  const restore = {
    create_topics: true,
    topic_mapping: { '*': `${name}-*` },
    auto_consumer_groups: true,
    settle_ms: 500,
    ...more,
  }
  return { backupId: 'shop', name, storage: storage(), restore }
}

async function restore(job: RestoreOptions, flags: readonly string[] = []): Promise<CliResult> {
  return await stage.restore(job, flags, 'three-phase-restore', keys())
}

/** What a command prints with `-o json`. */
async function told<Report>(args: readonly string[]): Promise<Report> {
  return reportOf<Report>(await runCli([...args, '-o', 'json'], keys()))
}

async function assertBucketHolds(topics: readonly ShopTopic[]): Promise<void> {
  for (const { source, records } of topics) {
    for (const [partition, expected] of records.entries()) {
      const held = await archivedRecords(server.spec(bucket, { prefix }), 'shop', source, partition)
      assertSameLog(held, expected, `${source}/${partition}`)
    }
  }
}

async function assertWhole(name: string, mapping: string): Promise<void> {
  const topics: RestoredTopic[] = shop.topics.map((topic) => ({
    ...topic,
    target: `${name}-${topic.source}`,
  }))
  const logs = await assertRestored(stage, topics, mapping)
  for (const [group, stand] of Object.entries(shop.groups)) {
    await assertGroup(stage, topics, logs, group, stand)
  }
}

/** By the file, and by the URL. */
async function assertVerified(job: RestoreOptions): Promise<void> {
  const cluster = ['--bootstrap-servers', stage.target.cluster.bootstrap, '-o', 'json']
  for (const result of [
    await stage.verify(job, [], keys()),
    await runCli(['verify', ...place(), ...cluster], keys()),
  ]) {
    const report = reportOf<VerifyJson>(result)
    assert.deepEqual([report.verified, report.differences], [true, 0])
    const same = report.partitions.reduce((sum, each) => sum + each.same, 0)
    assert.equal(same, countOf(shop.topics))
  }
}

/** Ids of the restores of which the bucket holds a journal. */
async function journals(): Promise<Set<string | undefined>> {
  const keys = await keysBelow('shop/restores/')
  return new Set(keys.filter((key) => key.includes('/state/')).map((key) => key.split('/')[2]))
}

/** Names of the objects below the prefix of the archive. */
async function keysBelow(below: string): Promise<string[]> {
  await using store = await openStore(server.spec(bucket, { prefix }))
  const found: string[] = []
  for await (const { key } of store.list(below)) found.push(key)
  return found
}

function countOf(topics: readonly ShopTopic[]): number {
  return topics.reduce((sum, { records }) => sum + records.flat().length, 0)
}

/** `group topic/partition` → offset. */
function standsOf({ groups }: Pick<DescribeJson, 'groups'>): Map<string, number> {
  const all = groups.flatMap(({ group, positions }) =>
    positions.map(({ topic, partition, offset }) => [`${group} ${topic}/${partition}`, offset] as const),
  )
  return new Map(all.sort())
}

function shopJson(): Pick<DescribeJson, 'groups'> {
  const groups = Object.entries(shop.groups).map(([group, stand]) => ({
    group,
    positions: Object.entries(stand).flatMap(([topic, offsets]) =>
      Object.entries(offsets).map(([partition, offset]) => ({
        topic,
        partition: Number(partition),
        offset: Number(offset),
      })),
    ),
  }))
  return { groups }
}

interface SummaryJson {
  readonly backup_id: string
  readonly topics: number
  readonly records: number
  readonly complete: boolean
}

interface DescribeJson {
  readonly topics: readonly { readonly topic: string; readonly records: number }[]
  readonly groups: readonly {
    readonly group: string
    readonly positions: readonly {
      readonly topic: string
      readonly partition: number
      readonly offset: number
    }[]
  }[]
}

interface ValidateJson {
  readonly valid: boolean
  readonly errors: number
  readonly records: number
  readonly chunks: number
  readonly chunks_read: number
}

interface HeldJson {
  readonly topics: readonly {
    readonly topic: string
    readonly partitions: readonly {
      readonly first_offset: number
      readonly last_offset: number
      readonly record_count: number
    }[]
  }[]
}

interface MapsJson {
  readonly topics: readonly unknown[]
}

interface PlanJson {
  readonly entries: readonly {
    readonly group: string
    readonly topic: string
    readonly partition: number
    readonly action: string
    readonly target: number | null
  }[]
}

interface VerifyJson {
  readonly verified: boolean
  readonly differences: number
  readonly partitions: readonly { readonly same: number }[]
}

interface CheckJson {
  readonly ok: boolean
  readonly checks: readonly { readonly name: string; readonly ok: boolean }[]
}
