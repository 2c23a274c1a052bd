import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { isTidemarkError, systemClock, type TidemarkError } from '../../src/base/index.ts'
import { type Cluster, connectCluster, type Position } from '../../src/kafka/index.ts'
import {
  type ApplyOptions,
  applyPlan,
  isTranslationMark,
  MapBuilder,
  MapSet,
  makePlan,
  type Plan,
  planFromBackup,
  planFromJson,
  planToJson,
  readTarget,
  resetScript,
  selectGroups,
  type WantedPosition,
} from '../../src/offsets/index.ts'
import { MemoryStore } from '../../src/storage/memory.ts'
import { startCluster, type TestCluster } from '../support/brokers.ts'
import { JavaAdmin } from '../support/java-admin.ts'
import { type JavaClient, startJavaClient } from '../support/java-client.ts'
import { kafkaTool } from '../support/kafka-tools.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { hostedToolWrapper } from '../support/tool-wrapper.ts'

const records = 100

async function failure(work: Promise<unknown>): Promise<TidemarkError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(isTidemarkError(error), `expected an error of ours, got ${error}`)
  return error
}

describe('positions on a real cluster', { timeout: 240_000 }, () => {
  let brokers: TestCluster
  let cluster: Cluster
  let java: JavaClient
  before(async () => {
    brokers = await startCluster({ properties: { 'offsets.retention.minutes': '1440' } })
    ;[cluster, java] = await Promise.all([
      connectCluster({ bootstrap: [brokers.bootstrap] }),
      startJavaClient(),
    ])
    const topic = (name: string) => ({ name, partitions: 3, replicationFactor: 1, configs: {} })
    assert.deepEqual((await cluster.createTopics([topic('orders'), topic('empty')])).failed, [])
    const producer = await java.producer({ 'bootstrap.servers': brokers.bootstrap })
    for (let i = 0; i < records; i++) producer.send({ topic: 'orders', partition: 0, value: `${i}` })
    await producer.close()
  })
  after(async () => {
    await java?.[Symbol.asyncDispose]()
    await cluster?.[Symbol.asyncDispose]()
    await brokers?.[Symbol.asyncDispose]()
  })

  /** A plan against the cluster as it is, for positions [group, place, offset, metadata]. */
  async function planFor(
    wanted: readonly (readonly [string, string, number, (string | null)?])[],
  ): Promise<Plan> {
    const positions = wanted.map(([group, place, offset, metadata = null]): WantedPosition => {
      const [topic = '', partition] = place.split('/')
      return {
        ...{ group, topic, partition: Number(partition), offset: BigInt(offset), metadata },
        ...{ kind: 'exact', reason: '', reread: 0, from: [] },
      }
    })
    const groups = [...new Set(wanted.map(([group]) => group))]
    const state = await readTarget(cluster, groups, ['orders', 'empty', 'missing'])
    return makePlan({
      clusterId: cluster.clusterId,
      created: Date.now(),
      origin: { type: 'backup', backupId: 'b', restoreId: undefined, captured: 0 },
      wanted: positions,
      notices: [],
      ...state,
    })
  }

  async function positionsOf(group: string): Promise<Record<string, [number, string | null]>> {
    const { done, failed } = await cluster.fetchPositions([group])
    assert.deepEqual(failed, [])
    return Object.fromEntries(
      (done[0]?.positions ?? []).map((p: Position) => [
        `${p.topic}/${p.partition}`,
        [Number(p.offset), p.metadata],
      ]),
    )
  }

  const quick: ApplyOptions = { snapshot: 'none', watchMs: 50 }

  test('a plan is applied, read back, and reported with the day on which the target forgets it', async () => {
    const plan = await planFor([
      ['plain one', 'orders/0', 42, 'application state \u00e9'],
      ['plain one', 'empty/2', 0],
      ['two', 'orders/0', records],
    ])
    assert.deepEqual(
      plan.entries.map(({ action }) => action),
      ['SET', 'SET', 'SET'],
    )
    const from = Date.now()
    const report = await applyPlan(planFromJson(planToJson(plan), 'plan.json'), cluster, quick)
    assert.deepEqual(report.counts, { set: 3, deleted: 0, kept: 0, skipped: 0, failed: 0, refused: 0 })
    assert.equal(report.retentionMinutes, 1440)
    for (const { outcome, expires } of report.groups) {
      assert.equal(outcome, 'done')
      assert.ok(expires !== undefined && expires >= from + 86_400_000 && expires < from + 86_460_000)
    }
    assert.deepEqual(await positionsOf('plain one'), {
      'orders/0': [42, 'application state \u00e9'],
      'empty/2': [0, ''],
    })
    const described = await kafkaTool('groups', [
      ...['--bootstrap-server', brokers.bootstrap, '--describe', '--group', 'two'],
    ])
    assert.match(described, /two\s+orders\s+0\s+100\s+100\s+0/)
    const again = await planFor([['two', 'orders/0', records]])
    assert.equal(again.entries[0]?.action, 'KEEP')
    assert.deepEqual((await applyPlan(again, cluster, quick)).counts, {
      ...{ set: 0, deleted: 0, kept: 1, skipped: 0, failed: 0, refused: 0 },
    })
  })

  test('the record read next is the one that the position on the source meant', async () => {
    const builder = new MapBuilder({
      ...{ sourceTopic: 'sales', sourcePartition: 0, targetTopic: 'orders', targetPartition: 0 },
      sourceCluster: 'prod',
    })
    for (let i = 0; i < records; i++) builder.append(1000n + 2n * BigInt(i), BigInt(i), 1)
    const maps = new MapSet({ sourceCluster: 'prod', sourceClusterId: 'src', restoreId: 'r' }, [
      builder.seal({ sourceEnd: 1200n, copyStart: 0n }),
    ])
    const position = { topic: 'sales', partition: 0, offset: 1061n, leaderEpoch: 2, metadata: null }
    const capture = {
      taken: Date.now(),
      groups: [
        {
          group: 'reader',
          type: 'classic',
          state: 'Empty',
          protocolType: 'consumer',
          members: 0,
          positions: [position],
        },
      ],
      failed: [],
    } as const
    const selected = selectGroups(capture, { type: 'named', names: ['reader'] })
    const state = await readTarget(cluster, ['reader'], maps.targetTopics)
    const plan = planFromBackup(capture, selected, maps, {
      ...state,
      clusterId: cluster.clusterId,
      created: Date.now(),
      backupId: 'b',
    })
    await applyPlan(plan, cluster, quick)
    const now = await positionsOf('reader')
    assert.equal(now['orders/0']?.[0], 31)
    assert.ok(isTranslationMark(now['orders/0']?.[1] ?? null))
    const read = await kafkaTool('consoleConsumer', [
      ...['--bootstrap-server', brokers.bootstrap, '--topic', 'orders', '--group', 'reader'],
      ...['--max-messages', '1', '--timeout-ms', '20000'],
    ])
    assert.equal(read.trim(), '31')
  })

  test('another cluster, an altered plan and a moved position are refused, and nothing changes', async () => {
    const plan = await planFor([['bound', 'orders/0', 5]])
    assert.equal(
      (await failure(applyPlan({ ...plan, clusterId: 'other' }, cluster, quick))).code,
      'SOURCE_MISMATCH',
    )
    const entries = plan.entries.map((entry) => ({ ...entry, target: 6n }))
    assert.equal((await failure(applyPlan({ ...plan, entries }, cluster, quick))).code, 'PLAN_ALTERED')
    assert.deepEqual(await positionsOf('bound'), {})
    await java.commitOffset(brokers.bootstrap, 'bound', 'orders', 0, 3n)
    const stale = await failure(applyPlan(plan, cluster, quick))
    assert.equal(stale.code, 'PLAN_STALE')
    assert.equal(stale.exit, 4)
    assert.match(stale.message, /'bound' in orders\/0 has moved since the plan was made: none then, 3 now/)
    assert.equal((await positionsOf('bound'))['orders/0']?.[0], 3)
    await applyPlan(plan, cluster, { ...quick, allowMoved: true })
    assert.equal((await positionsOf('bound'))['orders/0']?.[0], 5)
    await applyPlan(plan, cluster, quick)
  })

  test('a position beyond the log is refused with the sentence of the documentation', async () => {
    const plan = await planFor([['far', 'orders/0', 150_000]])
    const error = await failure(applyPlan(plan, cluster, quick))
    assert.equal(error.code, 'OFFSET_OUT_OF_RANGE')
    assert.equal(error.message, 'Offset 150000 is out of range for partition 0 (current: 0-100)')
    assert.deepEqual(await positionsOf('far'), {})
  })

  test('a log that lost the target since the plan was made is noticed', async () => {
    await cluster.createTopics([{ name: 'again', partitions: 1, replicationFactor: 1, configs: {} }])
    const producer = await java.producer({ 'bootstrap.servers': brokers.bootstrap })
    for (let i = 0; i < 9; i++) producer.send({ topic: 'again', partition: 0, value: `${i}` })
    await producer.close()
    const state = await readTarget(cluster, ['late'], ['again'])
    const plan = makePlan({
      clusterId: cluster.clusterId,
      created: Date.now(),
      origin: { type: 'backup', backupId: 'b', restoreId: undefined, captured: 0 },
      wanted: [
        {
          ...{ group: 'late', topic: 'again', partition: 0, offset: 5n, metadata: null },
          ...{ kind: 'exact', reason: '', reread: 0, from: [] },
        },
      ],
      notices: [],
      ...state,
    })
    assert.equal(plan.entries[0]?.action, 'SET')
    await cluster.deleteRecords([{ topic: 'again', partition: 0, offset: 7n }])
    const error = await failure(applyPlan(plan, cluster, quick))
    assert.equal(error.message, 'Offset 5 is out of range for partition 0 (current: 7-9)')
    await cluster.deleteTopics(['again'])
    assert.equal((await failure(applyPlan(plan, cluster, quick))).code, 'PLAN_STALE')
  })

  test('a group with members is refused, naming them, and others go on when told to', async () => {
    const member = await new JavaAdmin(java, brokers.bootstrap).join('busy', 'orders', 'shop-7')
    try {
      const plan = await planFor([
        ['busy', 'orders/1', 0],
        ['idle', 'orders/0', 7],
      ])
      const error = await failure(applyPlan(plan, cluster, quick))
      assert.equal(error.code, 'GROUP_ACTIVE')
      assert.equal(error.exit, 4)
      assert.match(error.message, /^Consumer group has active members: 'busy' has shop-7 at \/?127\.0\.0\.1/)
      assert.deepEqual(await positionsOf('idle'), {})
      const report = await applyPlan(plan, cluster, { ...quick, onRefusal: 'go-on' })
      assert.deepEqual(
        report.groups.map(({ group, outcome }) => [group, outcome]),
        [
          ['busy', 'refused'],
          ['idle', 'done'],
        ],
      )
      assert.equal((await positionsOf('idle'))['orders/0']?.[0], 7)
    } finally {
      await member[Symbol.asyncDispose]()
    }
  })

  test('a consumer that uses assign() is noticed by its moving position', async () => {
    await java.commitOffset(brokers.bootstrap, 'assigned', 'orders', 0, 1n)
    const plan = await planFor([['assigned', 'orders/0', 50]])
    // The consumer commits exactly while the group is watched.
    const clock = {
      ...systemClock,
      sleep: () => java.commitOffset(brokers.bootstrap, 'assigned', 'orders', 0, 2n),
    }
    const error = await failure(applyPlan(plan, cluster, { ...quick, clock }))
    assert.equal(error.code, 'GROUP_ACTIVE')
    assert.match(error.message, /'assigned' shows none, but its position in orders\/0 moves \(1 → 2\)/)
    assert.equal((await positionsOf('assigned'))['orders/0']?.[0], 2)
  })

  test('positions are saved before they are changed, with those that were not there', async () => {
    await java.commitOffset(brokers.bootstrap, 'saved', 'orders', 0, 11n, 'keep me')
    await java.commitOffset(brokers.bootstrap, 'saved', 'empty', 1, 0n)
    const plan = await planFor([
      ['saved', 'orders/0', 50],
      ['saved', 'orders/2', 0],
    ])
    const store = new MemoryStore()
    const snapshot = { store, prefix: 'snapshots/', description: 'before restore' }
    const { snapshotId } = await applyPlan(plan, cluster, { ...quick, snapshot })
    assert.match(snapshotId ?? '', /^snapshot-\d{8}-\d{6}$/)
    const saved = JSON.parse((await store.get(`snapshots/${snapshotId}.json`)).toString())
    assert.equal(saved.cluster_id, cluster.clusterId)
    assert.equal(saved.description, 'before restore')
    const [group] = saved.groups
    const byTopic = (a: { topic: string }, b: { topic: string }) => (a.topic < b.topic ? -1 : 1)
    assert.deepEqual(
      group.positions
        .map(({ leader_epoch: _, ...rest }: { leader_epoch: number; topic: string }) => rest)
        .sort(byTopic),
      [
        { topic: 'empty', partition: 1, offset: 0, metadata: '' },
        { topic: 'orders', partition: 0, offset: 11, metadata: 'keep me' },
      ],
    )
    assert.deepEqual(group.absent, [{ topic: 'orders', partition: 2 }])
  })

  test('what the broker refuses for one partition is the outcome of that partition alone', async () => {
    const plan = await planFor([
      ['half', 'orders/0', 9, 'x'.repeat(5000)],
      ['half', 'orders/1', 0],
    ])
    const report = await applyPlan(plan, cluster, quick)
    assert.deepEqual(report.counts, { set: 1, deleted: 0, kept: 0, skipped: 0, failed: 1, refused: 0 })
    assert.equal(report.groups[0]?.outcome, 'partial')
    assert.deepEqual(Object.keys(await positionsOf('half')), ['orders/1'])
  })

  test('many groups at once all get their positions', async () => {
    const groups = Array.from({ length: 200 }, (_, i) => `bulk ${i}`)
    const plan = await planFor(groups.map((group, i) => [group, 'orders/0', i % records] as const))
    const report = await applyPlan(plan, cluster, quick)
    assert.equal(report.counts.set, 200)
    assert.deepEqual((await positionsOf('bulk 77'))['orders/0']?.[0], 77)
  })

  test("the script sets positions with Kafka's own tool, whatever the names, and tells what it could not", async () => {
    await using folder = await tempFolder('script')
    const tool = await hostedToolWrapper(folder.path, 'groups')
    const names = ['plain', `it's "$HOME" \`id\``, 'two\nlines', '-dash/slash', 'größe']
    const plan = await planFor([
      ...names.map((name) => [`script ${name}`.replace('script -', '-'), 'orders/0', 33] as const),
      ['script clamped', 'orders/0', 100],
      ['script nowhere', 'orders/0', 4],
    ])
    const script = join(folder.path, 'reset.sh')
    const text = resetScript(plan, { bootstrapServers: brokers.bootstrap })
    // What happens when the log is shorter by the time the script runs, and when a topic is gone.
    const late = text
      .replace('--to-offset 100 --execute', '--to-offset 200 --execute')
      .replace(/(--group 'script nowhere' \\\n {2}--topic )orders:0/, '$1gone:0')
    await writeFile(script, late)
    const { code, stdout } = await new Promise<{ code: number; stdout: string }>((resolve) => {
      execFile('bash', [script], { env: { ...process.env, KAFKA_CONSUMER_GROUPS: tool } }, (error, stdout) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout }),
      )
    })
    assert.equal(code, 1, stdout)
    assert.match(stdout, /5 of 7 positions set, 2 failed/)
    assert.match(stdout, /clamped orders:0 -> 200 \.\.\. FAILED: out of range, the tool moved it to 100/)
    assert.match(stdout, /nowhere gone:0 -> 4 \.\.\. FAILED\n.*UnknownTopicOrPartition/s)
    for (const { group } of plan.entries.slice(0, names.length)) {
      assert.equal((await positionsOf(group))['orders/0']?.[0], 33, group)
    }
  })
})
