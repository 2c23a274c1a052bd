import { invariant, TidemarkError } from '../../base/index.ts'
import type { LandedBatch, PartitionProducer } from '../../kafka/index.ts'
import type { MapBuilder } from '../../offsets/index.ts'
import type { SourceRun } from '../recode/source-runs.ts'
import type { LandedState } from '../state/journal-types.ts'
import { type Seam, withSeam } from '../state/seams.ts'
import type { RateLimit } from './rate-limit.ts'
import type { TransactionPump } from './transaction-pump.ts'

/** A batch of the stream, ready to be sent. */
export interface StreamBatch {
  readonly buffer: Buffer
  readonly start: number
  readonly end: number
  readonly records: number
  readonly runs: readonly SourceRun[]
  /** Called once, when the memory is no longer needed. */
  readonly release: (() => void) | undefined
}

export interface OutputOptions {
  readonly producer: PartitionProducer
  readonly limit: RateLimit
  /** Where records count only when their transaction has been committed. */
  readonly pump: TransactionPump | undefined
  readonly signal: AbortSignal
  /** The map of one input into this partition. */
  readonly map: (input: number) => MapBuilder
  /** What the journal knows to have landed. */
  readonly landed: LandedState
  /** Records of the stream before the journalled cursor, from which the stream is read again. */
  readonly emitted: bigint
  /** Our batches found behind what the journal knows, in order. */
  readonly recovered: readonly LandedBatch[]
  /** Told of every stretch that is now known to lie in the log. */
  readonly onLanded: (records: number, bytes: number, runs: readonly SourceRun[]) => void
}

/**
 * One target partition's end of a lane. The front of the stream that has landed already is paired with what was found there; the
 * rest is sent. All landings go into the maps.
 */
export class OutputPartition {
  readonly producer: PartitionProducer
  readonly #options: OutputOptions
  /** Records to be passed over because the journal's maps hold them. */
  #known: number
  /** Where further records of the stream were found, in order. */
  readonly #found: { target: bigint; count: number }[]
  #foundAt = 0
  #ahead: number
  #stopped: boolean
  #records: bigint
  #next: bigint
  #seams: readonly Seam[]

  constructor(options: OutputOptions) {
    this.#options = options
    this.producer = options.producer
    this.#records = options.landed.records
    this.#next = options.landed.next
    this.#seams = options.landed.seams
    this.#known = Number(options.landed.records - options.emitted)
    invariant(this.#known >= 0, 'the journal counts fewer records landed than handed out')
    this.#found = options.recovered.map((b) => ({ target: b.baseOffset, count: b.records }))
    // A signal that is made of others is slow to ask.
    this.#stopped = options.signal.aborted
    const onAbort = () => {
      this.#stopped = true
    }
    options.signal.addEventListener('abort', onAbort, { once: true })
    this.#ahead = this.#known + this.#found.reduce((sum, { count }) => sum + count, 0)
  }

  /** No rate is kept to. */
  get unlimited(): boolean {
    return this.#options.limit.unlimited
  }

  /** How many records at the front of the stream must not be sent: they have landed. */
  get ahead(): number {
    return this.#ahead
  }

  get landed(): LandedState {
    // Until all is passed over that an earlier run has landed, it is to be found under that run's producer.
    const { producerId, epoch } = this.#ahead > 0 ? this.#options.landed : this.producer
    return { records: this.#records, next: this.#next, producerId, epoch, seams: this.#seams }
  }

  /** The producer has read the log back, and will send the rest under a higher epoch. */
  raised(): void {
    const seam = { epoch: this.producer.epoch, from: this.#next, records: this.#records }
    this.#seams = withSeam(this.#seams, seam, this.#next)
  }

  /** Takes note of records at the front of the stream that have landed: at most {@link ahead} of them. */
  pass(runs: readonly SourceRun[]): void {
    for (const run of runs) {
      let { offset, count } = run
      invariant(count <= this.#ahead, 'more records are passed over than have landed')
      this.#ahead -= count
      const known = Math.min(count, this.#known)
      this.#known -= known
      offset += BigInt(known)
      count -= known
      while (count > 0) {
        const found = this.#found[this.#foundAt]
        invariant(found !== undefined, 'what was found ends before what was counted')
        const part = Math.min(count, found.count)
        this.#note({ input: run.input, offset, count: part }, found.target)
        found.target += BigInt(part)
        found.count -= part
        if (found.count === 0) this.#foundAt++
        offset += BigInt(part)
        count -= part
      }
    }
  }

  /**
   * To be called when the whole stream was read and all has landed. Throws TARGET_CHANGED when more was found in the target's log
   * than the stream holds.
   */
  finish(): void {
    if (this.#ahead === 0) return
    const { topic, partition } = this.producer
    throw new TidemarkError(
      'TARGET_CHANGED',
      `Partition ${partition} of ${topic} holds ${this.#ahead} more records of this restore than there are`,
      { hint: 'Delete the topic and restore it anew.', details: { topic, partition } },
    )
  }

  /**
   * Sends a batch. Answers nothing while there is room for another, else a promise that resolves when there is. It rejects when the
   * partition has failed for good, or when the restore is stopped.
   */
  send(batch: StreamBatch): Promise<void> | undefined {
    const { limit, pump } = this.#options
    if (this.#stopped || pump || !limit.unlimited) return this.#sendLater(batch)
    return this.#handOver(batch)
  }

  async #sendLater(batch: StreamBatch): Promise<void> {
    const { limit, signal, pump } = this.#options
    signal.throwIfAborted()
    await limit.take(batch.end - batch.start, batch.records, signal)
    await pump?.pass()
    await this.#handOver(batch)
  }

  #handOver(batch: StreamBatch): Promise<void> | undefined {
    const { buffer, start, end, records } = batch
    const { pump } = this.#options
    return this.producer.send({
      buffer,
      start,
      end,
      records,
      landed: (baseOffset) => {
        batch.release?.()
        if (pump) pump.stage(() => this.#landed(batch, baseOffset))
        else this.#landed(batch, baseOffset)
      },
    })
  }

  #landed({ runs, records, start, end }: StreamBatch, baseOffset: bigint): void {
    let target = baseOffset
    for (const run of runs) {
      this.#note(run, target)
      target += BigInt(run.count)
    }
    this.#options.onLanded(records, end - start, runs)
  }

  /** Resolves when all that was sent counts. */
  async flush(): Promise<void> {
    await (this.#options.pump?.committed() ?? this.producer.flush())
  }

  #note(run: SourceRun, target: bigint): void {
    this.#options.map(run.input).append(run.offset, target, run.count)
    this.#records += BigInt(run.count)
    this.#next = target + BigInt(run.count)
  }
}
