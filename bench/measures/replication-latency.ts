import { type JavaClient, startJavaClient } from '../../test/support/java-client.ts'
import { median } from '../child.ts'
import { makeTopic } from '../data.ts'
import { type Latency, measureLatency, type Spread } from '../programs/replication-latency.ts'
import { LogEnds } from '../replicators/log-ends.ts'
import { mirrorMakers } from '../replicators/mirror-maker.ts'
import { type Replicator, Running, targetTopic } from '../replicators/replicator.ts'
import { openStage, type Stage } from '../replicators/stage.ts'
import { tidemark, tidemarkAtLeastOnce } from '../replicators/tidemark.ts'
import { compared, found } from '../report.ts'

/** 5 MB/s of 1 KB records. */
const steady = { partitions: 4, recordsPerSecond: 5_000, recordBytes: 1_000, warmUp: 5 }
const ours = [tidemark, tidemarkAtLeastOnce]

/** How long a record takes from the source to a reader of committed records at the target under steady traffic. */
export async function replicationLatency(rounds: number, scale: number): Promise<void> {
  await using stage = await openStage()
  await using java = await startJavaClient()
  const seconds = Math.max(5, Math.round(12 * scale))
  const systems = [...ours, ...mirrorMakers]
  const taken = new Map<string, Latency[]>(systems.map(({ name }) => [name, []]))
  // Brokers that have done nothing yet would be the first system's loss.
  await latency(stage, java, tidemark, 'warm-up', seconds)
  for (let round = 0; round < rounds; round++) {
    for (const system of systems)
      taken.get(system.name)?.push(await latency(stage, java, system, `steady-${round}`, seconds))
  }
  for (const [name, latencies] of taken) tell(name, latencies)
  const copied = (name: string, part: keyof Spread) => (taken.get(name) ?? []).map((one) => one.copied[part])
  for (const { name } of mirrorMakers) {
    for (const part of ['p50', 'p99'] as const) {
      compared({
        question: `source to target at 5 MB/s, exactly once, ${part}`,
        ...{ rival: name, reach: '', unit: 'ms', better: 'less' },
        ...{ ours: copied(tidemark.name, part), theirs: copied(name, part) },
      })
    }
  }
}

async function latency(
  stage: Stage,
  java: JavaClient,
  system: Replicator,
  name: string,
  seconds: number,
): Promise<Latency> {
  const { source, target } = stage
  const job = stage.job(`${name}-${system.name.replaceAll(/\W+/g, '-')}`)
  await makeTopic(source.bootstrap, job.topic, steady.partitions)
  // A record of time zero, which is not counted: when it is there, the system is at work.
  const producer = await java.producer({ 'bootstrap.servers': source.bootstrap })
  producer.send({ topic: job.topic, partition: 0, value: Buffer.alloc(8) })
  await producer.flush()
  await producer.close()
  const ends = new LogEnds(stage.targetCluster, targetTopic(job))
  try {
    await using running = await Running.start(await system.prepare(job))
    await ends.untilAtLeast(1, () => running.check())
    return await measureLatency({
      source: { bootstrap: source.bootstrap, topic: job.topic },
      target: { bootstrap: target.bootstrap, topic: targetTopic(job) },
      ...{ ...steady, seconds },
    })
  } finally {
    await stage.remove(job)
    await stage.sourceCluster.deleteTopics([job.topic])
  }
}

function tell(name: string, latencies: readonly Latency[]): void {
  const spread = (pick: (latency: Latency) => Spread) => {
    const of = (part: keyof Spread) => median(latencies.map((one) => pick(one)[part])).toFixed(1)
    return `p50 ${of('p50')} ms, p99 ${of('p99')} ms, p99.9 ${of('p999')} ms, largest ${of('largest')} ms`
  }
  found({
    question: `source to target at 5 MB/s, ${name}`,
    reach: name === tidemark.name ? 'p50 ≤ 50 ms, p99 ≤ 200 ms' : '',
    value: `${spread(({ copied }) => copied)}; acknowledged at the source: ${spread(({ acknowledged }) => acknowledged)}`,
  })
}
