import { isTidemarkError, TidemarkError } from '../../base/index.ts'
import type { Cluster } from '../../kafka/index.ts'
import type { MapRetention } from '../map-topic/map-line.ts'
import type { TurnHolder } from '../workers/turn-membership.ts'
import type { CommitAges } from './commit-ages.ts'
import type { SyncJob } from './job.ts'
import type { CheckpointWriter } from './mm2-checkpoints.ts'
import { readSourceGroups, type SourceGroups } from './read-groups.ts'
import type { RecordWriter } from './record-writer.ts'
import { type RoundReport, syncRound } from './round.ts'
import type { SyncContext, SyncReport } from './run-sync.ts'
import type { SyncTurn } from './sync-turn.ts'
import type { TargetMemory } from './target-memory.ts'
import type { RoundTeller } from './tell-round.ts'
import type { Turn } from './turn-book.ts'

export interface LoopParts {
  readonly source: Cluster
  readonly target: Cluster
  readonly turn: SyncTurn
  readonly memory: TargetMemory
  readonly writer: RecordWriter
  readonly ages: CommitAges
  readonly checkpoints: CheckpointWriter | undefined
  readonly keeping: MapRetention
  readonly teller: RoundTeller
}

/** Ms after which it is said that the group of the sync programs is not formed yet. */
const silence = 1_000

/**
 * Rounds, as long as the program has the turn; else it stands by and follows the map, so that it can take over at once.
 */
export class SyncLoop {
  readonly #job: SyncJob
  readonly #context: SyncContext
  readonly #parts: LoopParts
  #known: SourceGroups = { groups: [], failed: [] }
  #trimmed = Number.NEGATIVE_INFINITY
  #rounds = 0
  #committed = 0
  #last: RoundReport | undefined
  /** What was said last of the turn; undefined = nothing yet. */
  #told: string | undefined
  #spell = 0

  constructor(job: SyncJob, context: SyncContext, parts: LoopParts) {
    this.#job = job
    this.#context = context
    this.#parts = parts
  }

  async run(): Promise<SyncReport> {
    const { signal, clock, once } = this.#context
    while (!signal.aborted) {
      const turn = this.#parts.turn.take()
      if (turn === undefined) {
        await this.#standBy()
        continue
      }
      this.#begin(turn)
      const started = clock.monotonic()
      const outcome = await this.#attempt(turn, started)
      if (outcome === 'went' && once) break
      if (outcome === 'turn-lost') {
        await this.#parts.turn.wait(silence, signal)
        continue
      }
      const rest = this.#job.pollInterval - (clock.monotonic() - started)
      // Stopped in the pause: nothing is under way.
      await clock.sleep(Math.max(0, rest), signal).catch(() => {})
    }
    const interrupted = signal.aborted
    return { rounds: this.#rounds, committed: this.#committed, last: this.#last, interrupted }
  }

  /** Until something may have changed. Rejects with TURN_TAKEN when there is just one round to do, and another program runs on. */
  async #standBy(): Promise<void> {
    const { signal, once } = this.#context
    const { turn, memory } = this.#parts
    const { standing } = turn
    if (standing.type !== 'standby') {
      await turn.wait(silence, signal)
      if (turn.standing.type === 'unknown' && !signal.aborted) this.#tellUnknown()
      return
    }
    if (once && !standing.holder.once) throw elsewhere(this.#job.name, standing.holder)
    this.#tellStandby(standing.holder)
    try {
      await memory.refresh(signal)
      this.#trim()
      this.#context.onStandby?.()
    } catch (error) {
      if (signal.aborted) return
      this.#tellFailure('The map cannot be followed', error)
    }
    await turn.wait(this.#job.pollInterval, signal)
  }

  async #attempt(turn: Turn, started: number): Promise<'went' | 'failed' | 'turn-lost'> {
    const { telemetry, clock, onRound } = this.#context
    try {
      const { report, failure } = await this.#round(turn)
      this.#last = report
      this.#committed += this.#parts.teller.tell(report, (clock.monotonic() - started) / 1000)
      // What was known of the source has been kept alive on the target; that the source is silent is still a failure.
      if (failure !== undefined) throw failure
      this.#rounds++
      telemetry.count('sync_rounds', 1)
      onRound?.(report)
      return 'went'
    } catch (error) {
      if (isTidemarkError(error, 'TURN_TAKEN')) {
        telemetry.log('info', `The round is not finished. ${error.message}`)
        return 'turn-lost'
      }
      this.#tellFailure('The round failed', error)
      return 'failed'
    }
  }

  async #round(
    turn: Turn,
  ): Promise<{ readonly report: RoundReport; readonly failure: TidemarkError | undefined }> {
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
      turn,
      // A round that has begun is finished.
      signal: undefined,
    })
    telemetry.count('mapping_records_read', memory.read.records - before.records)
    telemetry.count('mapping_bytes_read', memory.read.bytes - before.bytes)
    await checkpoints?.write(report.outcomes, () => turn.permit())
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

  /** Throws what waiting does not cure. */
  #tellFailure(what: string, error: unknown): void {
    if (!isTidemarkError(error) || !mayPass(error)) throw error
    this.#context.telemetry.log('error', `${what}: ${error.message}`, { code: error.code })
    this.#context.onTrouble?.(error)
  }

  #begin({ spell }: Turn): void {
    // Another program may have done rounds since the last one here: what was read before it is old.
    if (spell !== this.#spell) {
      this.#parts.checkpoints?.forget()
      this.#known = { groups: [], failed: [] }
    }
    this.#spell = spell
    if (this.#told === 'mine') return
    const { telemetry } = this.#context
    telemetry.gauge('sync_turn', 1)
    const text = 'This program has the turn: it keeps the groups in step'
    telemetry.log(this.#told === undefined ? 'debug' : 'info', text)
    this.#told = 'mine'
  }

  #tellStandby({ program }: TurnHolder): void {
    if (this.#told === program) return
    const { telemetry } = this.#context
    telemetry.gauge('sync_turn', 0)
    telemetry.log('info', `Standing by: another program keeps the groups in step, ${program}`, {
      pipeline: this.#job.name,
    })
    this.#told = program
  }

  #tellUnknown(): void {
    if (this.#told === '') return
    const { telemetry } = this.#context
    telemetry.gauge('sync_turn', 0)
    telemetry.log('info', `Waiting until it is settled which program has the turn`, {
      group: this.#parts.turn.group,
      'at most': `${this.#job.sessionTimeout} ms, where one has died`,
    })
    this.#told = ''
  }
}

function elsewhere(pipeline: string, { program }: TurnHolder): TidemarkError {
  return new TidemarkError(
    'TURN_TAKEN',
    `Another program keeps the groups of the pipeline ${pipeline} in step: ${program}`,
    {
      hint: 'Nothing needs to be done: `kafka-backup replicate status` shows where each group stands. For a round of this one, stop the other first.',
    },
  )
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
