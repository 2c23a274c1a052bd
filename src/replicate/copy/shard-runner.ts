import { isTidemarkError, TidemarkError } from '../../base/index.ts'
import { concernsTransaction, Producer } from '../../kafka/index.ts'
import type { ReplicateJob } from '../job.ts'
import type { PartitionStatus } from '../status.ts'
import { SHARDS, transactionalIdOf } from '../workers/shards.ts'
import { lineStatus } from './line.ts'
import { Pace } from './pace.ts'
import { recodesAll } from './record-headers.ts'
import type { ShardContext } from './shard-context.ts'
import { LineFailed, ShardCopy } from './shard-copy.ts'
import { type FailedLine, keyOf } from './shard-lines.ts'

/** Ms to wait after something went wrong: doubles up to the longest while nothing goes well. */
const pauses = { first: 100, longest: 10_000 }
/** Ms after which an ownership counts as one that went well. */
const wentWell = 30_000
/** Ms that a stopped shard has for finishing its transaction. */
const stopPatience = 10_000
/** Errors that waiting does not cure, when they concern the pipeline's own topics, group or transactional ids. */
const hopeless = new Set([
  'AUTHORIZATION_FAILED',
  'AUTHENTICATION_FAILED',
  'UNSUPPORTED_VERSION',
  'CONFIG_INVALID',
])

/** What became of a topic of the pipeline's own cannot be mended from here. */
const gone = new Set(['TOPIC_NOT_FOUND', 'TARGET_CHANGED'])

/** Bytes that a shard may have sent without an answer. Raw batches lie in the fetcher's memory, others in memory of their own. */
function sendMemory(job: ReplicateJob): number {
  const share = job.memory / SHARDS
  return Math.max(1 << 20, recodesAll(job) ? share / 4 : share)
}

/**
 * A worker's part in one shard: takes it over, copies, and after anything that goes wrong takes it over again, as long as the group
 * says that it has it. Nothing is remembered from one ownership to the next but what failed, what ended in order, and how fast the target is.
 */
export class ShardRunner {
  readonly shard: number
  readonly #context: ShardContext
  readonly #failed = new Map<string, FailedLine>()
  readonly #pace: Pace
  readonly #stop = new AbortController()
  readonly #whenStopped = Promise.withResolvers<undefined>()
  #copy: ShardCopy | undefined
  /** Partitions that the ownership before had open when it ended in order: nothing of them is copied again. */
  #settled: ReadonlySet<string> = new Set()
  #status: readonly PartitionStatus[] = []

  constructor(context: ShardContext, shard: number) {
    this.#context = context
    this.shard = shard
    this.#pace = new Pace(context.job)
  }

  /** Runs until stopped. Rejects with what must end the whole run. */
  async run(): Promise<void> {
    let pause = pauses.first
    while (!this.#stopped) {
      const began = this.#context.clock.monotonic()
      try {
        await this.#own()
      } catch (error) {
        if (this.#stopped && !isTidemarkError(error, 'SOURCE_CHANGED')) return
        this.#judge(error)
        if (this.#context.clock.monotonic() - began > wentWell) pause = pauses.first
        await this.#sleep(pause / 2 + (Math.random() * pause) / 2)
        pause = Math.min(pauses.longest, pause * 2)
        await this.#whenConfirmed()
      }
    }
  }

  /** Finishes the open transaction, and ends. */
  stop(): void {
    if (this.#stopped) return
    this.#stop.abort()
    this.#whenStopped.resolve(undefined)
    const copy = this.#copy
    if (!copy) return
    copy.stop()
    // Where the target does not answer there is nothing to be finished: whoever comes next copies it again.
    const patience = setTimeout(() => copy.close().catch(() => {}), stopPatience)
    patience.unref()
  }

  routesChanged(): void {
    this.#copy?.routesChanged()
  }

  get partitions(): readonly PartitionStatus[] {
    const copy = this.#copy
    if (copy) {
      const lines = [...copy.lines].map((line) => lineStatus(line, this.shard))
      this.#status = [...lines, ...this.#failedPartitions()]
    }
    return this.#status
  }

  /** Partitions that cannot be copied for now, and are not open. */
  #failedPartitions(): PartitionStatus[] {
    const routes = this.#context.routes(this.shard)
    return [...this.#failed].flatMap(([key, { error }]): PartitionStatus[] => {
      const route = routes.get(key)
      if (!route) return []
      return [
        {
          topic: route.topic.source.name,
          partition: route.partition,
          targetTopic: route.topic.target,
          shard: this.shard,
          state: 'failed',
          reason: error.message,
          next: this.#context.control.positions.get(key)?.to ?? 0n,
          sourceEnd: undefined,
          delay: undefined,
          records: 0,
          bytes: 0,
        },
      ]
    })
  }

  get #stopped(): boolean {
    return this.#stop.signal.aborted
  }

  /** One ownership: fence, read the positions, copy. */
  async #own(): Promise<void> {
    const { job, target, control, telemetry } = this.#context
    const id = transactionalIdOf(job.name, this.shard)
    const transactional = { id, timeoutMs: job.transactionTimeout }
    const identity = await this.#orStopped(target.initProducerId(job.exactlyOnce ? transactional : undefined))
    if (identity) await this.#orStopped(control.catchUp())
    if (!identity || this.#stopped) return
    await this.#orStopped(this.#context.mayBegin(this.shard))
    if (this.#stopped) return
    const producer = new Producer(target, {
      identity,
      connections: 1,
      memory: sendMemory(job),
      ...(job.exactlyOnce && { transactional }),
    })
    const settled = this.#settled
    this.#settled = new Set()
    const copy = new ShardCopy(this.#context, this.shard, producer, this.#failed, this.#pace, settled)
    this.#copy = copy
    if (this.#stopped) copy.stop()
    telemetry.log('info', 'a shard was taken over', { shard: this.shard })
    try {
      await copy.run()
      this.#settled = new Set([...copy.lines].map(keyOf))
    } catch (error) {
      this.#blame(copy, error)
      throw error
    } finally {
      this.#status = this.partitions
      this.#copy = undefined
      await copy.close()
    }
  }

  /** Notes which lines are to blame, so that the next ownership goes on without them for a while. */
  #blame(copy: ShardCopy, error: unknown): void {
    if (error instanceof LineFailed) copy.fail(error.key, error.cause)
    else if (isTidemarkError(error) && !concernsTransaction(error) && error.code !== 'SOURCE_CHANGED') {
      for (const line of copy.blamed(error)) {
        copy.fail(`${line.route.topic.source.name}/${line.route.partition}`, error)
        this.#context.targets.forget(line.target.name)
      }
    }
  }

  /** Tells what went wrong. Throws what must end the run. */
  #judge(error: unknown): void {
    const { telemetry, totals, job, controlTopic, mapTopic } = this.#context
    totals.aborted++
    telemetry.count('replicate_transactions', 1, { outcome: 'aborted' })
    if (error instanceof LineFailed) return
    if (!isTidemarkError(error) || error.code === 'INTERNAL' || error.code === 'SOURCE_CHANGED') throw error
    const { topic } = error.details
    const own = topic === undefined || topic === controlTopic.name || topic === mapTopic?.name
    if (own && hopeless.has(error.code)) throw error
    if (error.code === 'MAP_RECORD_INVALID') throw error
    if (topic !== undefined && own && gone.has(error.code)) throw error
    telemetry.count('replicate_errors', 1, { code: error.code })
    telemetry.log(concernsTransaction(error) ? 'info' : 'warn', 'a shard is taken over anew', {
      pipeline: job.name,
      shard: this.shard,
      error: error.message,
    })
  }

  /** Until the group confirms that the shard is still this worker's: nobody else's is taken back. */
  async #whenConfirmed(): Promise<void> {
    while (!this.#stopped) {
      try {
        if (await this.#context.confirm()) return
      } catch (error) {
        if (!(error instanceof TidemarkError)) throw error
      }
      await this.#sleep(200)
    }
  }

  /** Waits for something that need not be waited for when the runner is stopped. */
  async #orStopped<T>(work: Promise<T>): Promise<T | undefined> {
    work.catch(() => {})
    return await Promise.race([work, this.#whenStopped.promise])
  }

  async #sleep(ms: number): Promise<void> {
    await this.#context.clock.sleep(ms, this.#stop.signal).catch(() => {})
  }
}
