import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { connectCluster } from '../../src/kafka/index.ts'
import { type MapSet, translate } from '../../src/offsets/index.ts'
import { loadMapTable, loadMapTopic, replicateDefaults } from '../../src/replicate/index.ts'
import type { TestCluster } from './brokers.ts'
import { content, type LabJob, type ReplicateLab, type Worker } from './replicate-lab.ts'

/** Waits for a condition by asking again and again. */
export async function until(
  what: string,
  holds: () => Promise<boolean>,
  seconds = 60,
  state: () => Promise<unknown> = async () => '',
): Promise<void> {
  const deadline = Date.now() + seconds * 1000
  while (Date.now() < deadline) {
    if (await holds()) return
    await delay(50)
  }
  throw new Error(`never: ${what} ${JSON.stringify(await state().catch(String), plain)}`)
}

function plain(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value
}

/** Waits until the target holds as many committed records of a topic as the source has now. */
export async function untilCopied(
  lab: ReplicateLab,
  topic: string,
  partitions: number,
  target = topic,
  seconds = 60,
): Promise<void> {
  const count = async (cluster: TestCluster, name: string) => {
    let sum = 0
    for (let p = 0; p < partitions; p++) sum += (await lab.java.read(cluster.bootstrap, name, p)).length
    return sum
  }
  const wanted = await count(lab.source, topic)
  await until(
    `${topic} is copied`,
    async () => (await count(lab.target, target).catch(() => 0)) >= wanted,
    seconds,
  )
}

/** Waits until the only worker says that it has copied topics up to their ends as they are now. */
export async function untilAtEnd(
  lab: ReplicateLab,
  worker: Worker,
  topics: readonly string[],
  seconds = 60,
): Promise<void> {
  for (const topic of topics) {
    for (const { partition, end } of await lab.sourceAdmin.partitions(topic)) {
      await worker.until(
        `${topic}-${partition} is copied up to ${end}`,
        ({ partitions }) =>
          partitions.some((p) => p.topic === topic && p.partition === partition && p.next >= Number(end)),
        seconds,
      )
    }
  }
}

/** Both sides hold the same records in the same order in every partition, as a reader of committed records sees them. */
export async function assertCopied(
  lab: ReplicateLab,
  topic: string,
  partitions: number,
  target = topic,
): Promise<void> {
  for (let p = 0; p < partitions; p++) {
    const [from, to] = await Promise.all([
      lab.java.read(lab.source.bootstrap, topic, p),
      lab.java.read(lab.target.bootstrap, target, p),
    ])
    const [wanted, got] = [from.map(content), to.map(content)]
    if (wanted.length !== got.length || wanted.some((text, i) => text !== got[i])) {
      const at = wanted.findIndex((text, i) => text !== got[i])
      assert.fail(
        `${topic}-${p}: ${wanted.length} records, copied ${got.length}; they part at ${at}: ${wanted[at]} / ${got[at]} (source offset ${from[at]?.offset}, target offset ${to[at]?.offset})`,
      )
    }
  }
}

/** The maps that the pipeline has published. */
export async function mapsOf(lab: ReplicateLab, job: LabJob): Promise<MapSet> {
  await using cluster = await connectCluster({ bootstrap: lab.target.bootstrap.split(',') })
  const map = job.mapTopic?.name ?? replicateDefaults.mapTopic.name
  const control = job.controlTopic?.name ?? replicateDefaults.controlTopic.name
  const signal = AbortSignal.timeout(60_000)
  const table = await loadMapTable(cluster, { map, control }, signal)
  const set = table.set({ pipeline: job.name })
  // The short way to the same.
  const again = await loadMapTopic(cluster, { map, control }, { pipeline: job.name, signal })
  assert.deepEqual(
    again.maps.map((one) => one.records),
    set.maps.map((one) => one.records),
  )
  return set
}

/** By the published map, every position of every partition comes to the record that follows it on the source. */
export async function assertMapped(
  lab: ReplicateLab,
  job: LabJob,
  topic: string,
  partitions: number,
  target = topic,
): Promise<void> {
  const set = await mapsOf(lab, job)
  for (let p = 0; p < partitions; p++) {
    const [map] = set.from(topic, p)
    assert.ok(map, `a map of ${topic}-${p}`)
    assert.equal(map.completeFrom, undefined)
    const [from, to] = await Promise.all([
      lab.java.read(lab.source.bootstrap, topic, p),
      lab.java.read(lab.target.bootstrap, target, p),
    ])
    const log = { logStart: 0n, logEnd: (to.at(-1)?.offset ?? -1n) + 1n }
    assert.equal(map.records, from.length)
    let at = 0
    for (let position = 0n; position <= map.sourceEnd; position++) {
      while (at < from.length && (from[at]?.offset ?? 0n) < position) at++
      const found = translate(map, position, { ...log, logEnd: log.logEnd + 1_000_000n })
      const wanted = to[at]
      if (wanted) assert.equal(found.target, wanted.offset, `${topic}-${p} position ${position}`)
      else assert.ok((found.target ?? -1n) >= log.logEnd, `${topic}-${p} position ${position}`)
    }
  }
}
