import assert from 'node:assert/strict'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { stringify } from 'yaml'
import { type CliResult, runCli } from '../support/cli.ts'
import type { OutcomeJson, PlanJson } from '../support/command-json.ts'
import { errorOf, reportOf, Stage } from '../support/e2e-stage.ts'
import { kafkaTool } from '../support/kafka-tools.ts'
import { keyOf } from '../support/record-lists.ts'

/*
 * Positions put right without the archive: the records were restored with headers that say where they came from, and that is all there
 * is. Wherever a group stood on the source, the record that it reads next on the target is the one that it would have read there.
 */

let stage: Stage
/** Where the groups of these tests stand on the source. */
const stand: Readonly<Record<string, bigint>> = { 'orders/0': 57n, 'orders/1': 81n, 'table/0': 130n }
const cluster = 'prod-us-east-1'
const kept = () => join(stage.folder, 'kept')

before(async () => {
  stage = await Stage.open({}, {})
  const { admin, cluster: source } = stage.source
  await admin.createTopic('orders', 2)
  await admin.createTopic('table', 1)
  await stage.target.admin.createTopic('native', 1)
  const plain = await stage.java.producer({ 'bootstrap.servers': source.bootstrap })
  const transactional = await stage.java.producer({
    'bootstrap.servers': source.bootstrap,
    'transactional.id': 't',
  })
  // Markers and aborted records lie between the records: offsets on the target are others, and not by one shift.
  for (let i = 0; i < 10; i++) {
    await plain.fill({ topic: 'orders', partitions: 2, first: i * 100, count: 6, size: 20 })
    await transactional.begin()
    await transactional.fill({ topic: 'orders', partitions: 2, first: i * 100 + 50, count: 5, size: 20 })
    await (i % 3 === 0 ? transactional.abort() : transactional.commit())
  }
  // The last of each of 20 keys, and what the compaction of the target is going to leave of 180 records.
  for (let i = 0; i < 180; i++)
    plain.send({ topic: 'table', partition: 0, key: `key-${i % 20}`, value: `${i}` })
  await plain.flush()
  await Promise.all([plain.close(), transactional.close()])
  await admin.deleteRecords('orders', 0, 20n)
  for (const [place, offset] of Object.entries(stand)) {
    const [topic = '', partition = ''] = place.split('/')
    await admin.commit('on the source', topic, Number(partition), offset)
  }
  reportOf(
    await stage.backup({
      backupId: 'shop',
      topics: ['orders', 'table'],
      backup: { source_cluster_id: cluster },
    }),
  )
  const restore = { create_topics: true, include_original_offset_header: true }
  const files = [
    { backupId: 'shop', name: 'same', restore: { ...restore, restore_id: 'same' } },
    {
      backupId: 'shop',
      name: 'renamed',
      restore: {
        ...restore,
        restore_id: 'renamed',
        topic_mapping: { orders: 'dr-orders', table: 'dr-table' },
      },
    },
    {
      backupId: 'shop',
      name: 'spread',
      restore: {
        ...restore,
        restore_id: 'spread',
        topic_mapping: { orders: 'wide-orders' },
        repartitioning: { 'wide-orders': { strategy: 'murmur2', target_partitions: 3 } },
      },
    },
  ]
  for (const file of files) {
    const only = file.name === 'spread' ? ['--topics', 'orders'] : []
    reportOf(await stage.restore(file, only, 'restore'))
  }
  // The archive has done its part: where a test uses it, it says so.
  await rename(stage.archive, kept())
})

after(async () => {
  await stage?.[Symbol.asyncDispose]()
})

const address = () => ['--bootstrap-servers', stage.target.cluster.bootstrap]
const live = ['--strategy', 'header-based', '--source-cluster', cluster]

/** Runs the command in the folder of the stage, where its snapshots go. */
async function reset(action: string, flags: readonly string[]): Promise<CliResult> {
  const format = action === 'script' ? [] : ['-o', 'json']
  return await runCli(['offset-reset', action, ...address(), ...format, ...flags], { cwd: stage.folder })
}

/** What a command that moved consumers to the target by hand leaves: positions of the source. */
async function bringOver(group: string, topics: readonly string[]): Promise<void> {
  for (const [place, offset] of Object.entries(stand)) {
    const [topic = '', partition = ''] = place.split('/')
    if (topics.includes(topic)) await stage.target.admin.commit(group, topic, Number(partition), offset)
  }
}

async function held(group: string): Promise<Readonly<Record<string, bigint>>> {
  const positions = await stage.target.admin.positions(group)
  const named = positions.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset] as const)
  return Object.fromEntries(named.sort(([a], [b]) => (a < b ? -1 : 1)))
}

async function nextKey(side: 'source' | 'target', topic: string, partition: number, from: bigint) {
  const { bootstrap } = stage[side].cluster
  const [next] = await stage.java.read(bootstrap, topic, partition, { from, max: 1 })
  return { key: keyOf(next), value: next?.value?.toString() }
}

/** Holds what a group reads next in a topic of the target to what it would have read on the source. */
async function assertRight(group: string, source: string, target = source): Promise<void> {
  const now = await held(group)
  let compared = 0
  for (const [place, offset] of Object.entries(stand)) {
    const [topic = '', number = ''] = place.split('/')
    const partition = Number(number)
    if (topic !== source) continue
    const position =
      now[`${target}/${partition}`] ?? assert.fail(`${group} has no position in ${target}/${partition}`)
    assert.deepEqual(
      await nextKey('target', target, partition, position),
      await nextKey('source', source, partition, offset),
      `${group} in ${target}/${partition}`,
    )
    compared++
  }
  assert.ok(compared > 0)
}

const rows = ({ entries }: PlanJson) =>
  entries.map(({ topic, partition, action, kind }) => [`${topic}/${partition}`, action, kind])

// Most of a reset is waiting whether positions move: the tests use groups of their own, and run together.
describe('offset-reset on live topics', { concurrency: 4 }, () => {
  test('positions that stand on the target as those of the source are translated once, and never again', async () => {
    const { admin } = stage.target
    await bringOver('once', ['orders'])
    const before = await held('once')
    const file = join(stage.folder, 'once.json')
    const planned = reportOf<PlanJson>(await reset('plan', ['-g', 'once', ...live, '--output', file]))
    assert.deepEqual(rows(planned), [
      ['orders/0', 'SET', 'exact'],
      ['orders/1', 'SET', 'exact'],
    ])
    assert.equal(planned.origin.type, 'target')
    assert.equal(planned.map, `the headers of records of ${cluster}`)
    assert.deepEqual(await held('once'), before, 'a plan changes nothing')

    const unrecorded = await reset('execute', ['--plan', file, '--no-snapshot'])
    assert.match(errorOf(unrecorded, 2, 'USAGE').message, /could be a second time/)
    const done = reportOf<OutcomeJson>(await reset('execute', ['--plan', file]))
    assert.equal(done.counts.set, 2)
    await assertRight('once', 'orders')
    const described = await kafkaTool('groups', [
      ...['--bootstrap-server', stage.target.cluster.bootstrap],
      ...['--describe', '--group', 'once'],
    ])
    const [first, second] = planned.entries
    assert.match(described, new RegExp(`orders +0 +${first?.target} `))
    assert.match(described, new RegExp(`orders +1 +${second?.target} `))

    const again = reportOf<OutcomeJson>(await reset('execute', ['-g', 'once', ...live]))
    assert.deepEqual([again.counts.set, again.counts.kept], [0, 2])
    assert.equal(again.groups[0]?.positions[0]?.kind, 'translated')

    // The application reads on, and takes the marks away: the snapshot knows.
    const stood = await held('once')
    await admin.commit('once', 'orders', 0, (stood['orders/0'] ?? 0n) + 3n)
    await admin.commit('once', 'orders', 1, stood['orders/1'] ?? 0n)
    const later = reportOf<PlanJson>(await reset('plan', ['-g', 'once', ...live]))
    assert.deepEqual(rows(later), [
      ['orders/0', 'KEEP', 'translated'],
      ['orders/1', 'KEEP', 'translated'],
    ])
    assert.match(
      later.entries[0]?.reason ?? '',
      /translated before, on .* the group has moved on from \d+ since/,
    )

    // So do they in a snapshot of the target, though that is a file.
    const taken = join(stage.folder, 'once-snapshot.json')
    const snapshot = ['offset-rollback', 'snapshot', '--groups', 'once', '--output', taken, ...address()]
    assert.equal((await runCli(snapshot)).status, 0)
    const filed = reportOf<PlanJson>(await reset('plan', ['-g', 'once', ...live, '--positions-file', taken]))
    assert.deepEqual(rows(filed), rows(later))

    // Taken back, they are positions of the source again.
    const rolled = ['offset-rollback', 'rollback', '--path', join(stage.folder, 'offset-snapshots')]
    const back = await runCli([...rolled, '--snapshot-id', done.snapshot_id ?? '', ...address()])
    assert.equal(back.status, 0, back.stderr)
    assert.deepEqual(await held('once'), before)
    const redone = reportOf<OutcomeJson>(await reset('execute', ['-g', 'once', ...live]))
    assert.equal(redone.counts.set, 2)
    await assertRight('once', 'orders')
  })

  test('where no snapshot is at hand, the marks say what has been translated; one of a topic speaks for all', async () => {
    const { admin } = stage.target
    await bringOver('marked', ['orders'])
    const elsewhere = ['--snapshot-path', join(stage.folder, 'elsewhere')]
    reportOf(await reset('execute', ['-g', 'marked', ...live, ...elsewhere]))
    const positions = await admin.positions('marked')
    assert.match(positions[0]?.metadata ?? '', /^tidemark\/1 cluster=prod-us-east-1 from=orders\/0@57$/)
    await admin.commit('marked', 'orders', 0, 44n)
    const planned = reportOf<PlanJson>(await reset('plan', ['-g', 'marked', ...live]))
    assert.deepEqual(rows(planned), [
      ['orders/0', 'KEEP', 'translated'],
      ['orders/1', 'KEEP', 'translated'],
    ])
    assert.match(planned.entries[0]?.reason ?? '', /as the other positions of the topic say/)
  })

  test('metadata of an application stays as it is, and the snapshot alone says that a position was translated', async () => {
    const { admin } = stage.target
    await admin.commit('streams', 'orders', 0, 57n, 'AgAAAXu-state')
    await admin.commit('streams', 'orders', 1, 81n)
    reportOf(await reset('execute', ['-g', 'streams', ...live]))
    await assertRight('streams', 'orders')
    assert.deepEqual(
      (await admin.positions('streams')).map(({ metadata }) => metadata),
      ['AgAAAXu-state', ''],
    )
    const again = reportOf<PlanJson>(await reset('plan', ['-g', 'streams', ...live]))
    assert.deepEqual(rows(again), [
      ['orders/0', 'KEEP', 'translated'],
      ['orders/1', 'KEEP', 'translated'],
    ])
  })

  test('a live source, our snapshot, a kmap file and the export of the tool of Kafka lead to the same record', async () => {
    const source = stage.source.cluster.bootstrap
    const group = 'on the source'
    const snapshot = join(stage.folder, 'positions-snapshot.json')
    const kmap = join(stage.folder, 'positions-kmap.json')
    const csv = join(stage.folder, 'positions.csv')
    const one = join(stage.folder, 'positions-one.csv')
    const taken = await runCli([
      ...['offset-rollback', 'snapshot', '--groups', group, '--output', snapshot],
      ...['--bootstrap-servers', source],
    ])
    assert.equal(taken.status, 0, taken.stderr)
    await writeFile(
      kmap,
      JSON.stringify({
        timestamp: '2026-01-20T15:30:04Z',
        cluster: source,
        consumer_groups: [
          {
            group,
            timestamp: '2026-01-20T15:30:04Z',
            topics: Object.fromEntries(
              ['orders', 'table'].map((topic) => [
                topic,
                Object.entries(stand)
                  .filter(([place]) => place.startsWith(`${topic}/`))
                  .map(([place, offset]) => ({
                    partition: Number(place.split('/')[1]),
                    offset: Number(offset),
                  })),
              ]),
            ),
          },
        ],
      }),
    )
    const exporting = [
      '--bootstrap-server',
      source,
      '--reset-offsets',
      '--to-current',
      '--all-topics',
      '--export',
      '--dry-run',
    ]
    await writeFile(one, await kafkaTool('groups', [...exporting, '--group', group]))
    await writeFile(csv, await kafkaTool('groups', [...exporting, '--all-groups']))
    assert.match(await readFile(csv, 'utf8'), /on the source"?,/)
    const ways = [
      ['--positions-from', 'source', '--source-bootstrap-servers', source],
      ['--positions-from', 'file', '--positions-file', snapshot],
      ['--positions-file', kmap],
      ['--positions-file', csv],
      ['--positions-file', one],
    ]
    const plans = await Promise.all(
      ways.map(async (way) => reportOf<PlanJson>(await reset('plan', ['-g', group, ...live, ...way]))),
    )
    const wanted = plans[0]?.entries.map(({ topic, partition, target }) => [topic, partition, target])
    assert.equal(wanted?.length, 3)
    for (const { entries } of plans) {
      assert.deepEqual(
        entries.map(({ topic, partition, target }) => [topic, partition, target]),
        wanted,
      )
    }
    assert.deepEqual(
      plans.map(({ origin }) => origin.type),
      ['source', 'file', 'file', 'file', 'file'],
    )
    reportOf(await reset('execute', ['-g', group, ...live, ...(ways[0] ?? [])]))
    await assertRight(group, 'orders')
    await assertRight(group, 'table')
    // Positions that are not the target's own may be translated as often as one likes.
    const again = reportOf<OutcomeJson>(await reset('execute', ['-g', group, ...live, ...(ways[2] ?? [])]))
    assert.deepEqual([again.counts.set, again.counts.kept], [0, 3])

    const asTheyAre = [
      '--strategy',
      'positions',
      '--out-of-range',
      'clamp',
      '--topic-mapping',
      'orders=dr-orders',
    ]
    const given = reportOf<PlanJson>(await reset('plan', ['-g', group, ...asTheyAre, ...(ways[3] ?? [])]))
    assert.deepEqual(
      given.entries.map(({ topic, partition, target, kind }) => [topic, partition, target, kind]),
      [
        ['dr-orders', 0, 57, 'as-given'],
        ['dr-orders', 1, 81, 'as-given'],
        ['table', 0, 130, 'as-given'],
      ],
    )
    const two = errorOf(
      await reset('plan', ['-g', `${group},other`, ...live, ...(ways[4] ?? [])]),
      2,
      'USAGE',
    )
    assert.match(two.message, /does not say which/)
  })

  test('a renamed topic is found by its mapping, and what stands on the new name already is left alone', async () => {
    const { admin } = stage.target
    await bringOver('renamed', ['orders'])
    await admin.commit('renamed', 'dr-orders', 1, 5n)
    const file = join(stage.folder, 'renamed.yaml')
    await writeFile(
      file,
      stringify({
        target: { bootstrap_servers: [stage.target.cluster.bootstrap] },
        offset_reset: {
          strategy: 'header-based',
          source_cluster: cluster,
          topic_mapping: { orders: 'dr-orders', table: 'dr-table' },
          groups: ['renamed'],
        },
      }),
    )
    const run = (action: string) =>
      runCli(['offset-reset', action, '-c', file, '-o', 'json'], { cwd: stage.folder })
    assert.deepEqual(rows(reportOf<PlanJson>(await run('plan'))), [
      ['dr-orders/0', 'SET', 'exact'],
      ['dr-orders/1', 'KEEP', 'translated'],
    ])
    reportOf(await run('execute'))
    const now = await held('renamed')
    assert.equal(now['dr-orders/1'], 5n)
    assert.deepEqual(
      await nextKey('target', 'dr-orders', 0, now['dr-orders/0'] ?? -1n),
      await nextKey('source', 'orders', 0, 57n),
    )
    assert.deepEqual(
      rows(reportOf<PlanJson>(await run('plan'))).map(([place, action]) => [place, action]),
      [
        ['dr-orders/0', 'KEEP'],
        ['dr-orders/1', 'KEEP'],
      ],
    )
  })

  test('records that found new partitions are looked for in all of them, and only when told so', async () => {
    await bringOver('spread', ['orders'])
    const mapping = ['--topic-mapping', 'orders=wide-orders']
    const flags = ['-g', 'spread', ...live, ...mapping]
    errorOf(await reset('plan', flags), 4, 'SCAN_NEEDS_ALL_PARTITIONS')
    const done = reportOf<OutcomeJson>(await reset('execute', [...flags, '--scan-all-partitions']))
    assert.equal(done.counts.set, 3)
    const now = await held('spread')
    // No record that the source had not handed out yet lies before a position of the target.
    const unread = new Set<string | undefined>()
    for (const partition of [0, 1]) {
      const from = stand[`orders/${partition}`] ?? 0n
      for (const record of await stage.java.read(stage.source.cluster.bootstrap, 'orders', partition, {
        from,
      })) {
        unread.add(keyOf(record))
      }
    }
    let passed = 0
    for (const partition of [0, 1, 2]) {
      const position = now[`wide-orders/${partition}`] ?? assert.fail('no position')
      const records = await stage.java.read(stage.target.cluster.bootstrap, 'wide-orders', partition, {})
      for (const record of records) {
        if (record.offset >= position) continue
        assert.ok(!unread.has(keyOf(record)), `${keyOf(record)} would be skipped`)
        passed++
      }
    }
    assert.ok(passed > 0)
  })

  test('on a compacted topic a position in a hole is that of the next record that is left', async () => {
    const { admin } = stage.target
    await admin.configure('dr-table', {
      'cleanup.policy': 'compact',
      'min.cleanable.dirty.ratio': '0.01',
      'segment.ms': '50',
      'min.compaction.lag.ms': '0',
    })
    const producer = await stage.java.producer({ 'bootstrap.servers': stage.target.cluster.bootstrap })
    // New segments, so that the old ones are cleaned: until the first record of the first key is gone.
    for (let i = 0; ; i++) {
      producer.send({ topic: 'dr-table', partition: 0, key: 'roll', value: `${i}` })
      await producer.flush()
      const [first] = await stage.java.read(stage.target.cluster.bootstrap, 'dr-table', 0, { max: 1 })
      if (first !== undefined && first.offset >= 100n) break
      assert.ok(i < 600, 'the cleaner came')
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    await producer.close()
    await admin.commit('table reader', 'table', 0, 130n)
    const mapping = ['--topic-mapping', 'table=dr-table']
    reportOf(await reset('execute', ['-g', 'table reader', ...live, ...mapping]))
    const position = (await held('table reader'))['dr-table/0'] ?? assert.fail('no position')
    // Of 180 records the last 20 are left: 160 is the first at or after 130.
    assert.deepEqual(await nextKey('target', 'dr-table', 0, position), { key: 'key-0', value: '160' })
  })

  test('a saved map does without headers, archive and address on the command line', async () => {
    await bringOver('mapped', ['orders'])
    const map = join(stage.folder, 'mapping.json')
    await writeFile(
      map,
      JSON.stringify({
        topic: 'orders',
        source_cluster: cluster,
        mappings: [
          { partition: 0, source_range: { start: 50, end: 80 }, target_range: { start: 10, end: 40 } },
          { partition: 1, source_range: { start: 80, end: 85 }, target_range: { start: 60, end: 65 } },
        ],
      }),
    )
    const flags = ['--strategy', 'from-mapping', '--mapping-file', map, '--groups', 'mapped']
    const env = { KAFKA_BOOTSTRAP_SERVERS: stage.target.cluster.bootstrap }
    const run = () => runCli(['offset-reset', 'execute', ...flags, '-o', 'json'], { cwd: stage.folder, env })
    assert.equal(reportOf<OutcomeJson>(await run()).counts.set, 2)
    assert.deepEqual(await held('mapped'), { 'orders/0': 17n, 'orders/1': 61n })
    assert.equal(reportOf<OutcomeJson>(await run()).counts.kept, 2)
    const other = await reset('plan', [...flags, '--source-cluster', 'prod-eu'])
    errorOf(other, 4, 'SOURCE_MISMATCH')
  })

  test('a script that translates positions of the target leaves a record of it', async () => {
    await bringOver('scripted', ['orders'])
    const snapshots = join(stage.folder, 'offset-snapshots')
    const made = await reset('script', ['-g', 'scripted', ...live])
    assert.equal(made.status, 0, made.stderr)
    assert.match(made.stderr, /are saved as snapshot-.*not translated again/)
    const [, id = ''] = /saved as (snapshot-[\w-]+)/.exec(made.stderr) ?? []
    const saved = await readFile(join(snapshots, `${id}.json`), 'utf8')
    assert.match(saved, /"description": "Before a script that translates these positions"/)
    assert.match(saved, /"set": \[/)
    const commands = [
      ...made.stdout.matchAll(/--topic '?orders:(\d)'? \\\n +--reset-offsets --to-offset (\d+)/g),
    ]
    assert.equal(commands.length, 2)
    // Not carried out yet: the same again.
    assert.equal(
      (await reset('script', ['-g', 'scripted', ...live])).stdout.match(/--to-offset \d+/)?.[0],
      `--to-offset ${commands[0]?.[2]}`,
    )
    // Carried out by the tool of Kafka, which leaves no mark.
    for (const [, partition, offset] of commands) {
      await stage.target.admin.commit('scripted', 'orders', Number(partition), BigInt(offset ?? 0))
    }
    await assertRight('scripted', 'orders')
    const again = reportOf<PlanJson>(await reset('plan', ['-g', 'scripted', ...live]))
    assert.deepEqual(rows(again), [
      ['orders/0', 'KEEP', 'translated'],
      ['orders/1', 'KEEP', 'translated'],
    ])
  })

  test('topics of the group that were not copied from the source are left alone, and said so', async () => {
    const { admin } = stage.target
    await bringOver('mixed', ['orders'])
    await admin.commit('mixed', 'native', 0, 0n)
    const planned = reportOf<PlanJson>(await reset('plan', ['-g', 'mixed', ...live]))
    assert.deepEqual(rows(planned), [
      ['native/0', 'SKIP', 'not-copied'],
      ['orders/0', 'SET', 'exact'],
      ['orders/1', 'SET', 'exact'],
    ])
    assert.ok(
      planned.notices.some(({ code, message }) => code === 'header-scan' && message.includes('native')),
    )
    await admin.commit('elsewhere', 'native', 0, 0n)
    errorOf(await reset('plan', ['-g', 'elsewhere', ...live]), 2, 'HEADERS_NOT_FOUND')
    const unknown = ['-g', 'mixed', '--source-cluster', 'prod-eu']
    const error = errorOf(await reset('plan', unknown), 2, 'HEADERS_NOT_FOUND')
    assert.match(`${error.message} ${error.hint}`, /prod-us-east-1/)
  })

  test('with an archive the map may still come from headers, and the positions from elsewhere', async () => {
    const archive = ['--path', kept(), '--backup-id', 'shop']
    const wanted = (plan: PlanJson) =>
      plan.entries.map(({ topic, partition, target }) => [topic, partition, target])
    const group = ['-g', 'on the source']
    const byMap = reportOf<PlanJson>(await reset('plan', [...group, ...archive, '--restore-id', 'same']))
    assert.equal(byMap.origin.type, 'backup')
    assert.equal(byMap.map, 'the restore same')
    const byHeaders = reportOf<PlanJson>(await reset('plan', [...group, ...archive, '--map-from', 'headers']))
    assert.equal(byHeaders.origin.type, 'backup')
    assert.equal(byHeaders.map, `the headers of records of ${cluster}`)
    assert.deepEqual(wanted(byHeaders), wanted(byMap))
    const source = [
      '--positions-from',
      'source',
      '--source-bootstrap-servers',
      stage.source.cluster.bootstrap,
    ]
    const live = reportOf<PlanJson>(
      await reset('plan', [...group, ...archive, '--restore-id', 'same', ...source]),
    )
    assert.equal(live.origin.type, 'source')
    assert.deepEqual(wanted(live), wanted(byMap))

    // What is translated once by the map of a restore is on record in the archive.
    await bringOver('archived', ['orders'])
    const target = ['-g', 'archived', ...archive, '--restore-id', 'same', '--positions-from', 'target']
    assert.equal(reportOf<OutcomeJson>(await reset('execute', target)).counts.set, 2)
    await assertRight('archived', 'orders')
    const stood = await held('archived')
    for (const partition of [0, 1]) {
      await stage.target.admin.commit(
        'archived',
        'orders',
        partition,
        (stood[`orders/${partition}`] ?? 0n) + 1n,
      )
    }
    assert.deepEqual(
      rows(reportOf<PlanJson>(await reset('plan', target))).map(([, action]) => action),
      ['KEEP', 'KEEP'],
    )
    // A cluster that is not the source of the map is none to take positions from.
    const other = ['--positions-from', 'source', '--source-bootstrap-servers', stage.target.cluster.bootstrap]
    errorOf(
      await reset('plan', [...group, ...archive, '--restore-id', 'same', ...other]),
      4,
      'SOURCE_MISMATCH',
    )
  })

  test('start offsets of a share group are translated, once', async () => {
    const { admin } = stage.target
    for (const partition of [0, 1]) {
      await admin.setStartOffset('sharing', 'orders', partition, stand[`orders/${partition}`] ?? 0n)
    }
    reportOf(await reset('execute', ['-g', 'sharing', ...live]))
    const starts = await admin.startOffsets('sharing')
    assert.equal(starts.length, 2)
    for (const { topic, partition, offset } of starts) {
      assert.deepEqual(
        await nextKey('target', topic, partition, offset),
        await nextKey('source', topic, partition, stand[`${topic}/${partition}`] ?? -1n),
      )
    }
    await admin.setStartOffset('sharing', 'orders', 0, (starts[0]?.offset ?? 0n) + 2n)
    assert.deepEqual(
      rows(reportOf<PlanJson>(await reset('plan', ['-g', 'sharing', ...live]))).map(([, action]) => action),
      ['KEEP', 'KEEP'],
    )
  })
})
