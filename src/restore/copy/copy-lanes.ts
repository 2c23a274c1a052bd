import { type BackupReader, ChunkPool } from '../../archive/index.ts'
import { Budget, type Clock, isTidemarkError, type Progress, TidemarkError } from '../../base/index.ts'
import type { LandedBatch, Producer } from '../../kafka/index.ts'
import type { RestoreJob } from '../job.ts'
import type { PlannedTopic, RestorePlan } from '../plan/plan-types.ts'
import { SlabPool } from '../recode/slab-pool.ts'
import type { LaneState } from '../state/lane-state.ts'
import type { RestoreState } from '../state/restore-state.ts'
import { BudgetShare } from './budget-share.ts'
import { IndexCache } from './index-cache.ts'
import type { LaneContext } from './lane-context.ts'
import { runMergeLane } from './merge-lane.ts'
import { OutputPartition } from './output-partition.ts'
import { RateLimit } from './rate-limit.ts'
import { runStraightLane } from './straight-lane.ts'
import type { TransactionChoice } from './transaction-choice.ts'
import type { TransactionPump } from './transaction-pump.ts'

/** Lanes that run at the same time; memory bounds them further. */
const LANES_AT_ONCE = 128
/** Shares of the memory: chunks, pieces of chunks in merges, batches being sent that were built anew. */
const shares = { chunks: 0.55, merges: 0.25, sending: 0.2 }
/** A batch that is built for one of many outputs never gets smaller than this. */
const SMALLEST_BATCH = 16 * 1024

export interface CopyInput {
  readonly job: RestoreJob
  readonly plan: RestorePlan
  readonly state: RestoreState
  readonly reader: BackupReader
  readonly producer: Producer
  /** Where all is sent in transactions. */
  readonly pump: TransactionPump | undefined
  /** What a read-back has found, by lane and place of the output; none for lanes that were never begun. */
  readonly recovered: ReadonlyMap<string, readonly (readonly LandedBatch[])[]>
  /** Topics that have failed already and are not copied. */
  readonly skip: ReadonlySet<string>
  /** Which transactions are taken of a source partition, when the window asks for whole transactions. */
  readonly transactions: ((topic: string, partition: number) => TransactionChoice) | undefined
  readonly clock: Clock
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** Why topics could not be copied, by name. */
export type CopyFailures = ReadonlyMap<string, TidemarkError>

/**
 * Copies every lane that is not done. A lane that fails ends its topic, not the others. Resolves when all lanes have ended;
 * after an abort of the signal they end early, with what was sent landed as far as the producer still lets it.
 */
export async function copyLanes(input: CopyInput): Promise<CopyFailures> {
  return await new Copy(input).run()
}

class Copy {
  readonly #input: CopyInput
  readonly #chunks: Budget
  readonly #pool = new ChunkPool()
  readonly #slabs = new SlabPool()
  readonly #places = new Budget(LANES_AT_ONCE)
  /** Merges keep a piece of every input: one at a time. */
  readonly #merging = new Budget(1)
  readonly #limit: RateLimit
  readonly #indexes: IndexCache
  readonly #failures = new Map<string, TidemarkError>()

  constructor(input: CopyInput) {
    const { job } = input
    this.#input = input
    this.#chunks = new Budget(Math.floor(job.memory * shares.chunks))
    this.#limit = new RateLimit(job.rateLimitBytes, job.rateLimitRecords, input.clock)
    this.#indexes = new IndexCache(input.reader)
  }

  async run(): Promise<CopyFailures> {
    const { plan, skip } = this.#input
    const work = plan.topics
      .filter((topic) => !skip.has(topic.target))
      .flatMap((topic) => {
        const ended = new AbortController()
        return topic.lanes.map((lane) => ({ topic, lane, ended }))
      })
      // The largest first, so that the last one to run is small.
      .sort((a, b) => laneBytes(b.lane) - laneBytes(a.lane))
    await Promise.all(
      work.map(async ({ topic, lane, ended }) => {
        const state = this.#input.state.lanes.get(lane.key)
        if (!state || state.done) return
        const signal = AbortSignal.any([this.#input.signal, ended.signal])
        try {
          await this.#places.with(1, () => this.#lane(topic, state, signal), signal)
        } catch (error) {
          if (this.#input.signal.aborted || ended.signal.aborted) return
          this.#failures.set(topic.target, asTidemark(error, topic.target))
          ended.abort()
        }
      }),
    )
    return this.#failures
  }

  async #lane(topic: PlannedTopic, state: LaneState, signal: AbortSignal): Promise<void> {
    const { job, progress } = this.#input
    const { lane } = state
    const share = new BudgetShare(this.#chunks)
    const used: string[] = []
    const cursor = state.cursor
    const outputs = this.#outputs(topic, state, signal)
    const context: LaneContext = {
      job,
      lane,
      reader: this.#input.reader,
      budget: share,
      pool: this.#pool,
      slabs: this.#slabs,
      signal,
      limit: topic.limit,
      sourceName: this.#input.plan.sourceName,
      outputs,
      transactions: this.#choice(state),
      index: (i) => {
        const from = lane.inputs[i]
        if (!from) return Promise.resolve(undefined)
        used.push(from.topic)
        return this.#indexes.partition(from.topic, from.topicId, from.source.partition)
      },
      onBatchTime: (time) => {
        if (time >= 0 && time < state.oldest) state.oldest = time
      },
    }
    state.begin({ landed: () => outputs.map((output) => output.landed) })
    let done = false
    try {
      if (state.straight) await runStraightLane(context, cursor.inputs[0]?.next ?? 0n)
      else await this.#merging.with(1, () => this.#merge(context, state, cursor), signal)
      await Promise.all(outputs.map((output) => output.flush()))
      for (const output of outputs) output.finish()
      done = true
    } finally {
      // What was sent and is still under way counts if it lands.
      if (!done) await Promise.allSettled(outputs.map((output) => output.flush()))
      state.end(done)
      share.close()
      for (const name of used) this.#indexes.release(name)
    }
    for (const partition of lane.outputs) progress.done(lane.target, partition)
  }

  async #merge(context: LaneContext, state: LaneState, from: LaneState['cursor']): Promise<void> {
    const { job } = this.#input
    const outputs = context.outputs.length
    const each = Math.floor((job.memory * shares.sending) / (2 * outputs))
    await runMergeLane(context, {
      from,
      batchBytes: Math.max(SMALLEST_BATCH, Math.min(job.produceBatchBytes, each)),
      memory: Math.floor(job.memory * shares.merges),
      onMark: (cursor) => state.mark(cursor),
    })
  }

  #outputs(topic: PlannedTopic, state: LaneState, signal: AbortSignal): OutputPartition[] {
    const { producer, pump, recovered, progress } = this.#input
    const { lane } = state
    const landed = state.landed
    const cursor = state.cursor
    const entry = this.#input.state.topic(lane.target)
    const found = recovered.get(lane.key)
    return lane.outputs.map((partition, i) => {
      const known = landed[i] ?? { records: 0n, next: 0n, producerId: -1n, epoch: 0, seams: [] }
      const last = found?.[i]?.at(-1)
      const base = last ? last.lastOffset + 1n : known.next
      const output: OutputPartition = new OutputPartition({
        producer: producer.partition({
          topic: lane.target,
          partition,
          ...(entry?.id !== undefined && { topicId: entry.id }),
          // Markers of transactions lie between: base offsets are not known beforehand, and epochs are the coordinator's.
          ...(pump ? {} : { epoch: known.epoch }),
          ...(topic.exclusive && !pump ? { expectedBase: base } : { since: base }),
          raised: () => {
            output.raised()
            return this.#input.state.save()
          },
        }),
        limit: this.#limit,
        pump,
        signal,
        map: (input) => state.builder(input, i),
        landed: known,
        emitted: cursor.emitted[i] ?? 0n,
        recovered: found?.[i] ?? [],
        onLanded: (records, bytes, runs) => {
          for (const { input, count } of runs) {
            state.bytes[input] = (state.bytes[input] ?? 0) + Math.round((bytes * count) / records)
          }
          progress.advance(lane.target, partition, bytes, records)
        },
      })
      return output
    })
  }

  #choice({ lane }: LaneState): ((input: number) => TransactionChoice) | undefined {
    const { transactions } = this.#input
    if (!transactions) return undefined
    return (i) => {
      const from = lane.inputs[i]
      return transactions(from?.topic ?? '', from?.source.partition ?? -1)
    }
  }
}

function laneBytes(lane: LaneState['lane']): number {
  return lane.inputs.reduce((sum, { source }) => sum + source.bytes, 0)
}

function asTidemark(error: unknown, topic: string): TidemarkError {
  if (isTidemarkError(error)) return error
  const message = error instanceof Error ? error.message : String(error)
  return new TidemarkError('INTERNAL', `The copy of ${topic} failed: ${message}`, {
    details: { topic },
    cause: error,
  })
}
