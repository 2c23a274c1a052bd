import { type Clock, noTelemetry, type Telemetry, TidemarkError } from '../base/index.ts'
import type { WriterEntry } from './commit-record.ts'
import { damaged } from './damaged.ts'
import { readBeats } from './head.ts'
import { keys } from './keys.ts'
import type { BackupPlace } from './place.ts'
import { birthOf } from './process-space.ts'
import { encodeBeat, type WriterBeat } from './writer-entry.ts'

/** Ms between two beats. */
const beatEvery = 10_000
/** Ms for which an entry that may be a dead run's is watched. */
const watchFor = 25_000
const lookEvery = 1_000
/** Ms after which a beat is too old, by our clock. */
const staleAfter = 60_000

/** What a presence needs. */
export interface PresenceContext {
  readonly clock: Clock
  readonly signal?: AbortSignal
  readonly telemetry?: Telemetry
}

/** BACKUP_IN_USE, naming the other writer. */
export function inUse(backupId: string, other: WriterEntry, found: string): TidemarkError {
  const since = new Date(other.started).toISOString()
  return new TidemarkError(
    'BACKUP_IN_USE',
    `The backup ${backupId} is being written by another run: ${other.runId}, process ${other.pid} on ${other.host}, since ${since}`,
    {
      hint: 'Wait for it to end or stop it, or give this backup another id; then run the same command again.',
      details: { run: other.runId, host: other.host, pid: other.pid, started: other.started, found },
    },
  )
}

/**
 * The entry of a run in `writers/`. Advice: it lets a second run stop early, and says where to begin looking for the head.
 * Whether a run may write is decided by its commits alone.
 */
export class Presence implements AsyncDisposable {
  readonly #place: BackupPlace
  readonly #writer: WriterEntry
  readonly #context: PresenceContext
  /** Where the backup stands. */
  readonly #standing: () => { readonly head: number; readonly checkpoint: number }
  #serial = 0
  #timer: NodeJS.Timeout | undefined
  #beating: Promise<void> = Promise.resolve()
  /** There is no entry to renew or to end until the run has made one. */
  #announced = false
  #ended = false

  constructor(
    place: BackupPlace,
    writer: WriterEntry,
    standing: () => { readonly head: number; readonly checkpoint: number },
    context: PresenceContext,
  ) {
    this.#place = place
    this.#writer = writer
    this.#standing = standing
    this.#context = context
  }

  /**
   * Says that the run begins. The same name is made twice, if absent: a store that lets the second one win cannot say who was
   * first, and is refused with STORAGE_UNSUPPORTED.
   */
  async announce(): Promise<void> {
    const call = this.#call()
    const key = keys.writer(this.#writer.runId)
    const first = await this.#place.put(key, this.#encode('starting'), { ...call, ifAbsent: true })
    if (!first) throw damaged(key, 'is there already, although the run begins only now')
    this.#announced = true
    if (!(await this.#place.put(key, this.#encode('starting'), { ...call, ifAbsent: true }))) return
    await this.#place.store.delete([this.#place.full(key)])
    throw new TidemarkError(
      'STORAGE_UNSUPPORTED',
      `The store ${this.#place.store.url} does not keep what is there when an object is to be made only if absent`,
      {
        hint: 'Use a store with conditional put (If-None-Match), or one that honours it: without it two runs could overwrite each other.',
      },
    )
  }

  /**
   * Rejects with BACKUP_IN_USE when another run is alive; waits for one of which that cannot be told at once. Then the beats
   * begin, and what dead runs have left is removed.
   */
  async enter(): Promise<void> {
    const others = (await readBeats(this.#place, this.#call())).filter(
      (beat) => beat.writer.runId !== this.#writer.runId,
    )
    await Promise.all(others.map((other) => this.#untilDead(other)))
    await this.#beat('running')
    const dead = others.map(({ writer }) => this.#place.full(keys.writer(writer.runId)))
    if (dead.length > 0) await this.#place.store.delete(dead, this.#call())
    this.#timer = setInterval(() => {
      this.#beating = this.#beating
        .then(() => this.#beat('running'))
        .catch((error: unknown) => this.#lag(error))
    }, beatEvery)
    this.#timer.unref()
  }

  /** Says that the run is over. Never rejects: an entry that is not ended counts as that of a dead run soon. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    clearInterval(this.#timer)
    await this.#beating
    if (!this.#announced) return
    await this.#place
      .put(keys.writer(this.#writer.runId), this.#encode('ended'))
      .catch((error: unknown) => this.#lag(error))
  }

  async #untilDead(other: WriterBeat): Promise<void> {
    const { clock, signal } = this.#context
    if (this.#isDead(other)) return
    if (this.#isTellable(other)) return this.#giveWay(other)
    this.#context.telemetry?.log(
      'info',
      `waiting up to ${watchFor / 1000} s to see whether the run ${other.writer.runId} on ${other.writer.host} is alive`,
    )
    const until = clock.monotonic() + watchFor
    while (clock.monotonic() < until) {
      await clock.sleep(lookEvery, signal)
      const now = (await readBeats(this.#place, this.#call())).find(
        ({ writer }) => writer.runId === other.writer.runId,
      )
      if (!now || now.state === 'ended') return
      if (now.serial !== other.serial) return this.#giveWay(now)
    }
  }

  #isDead({ state, writer, beat }: WriterBeat): boolean {
    if (state === 'ended') return true
    if (this.#isTellable({ writer })) return birthOf(writer.pid) !== writer.birth
    return this.#context.clock.now() - beat > staleAfter
  }

  /** Whether it can be told at once: the same boot of the same machine, the same process numbers. */
  #isTellable({ writer }: Pick<WriterBeat, 'writer'>): boolean {
    return writer.space !== '' && writer.space === this.#writer.space
  }

  /** Of two that are both beginning, the one with the smaller run id goes on. */
  #giveWay({ state, writer }: WriterBeat): void {
    if (state === 'starting' && this.#writer.runId < writer.runId) return
    throw inUse(this.#place.backupId, writer, 'its entry in writers/')
  }

  async #beat(state: 'running'): Promise<void> {
    if (!this.#ended) await this.#place.put(keys.writer(this.#writer.runId), this.#encode(state))
  }

  #encode(state: WriterBeat['state']): Buffer {
    this.#serial++
    const beat = this.#context.clock.now()
    return encodeBeat(
      { writer: this.#writer, state, beat, serial: this.#serial, ...this.#standing() },
      this.#place.backupId,
    )
  }

  #lag(error: unknown): void {
    const telemetry = this.#context.telemetry ?? noTelemetry
    telemetry.log(
      'warn',
      `the entry of this run in writers/ could not be renewed: ${error instanceof Error ? error.message : String(error)}`,
    )
  }

  #call(): { readonly signal?: AbortSignal } {
    return this.#context.signal ? { signal: this.#context.signal } : {}
  }
}
