import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { JavaAdmin } from '../../test/support/java-admin.ts'
import type { JavaClient } from '../../test/support/java-client.ts'
import { LogEnds, lookEvery } from './log-ends.ts'
import { type CopyJob, type Replicator, Running, targetTopic } from './replicator.ts'
import { interval, type Stage } from './stage.ts'

/** Partitions of the topic. Keys are `<partition>-<offset>`. */
const partitions = 4
/** Records in each partition when the system is started. */
const atStart = 10

/** How far off a group is on the target, in records, over all partitions. */
export interface Deviation {
  readonly lag: number
  readonly readAgain: number
  readonly skipped: number
}

export interface GroupRun {
  /** Seconds from each commit on the source until the position on the target moved. */
  readonly delays: readonly number[]
  readonly deviations: readonly Deviation[]
}

/** Lags in records, over all partitions. */
export const lags = [0, 1000, 100_000] as const

const commits = 5
/** Records that come between two commits: more than MirrorMaker 2 lets pass without a sample of offsets. */
const between = 500
/** Seconds after which a position is not waited for any longer. */
const patience = 60
/** Milliseconds for which all positions have to stand still. */
const still = 5 * interval * 1000

/**
 * Starts the system, fills a topic that it copies meanwhile, measures how soon commits follow, lets groups fall behind, and says where
 * they stand when the system is gone.
 */
export async function groupRun(
  stage: Stage,
  java: JavaClient,
  system: Replicator,
  name: string,
  perPartition: number,
): Promise<GroupRun> {
  const run = new GroupsOfRun(stage, java, stage.job(name))
  await run.makeTopic()
  let delays: number[]
  {
    await using running = await Running.start(await system.prepare(run.job))
    await run.untilAtWork(running)
    await run.write(partitions, perPartition, running)
    delays = await run.delays(running)
    await run.fallBehind()
  }
  const deviations = await run.deviations()
  await stage.remove(run.job)
  await stage.sourceCluster.deleteTopics([name])
  return { delays, deviations }
}

class GroupsOfRun {
  readonly job: CopyJob
  readonly #stage: Stage
  readonly #java: JavaClient
  readonly #source: JavaAdmin
  readonly #target: JavaAdmin
  /** Records in each partition of the source: the offset of the next, too. */
  readonly #written = Array.from({ length: partitions }, () => 0)

  constructor(stage: Stage, java: JavaClient, job: CopyJob) {
    this.job = job
    this.#stage = stage
    this.#java = java
    this.#source = new JavaAdmin(java, stage.source.bootstrap)
    this.#target = new JavaAdmin(java, stage.target.bootstrap)
  }

  /** A topic of few records, and all groups somewhere in it, so that the system knows them from the start. */
  async makeTopic(): Promise<void> {
    await this.#source.createTopic(this.job.topic, partitions)
    await this.#fill(partitions, atStart)
    for (const group of [this.#moving, ...lags.map((lag) => this.#lagging(lag))])
      await this.#commit(group, () => 1)
  }

  /** Until records and positions come to the target. */
  async untilAtWork(running: Running): Promise<void> {
    await this.#untilCopied(running)
    await this.#untilStill([this.#moving])
  }

  /** Writes so many records to each of the first partitions, and waits until they are copied. */
  async write(first: number, count: number, running: Running): Promise<void> {
    await this.#fill(first, count)
    await this.#untilCopied(running)
  }

  /** Moves a group to the end again and again, each time at another moment of the interval. */
  async delays(running: Running): Promise<number[]> {
    const found: number[] = []
    for (let i = 0; i < commits; i++) {
      await this.write(1, between, running)
      await delay(interval * 1000 + randomInt(interval * 1000))
      const before = await this.#position(this.#moving, 0)
      const started = performance.now()
      await this.#source.commit(this.#moving, this.job.topic, 0, BigInt(this.#written[0] ?? 0))
      const moved = async () => (await this.#position(this.#moving, 0)) !== before
      while (!(await moved()) && performance.now() - started < patience * 1000) await delay(lookEvery)
      found.push((performance.now() - started) / 1000)
    }
    return found
  }

  /** Groups at their lags, until their positions on the target stand still. */
  async fallBehind(): Promise<void> {
    for (const lag of lags) await this.#commit(this.#lagging(lag), (partition) => this.#due(lag, partition))
    await this.#untilStill(lags.map((lag) => this.#lagging(lag)))
  }

  /** What each group would read again or skip if it went on from the target. */
  async deviations(): Promise<Deviation[]> {
    const all: Deviation[] = []
    for (const lag of lags) {
      let readAgain = 0
      let skipped = 0
      for (let partition = 0; partition < partitions; partition++) {
        const next = await this.#nextNumber(this.#lagging(lag), partition)
        const due = this.#due(lag, partition)
        readAgain += Math.max(0, due - next)
        skipped += Math.max(0, next - due)
      }
      all.push({ lag, readAgain, skipped })
    }
    return all
  }

  get #moving(): string {
    return `${this.job.id}-moving`
  }

  #lagging(lag: number): string {
    return `${this.job.id}-lag-${lag}`
  }

  /** Where a group with that lag over all partitions stands in one. */
  #due(lag: number, partition: number): number {
    return (this.#written[partition] ?? 0) - lag / partitions
  }

  async #fill(first: number, count: number): Promise<void> {
    const producer = await this.#java.producer({
      'bootstrap.servers': this.#stage.source.bootstrap,
      'linger.ms': '20',
    })
    const from = this.#written[0] ?? 0
    await producer.fill({ topic: this.job.topic, partitions: first, first: from, count, size: 100 })
    await producer.close()
    for (let p = 0; p < first; p++) this.#written[p] = from + count
  }

  async #untilCopied(running: Running): Promise<void> {
    const ends = new LogEnds(this.#stage.targetCluster, targetTopic(this.job))
    const records = this.#written.reduce((sum, one) => sum + one)
    await ends.untilAtLeast(records, () => running.check())
    // Markers count as well.
    await ends.untilStill(500)
  }

  async #commit(group: string, offset: (partition: number) => number): Promise<void> {
    for (let p = 0; p < partitions; p++)
      await this.#source.commit(group, this.job.topic, p, BigInt(offset(p)))
  }

  async #position(group: string, partition: number): Promise<bigint | undefined> {
    const topic = targetTopic(this.job)
    const positions = await this.#target.positions(group).catch(() => [])
    return positions.find((one) => one.topic === topic && one.partition === partition)?.offset
  }

  async #untilStill(groups: readonly string[]): Promise<void> {
    const deadline = performance.now() + patience * 1000
    let before = ''
    let since = performance.now()
    while (performance.now() < deadline) {
      const positions = await Promise.all(
        groups.map((group) => this.#target.positions(group).catch(() => [])),
      )
      const now = JSON.stringify(positions, (_, value) => (typeof value === 'bigint' ? String(value) : value))
      if (now !== before) since = performance.now()
      else if (performance.now() - since >= still && positions.every(({ length }) => length > 0)) return
      before = now
      await delay(100)
    }
  }

  /** Number of the record that the group would read next on the target. */
  async #nextNumber(group: string, partition: number): Promise<number> {
    // Without a position a group begins anew: that reads everything again.
    const from = (await this.#position(group, partition)) ?? 0n
    const { bootstrap } = this.#stage.target
    const [next] = await this.#java.read(bootstrap, targetTopic(this.job), partition, { from, max: 1 })
    return next ? Number(next.key?.toString().split('-')[1]) : (this.#written[partition] ?? 0)
  }
}
