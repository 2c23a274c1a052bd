import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Cluster, connectCluster, type Position } from '../../src/kafka/index.ts'
import {
  type ApplyReport,
  applyPlan,
  makePlan,
  type Plan,
  readTarget,
  resetScript,
} from '../../src/offsets/index.ts'
import { MemoryStore } from '../../src/storage/memory.ts'
import { kafkaJars } from '../../test/support/kafka-jars.ts'
import { kafkaTool, kafkaTools } from '../../test/support/kafka-tools.ts'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { account } from '../child.ts'
import { groupsCluster } from '../data.ts'
import { compared, found } from '../report.ts'

const topic = 'orders'
const partitions = 10
const records = 100_000
const concurrency = 50

/** Groups that are set one after the other in each round; their time is multiplied up to all. */
const oneByOne = 100

/** Bulk reset of many groups, against the same work one group after the other. */
export async function bulkReset(rounds: number, scale: number): Promise<void> {
  const groups = groupNames(Math.max(1, Math.round(1000 * scale)))
  await using stage = await openStage()
  const { cluster } = stage
  const some = groups.slice(0, oneByOne)
  const times = (seconds: number) => (seconds * groups.length) / some.length
  const whole: Record<'bulk' | 'single', number[]> = { bulk: [], single: [] }
  const commits: Record<'bulk' | 'single', number[]> = { bulk: [], single: [] }
  const reports: ApplyReport[] = []
  let offset = 0
  // The first round warms the broker up.
  for (let round = 0; round <= rounds; round++) {
    const bulkPlan = await planFor(cluster, groups, offset++)
    const bulk = await seconds(async () => reports.push(await apply(bulkPlan, cluster)))
    const plans: Plan[] = []
    for (const group of some) plans.push(await planFor(cluster, [group], offset))
    offset++
    const single = await seconds(async () => {
      for (const plan of plans) await apply(plan, cluster)
    })
    const together = positions(offset++)
    const bulkCommits = await seconds(async () => {
      await cluster.commitGroups(
        groups.map((group) => ({ group, positions: together })),
        { concurrency },
      )
    })
    const each = positions(offset++)
    const singleCommits = await seconds(async () => {
      for (const group of some) await cluster.commitPositions(group, each)
    })
    if (round === 0) continue
    whole.bulk.push(bulk)
    whole.single.push(times(single))
    commits.bulk.push(bulkCommits)
    commits.single.push(times(singleCommits))
  }
  const name = `${groups.length} groups × ${partitions} partitions`
  compared({
    question: `reset of ${name}: checks, snapshot, commits, read back`,
    rival: `one group after the other, ${some.length} of them, extrapolated`,
    reach: '≥ 20×',
    unit: 's',
    ours: whole.bulk,
    theirs: whole.single,
    better: 'less',
  })
  compared({
    question: `commits alone of ${name}`,
    rival: `one after the other, ${some.length} of them, extrapolated`,
    reach: '',
    unit: 's',
    ours: commits.bulk,
    theirs: commits.single,
    better: 'less',
  })
  const latencies = reports.slice(1).flatMap((report) => report.commits ?? [])
  const text = latencies.map(({ p50Ms, p99Ms }) => `${p50Ms.toFixed(1)} / ${p99Ms.toFixed(1)}`)
  found({
    question: `ms of a commit, p50 / p99, ${concurrency} under way, each round`,
    reach: '',
    value: text.join(', '),
  })
}

/** Bulk reset of 1,000 groups, against the script for Kafka's own tool, of 50 groups (times the scale). */
export async function bulkResetScript(rounds: number, scale: number): Promise<void> {
  const groups = groupNames(1000)
  await using folder = await tempFolder('bench')
  await using stage = await openStage()
  const { cluster, bootstrap } = stage
  const ours: number[] = []
  for (let round = 0; round < rounds; round++) {
    const plan = await planFor(cluster, groups, round)
    ours.push(await seconds(() => apply(plan, cluster)))
  }
  const tool = join(folder.path, 'kafka-consumer-groups.sh')
  const jars = await kafkaJars('4.2.0')
  await writeFile(tool, `#!/bin/sh\nexec java -Xmx256m -cp '${jars}/*' ${kafkaTools.groups} "$@"\n`)
  await chmod(tool, 0o755)
  const scripted = groups.slice(0, Math.max(1, Math.round(50 * scale)))
  const plan = await planFor(cluster, scripted, 999)
  const script = join(folder.path, 'reset.sh')
  await writeFile(script, resetScript(plan, { bootstrapServers: bootstrap }))
  const run = await account(
    ['env', `KAFKA_CONSUMER_GROUPS=${tool}`, 'bash', script],
    join(folder.path, 'script.log'),
  )
  compared({
    question: `reset of ${groups.length} groups × ${partitions} partitions`,
    rival: `the generated script, ${scripted.length} groups, extrapolated`,
    reach: '≥ 500×',
    unit: 's',
    ours,
    theirs: [(run.wall * groups.length) / scripted.length],
    better: 'less',
  })
}

/** A cluster with the topic, whose partitions are longer than any offset that is set. */
async function openStage() {
  await using undo = new AsyncDisposableStack()
  const brokers = undo.use(await groupsCluster())
  const { bootstrap } = brokers
  const cluster = undo.use(await connectCluster({ bootstrap: [bootstrap] }))
  await cluster.createTopics([{ name: topic, partitions, replicationFactor: 1, configs: {} }])
  await kafkaTool('producerPerformance', [
    ...['--topic', topic, '--num-records', String(records), '--record-size', '10', '--throughput', '-1'],
    ...['--producer-props', `bootstrap.servers=${bootstrap}`],
  ])
  const held = undo.move()
  return { cluster, bootstrap, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

function groupNames(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `app-${i}`)
}

function apply(plan: Plan, cluster: Cluster): Promise<ApplyReport> {
  // The two seconds in which positions are watched are the same for one group and for all.
  const snapshot = { store: new MemoryStore(), prefix: '' }
  return applyPlan(plan, cluster, { snapshot, watchMs: 0, concurrency })
}

async function planFor(cluster: Cluster, groups: readonly string[], offset: number): Promise<Plan> {
  const state = await readTarget(cluster, groups, [topic])
  return makePlan({
    clusterId: cluster.clusterId,
    created: Date.now(),
    origin: { type: 'file', file: 'bench', captured: 0 },
    wanted: groups.flatMap((group) =>
      positions(offset).map((position) => ({
        ...{ group, ...position, kind: 'as-given' as const, reason: '', reread: 0, from: [] },
      })),
    ),
    notices: [],
    ...state,
  })
}

function positions(offset: number): Position[] {
  return Array.from({ length: partitions }, (_, partition) => ({
    ...{ topic, partition, offset: BigInt(offset), leaderEpoch: -1, metadata: '' },
  }))
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return (performance.now() - started) / 1000
}
