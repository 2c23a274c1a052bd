import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { stringify } from 'yaml'
import { runCli } from '../support/cli.ts'
import { numbered, startSyncLab } from '../support/sync-lab.ts'
import { tempFolder } from '../support/temp-folder.ts'

const lab = await startSyncLab({ source: { apart: true } })
const folder = await tempFolder('failover')
after(async () => {
  await lab[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})
const { sourceAdmin, targetAdmin } = lab
const file = join(folder.path, 'k2k.yaml')
await writeFile(
  file,
  stringify({
    name: 'dr',
    source: { kafka: { common: { 'bootstrap.servers': lab.source.bootstrap } } },
    target: { kafka: { common: { 'bootstrap.servers': lab.target.bootstrap } } },
    groups: { consumerGroups: 'fail-.*' },
  }),
)

/** Runs a command with the pipeline file and JSON output, in the folder. */
async function command(...args: readonly string[]) {
  const result = await runCli([...args, '-f', file, '-o', 'json'], { cwd: folder.path })
  const json = () => JSON.parse(result.stdout) as Record<string, never>
  return { ...result, json }
}

/** A topic on both sides; on the target it lies 3 further on. The last two records are not copied yet. */
async function copied(topic: string): Promise<void> {
  await Promise.all([sourceAdmin.createTopic(topic, 1), targetAdmin.createTopic(topic, 1)])
  const timestamp = BigInt(Date.now())
  const records = numbered(12).map((value) => ({ topic, partition: 0, key: value, value, timestamp }))
  const source = await lab.java.producer({ 'bootstrap.servers': lab.source.bootstrap })
  source.send(...records)
  await source.flush()
  await lab.fill('target', topic, numbered(3, 'foreign-'))
  const target = await lab.java.producer({ 'bootstrap.servers': lab.target.bootstrap })
  target.send(...records.slice(0, 10))
  await target.flush()
  await Promise.all([source.close(), target.close()])
  await lab.map({ topic, to: 10n, copyStart: 3n, runs: [{ source: 0n, target: 3n, count: 10 }] })
}

async function position(group: string, topic: string, admin = targetAdmin) {
  return (await admin.positions(group)).find((one) => one.topic === topic)
}

test('a fail-over sets, proves and hands over; a fail-back brings the group home, and it is followed again', async () => {
  await copied('shop')
  await sourceAdmin.commit('fail-shop', 'shop', 0, 4n)
  assert.equal((await command('sync-offsets', '--once')).status, 0)
  await sourceAdmin.commit('fail-shop', 'shop', 0, 6n)
  const over = await command('failover', '--group', 'fail-shop')
  assert.equal(over.status, 0, over.stderr)
  const { positions, snapshot_id } = over.json() as unknown as {
    positions: { target: number; before: number; proof: string; proof_detail: string }[]
    snapshot_id: string
  }
  assert.deepEqual(
    positions.map(({ before, target, proof, proof_detail }) => [before, target, proof, proof_detail]),
    [[7, 9, 'same', '6 = 9 (key 6)']],
  )
  const list = await runCli(['offset-rollback', 'list', '-p', 'offset-snapshots', '-o', 'json'], {
    cwd: folder.path,
  })
  assert.match(list.stdout, new RegExp(snapshot_id))
  assert.match(list.stdout, /Before the fail-over of fail-shop/)

  // Out of the sync: what still happens on the source does not come over.
  await sourceAdmin.commit('fail-shop', 'shop', 0, 9n)
  const later = await command('sync-offsets', '--once')
  assert.match(later.stdout, /"handed-over"/)
  assert.equal((await position('fail-shop', 'shop'))?.offset, 9n)
  await sourceAdmin.commit('fail-shop', 'shop', 0, 6n)

  // The application works on the target, and goes home.
  await targetAdmin.commit('fail-shop', 'shop', 0, 11n, '')
  const back = await command('failback', '--group', 'fail-shop')
  assert.equal(back.status, 0, back.stderr)
  assert.equal((await position('fail-shop', 'shop', sourceAdmin))?.offset, 8n)
  assert.match(back.stdout, /"same"/)

  // In step again, although the last commit on the target was the application's.
  await sourceAdmin.commit('fail-shop', 'shop', 0, 10n)
  assert.equal((await command('sync-offsets', '--once')).status, 0)
  assert.equal((await position('fail-shop', 'shop'))?.offset, 13n)
})

test('a fail-over to another record is found out', async () => {
  const topic = 'mixed'
  await Promise.all([sourceAdmin.createTopic(topic, 1), targetAdmin.createTopic(topic, 1)])
  await lab.fill('source', topic, numbered(5))
  await lab.fill('target', topic, numbered(5, 'x'))
  await lab.map({ topic, to: 5n, runs: [{ source: 0n, target: 0n, count: 5 }] })
  await sourceAdmin.commit('fail-mixed', topic, 0, 2n)
  const over = await command('failover', '--group', 'fail-mixed')
  assert.equal(over.status, 5, over.stderr)
  assert.match(over.stdout, /2 and 2 differ in key, value/)
})

test('a group that is ahead of the copy is refused in time, and stays in the sync', async () => {
  await copied('late')
  await sourceAdmin.commit('fail-late', 'late', 0, 12n)
  const over = await command('failover', '--group', 'fail-late', '--wait', '1s')
  assert.equal(over.status, 4, over.stderr)
  assert.match(over.stderr, /COPY_BEHIND/)
  await sourceAdmin.commit('fail-late', 'late', 0, 8n)
  await command('sync-offsets', '--once')
  assert.equal((await position('fail-late', 'late'))?.offset, 11n)
})

test('a group that is read for is refused, on either side', async () => {
  await copied('live')
  await sourceAdmin.commit('fail-live', 'live', 0, 4n)
  for (const [admin, side] of [
    [sourceAdmin, 'source'],
    [targetAdmin, 'target'],
  ] as const) {
    await using _ = await admin.join('fail-live', 'live', `member-${side}`)
    const over = await command('failover', '--group', 'fail-live')
    assert.equal(over.status, 4)
    assert.match(over.stderr, new RegExp(`GROUP_ACTIVE[\\s\\S]*|has members on the ${side}`))
    assert.match(over.stderr, new RegExp(`on the ${side}`))
  }
  assert.equal(await position('fail-live', 'live'), undefined, 'nothing was set')
})

test('the status tells lag, events and where each group stands, and changes nothing', async () => {
  await copied('seen')
  await sourceAdmin.commit('fail-seen', 'seen', 0, 3n)
  const status = await command('replicate', 'status')
  assert.equal(status.status, 0, status.stderr)
  const { partitions, groups } = status.json() as unknown as {
    partitions: Record<string, unknown>[]
    groups: { positions: Record<string, unknown>[] }
  }
  const seen = partitions.find(({ topic }) => topic === 'seen')
  assert.equal(seen?.copied, 10)
  assert.equal(seen?.source_end, 12)
  assert.equal(seen?.lag, 2)
  const group = groups.positions.find(({ group }) => group === 'fail-seen')
  assert.equal(group?.target, 6)
  assert.equal(await position('fail-seen', 'seen'), undefined)
})

test('the map in a topic is shown like the map of a restore', async () => {
  await copied('shown')
  const args = ['--mapping-topic', '__k2k_offset_mappings', '--bootstrap-servers', lab.target.bootstrap]
  const shown = await runCli(['show-offset-mapping', ...args, '--topic', 'shown', '--format', 'json'])
  assert.equal(shown.status, 0, shown.stderr)
  const json = JSON.parse(shown.stdout) as { mappings: unknown[]; source_cluster: string }
  assert.deepEqual(json.mappings, [
    { partition: 0, source_range: { start: 0, end: 9 }, target_range: { start: 3, end: 12 } },
  ])
  assert.equal(json.source_cluster, lab.source.clusterId)
  const none = await runCli(['show-offset-mapping', '--mapping-topic', 'nowhere', ...args.slice(2)])
  assert.equal(none.status, 2)
})

test('when the source is lost, the group is taken out where the last sync put it', async () => {
  await copied('gone')
  await sourceAdmin.commit('fail-gone', 'gone', 0, 5n)
  await command('sync-offsets', '--once')
  await lab.source.broker(1).kill()
  const over = await command('failover', '--group', 'fail-gone', '--source-lost')
  assert.equal(over.status, 3, over.stderr)
  const { positions } = over.json() as unknown as { positions: Record<string, unknown>[] }
  assert.deepEqual(
    positions.map(({ target, source, state }) => [target, source, state]),
    [[8, [{ topic: 'gone', partition: 0, offset: 5 }], 'last-synced']],
  )
})
