import { TidemarkError } from '../../base/index.ts'
import { concernsTransaction, Producer } from '../../kafka/index.ts'
import { copyLanes } from '../copy/copy-lanes.ts'
import { findLate } from '../copy/late-batches.ts'
import { type ReadBack, readBack } from '../copy/read-back.ts'
import { TransactionPump } from '../copy/transaction-pump.ts'
import { scanTransactions, type TransactionScan } from '../copy/transaction-scan.ts'
import type { LaneState } from '../state/lane-state.ts'
import { writeRecord } from '../state/restore-record.ts'
import { isOpen } from '../topics/open-topics.ts'
import { Checkpoints } from './checkpoints.ts'
import { jobHash } from './find-restore.ts'
import { openLanes } from './open-lanes.ts'
import { openTargets } from './open-targets.ts'
import type { Failures, Phase } from './phase.ts'

/** How much an epoch grows from one run to the next: late batches of the last run never have the epoch of this one. */
const EPOCH_STRIDE = 2
const LAST_EPOCH = 32_700
/** Ms after which the target aborts a transaction that was left open. */
const TRANSACTION_TIMEOUT = 60_000
/** A transaction is begun anew without any progress at least so often, and for the delivery timeout (ms, where none is given). */
const MOST_ATTEMPTS = 5
const PATIENCE = 300_000
/** Ms that an interrupted run gives what is under way before it cuts the connections. */
const SETTLING_TIME = 15_000

/** The copy of a restore: from opening the topics to the complete map. */
export class CopyPhase {
  readonly #phase: Phase

  constructor(phase: Phase) {
    this.#phase = phase
  }

  /** Opens the topics, reads back what an earlier run has left, copies, and makes it all durable. */
  async run(): Promise<void> {
    const { job, context, reader } = this.#phase.environment
    const state = this.#phase.state
    if (!this.#phase.journal) {
      await writeRecord(this.#phase.environment.stateStore, { ...state.header, jobHash: jobHash(job) })
      await state.save()
    }
    context.progress.phase('prepare')
    const before = new Set(
      state
        .topics()
        .filter(isOpen)
        .map(({ target }) => target),
    )
    const failed = await openTargets(this.#phase)
    const lanes = openLanes(this.#phase)
    state.update({ stage: 'opened' })
    const transactions =
      job.window?.mode === 'transaction'
        ? await scanTransactions(reader, this.#phase.made.plan, job.window, this.#phase.signal)
        : undefined
    if (transactions) this.#phase.notices.push(...transactions.notices)
    const { clock } = context
    let fruitless = 0
    let since = clock.monotonic()
    for (let first = true; ; first = false) {
      const earlier = lanes.filter(({ lane }) => !first || before.has(lane.target))
      const landed = this.#landed()
      const broken = await this.#copyOnce(earlier, failed, transactions?.choice)
      this.#phase.signal.throwIfAborted()
      if (!broken) break
      // In one transaction all fail together: the topic that is to blame is left out, and the rest is sent anew.
      const { topic } = broken.details
      const blamed =
        !broken.retriable &&
        !concernsTransaction(broken) &&
        topic !== undefined &&
        this.#phase.made.plan.topics.some(({ target }) => target === topic)
      if (blamed) failed.set(topic, broken)
      else if (this.#landed() > landed) {
        fruitless = 0
        since = clock.monotonic()
      } else fruitless++
      const patience = this.#phase.environment.cluster.options.deliveryTimeout ?? PATIENCE
      if (fruitless >= MOST_ATTEMPTS && clock.monotonic() - since > patience) throw broken
      if (fruitless > 0) await clock.sleep(Math.min(1000, 100 * fruitless), this.#phase.signal)
    }
    await this.#copied(failed)
  }

  /** Records that count so far. */
  #landed(): bigint {
    return [...this.#phase.state.lanes.values()]
      .flatMap((lane) => lane.landed)
      .reduce((sum, { records }) => sum + records, 0n)
  }

  /**
   * Reads back what was sent `earlier`, and copies the rest. Answers with the error that broke a transaction, and with it all lanes;
   * otherwise the topics that could not be copied are added to `failed`.
   */
  async #copyOnce(
    earlier: readonly LaneState[],
    failed: Map<string, TidemarkError>,
    choice: TransactionScan['choice'] | undefined,
  ): Promise<TidemarkError | undefined> {
    const { job, context, cluster, reader } = this.#phase.environment
    const { clock, progress } = context
    const state = this.#phase.state
    const transactional =
      job.delivery === 'transactions'
        ? { id: `tidemark-restore-${state.header.restoreId}`, timeoutMs: TRANSACTION_TIMEOUT }
        : undefined
    if (transactional) state.update({ producer: await cluster.initProducerId(transactional) })
    const identity = state.header.producer ?? (await cluster.initProducerId())
    state.update({ producer: identity })
    for (const lane of state.lanes.values()) lane.own(identity)
    const begun = earlier.filter(({ done, lane }) => !done && !failed.has(lane.target))
    const back =
      begun.length === 0
        ? { found: new Map(), failed: new Map() }
        : await readBack({
            cluster,
            lanes: begun,
            topic: (target) => state.topic(target),
            settleMs: job.settleMs,
            transactions: transactional !== undefined,
            clock,
            signal: this.#phase.signal,
          })
    for (const [topic, error] of back.failed) failed.set(topic, error)
    if (!transactional) {
      // What could not be read back is not gone on with, and has no new epoch.
      this.#raiseEpochs(
        begun.filter(({ lane }) => !failed.has(lane.target)),
        back.found,
      )
    }
    await state.save()
    progress.phase('copy', {
      bytes: this.#phase.made.plan.bytes,
      records: this.#phase.made.plan.records,
      partitions: [...state.lanes.values()].reduce((sum, { lane }) => sum + lane.outputs.length, 0),
    })
    const producer = new Producer(cluster, {
      identity,
      ...(transactional && { transactional }),
      settleMs: job.settleMs,
      memory: Math.max(4 << 20, Math.floor(job.memory * 0.2)),
    })
    const pump = transactional && new TransactionPump(producer, clock)
    const cut = setTimeoutOnAbort(this.#phase.signal, SETTLING_TIME, () => void producer.close())
    const checkpoints = new Checkpoints(state, clock)
    const stops = [this.#phase.signal, checkpoints.failed, ...(pump ? [pump.broken] : [])]
    try {
      const failures = await copyLanes({
        job,
        plan: this.#phase.made.plan,
        state,
        reader,
        producer,
        pump,
        recovered: back.found,
        skip: new Set(failed.keys()),
        transactions: choice,
        clock,
        progress,
        signal: AbortSignal.any(stops),
      })
      await pump?.end().catch(() => {})
      if (pump?.broken.aborted) return asTidemark(pump.broken.reason)
      for (const [topic, error] of failures) failed.set(topic, error)
      await this.#lookOnceMore(failed)
    } finally {
      cut[Symbol.dispose]()
      await producer.close()
      await checkpoints.stop()
    }
    return undefined
  }

  /** Looks for batches that have arrived too late where all seems to be done; topics that have any are added to `failed`. */
  async #lookOnceMore(failed: Failures): Promise<void> {
    const { environment, state, signal } = this.#phase
    if (signal.aborted || environment.job.delivery === 'transactions') return
    // Where an earlier run has put the final settings in force it has looked; since then records may be gone.
    const lanes = [...state.lanes.values()].filter(
      ({ done, lane }) => done && !failed.has(lane.target) && state.topic(lane.target)?.settled === false,
    )
    const exclusive = (target: string) => state.topic(target)?.exclusive ?? false
    const late = await findLate({ cluster: environment.cluster, lanes, exclusive, signal })
    for (const [topic, error] of late) failed.set(topic, error)
  }

  /** A run that goes on sends under higher epochs than any before it. */
  #raiseEpochs(lanes: readonly LaneState[], found: ReadBack['found']): void {
    for (const lane of lanes) {
      const own = found.get(lane.lane.key) ?? []
      const highest = own.flat().map((batch) => batch.epoch)
      const epoch = Math.max(...highest, ...lane.landed.map((landed) => landed.epoch)) + EPOCH_STRIDE
      if (epoch > LAST_EPOCH) {
        throw new TidemarkError(
          'TARGET_CHANGED',
          'This restore was interrupted more often than it can be continued',
          {
            hint: 'Delete its target topics and begin anew, under another restore_id.',
          },
        )
      }
      lane.raiseEpoch(epoch, own)
    }
  }

  async #copied(failed: ReadonlyMap<string, TidemarkError>): Promise<void> {
    const state = this.#phase.state
    for (const { target } of state.topics()) {
      const error = failed.get(target)
      state.updateTopic(target, { failure: error && { code: error.code, message: error.message } })
    }
    if (failed.size === 0) state.update({ stage: 'copied' })
    await state.save()
    const [first] = failed.values()
    if (first && failed.size === this.#phase.made.plan.topics.length) throw first
  }
}

function asTidemark(error: unknown): TidemarkError {
  if (error instanceof TidemarkError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new TidemarkError('INTERNAL', `A transaction could not be committed: ${message}`, { cause: error })
}

/** Calls `work` some time after the signal has aborted, unless disposed before. */
function setTimeoutOnAbort(signal: AbortSignal, ms: number, work: () => void): Disposable {
  let timer: NodeJS.Timeout | undefined
  const onAbort = () => {
    timer = setTimeout(work, ms)
  }
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  return {
    [Symbol.dispose]() {
      signal.removeEventListener('abort', onAbort)
      clearTimeout(timer)
    },
  }
}
