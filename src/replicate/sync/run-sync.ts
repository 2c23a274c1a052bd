import { type Clock, isTidemarkError, type Telemetry, type TidemarkError } from '../../base/index.ts'
import type { Cluster } from '../../kafka/index.ts'
import { connectBoth } from '../connect-both.ts'
import { validateTopics } from '../control/own-topic-settings.ts'
import type { MapRetention } from '../map-topic/map-line.ts'
import { CommitAges, offsetsRetention } from './commit-ages.ts'
import { ensureTopic } from './control-topics.ts'
import type { SyncJob } from './job.ts'
import { CheckpointWriter } from './mm2-checkpoints.ts'
import { readSourceGroups, type SourceGroups } from './read-groups.ts'
import { RecordWriter } from './record-writer.ts'
import { type RoundReport, syncRound } from './round.ts'
import { TargetMemory } from './target-memory.ts'
import { RoundTeller } from './tell-round.ts'

export interface SyncContext {
  readonly signal: AbortSignal
  readonly telemetry: Telemetry
  readonly clock: Clock
  /** After each round that went through. */
  readonly onRound?: (report: RoundReport) => void
  /** A round failed in passing; the next one may go through. */
  readonly onTrouble?: (error: TidemarkError) => void
  /** Ends after the first round that went through. */
  readonly once?: boolean
}

/** What the sync did until it ended. */
export interface SyncReport {
  readonly rounds: number
  readonly committed: number
  readonly last: RoundReport | undefined
  readonly interrupted: boolean
}

/**
 * Keeps groups in step until the signal. Rejects with CONFIG_INVALID or TOPIC_NOT_FOUND before any work, with GROUP_ACTIVE or
 * MAPPING_CONFLICT where the job asks for it, and with whatever will not pass by itself. What may pass is logged, and tried again in the next round.
 */
export async function runSync(job: SyncJob, context: SyncContext): Promise<SyncReport> {
  const { signal, telemetry } = context
  // The round under way is finished after the signal: clusters live on until then.
  await using clusters = await connectBoth(job, context)
  const { source, target } = clusters
  signal.throwIfAborted()
  await prepareTopics(job, target, context)
  await using memory = new TargetMemory(target, {
    pipeline: job.name,
    mapTopic: job.mapTopic.name,
    controlTopic: job.controlTopic.name,
    loadTimeout: job.loadTimeout,
  })
  await using writer = new RecordWriter(target, job.controlTopic.name)
  await using checkpoints =
    job.mm2Alias === undefined ? undefined : await CheckpointWriter.open(target, job.mm2Alias)
  const retention = await offsetsRetention(target)
  if (retention === undefined) {
    telemetry.log('warn', 'offsets.retention.minutes of the target may not be read: a day is assumed')
  }
  const ages = new CommitAges(retention)
  const keeping = await mapRetention(job, target)
  const teller = new RoundTeller(telemetry)
  telemetry.log('info', `Keeping groups in step: ${source.clusterId} → ${target.clusterId}`, {
    pipeline: job.name,
    groups: job.groups.join(', '),
    every: `${job.pollInterval} ms`,
  })
  const loop = new SyncLoop(job, context, {
    source,
    target,
    memory,
    writer,
    ages,
    checkpoints,
    keeping,
    teller,
  })
  return await loop.run()
}

interface LoopParts {
  readonly source: Cluster
  readonly target: Cluster
  readonly memory: TargetMemory
  readonly writer: RecordWriter
  readonly ages: CommitAges
  readonly checkpoints: CheckpointWriter | undefined
  readonly keeping: MapRetention
  readonly teller: RoundTeller
}

class SyncLoop {
  readonly #job: SyncJob
  readonly #context: SyncContext
  readonly #parts: LoopParts
  #known: SourceGroups = { groups: [], failed: [] }
  #trimmed = Number.NEGATIVE_INFINITY
  #rounds = 0
  #committed = 0
  #last: RoundReport | undefined

  constructor(job: SyncJob, context: SyncContext, parts: LoopParts) {
    this.#job = job
    this.#context = context
    this.#parts = parts
  }

  async run(): Promise<SyncReport> {
    const { signal, clock, once } = this.#context
    while (!signal.aborted) {
      const started = clock.monotonic()
      const went = await this.#attempt(started)
      if (went && once) break
      const rest = this.#job.pollInterval - (clock.monotonic() - started)
      // Stopped in the pause: nothing is under way.
      await clock.sleep(Math.max(0, rest), signal).catch(() => {})
    }
    const interrupted = signal.aborted
    return { rounds: this.#rounds, committed: this.#committed, last: this.#last, interrupted }
  }

  async #attempt(started: number): Promise<boolean> {
    const { telemetry, clock, onRound, onTrouble } = this.#context
    try {
      const { report, failure } = await this.#round()
      this.#last = report
      this.#committed += this.#parts.teller.tell(report, (clock.monotonic() - started) / 1000)
      // What was known of the source has been kept alive on the target; that the source is silent is still a failure.
      if (failure !== undefined) throw failure
      this.#rounds++
      telemetry.count('sync_rounds', 1)
      onRound?.(report)
      return true
    } catch (error) {
      if (!isTidemarkError(error) || !mayPass(error)) throw error
      telemetry.log('error', `The round failed: ${error.message}`, { code: error.code })
      onTrouble?.(error)
      return false
    }
  }

  async #round(): Promise<{ readonly report: RoundReport; readonly failure: TidemarkError | undefined }> {
    const { source, target, memory, writer, ages, checkpoints } = this.#parts
    const { telemetry, clock } = this.#context
    const before = memory.read
    const { found, failure } = await this.#readSource()
    const report = await syncRound(found, {
      job: this.#job,
      source,
      target,
      memory,
      writer,
      ages,
      clock,
      telemetry,
      // A round that has begun is finished.
      signal: undefined,
    })
    telemetry.count('mapping_records_read', memory.read.records - before.records)
    telemetry.count('mapping_bytes_read', memory.read.bytes - before.bytes)
    await checkpoints?.write(report.outcomes)
    this.#trim()
    return { report, failure }
  }

  /** A source that does not answer: its groups as they were last, so that their commits do not expire on the target. */
  async #readSource(): Promise<{
    readonly found: SourceGroups
    readonly failure: TidemarkError | undefined
  }> {
    try {
      this.#known = await readSourceGroups(this.#parts.source, this.#job.groups)
      return { found: this.#known, failure: undefined }
    } catch (error) {
      if (!isTidemarkError(error) || !mayPass(error)) throw error
      return { found: { ...this.#known, stale: true }, failure: error }
    }
  }

  #trim(): void {
    const now = this.#context.clock.now()
    if (now - this.#trimmed < this.#job.mapKeeping.schedule) return
    this.#trimmed = now
    this.#parts.memory.trim(now, this.#parts.keeping)
  }
}

async function prepareTopics(
  job: SyncJob,
  target: Cluster,
  { clock, signal, telemetry }: SyncContext,
): Promise<void> {
  const options = { checks: job.creationChecks, clock, signal, telemetry }
  await ensureTopic(target, job.controlTopic, { ...options, kind: 'control' })
  await ensureTopic(target, job.mapTopic, { ...options, kind: 'map' })
  if (!job.validateTopics) return
  await validateTopics(target, [
    { name: job.controlTopic.name, kind: 'compacted' },
    { name: job.mapTopic.name, kind: 'history' },
  ])
}

/** `topic`: as long as the mapping topic keeps its records. */
async function mapRetention({ mapKeeping, mapTopic }: SyncJob, target: Cluster): Promise<MapRetention> {
  const { count, time } = mapKeeping
  if (time !== 'topic') return { count, time }
  const configs = (await target.topicConfigs([mapTopic.name])).get(mapTopic.name) ?? []
  const ms = Number(configs.find(({ name }) => name === 'retention.ms')?.value ?? -1)
  return { count, time: ms > 0 ? ms : undefined }
}

/** Errors that waiting may cure: the clusters may be back in the next round. */
function mayPass({ code }: TidemarkError): boolean {
  return passing.has(code)
}

const passing = new Set<string>([
  'BROKER_UNREACHABLE',
  'BROKER_ERROR',
  'REQUEST_TIMEOUT',
  'CONNECTION_LOST',
  'POSITION_NOT_KEPT',
])
