import { setTimeout as delay } from 'node:timers/promises'
import { type Cluster, connectCluster } from '../../src/kafka/index.ts'
import type { TestCluster } from '../../test/support/brokers.ts'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { median } from '../child.ts'
import { benchCluster, type DataSet, dataSets, deleteTopic, fill, makeTopic } from '../data.ts'
import { committedRecords } from '../programs/committed-records.ts'
import { type Latency, measureLatency, type Spread } from '../programs/replication-latency.ts'
import { Replicator, type Usage } from '../replicator.ts'
import { found } from '../report.ts'

/** 5 MB/s of 1 KB records. */
const steady = { partitions: 4, recordsPerSecond: 5_000, recordBytes: 1_000, warmUp: 5 }
const modes = [
  { name: 'exactly once', exactlyOnce: true },
  { name: 'at least once', exactlyOnce: false },
] as const
/** Ms without anything new after which a copy is complete. */
const quiet = 2_000

/** What the copy of prefilled data took. */
interface Copied {
  readonly seconds: number
  readonly usage: Usage
}

/**
 * `replicate` as a user runs it, between two brokers: how long a record takes from the source to a reader of committed records at the target
 * under steady traffic, and how fast, with what CPU and memory, data is copied that is there already.
 */
export async function replicationLatency(rounds: number, scale: number): Promise<void> {
  await using folder = await tempFolder('bench')
  await using source = await benchCluster()
  await using target = await benchCluster()
  for (const mode of modes) await latencies(rounds, scale, mode, source, target, folder.path)
  for (const set of dataSets(scale).filter(({ codec }) => codec === 'none')) {
    await fill(source.bootstrap, set)
    for (const mode of modes) await copies(rounds, set, mode, source, target, folder.path)
    await deleteTopic(source.bootstrap, set.topic)
  }
}

async function latencies(
  rounds: number,
  scale: number,
  { name, exactlyOnce }: (typeof modes)[number],
  source: TestCluster,
  target: TestCluster,
  folder: string,
): Promise<void> {
  const taken: Latency[] = []
  let memory = 0
  for (let round = 0; round < rounds; round++) {
    const topic = `latency-${exactlyOnce ? 'once' : 'least'}-${round}`
    await makeTopic(source.bootstrap, topic, steady.partitions)
    const ends = { source: source.bootstrap, target: target.bootstrap }
    await using replicator = await Replicator.start({ folder, name: topic, ...ends, topic, exactlyOnce })
    const latency = await measureLatency({
      source: { bootstrap: source.bootstrap, topic },
      target: { bootstrap: target.bootstrap, topic },
      ...steady,
      seconds: Math.max(10, Math.round(60 * scale)),
    })
    taken.push(latency)
    memory = Math.max(memory, (await replicator.usage()).memory)
    await replicator.stop()
    for (const { bootstrap } of [source, target]) await deleteTopic(bootstrap, topic)
  }
  const spread = (pick: (latency: Latency) => Spread) => {
    const of = (part: keyof Spread) => median(taken.map((latency) => pick(latency)[part])).toFixed(1)
    return `p50 ${of('p50')} ms, p99 ${of('p99')} ms, p99.9 ${of('p999')} ms, largest ${of('largest')} ms`
  }
  found({
    question: `source to target at 5 MB/s, ${name}`,
    reach: 'p50 ≤ 50 ms, p99 ≤ 200 ms',
    value: `${spread(({ copied }) => copied)}; acknowledged at the source: ${spread(({ acknowledged }) => acknowledged)}; peak memory ${(memory / 1e6).toFixed(0)} MB`,
  })
}

async function copies(
  rounds: number,
  set: DataSet,
  { name, exactlyOnce }: (typeof modes)[number],
  source: TestCluster,
  target: TestCluster,
  folder: string,
): Promise<void> {
  await using sourceCluster = await connectCluster({ bootstrap: [source.bootstrap] })
  await using targetCluster = await connectCluster({ bootstrap: [target.bootstrap] })
  const runs: Copied[] = []
  for (let round = 0; round < rounds; round++) {
    const pipeline = `copy-${set.topic}-${exactlyOnce ? 'once' : 'least'}-${round}`
    const ends = { source: source.bootstrap, target: target.bootstrap }
    const began = performance.now()
    await using replicator = await Replicator.start({
      ...{ folder, name: pipeline, ...ends },
      ...{ topic: set.topic, exactlyOnce },
    })
    const last = await copied(sourceCluster, targetCluster, set)
    const usage = await replicator.usage()
    await replicator.stop()
    const records = await committedRecords(targetCluster, set.topic)
    if (records !== set.records) throw new Error(`${records} of ${set.records} records were copied`)
    runs.push({ seconds: (last - began) / 1000, usage })
    await deleteTopic(target.bootstrap, set.topic)
  }
  const middle = (pick: (run: Copied) => number) => median(runs.map(pick))
  const rate = middle(({ seconds }) => set.bytes / 1e6 / seconds)
  const cpu = middle(({ usage }) => (usage.cpu / set.bytes) * 1e9)
  const memory = middle(({ usage }) => usage.memory / 1e6)
  found({
    question: `replication of ${set.topic}, ${name}`,
    reach: '',
    value: `${rate.toFixed(0)} MB/s with start-up, CPU ${cpu.toFixed(2)} s for a GB, peak memory ${memory.toFixed(0)} MB`,
  })
}

/** Waits until the target has what the source has, and nothing more comes. Answers when (monotonic ms) the last came. */
async function copied(source: Cluster, target: Cluster, { topic, partitions }: DataSet): Promise<number> {
  const ends = await stableEnds(source, topic, partitions)
  let seen = ''
  let last = performance.now()
  for (;;) {
    await delay(20)
    const now = await stableEnds(target, topic, partitions).catch(() => undefined)
    if (now === undefined) continue
    const at = performance.now()
    if (now.join() !== seen) {
      seen = now.join()
      last = at
    } else if (at - last > quiet && now.every((end, partition) => end >= (ends[partition] ?? 0n))) return last
  }
}

async function stableEnds(cluster: Cluster, topic: string, partitions: number): Promise<bigint[]> {
  const asked = Array.from({ length: partitions }, (_, partition) => ({
    ...{ topic, partition, at: 'last-stable' as const },
  }))
  return (await cluster.listOffsets(asked)).map(({ offset }) => offset ?? 0n)
}
