import { TidemarkError } from '../../base/index.ts'
import { Producer } from '../../kafka/index.ts'
import type { MapSet } from '../../offsets/index.ts'
import { copyLanes } from '../copy/copy-lanes.ts'
import { type ReadBack, readBack } from '../copy/read-back.ts'
import { scanTransactions } from '../copy/transaction-scan.ts'
import type { RestoredPositions, RestoreNotice, RestoreReport } from '../job.ts'
import { derivedRestoreId, hashOf, jobShape } from '../plan/plan-hash.ts'
import type { RestorePlan } from '../plan/plan-types.ts'
import { applyPositions } from '../positions/apply-positions.ts'
import { type JournalContent, JournalWriter, readJournal } from '../state/journal.ts'
import type { JournalHeader } from '../state/journal-types.ts'
import { LaneState } from '../state/lane-state.ts'
import { Lock } from '../state/lock.ts'
import { restorePrefix, writeRecord } from '../state/restore-record.ts'
import { RestoreState } from '../state/restore-state.ts'
import type { RestoredFacts } from '../topics/decide-settings.ts'
import { isOpen, openTopics, preparedTopics } from '../topics/open-topics.ts'
import { clusterDefaults, settleTopic } from '../topics/settle-topics.ts'
import { Checkpoints } from './checkpoints.ts'
import type { Environment } from './environment.ts'
import { jobHash } from './find-restore.ts'
import { findObstacles, type MadePlan, refuseObstacles } from './make-plan.ts'
import { stateReport } from './report.ts'

/** How much an epoch grows from one run to the next: late batches of the last run never have the epoch of this one. */
const EPOCH_STRIDE = 2
const LAST_EPOCH = 32_700
/** Ms that an interrupted run gives what is under way before it cuts the connections. */
const SETTLING_TIME = 15_000

/** What a restore has done: its report, and the maps of the topics that were copied whole. */
export interface RunOutcome {
  readonly report: RestoreReport
  readonly maps: MapSet | undefined
}

/** Runs a planned restore, or goes on with one that was begun: steps 3 to 7 of `docs/restore.md`. */
export async function executePlan(environment: Environment, made: MadePlan): Promise<RunOutcome> {
  const { job, context, cluster, stateStore, reader } = environment
  const started = context.clock.monotonic()
  const known = environment.journal
  const restoreId =
    known?.header.restoreId ?? job.restoreId ?? derivedRestoreId(job, reader.commit, cluster.clusterId)
  const prefix = restorePrefix(job.backupId, restoreId)
  if (!known) refuseObstacles(await findObstacles(environment, made.plan))
  await using lock = await Lock.take(prefix, {
    store: stateStore,
    clock: context.clock,
    signal: context.signal,
    onWait: (owner, ms) => {
      const seconds = Math.round(ms / 1000)
      context.telemetry.log(
        'warn',
        `This restore may be under way elsewhere (${owner}): waiting ${seconds} s to see`,
      )
    },
  })
  // Whoever had the lock before may have come further since we looked.
  const journal = await readJournal(stateStore, prefix)
  if (journal && journal.header.planHash !== made.plan.hash) {
    throw new TidemarkError('RESTORE_MISMATCH', `The restore ${restoreId} was begun with another plan`, {
      hint: 'Run it with the configuration that it was begun with, or choose another restore_id.',
    })
  }
  const writer = await JournalWriter.open(stateStore, prefix, lock)
  const header = journal?.header ?? newHeader(restoreId, environment, made)
  const state = new RestoreState(header, writer, context.clock)
  const run = new RestoreRun(environment, made, state, lock, journal)
  return await run.run(started)
}

function newHeader(restoreId: string, { job, context, reader }: Environment, made: MadePlan): JournalHeader {
  const { plan, facts } = made
  const now = context.clock.now()
  return {
    version: 1,
    restoreId,
    backupId: job.backupId,
    commit: reader.commit,
    sourceClusterId: plan.sourceClusterId,
    sourceName: plan.sourceName,
    targetClusterId: plan.targetClusterId,
    jobHash: jobHash(job),
    planHash: plan.hash,
    shape: jobShape(job),
    created: now,
    updated: now,
    stage: 'prepared',
    facts,
    producer: undefined,
    topics: preparedTopics(plan, facts),
    lanes: [],
    groupsAsked: undefined,
    notices: plan.notices,
  }
}

class RestoreRun {
  readonly #environment: Environment
  readonly #plan: RestorePlan
  readonly #made: MadePlan
  readonly #state: RestoreState
  readonly #journal: JournalContent | undefined
  readonly #notices: RestoreNotice[] = []
  /** Aborts when the run must end: interrupted, or the lock lost. */
  readonly #signal: AbortSignal
  readonly #lock: Lock

  constructor(
    environment: Environment,
    made: MadePlan,
    state: RestoreState,
    lock: Lock,
    journal: JournalContent | undefined,
  ) {
    this.#environment = environment
    this.#made = made
    this.#plan = made.plan
    this.#state = state
    this.#journal = journal
    this.#lock = lock
    this.#signal = AbortSignal.any([environment.context.signal, lock.lost])
  }

  async run(started: number): Promise<RunOutcome> {
    const { job, context } = this.#environment
    const header = this.#state.header
    const groupsAsked = hashOf(job.groups)
    const wantsPositions = this.#made.groups !== undefined && header.groupsAsked !== groupsAsked
    const alreadyDone = header.stage === 'done' && !wantsPositions
    let positions: RestoredPositions | undefined
    let interrupted = false
    try {
      // From the start, so that nothing that is saved on the way forgets what the journal knew.
      this.#openLanes()
      if (!alreadyDone) {
        if (header.stage === 'prepared' || header.stage === 'opened') await this.#copy()
        if (this.#made.groups && wantsPositions) positions = await this.#positions(groupsAsked)
        if (this.#state.header.stage !== 'done') await this.#settle()
      }
    } catch (error) {
      if (this.#lock.lost.aborted) throw this.#lock.lost.reason
      if (!context.signal.aborted) throw error
      interrupted = true
      await this.#state.save()
    }
    const report = stateReport({
      state: this.#state,
      resumed: this.#journal !== undefined,
      alreadyDone,
      interrupted,
      positions,
      notices: this.#notices,
      durationMs: context.clock.monotonic() - started,
    })
    const copied = this.#state.header.stage !== 'prepared'
    return { report, maps: copied ? this.#state.mapSet((lane) => lane.done) : undefined }
  }

  /** Opens the topics, reads back what an earlier run has left, copies, and makes it all durable. */
  async #copy(): Promise<void> {
    const { job, context, cluster, reader } = this.#environment
    const { clock, progress } = context
    const state = this.#state
    if (!this.#journal) {
      await writeRecord(this.#environment.stateStore, { ...state.header, jobHash: jobHash(job) })
      await state.save()
    }
    progress.phase('prepare')
    const before = new Set(state.header.topics.filter(isOpen).map(({ target }) => target))
    const failed = await this.#open()
    const lanes = this.#openLanes()
    const begun = lanes.filter(
      ({ done, lane }) => !done && before.has(lane.target) && !failed.has(lane.target),
    )
    const back =
      begun.length === 0
        ? { found: new Map(), failed: new Map() }
        : await readBack({
            cluster,
            lanes: begun,
            topic: (target) => state.topic(target),
            settleMs: job.settleMs,
            clock,
            signal: this.#signal,
          })
    for (const [topic, error] of back.failed) failed.set(topic, error)
    this.#raiseEpochs(begun, back.found)
    state.update({ stage: 'opened' })
    await state.save()
    const identity = state.header.producer
    if (!identity) throw new TidemarkError('INTERNAL', 'A restore was opened without a producer')
    progress.phase('copy', {
      bytes: this.#plan.bytes,
      records: this.#plan.records,
      partitions: lanes.reduce((sum, { lane }) => sum + lane.outputs.length, 0),
    })
    const transactions =
      job.window?.mode === 'transaction'
        ? await scanTransactions(reader, this.#plan, job.window, this.#signal)
        : undefined
    if (transactions) this.#notices.push(...transactions.notices)
    const producer = new Producer(cluster, {
      identity,
      settleMs: job.settleMs,
      memory: Math.max(4 << 20, Math.floor(job.memory * 0.4)),
    })
    const cut = setTimeoutOnAbort(this.#signal, SETTLING_TIME, () => void producer.close())
    const checkpoints = new Checkpoints(state, clock)
    try {
      const failures = await copyLanes({
        job,
        plan: this.#plan,
        state,
        reader,
        producer,
        recovered: back.found,
        skip: new Set(failed.keys()),
        transactions: transactions?.choice,
        clock,
        progress,
        signal: AbortSignal.any([this.#signal, checkpoints.failed]),
      })
      for (const [topic, error] of failures) failed.set(topic, error)
    } finally {
      cut[Symbol.dispose]()
      await checkpoints.stop()
      await producer.close()
    }
    this.#signal.throwIfAborted()
    await this.#copied(failed)
  }

  /** Creates or relaxes topics; answers with those that could not be. Ids and log ends go into the state. */
  async #open(): Promise<Map<string, TidemarkError>> {
    const { cluster } = this.#environment
    const state = this.#state
    const { infos, failed } = await openTopics(cluster, this.#plan, state.header.topics, {
      facts: this.#made.facts,
      signal: this.#signal,
    })
    const failures = new Map(failed.map(({ topic, error }) => [topic, error]))
    const opening = state.header.topics.filter((entry) => !isOpen(entry) && !failures.has(entry.target))
    const partitions = opening.flatMap(({ target }) =>
      (infos.get(target)?.partitions ?? []).map(({ partition }) => ({ topic: target, partition })),
    )
    const asked = partitions.map((place) => ({ ...place, at: 'latest' as const }))
    const ends = Map.groupBy(await cluster.listOffsets(asked, { signal: this.#signal }), ({ topic }) => topic)
    for (const { target } of opening) {
      const byPartition = [...(ends.get(target) ?? [])].sort((a, b) => a.partition - b.partition)
      state.updateTopic(target, {
        id: infos.get(target)?.id,
        ends: byPartition.map(({ offset }) => offset ?? 0n),
      })
    }
    if (!state.header.producer) state.update({ producer: await cluster.initProducerId() })
    return failures
  }

  /** The lanes of all open topics, as the journal knows them. */
  #openLanes(): readonly LaneState[] {
    const state = this.#state
    const { producer, sourceName } = state.header
    const known = new Map(this.#journal?.header.lanes.map((lane) => [lane.key, lane]))
    for (const lane of this.#plan.topics.flatMap((topic) => topic.lanes)) {
      const entry = state.topic(lane.target)
      if (!entry || !isOpen(entry) || state.lanes.has(lane.key)) continue
      const journal = known.get(lane.key)
      const { ends } = entry
      const options = {
        sourceName,
        copyStarts: lane.outputs.map((partition) => ends[partition] ?? 0n),
        producer: producer ?? { producerId: -1n, epoch: 0 },
        journal: journal && { lane: journal, blobs: this.#journal?.blobs ?? [] },
      }
      state.lanes.set(lane.key, new LaneState(lane, options))
    }
    return [...state.lanes.values()]
  }

  /** A run that goes on sends under higher epochs than any before it. */
  #raiseEpochs(lanes: readonly LaneState[], found: ReadBack['found']): void {
    for (const lane of lanes) {
      const highest = (found.get(lane.lane.key) ?? []).flat().map((batch) => batch.epoch)
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
      lane.raiseEpoch(epoch)
    }
  }

  async #copied(failed: ReadonlyMap<string, TidemarkError>): Promise<void> {
    const state = this.#state
    for (const { target } of state.header.topics) {
      const error = failed.get(target)
      state.updateTopic(target, { failure: error && { code: error.code, message: error.message } })
    }
    if (failed.size === 0) state.update({ stage: 'copied' })
    await state.save()
    const [first] = failed.values()
    if (first && failed.size === this.#plan.topics.length) throw first
  }

  async #positions(groupsAsked: string): Promise<RestoredPositions | undefined> {
    const { job, context, cluster, reader, stateStore } = this.#environment
    const { groups } = this.#made
    if (!groups) return undefined
    context.progress.phase('positions')
    const maps = this.#state.mapSet((lane) => this.#isWhole(lane.lane.target))
    const outcome = await applyPositions(groups, maps, {
      job,
      reader,
      cluster,
      store: stateStore,
      clock: context.clock,
      signal: this.#signal,
    })
    const all = outcome.applied.groups.every((group) => group.outcome === 'done')
    if (all && this.#state.header.stage !== 'opened') {
      if (this.#state.header.stage === 'copied') this.#state.update({ stage: 'positioned' })
      this.#state.update({ groupsAsked })
      await this.#state.save()
    }
    return outcome
  }

  /** Puts the final settings in force, topic by topic, for those that were copied whole. */
  async #settle(): Promise<void> {
    const { job, context, cluster } = this.#environment
    const state = this.#state
    context.progress.phase('settings')
    const defaults = await clusterDefaults(cluster)
    for (const planned of this.#plan.topics) {
      this.#signal.throwIfAborted()
      const entry = state.topic(planned.target)
      if (!entry || entry.settled || !this.#isWhole(planned.target)) continue
      const { waiting, waitingReason, notices } = await settleTopic(
        planned,
        entry,
        this.#restored(planned.target),
        {
          cluster,
          job,
          facts: this.#made.facts,
          defaults,
          now: context.clock.now(),
        },
      )
      state.updateTopic(planned.target, { settled: true, waiting, waitingReason })
      state.update({ notices: [...state.header.notices, ...notices] })
    }
    for (const { target, failure, before, created } of state.header.topics) {
      if (!failure || (!created && Object.keys(before).length === 0)) continue
      const message = `${target} keeps the settings of the copy until the restore is run again, or finished`
      this.#notices.push({ code: 'settings-of-copy', message, topic: target })
    }
    const whole = state.header.topics.every((topic) => topic.failure === undefined)
    const positioned = !this.#made.groups || state.header.groupsAsked !== undefined
    if (whole && positioned) state.update({ stage: 'done' })
    await state.save()
  }

  #isWhole(target: string): boolean {
    if (this.#state.topic(target)?.failure) return false
    const lanes = [...this.#state.lanes.values()].filter(({ lane }) => lane.target === target)
    return lanes.every((lane) => lane.done)
  }

  #restored(target: string): RestoredFacts {
    const lanes = [...this.#state.lanes.values()].filter(({ lane }) => lane.target === target)
    const oldest = Math.min(...lanes.map((lane) => lane.oldest))
    return {
      records: lanes.flatMap((lane) => lane.maps()).reduce((sum, map) => sum + map.records, 0),
      oldest: Number.isFinite(oldest) ? BigInt(oldest) : undefined,
      largestPartition: Math.max(
        0,
        ...lanes.map((lane) => lane.bytes.reduce((sum, bytes) => sum + bytes, 0)),
      ),
    }
  }
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
