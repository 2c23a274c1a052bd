import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { Consumer } from '@platformatic/kafka'
import { type Cluster, connectCluster } from '../../src/kafka/index.ts'
import { startCluster, type TestCluster } from '../support/brokers.ts'
import { type JavaClient, startJavaClient } from '../support/java-client.ts'
import { runKafkaTool } from '../support/kafka-tools.ts'
import { runKmap } from '../support/kmap.ts'
import { tempFolder } from '../support/temp-folder.ts'

const run = promisify(execFile)
const began = 1_700_000_000_000n

interface Saved {
  readonly timestamp: string
  readonly cluster: string
  readonly consumer_groups: readonly {
    readonly group: string
    readonly timestamp: string
    readonly topics: Readonly<
      Record<
        string,
        readonly {
          readonly partition: number
          readonly offset: number
          readonly lag?: number
          readonly timestamp?: number
          readonly metadata?: string
        }[]
      >
    >
  }[]
  readonly removed?: readonly unknown[]
}

describe('kmap on a real cluster', { timeout: 300_000 }, () => {
  let source: TestCluster
  let target: TestCluster
  let from: Cluster
  let to: Cluster
  let java: JavaClient
  let folder: Awaited<ReturnType<typeof tempFolder>>
  before(async () => {
    folder = await tempFolder('kmap cluster')
    ;[source, target, java] = await Promise.all([startCluster(), startCluster(), startJavaClient()])
    ;[from, to] = await Promise.all([
      connectCluster({ bootstrap: [source.bootstrap] }),
      connectCluster({ bootstrap: [target.bootstrap] }),
    ])
    const topic = (name: string, configs = {}) => ({ name, partitions: 2, replicationFactor: 1, configs })
    const topics = [topic('orders', { 'retention.ms': '-1' }), topic('payments', { 'retention.ms': '-1' })]
    for (const cluster of [from, to]) assert.deepEqual((await cluster.createTopics(topics)).failed, [])
    for (const [cluster, first] of [
      [source, 0],
      [target, 40],
    ] as const) {
      // The target lacks the first records: offsets differ, times do not.
      const producer = await java.producer({ 'bootstrap.servers': cluster.bootstrap })
      const count = 100 - first
      await producer.fill({ topic: 'orders', partitions: 2, first, count, size: 20, timestamp: began })
      await producer.close()
    }
  })
  after(async () => {
    for (const held of [from, to, java, source, target, folder]) await held?.[Symbol.asyncDispose]()
  })

  const kmap = (...args: readonly string[]) => runKmap(args, { cwd: folder.path })
  const quiet = ['-output=', '-html=']

  async function done(...args: readonly string[]) {
    const result = await kmap(...args)
    assert.equal(result.status, 0, result.stdout + result.stderr)
    return result
  }

  async function saved(name: string): Promise<Saved> {
    return JSON.parse(await readFile(join(folder.path, name), 'utf8')) as Saved
  }

  async function commit(
    cluster: Cluster,
    group: string,
    offsets: readonly number[],
    metadata = '',
  ): Promise<void> {
    const positions = offsets.map((offset, partition) => {
      return { topic: 'orders', partition, offset: BigInt(offset), leaderEpoch: -1, metadata }
    })
    assert.deepEqual((await cluster.commitPositions(group, positions)).failed, [])
  }

  async function offsetsOf(group: string): Promise<readonly number[]> {
    const { done } = await to.fetchPositions([group])
    const positions = [...(done[0]?.positions ?? [])].sort((a, b) => a.partition - b.partition)
    return positions.map(({ offset }) => Number(offset))
  }

  test('groups of every type and state are saved, with lag and metadata; those without positions are left out', async () => {
    await commit(from, 'stopped', [10, 100], 'kept by the application')
    const consumers = (['classic', 'consumer'] as const).map(
      (groupProtocol) =>
        new Consumer({
          ...{ groupId: `live-${groupProtocol}`, clientId: 'app', bootstrapBrokers: [source.bootstrap] },
          ...{ groupProtocol, autocommit: false, sessionTimeout: 10_000 },
        }),
    )
    try {
      for (const consumer of consumers) {
        const stream = await consumer.consume({ topics: ['orders'], mode: 'earliest' })
        stream.on('error', () => {})
        const [message] = (await stream.take(1).toArray()) as { commit(): Promise<void> }[]
        await message?.commit()
      }
      for (;;) {
        const states = (await from.listGroups()).map(({ group, state }) => `${group} ${state}`)
        if (['live-classic Stable', 'live-consumer Stable'].every((one) => states.includes(one))) break
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
      const { stderr } = await done('-brokers', source.bootstrap, '-save-offsets', 'all.json', ...quiet)
      assert.match(stderr, /2 groups have consumers, and read on meanwhile: live-classic, live-consumer/)
    } finally {
      for (const consumer of consumers) await consumer.close(true)
    }
    const file = await saved('all.json')
    assert.equal(file.cluster, source.bootstrap)
    assert.deepEqual(
      file.consumer_groups.map(({ group }) => group),
      ['live-classic', 'live-consumer', 'stopped'],
    )
    assert.deepEqual(file.consumer_groups.at(-1)?.topics, {
      orders: [
        { partition: 0, offset: 10, metadata: 'kept by the application', lag: 90 },
        { partition: 1, offset: 100, metadata: 'kept by the application', lag: 0 },
      ],
    })
    assert.match(file.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  })

  test('without files named, the report goes to the two that the predecessor writes, with its keys; -output json is a file of that name', async () => {
    const { stdout } = await done('-brokers', source.bootstrap, '-dot', 'picture.dot')
    assert.match(stdout, /^Topics: +\d+$/m)
    const report = JSON.parse(await readFile(join(folder.path, 'kafka-cluster-info.json'), 'utf8'))
    const [broker] = report.brokers
    const orders = report.topics.find(({ name }: { name: string }) => name === 'orders')
    const group = report.consumer_groups.find(({ name }: { name: string }) => name === 'stopped')
    assert.deepEqual(report.broker_addresses, [source.bootstrap])
    const { partitions, leaders, ...rest } = broker
    assert.deepEqual(rest, {
      ...{ id: 1, address: source.bootstrap, version: '4.2 or newer', under_replicated_partitions: 0 },
    })
    assert.equal(partitions, leaders)
    assert.deepEqual(orders, {
      ...{ name: 'orders', partitions: 2, replication_factor: 1, total_messages: 200 },
      configs: { 'retention.ms': '-1' },
    })
    assert.deepEqual(group, { name: 'stopped', topics: ['orders'], members: 0, state: 'Empty' })
    assert.equal(report.total_topics, report.topics.length)
    assert.equal(report.total_consumer_groups, report.consumer_groups.length)
    assert.equal(report.total_partitions, partitions)
    assert.equal(report.total_under_replicated_partitions, 0)
    assert.ok(report.total_messages >= 200)
    const page = await readFile(join(folder.path, 'kafka-cluster-report.html'), 'utf8')
    assert.match(page, /<code>orders<\/code>/)
    assert.doesNotMatch(page, /(src|href)=|url\(|@import/, 'the page needs nothing else')
    const dot = await readFile(join(folder.path, 'picture.dot'), 'utf8')
    assert.match(dot, /"topic orders" -> "group stopped" \[label="lag 90"\]/)
    if (existsSync('/usr/bin/dot'))
      await run('/usr/bin/dot', ['-Tsvg', '-o', '/dev/null', join(folder.path, 'picture.dot')])
    await done('-brokers', source.bootstrap, '-output', 'json', '-html=')
    assert.ok((await readdir(folder.path)).includes('json'))
  })

  test('sizes of topics on disk, as a table and as JSON', async () => {
    const { stdout } = await done(
      ...[
        '-brokers',
        source.bootstrap,
        '-topic-sizes',
        '-topic-list',
        'orders,pay*',
        '-topic-sizes-output=sizes.json',
      ],
    )
    assert.match(stdout, /^orders +2 +2 +[\d.]+ KiB +[\d,]+$/m)
    assert.match(stdout, /^Total Topics: 2$/m)
    const sizes = JSON.parse(await readFile(join(folder.path, 'sizes.json'), 'utf8'))
    const told = await runKafkaTool('logDirs', [
      '--bootstrap-server',
      source.bootstrap,
      '--describe',
      '--topic-list',
      'orders',
    ])
    const folders = JSON.parse(told.stdout.slice(told.stdout.indexOf('{'))).brokers[0].logDirs
    const bytes = folders.flatMap(({ partitions }: { partitions: { size: number }[] }) => partitions)
    assert.equal(
      sizes.topics[0].total_size,
      bytes.reduce((sum: number, { size }: { size: number }) => sum + size, 0),
    )
    const unknown = await kmap('-brokers', source.bootstrap, '-topic-sizes', '-topic-list', 'nothing')
    assert.equal(unknown.status, 3)
    assert.match(unknown.stderr, /Topic nothing is not on/)
  })

  test('groups are chosen by pattern, on saving and on restoring', async () => {
    await commit(from, 'billing-a', [1, 1])
    await commit(from, 'billing-b', [2, 2])
    await done('-brokers', source.bootstrap, '-save-offsets', 'some.json', '-groups', 'billing-*', ...quiet)
    const groups = (await saved('some.json')).consumer_groups.map(({ group }) => group)
    assert.deepEqual(groups, ['billing-a', 'billing-b'])
    await done(
      '-brokers',
      target.bootstrap,
      '-restore-offsets',
      'some.json',
      '-groups',
      '~.*-b',
      '-no-snapshot',
    )
    assert.deepEqual([await offsetsOf('billing-a'), await offsetsOf('billing-b')], [[], [2, 2]])
    const none = await kmap('-brokers', target.bootstrap, '-restore-offsets', 'some.json', '-groups', 'x')
    assert.equal(none.status, 2)
    assert.match(none.stderr, /The group 'x' is not in some\.json \[GROUP_NOT_FOUND\]/)
  })

  test('a differential file holds what changed, and is restored over its base', async () => {
    await commit(from, 'd-same', [3, 3])
    await commit(from, 'd-moved', [4, 4])
    await commit(from, 'd-gone', [5, 5])
    const choose = ['-brokers', source.bootstrap, '-groups', 'd-*', ...quiet]
    await done(...choose, '-save-offsets', 'full.json')
    await commit(from, 'd-moved', [4, 14])
    await commit(from, 'd-new', [6, 6])
    assert.deepEqual((await from.deleteGroups(['d-gone'])).failed, [])
    await done(...choose, '-save-offsets', 'change1.json', '-since', 'full.json')
    const change = await saved('change1.json')
    assert.deepEqual(
      change.consumer_groups.map(({ group, topics }) => [group, topics.orders?.map(({ offset }) => offset)]),
      [
        ['d-moved', [14]],
        ['d-new', [6, 6]],
      ],
    )
    assert.deepEqual(change.removed, [
      { group: 'd-gone', topic: 'orders', partition: 0 },
      { group: 'd-gone', topic: 'orders', partition: 1 },
    ])
    await commit(from, 'd-new', [7, 6])
    await done(...choose, '-save-offsets', 'change2.json', '-since', 'full.json', '-since', 'change1.json')
    const files = ['full.json', 'change1.json', 'change2.json'].flatMap((name) => ['-restore-offsets', name])
    const restored = ['-brokers', target.bootstrap, '-no-snapshot', '-out-of-range', 'clamp']
    await done(...restored, ...files)
    assert.deepEqual(await Promise.all(['d-same', 'd-moved', 'd-new', 'd-gone'].map(offsetsOf)), [
      [3, 3],
      [4, 14],
      [7, 6],
      [],
    ])
    const wrong = await kmap(...restored, '-restore-offsets', 'full.json', '-restore-offsets', 'change2.json')
    assert.equal(wrong.status, 2)
    assert.match(wrong.stderr, /change2\.json does not build on the files named before it/)
  })

  test('positions outside the target are refused and nothing is changed; the dry run shows them; clamp and skip do as told', async () => {
    await commit(from, 'range', [10, 90])
    await done('-brokers', source.bootstrap, '-save-offsets', 'range.json', '-groups', 'range', ...quiet)
    const restore = ['-brokers', target.bootstrap, '-restore-offsets', 'range.json', '-no-snapshot']
    const dry = await kmap(...restore, '-dry-run')
    assert.equal(dry.status, 4)
    assert.match(dry.stdout, /Offset 90 is out of range for partition 1 \(current: 0-60\)/)
    const refused = await kmap(...restore)
    assert.equal(refused.status, 4)
    assert.match(refused.stderr, /\[OFFSET_OUT_OF_RANGE\] at range\/orders\/1/)
    assert.match(refused.stderr, /hint: -dry-run shows them all\. -out-of-range clamp/)
    assert.deepEqual(await offsetsOf('range'), [])
    const skipped = await kmap(...restore, '-out-of-range', 'skip')
    assert.equal(skipped.status, 3)
    assert.deepEqual(await offsetsOf('range'), [10])
    await done(...restore, '-out-of-range=clamp')
    assert.deepEqual(await offsetsOf('range'), [10, 60])
  })

  test('restored by time, a group goes on at the same record where offsets differ', async () => {
    await commit(from, 'timed', [70, 100])
    const choose = ['-brokers', source.bootstrap, '-groups', 'timed', ...quiet]
    await done(...choose, '-save-offsets', 'timed.json', '-timestamps')
    const [group] = (await saved('timed.json')).consumer_groups
    // At the end of the log it is the newest record: read again rather than missed.
    assert.deepEqual(
      group?.topics.orders?.map(({ timestamp }) => timestamp),
      [Number(began) + 70, Number(began) + 99],
    )
    const restore = ['-brokers', target.bootstrap, '-restore-offsets', 'timed.json', '-no-snapshot']
    await done(...restore, '-by-timestamp')
    assert.deepEqual(await offsetsOf('timed'), [30, 59])
    await done(...restore, '-to-datetime', new Date(Number(began) + 50).toISOString())
    assert.deepEqual(await offsetsOf('timed'), [10, 10])
    await done(...restore, '-to-datetime', String(began + 1000n))
    assert.deepEqual(await offsetsOf('timed'), [60, 60])
  })

  test('a direct restore keeps metadata, saves the positions before, and is harmless when repeated', async () => {
    await commit(from, 'direct', [20, 30], 'application')
    await commit(to, 'direct', [1, 2], 'before')
    await done('-brokers', source.bootstrap, '-save-offsets', 'direct.json', '-groups', 'direct', ...quiet)
    const args = [
      '-brokers',
      target.bootstrap,
      '-restore-offsets',
      'direct.json',
      '-restore-report',
      'report.json',
    ]
    const first = await done(...args)
    assert.match(first.stdout, /2 positions set/)
    const { done: groups } = await to.fetchPositions(['direct'])
    assert.deepEqual(groups[0]?.positions.map(({ offset, metadata }) => [Number(offset), metadata]).sort(), [
      [20, 'application'],
      [30, 'application'],
    ])
    const report = JSON.parse(await readFile(join(folder.path, 'report.json'), 'utf8'))
    assert.deepEqual(report.counts, { set: 2, deleted: 0, kept: 0, skipped: 0, failed: 0, refused: 0 })
    const snapshot = join(folder.path, 'offset-snapshots', `${report.snapshot_id}.json`)
    assert.match(await readFile(snapshot, 'utf8'), /"metadata": "before"/)
    const again = await done(...args)
    assert.match(again.stdout, /0 positions set, 2 were there already/)
  })

  test('a group that is active on the target is refused whole; -go-on sets the others', async () => {
    await writeFile(
      join(folder.path, 'active.json'),
      JSON.stringify({
        ...{ timestamp: '2026-01-20T15:30:04Z', cluster: 'c' },
        consumer_groups: ['busy', 'idle'].map((group) => ({
          ...{ group, timestamp: '2026-01-20T15:30:04Z' },
          topics: { orders: [{ partition: 0, offset: 5 }] },
        })),
      }),
    )
    const consumer = new Consumer({ groupId: 'busy', clientId: 'app', bootstrapBrokers: [target.bootstrap] })
    try {
      const stream = await consumer.consume({ topics: ['orders'] })
      stream.on('error', () => {})
      const args = ['-brokers', target.bootstrap, '-restore-offsets', 'active.json', '-no-snapshot']
      const refused = await kmap(...args)
      assert.equal(refused.status, 4)
      assert.match(refused.stderr, /'busy' has app at \S+ \[GROUP_ACTIVE\]/)
      assert.deepEqual(await offsetsOf('idle'), [])
      const partly = await kmap(...args, '-go-on')
      assert.equal(partly.status, 3, partly.stderr)
      assert.deepEqual(await offsetsOf('idle'), [5])
    } finally {
      await consumer.close(true)
    }
  })
})
