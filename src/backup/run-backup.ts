import { type BackupWriter, chunkMemory, openBackupWriter, type PartitionState } from '../archive/index.ts'
import { isTidemarkError, TidemarkError } from '../base/index.ts'
import {
  type Cluster,
  connectCluster,
  type FetchAssignment,
  Fetcher,
  type ListedOffset,
  type OffsetSpec,
  type TopicInfo,
  type TopicPartition,
} from '../kafka/index.ts'
import type { JobContext } from '../storage/index.ts'
import { captureGroups } from './capture-groups.ts'
import { describeTopics } from './describe-topics.ts'
import { Intake } from './intake.ts'
import type { BackupJob, BackupNotice, BackupReport } from './job.ts'
import { PartitionLedger } from './partition-ledger.ts'
import { positionsAhead, unstablePositions } from './position-notices.ts'
import { selectTopics, topicChooser } from './selection.ts'
import { startOffsets } from './start-offsets.ts'

/** Share of the memory that received responses may take; gathered pieces have the rest. */
const receivingShare = 0.6

/**
 * Runs a backup to the end offsets taken at its start, or on and on when `continuous`. Whatever way it ends, what the last commit
 * holds stays; running it again goes on from there. Rejects with BACKUP_IN_USE, SOURCE_MISMATCH, TOPIC_NOT_FOUND and
 * the errors of the rooms below. An abort of the signal commits what has been received and answers `interrupted`.
 */
export async function runBackup(job: BackupJob, context: JobContext): Promise<BackupReport> {
  await using cluster = await connectCluster(job.source, {
    signal: context.signal,
    telemetry: context.telemetry,
  })
  // A job that cannot be done says so before anything is made in the archive.
  selectTopics(job, await cluster.topics(undefined, { signal: context.signal }))
  await using writer = await openBackupWriter(
    context.store,
    job.backupId,
    {
      sourceClusterId: cluster.clusterId,
      ...(job.sourceName !== undefined && { sourceName: job.sourceName }),
      codec: job.codec,
      ...(job.level !== undefined && { level: job.level }),
      objectBytes: job.objectBytes,
      ...(job.packBelow !== undefined && { packBelow: job.packBelow }),
    },
    context,
  )
  return await new BackupRun(job, context, cluster, writer).run()
}

class BackupRun {
  readonly #job: BackupJob
  readonly #context: JobContext
  readonly #cluster: Cluster
  readonly #writer: BackupWriter
  readonly #intake: Intake
  readonly #notices = new Map<string, BackupNotice>()
  readonly #broken = new AbortController()
  readonly #states = new Map<string, PartitionState>()
  readonly #described: Map<string, NonNullable<ReturnType<BackupWriter['topics']['get']>>>
  #topics: readonly TopicInfo[] = []
  #groups = 0
  #lastCut: number
  #lastCapture = Number.NEGATIVE_INFINITY
  /** Partitions that this pass could not copy to their end. */
  readonly #incomplete = new Set<string>()

  constructor(job: BackupJob, context: JobContext, cluster: Cluster, writer: BackupWriter) {
    this.#job = job
    this.#context = context
    this.#cluster = cluster
    this.#writer = writer
    this.#described = new Map(writer.topics)
    this.#lastCut = context.clock.monotonic()
    for (const state of writer.states) this.#states.set(stateKey(state), state)
    this.#intake = new Intake({
      writer,
      isolation: job.isolation,
      clock: context.clock,
      progress: context.progress,
      memory: Math.floor(job.memory * (1 - receivingShare)),
      commitBytes: job.commitBytes,
      notice: (notice) => this.#notice(notice),
      gaveUp: (partition, error) => this.#gaveUp(partition, error),
      failed: (error) => this.#broken.abort(error),
    })
  }

  async run(): Promise<BackupReport> {
    const started = this.#context.clock.monotonic()
    const stop = AbortSignal.any([this.#context.signal, this.#broken.signal])
    const timer = setInterval(() => this.#commitIfDue(), Math.min(1000, this.#job.commitInterval))
    try {
      do await this.#pass(stop)
      while (this.#job.continuous && !stop.aborted && (await this.#pause(stop)))
    } catch (error) {
      if (!this.#context.signal.aborted || this.#broken.signal.aborted) {
        await this.#keepWhatCame()
        throw this.#broken.signal.aborted ? this.#broken.signal.reason : error
      }
    } finally {
      clearInterval(timer)
    }
    if (this.#broken.signal.aborted) throw this.#broken.signal.reason
    const interrupted = this.#context.signal.aborted
    if (interrupted) await this.#intake.commit()
    return this.#report(interrupted, this.#context.clock.monotonic() - started)
  }

  /** One pass: positions first, then end offsets, then everything up to them, then the commit. */
  async #pass(signal: AbortSignal): Promise<void> {
    const { clock, progress } = this.#context
    const selected = selectTopics(this.#job, await this.#cluster.topics(undefined, { signal }))
    for (const notice of selected.notices) this.#notice(notice)
    this.#compareTopics(selected.topics)
    this.#topics = selected.topics
    this.#incomplete.clear()
    const names = new Set(selected.topics.map((topic) => topic.name))
    const due = this.#due()
    const positions =
      this.#job.captureGroups && due
        ? await captureGroups(this.#cluster, names, clock.now(), signal)
        : undefined
    for (const failure of positions?.failed ?? []) {
      this.#notice({ type: 'group-failed', group: failure.group, message: failure.error })
    }
    for (const notice of unstablePositions(positions)) this.#notice(notice)
    const described = await describeTopics(this.#cluster, selected.topics, this.#described, this.#job, signal)
    for (const notice of described.notices) this.#notice(notice)
    const assignments = await this.#assign(selected.topics, signal)
    progress.phase('copy', { partitions: assignments.length, records: expectedRecords(assignments) })
    await this.#copy(assignments, signal)
    if (signal.aborted && this.#context.signal.aborted) {
      await this.#intake.commit({ topics: described.changed, ...(positions && { positions }) })
      return
    }
    this.#broken.signal.throwIfAborted()
    if (!due && described.changed.length === 0) return
    await this.#intake.commit({
      topics: described.changed,
      ...(positions && { positions }),
      final: this.#incomplete.size === 0,
    })
    for (const topic of described.changed) this.#described.set(topic.name, topic)
    if (positions) {
      this.#groups = positions.groups.length
      this.#lastCapture = clock.monotonic()
    }
    const copiedTo = (topic: string, partition: number) => this.#intake.ledger({ topic, partition })?.next
    for (const notice of positionsAhead(positions, copiedTo)) this.#notice(notice)
    this.#lastCut = clock.monotonic()
  }

  async #copy(assignments: readonly FetchAssignment[], signal: AbortSignal): Promise<void> {
    const fetcher = new Fetcher(
      this.#cluster,
      {
        isolation: this.#job.isolation,
        memory: Math.floor(this.#job.memory * receivingShare),
        maxBytes: this.#job.fetchMaxBytes,
        // Hashed in another thread without a copy.
        allocate: chunkMemory,
      },
      this.#intake,
    )
    for (const assignment of assignments) fetcher.add(assignment)
    try {
      await fetcher.run(signal)
    } catch (error) {
      if (!this.#context.signal.aborted) throw error
    }
    await this.#intake.settled()
  }

  /** What to fetch: from where the backup stands to the end that the source has now. */
  async #assign(topics: readonly TopicInfo[], signal: AbortSignal): Promise<FetchAssignment[]> {
    const partitions = topics.flatMap((topic) =>
      topic.partitions.map(({ partition }) => ({ topic: topic.name, topicId: topic.id, partition })),
    )
    const stable = this.#job.isolation === 'read_committed'
    const asked = partitions.map(({ topic, partition }) => ({ topic, partition }))
    const list = async (at: OffsetSpec): Promise<ReadonlyMap<string, bigint>> => {
      const { done, failed } = await this.#cluster.tryListOffsets(
        asked.map((place) => ({ ...place, at })),
        { signal },
      )
      // One topic that is being deleted, or has no leader, does not stop the others.
      for (const { item, error } of failed) this.#gaveUp(item, error)
      return offsets(done)
    }
    const [startOf, endOf, latest] = await Promise.all([
      list('earliest'),
      list(stable ? 'last-stable' : 'latest'),
      stable ? list('latest') : undefined,
    ])
    const highOf = latest ?? endOf
    // A choice of where to begin is for topics that the backup does not hold at all: of those it holds, nothing is skipped.
    const held = new Set([...this.#states.values()].map(({ topic }) => topic))
    const fresh = partitions.filter(({ topic }) => !held.has(topic))
    const beginnings = await startOffsets(this.#cluster, this.#job.startAt, fresh, startOf, endOf, signal)
    const assignments: FetchAssignment[] = []
    for (const partition of partitions) {
      const name = `${partition.topic}/${partition.partition}`
      const logStart = startOf.get(name)
      const end = endOf.get(name)
      if (logStart === undefined || end === undefined) continue
      const state = this.#states.get(stateKey(partition))
      const known = this.#intake.ledger(partition)
      const ledger =
        known?.topicId === partition.topicId && known !== undefined
          ? known
          : new PartitionLedger({
              ...partition,
              next: state?.next ?? beginnings.get(name) ?? logStart,
              leaderEpoch: state?.leaderEpoch ?? -1,
              fresh: state === undefined,
            })
      this.#intake.open(ledger)
      if (!state) {
        this.#states.set(stateKey(partition), {
          ...partition,
          next: ledger.next,
          leaderEpoch: ledger.leaderEpoch,
        })
      }
      ledger.bounds(logStart, end)
      const high = highOf.get(name) ?? end
      if (stable && high > end)
        await this.#noteOpenTransaction(partition.topic, partition.partition, end, high)
      assignments.push({ ...partition, from: ledger.next, stop: end, lastFetchedEpoch: ledger.leaderEpoch })
    }
    return assignments
  }

  /** A topic that was deleted, or deleted and created again, since the backup's newest commit. */
  #compareTopics(topics: readonly TopicInfo[]): void {
    const now = new Map(topics.map((topic) => [topic.name, topic]))
    const chosen = topicChooser(this.#job)
    for (const [name, before] of this.#described) {
      const topic = now.get(name)
      if (!topic && chosen(name, false)) {
        if (this.#hasEnded(name, before.topicId)) continue
        this.#notice({ type: 'topic-lost', topic: name })
        this.#endGeneration(name, before.topicId, 'lost')
      } else if (topic?.id !== undefined && topic.id !== before.topicId) {
        // Also where the backup knows no id yet: brokers that have begun to give ids, or another topic.
        this.#notice({ type: 'topic-recreated', topic: name, oldId: before.topicId, newId: topic.id })
        this.#endGeneration(name, before.topicId, 'recreated')
      }
    }
  }

  /** Whether an earlier run has found this already: it is told once. */
  #hasEnded(topic: string, topicId: string | undefined): boolean {
    const states = [...this.#states.values()].filter((s) => s.topic === topic && s.topicId === topicId)
    return states.length > 0 && states.every((state) => state.ended !== undefined)
  }

  /** What the old generation held beyond our last offset is gone, and nobody can say how much it was: a gap of unknown length. */
  #endGeneration(topic: string, topicId: string | undefined, reason: 'lost' | 'recreated'): void {
    for (const state of this.#states.values()) {
      if (state.topic !== topic || state.topicId !== topicId || state.ended !== undefined) continue
      const copied = this.#intake.ledger(state)
      const next = copied && copied.topicId === topicId ? copied.next : state.next
      const ledger = new PartitionLedger({ ...state, next, fresh: false })
      ledger.gap({ from: next, to: next }, reason, this.#context.clock.now())
      this.#intake.open(ledger)
      this.#states.set(stateKey(state), { ...state, ended: reason })
    }
  }

  async #noteOpenTransaction(topic: string, partition: number, stable: bigint, high: bigint): Promise<void> {
    const open = await this.#cluster.openTransactions({ topic, partition }).catch(() => undefined)
    // The two ends were asked for one after the other: records that came in between are no transaction.
    if (open?.length === 0) return
    const [oldest] = [...(open ?? [])].sort((a, b) => Number(a.startOffset - b.startOffset))
    this.#notice({
      type: 'open-transaction',
      topic,
      partition,
      producerId: oldest?.producerId,
      lastStableOffset: stable,
      highWatermark: high,
    })
  }

  #due(): boolean {
    if (!this.#job.continuous || this.#intake.totals.commits === 0) return true
    const last = this.#job.captureGroups ? this.#lastCapture : this.#lastCut
    return this.#context.clock.monotonic() - last >= this.#job.commitInterval
  }

  #commitIfDue(): void {
    const { clock } = this.#context
    if (clock.monotonic() - this.#lastCut < this.#job.commitInterval) return
    this.#lastCut = clock.monotonic()
    this.#intake.commit().catch((error: unknown) => this.#broken.abort(error))
  }

  /** A run that fails for a reason of the source's keeps what it has received: the next one goes on from there. */
  async #keepWhatCame(): Promise<void> {
    if (this.#broken.signal.aborted) return
    await this.#intake.settled()
    await this.#intake.commit().catch((error: unknown) => {
      this.#context.telemetry.log('warn', 'what had been received could not be committed', {
        error: String(error),
      })
    })
  }

  async #pause(signal: AbortSignal): Promise<boolean> {
    await this.#context.clock.sleep(this.#job.pollInterval, signal).catch(() => {})
    return !signal.aborted
  }

  /** A partition that is not copied to its end in this pass; a topic that is gone is told by the next look at the topics. */
  #gaveUp({ topic, partition }: TopicPartition, error: Error): void {
    this.#incomplete.add(`${topic}/${partition}`)
    const hint = isTidemarkError(error) && error.hint !== undefined ? `. ${error.hint}` : ''
    this.#notice({
      type: 'partition-failed',
      topic,
      partition,
      code: isTidemarkError(error) ? error.code : 'INTERNAL',
      message: `${error.message}${hint}`,
    })
  }

  #notice(notice: BackupNotice): void {
    const fixed = noticeKey(notice)
    if (!this.#notices.has(fixed)) this.#context.telemetry.log('warn', notice.type, { ...notice })
    this.#notices.set(fixed, notice)
  }

  #report(interrupted: boolean, durationMs: number): BackupReport {
    const { totals } = this.#intake
    if (!interrupted && totals.commits === 0) {
      throw new TidemarkError('INTERNAL', 'The run ended without a commit')
    }
    return {
      backupId: this.#job.backupId,
      runId: this.#writer.runId,
      sourceClusterId: this.#cluster.clusterId,
      commits: totals.commits,
      lastCommit: totals.lastCommit,
      topics: this.#topics.length,
      partitions: this.#topics.reduce((sum, topic) => sum + topic.partitions.length, 0),
      records: totals.records,
      rawBytes: totals.rawBytes,
      storedBytes: totals.storedBytes,
      abortedRecordsDropped: totals.abortedRecords,
      groups: this.#groups,
      notices: [...this.#notices.values()],
      interrupted,
      durationMs,
    }
  }
}

/** What moves while a run goes on is told once for each place, as it is in the end; gaps each for itself. */
function noticeKey(notice: BackupNotice): string {
  const place = { topic: undefined, partition: undefined, group: undefined, ...notice }
  const one = [notice.type, place.topic, place.partition, place.group]
  return JSON.stringify(
    notice.type === 'gap' ? [...one, notice.reason, String(notice.from), String(notice.to)] : one,
  )
}

/** Generations of a topic are told apart by its id. */
function stateKey(state: {
  readonly topic: string
  readonly topicId: string | undefined
  readonly partition: number
}): string {
  return `${state.topic}/${state.topicId ?? ''}/${state.partition}`
}

function offsets(listed: readonly ListedOffset[]): ReadonlyMap<string, bigint> {
  const found = new Map<string, bigint>()
  for (const { topic, partition, offset } of listed) {
    if (offset !== undefined) found.set(`${topic}/${partition}`, offset)
  }
  return found
}

/** At most this many: compaction and aborted data make it fewer. */
function expectedRecords(assignments: readonly FetchAssignment[]): number {
  return assignments.reduce((sum, { from, stop }) => sum + Math.max(0, Number((stop ?? from) - from)), 0)
}
