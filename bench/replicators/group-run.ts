import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { JavaAdmin } from '../../test/support/java-admin.ts'
import type { JavaClient } from '../../test/support/java-client.ts'
import { LogEnds, lookEvery } from './log-ends.ts'
import { type CopyJob, type Replicator, Running, targetTopic } from './replicator.ts'
import { interval, type Stage } from './stage.ts'

/** A topic of records whose keys are `<partition>-<offset>`. */
export interface NumberedTopic {
  readonly topic: string
  readonly partitions: number
  readonly perPartition: number
}

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

const commits = 8
/** Seconds after which a position is not waited for any longer. */
const patience = 60
/** Milliseconds for which all positions have to stand still. */
const still = 5 * interval * 1000

/** Copies the topic, measures how soon commits follow, lets groups fall behind, and says where they stand when the system is gone. */
export async function groupRun(
  stage: Stage,
  java: JavaClient,
  system: Replicator,
  numbered: NumberedTopic,
): Promise<GroupRun> {
  const run = new GroupsOfRun(stage, java, stage.job(numbered.topic), numbered)
  await run.commitAll(1)
  let delays: number[]
  {
    await using running = await Running.start(await system.prepare(run.job))
    await run.untilCopied(running)
    delays = await run.delays()
    await run.fallBehind()
  }
  const deviations = await run.deviations()
  await stage.remove(run.job)
  return { delays, deviations }
}

class GroupsOfRun {
  readonly job: CopyJob
  readonly #stage: Stage
  readonly #java: JavaClient
  readonly #numbered: NumberedTopic
  readonly #source: JavaAdmin
  readonly #target: JavaAdmin

  constructor(stage: Stage, java: JavaClient, job: CopyJob, numbered: NumberedTopic) {
    this.job = job
    this.#stage = stage
    this.#java = java
    this.#numbered = numbered
    this.#source = new JavaAdmin(java, stage.source.bootstrap)
    this.#target = new JavaAdmin(java, stage.target.bootstrap)
  }

  /** All groups at one offset in every partition, so that both systems know of them from the start. */
  async commitAll(offset: number): Promise<void> {
    for (const group of [this.#moving, ...lags.map((lag) => this.#lagging(lag))])
      await this.#commit(group, () => offset)
  }

  async untilCopied(running: Running): Promise<void> {
    const { partitions, perPartition } = this.#numbered
    const ends = new LogEnds(this.#stage.targetCluster, targetTopic(this.job))
    await ends.untilAtLeast(partitions * perPartition, () => running.check())
    await ends.untilStill(1000)
    await this.#untilStill([this.#moving])
  }

  /** Moves a group again and again, each time at another moment of the interval. */
  async delays(): Promise<number[]> {
    const found: number[] = []
    const step = Math.floor(this.#numbered.perPartition / (commits + 1))
    for (let i = 1; i <= commits; i++) {
      await delay(randomInt(interval * 1000))
      const before = await this.#position(this.#moving, 0)
      const started = performance.now()
      await this.#source.commit(this.#moving, this.#numbered.topic, 0, BigInt(i * step))
      const moved = async () => (await this.#position(this.#moving, 0)) !== before
      while (!(await moved()) && performance.now() - started < patience * 1000) await delay(lookEvery)
      found.push((performance.now() - started) / 1000)
    }
    return found
  }

  /** Groups at their lags, until their positions on the target stand still. */
  async fallBehind(): Promise<void> {
    for (const lag of lags) await this.#commit(this.#lagging(lag), () => this.#due(lag))
    await this.#untilStill(lags.map((lag) => this.#lagging(lag)))
  }

  /** What each group would read again or skip if it went on from the target. */
  async deviations(): Promise<Deviation[]> {
    const all: Deviation[] = []
    for (const lag of lags) {
      let readAgain = 0
      let skipped = 0
      for (let partition = 0; partition < this.#numbered.partitions; partition++) {
        const next = await this.#nextNumber(this.#lagging(lag), partition)
        readAgain += Math.max(0, this.#due(lag) - next)
        skipped += Math.max(0, next - this.#due(lag))
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

  /** Offset in every partition of a group with that lag in all. */
  #due(lag: number): number {
    return this.#numbered.perPartition - lag / this.#numbered.partitions
  }

  async #commit(group: string, offset: (partition: number) => number): Promise<void> {
    const { topic, partitions } = this.#numbered
    for (let p = 0; p < partitions; p++) await this.#source.commit(group, topic, p, BigInt(offset(p)))
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
    return next ? Number(next.key?.toString().split('-')[1]) : this.#numbered.perPartition
  }
}
