import { systemClock, TidemarkError } from '../base/index.ts'
import { batches, dropAborted, header } from '../records/index.ts'
import type { FetchedBatches, LandedBatch, Recovered, RecoverOptions } from './data-types.ts'
import { type OneFetch, PositionReader } from './fetch-once.ts'
import type { Cluster, TopicPartition } from './types.ts'

const defaultSettle = 10_000
const patienceDefault = 300_000
const scanBytes = 4 << 20
/** Ms between two looks at the end of the log. */
const lookPause = { least: 20, most: 500 }

/**
 * Finds out which batches of a producer id have landed in a partition since an offset, by batch headers alone:
 *
 *     repeat:
 *       ask the leader for the true end of its log, batches that are not yet on all in-sync replicas included
 *       read headers up to the high watermark; note ours
 *     until the high watermark has reached that end, under the same leader, for `settleMs` nothing of ours has come,
 *           and no in-sync replica holds more than the leader (a deposed leader that is elected again would bring it back)
 *
 * The caller has closed the connections on which the batches were sent: what is still on its way arrives within the settle
 * time or, once the producer goes on under a higher epoch, is refused. With every request answered, `settleMs` 0 is enough.
 *
 * A log that now ends before `since` has lost what had been acknowledged: `logEnd` shows it. Rejects with what stood in the way
 * until the delivery timeout (no leader, replicas that do not catch up), or the signal's reason.
 */
export async function recover(
  cluster: Cluster,
  place: TopicPartition,
  options: RecoverOptions,
): Promise<Recovered> {
  await using reader = new PositionReader(cluster)
  const patience = cluster.options.deliveryTimeout ?? patienceDefault
  return await recoverWith(reader, place, { ...options, patience })
}

/** {@link recover} over connections that many recoveries share. `patience` in ms, beyond the settle time. */
export async function recoverWith(
  reader: PositionReader,
  place: TopicPartition,
  options: RecoverOptions & { readonly patience: number },
): Promise<Recovered> {
  const settle = options.settleMs ?? defaultSettle
  const clock = systemClock
  const started = clock.monotonic()
  const scan = new Scan(reader, place, options)
  let quietSince = started
  let leaderEpoch: number | undefined
  for (;;) {
    const end = await reader.trueEnd(place, options.signal)
    const before = scan.landed.length
    const read = await scan.readOn()
    const now = clock.monotonic()
    // Another leader may hold what the one before had not replicated, and take what we still have on its way.
    if (leaderEpoch !== undefined && read.leaderEpoch !== leaderEpoch) quietSince = now
    if (scan.landed.length > before) quietSince = now
    leaderEpoch = read.leaderEpoch
    const readable = scan.committed ? read.lastStableOffset : read.highWatermark
    const caughtUp = end === undefined || (end.leaderEpoch === read.leaderEpoch && readable >= end.end)
    let waitsFor = caughtUp ? 'our batches' : 'replicas'
    if (caughtUp && now - quietSince >= settle) {
      const followed = await reader.followed(place, read.leaderEpoch, read.highWatermark, options.signal)
      // Where brokers do not say what a follower holds, a leader that stays is all that can be waited for.
      if (followed === 'yes' || (followed === 'cannot-tell' && now - quietSince >= defaultSettle)) {
        return { batches: scan.landed, logEnd: read.highWatermark, foreign: scan.foreign, from: scan.from }
      }
      waitsFor = 'replicas'
    }
    if (now - started > settle + options.patience) throw notSettled(place, waitsFor === 'replicas')
    const left = quietSince + settle - now
    const pause = Math.min(Math.max(left, lookPause.least), lookPause.most)
    await clock.sleep(pause, options.signal)
  }
}

/** Reads headers from `since` on, as far as they may be read, and goes on from there the next time. */
class Scan {
  readonly landed: LandedBatch[] = []
  foreign = 0
  /** Nothing before it could be looked at. */
  from: bigint
  readonly committed: boolean
  readonly #reader: PositionReader
  readonly #place: TopicPartition
  readonly #options: RecoverOptions
  #next: bigint

  constructor(reader: PositionReader, place: TopicPartition, options: RecoverOptions) {
    this.#reader = reader
    this.#place = place
    this.#options = options
    this.committed = options.isolation === 'read_committed'
    this.#next = options.since
    this.from = options.since
  }

  async readOn(): Promise<OneFetch> {
    for (;;) {
      const one = await this.#fetch()
      if (!one.fetched) return one
      this.#take(one.fetched)
      this.#next = one.fetched.nextOffset
    }
  }

  async #fetch(): Promise<OneFetch> {
    const { signal, isolation = 'read_uncommitted' } = this.#options
    const options = { isolation, maxBytes: scanBytes, ...(signal && { signal }) }
    try {
      return await this.#reader.fetch(this.#place, this.#next, options)
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'OFFSET_OUT_OF_RANGE') throw error
      const bounds = await this.#reader.bounds(this.#place, signal)
      // What retention has taken from the start cannot be looked at; what is missing at the end never came back.
      if (this.#next < bounds.logStartOffset) {
        this.#next = bounds.logStartOffset
        this.from = bounds.logStartOffset
        return this.#fetch()
      }
      return bounds
    }
  }

  #take({ buffer, start, end, aborted, topic, partition }: FetchedBatches): void {
    const place = { topic, partition }
    const counted = this.committed ? dropAborted(buffer, start, end, aborted, place).kept : [{ start, end }]
    for (const range of counted) {
      for (const at of batches(buffer, range.start, range.end, { complete: true, place })) {
        this.#note(buffer, at)
      }
    }
  }

  #note(buffer: Buffer, at: number): void {
    const modern = header.magic(buffer, at) === 2
    if (modern && header.isControl(buffer, at)) return
    const lastOffset = modern ? header.lastOffset(buffer, at) : header.baseOffset(buffer, at)
    if (lastOffset < this.#options.since) return
    if (!modern || header.producerId(buffer, at) !== this.#options.producerId) {
      this.foreign++
      return
    }
    this.landed.push({
      baseOffset: header.baseOffset(buffer, at),
      lastOffset,
      records: header.recordsCount(buffer, at),
      epoch: header.producerEpoch(buffer, at),
      baseSequence: header.baseSequence(buffer, at),
    })
  }
}

function notSettled({ topic, partition }: TopicPartition, replicas: boolean): TidemarkError {
  const where = `partition ${partition} of topic ${JSON.stringify(topic)}`
  return new TidemarkError(
    'REQUEST_TIMEOUT',
    replicas
      ? `The replicas of ${where} do not catch up with its leader, so that it cannot be told what has landed`
      : `Batches of unknown outcome keep arriving in ${where}`,
    { details: { topic, partition }, hint: 'Bring the brokers of its in-sync replicas back.' },
  )
}
