import { isTidemarkError, Lease, type TidemarkError } from '../../base/index.ts'
import type { FetchedBatches, Producer } from '../../kafka/index.ts'
import { Bell } from './bell.ts'
import type { Line } from './line.ts'
import type { Repeated } from './open-lines.ts'
import { type Outgoing, outgoingBatches } from './outgoing.ts'
import type { Pace } from './pace.ts'
import type { ShardContext } from './shard-context.ts'
import { type FailedLine, keyOf, ShardLines } from './shard-lines.ts'
import { takeEvent } from './source-events.ts'
import { Ways } from './ways.ts'
import { isPublished, writeEntries } from './write-entries.ts'

/** Ms for which a transaction that always finds more to do is filled at most. */
const longestFill = 250
/** Ms without anything landing after which a shard gives back the memory of what waits. */
const stalledAfter = 3_000
/** Ms after which a shard with nothing to do looks around. */
const idleLook = 5_000

/** A line failed, and not the transaction as a whole. */
export class LineFailed extends Error {
  readonly key: string
  override readonly cause: TidemarkError

  constructor(key: string, cause: TidemarkError) {
    super(cause.message)
    this.key = key
    this.cause = cause
  }
}

/** What a transaction has taken of what was fetched: deliveries and events, and what was in them. */
interface Taken {
  items: number
  bytes: number
  records: number
}

/**
 * One ownership of a shard, from its take-over to the first thing that goes wrong: transaction after transaction of records, map and
 * position. Ends by `stop` with everything committed that it had begun; whatever else ends it, what is not committed is forgotten.
 */
export class ShardCopy {
  readonly #context: ShardContext
  readonly #shard: number
  readonly #producer: Producer
  readonly #lines: ShardLines
  readonly #pace: Pace
  /** Partitions of which all that was sent before has a position. */
  readonly #settled: ReadonlySet<string>
  readonly #ways: Ways
  readonly #ready = new Set<Line>()
  /** Deliveries whose memory is held. */
  readonly #held = new Set<() => void>()
  readonly #bell = new Bell()
  readonly #ending = new AbortController()
  #stopping = false
  #routesChanged = true
  #lookAt = 0
  #committedAt = Number.NEGATIVE_INFINITY
  #openedAt: number | undefined
  #landedAt = 0
  #suspended = false
  #stopError: TidemarkError | undefined

  constructor(
    context: ShardContext,
    shard: number,
    producer: Producer,
    failed: Map<string, FailedLine>,
    pace: Pace,
    settled: ReadonlySet<string>,
  ) {
    this.#context = context
    this.#shard = shard
    this.#producer = producer
    this.#pace = pace
    this.#settled = settled
    this.#ways = new Ways(producer, shard)
    const arrived = (line: Line) => {
      this.#ready.add(line)
      this.#bell.ring()
    }
    this.#lines = new ShardLines(context, shard, failed, arrived, () => this.routesChanged())
  }

  get lines(): Iterable<Line> {
    return this.#lines.lines.values()
  }

  /** Finishes what it has begun, and ends. */
  stop(): void {
    this.#stopping = true
    this.#bell.ring()
  }

  /** The shard's routes are others now. */
  routesChanged(): void {
    this.#routesChanged = true
    this.#bell.ring()
  }

  /** Copies until stopped. Rejects with whatever went wrong; then `close`. */
  async run(): Promise<void> {
    const watch = setInterval(() => this.#watch(), 500)
    watch.unref()
    try {
      while (!this.#stopping) {
        await this.#look()
        if (this.#isDue()) await this.#transaction()
        else await this.#bell.wait(this.#idleFor())
        if (this.#stopError) throw this.#stopError
      }
      if (this.#hasNews()) await this.#transaction()
    } finally {
      clearInterval(watch)
    }
  }

  /** Lets go of everything. Nothing that was not committed counts. */
  async close(): Promise<void> {
    this.#ending.abort()
    this.#lines.close()
    await this.#producer.close()
    for (const giveBack of [...this.#held]) giveBack()
  }

  /** The lines that an error of the producer is about; empty when it concerns the shard as a whole. */
  blamed(error: TidemarkError): readonly Line[] {
    const { topic, partition } = error.details
    if (topic === undefined || error.retriable) return []
    return this.#lines.into(topic, partition)
  }

  fail(key: string, error: TidemarkError): void {
    this.#lines.fail(key, error)
  }

  /** What comes up beside deliveries: other routes, another try. */
  async #look(): Promise<void> {
    const now = this.#context.clock.monotonic()
    if (!this.#routesChanged && now < this.#lookAt) return
    this.#routesChanged = false
    this.#lookAt = now + idleLook
    const stop = await this.#lines.sync(this.#ending.signal)
    this.#stopError ??= stop
    // Opened anew, behind what has been copied: there is one way to begin.
    if (this.#lines.outdated) this.stop()
    const repeated = this.#lines.repeated.splice(0).filter(({ key }) => !this.#settled.has(key))
    if (repeated.length > 0 && !this.#context.job.exactlyOnce) this.#tellRepeated(repeated)
  }

  #tellRepeated(repeated: readonly Repeated[]): void {
    const duplicates = repeated.reduce((sum, { records }) => sum + records, 0)
    const { totals, telemetry } = this.#context
    totals.duplicates += duplicates
    telemetry.log('warn', 'records that were copied after the last position are copied again', {
      shard: this.#shard,
      records: duplicates,
      partitions: repeated.map(({ key, from, records }) => `${key} from ${from}: ${records}`).join(', '),
    })
    telemetry.count('replicate_duplicates', duplicates)
  }

  #isDue(): boolean {
    return this.#ready.size > 0 || this.#hasDirty() || this.#somethingToPublish(this.#context.clock.now())
  }

  #hasDirty(): boolean {
    if (this.#lines.toBeMarked) return true
    for (const { book } of this.#lines.lines.values()) if (book.dirty) return true
    for (const { book } of this.#lines.orphans.values()) if (book.dirty) return true
    return false
  }

  #somethingToPublish(now: number): boolean {
    for (const line of this.#lines.lines.values()) {
      if (isPublished(this.#context, line, now, this.#stopping)) return true
    }
    return false
  }

  /** There is something to be written before it ends. */
  #hasNews(): boolean {
    if (this.#hasDirty()) return true
    if (!this.#context.mapTopic) return false
    for (const { book } of this.#lines.lines.values()) if (book.unpublished) return true
    return false
  }

  #idleFor(): number {
    const { job, mapTopic, clock } = this.#context
    let wait = Math.max(1, this.#lookAt - clock.monotonic())
    if (!mapTopic) return wait
    const now = clock.now()
    for (const { book, publishedAt } of this.#lines.lines.values()) {
      const interval = book.unpublished ? job.mapPublishInterval : job.mapRefreshInterval
      wait = Math.min(wait, Math.max(1, publishedAt + interval - now))
    }
    return wait
  }

  async #transaction(): Promise<void> {
    const { job, clock, totals, telemetry } = this.#context
    const opened = clock.monotonic()
    this.#openedAt = opened
    this.#landedAt = opened
    try {
      if (job.exactlyOnce) {
        this.#producer.begin()
        await this.#enlist()
      }
      const taken = await this.#fill(opened)
      await this.#ways.landed()
      const written = await writeEntries(this.#context, this.#shard, this.#lines, this.#ways, this.#stopping)
      // What only the pipeline itself has to write does not make records wait.
      if (taken.items > 0) this.#committedAt = clock.monotonic()
      await this.#ways.landed()
      if (job.exactlyOnce) await this.#producer.commit()
      for (const work of written) work()
      this.#count()
      totals.committed++
      telemetry.count('replicate_transactions', 1, { outcome: 'committed' })
      this.#pace.committed(clock.monotonic() - opened)
      this.#openedAt = undefined
      if (this.#suspended) this.#resume()
      await this.#context.limit.take(taken.bytes, taken.records, this.#ending.signal)
    } finally {
      if (this.#openedAt !== undefined) this.#pace.failed(clock.monotonic() - opened)
    }
  }

  /** Adds the partitions that are known to be written to the transaction, with one request. */
  async #enlist(): Promise<void> {
    const { controlTopic, mapTopic, clock } = this.#context
    const ways = [this.#ways.ofOwn(controlTopic)]
    if (mapTopic && this.#somethingToPublish(clock.now())) ways.push(this.#ways.ofOwn(mapTopic))
    for (const line of this.#ready) {
      if (line.wish.spread === undefined) ways.push(this.#ways.ofLine(line, line.wish.partition))
    }
    await this.#producer.addPartitions(ways)
  }

  /** Takes what has been fetched, until it is enough or time is up. */
  async #fill(opened: number): Promise<Readonly<Taken>> {
    const { job, clock } = this.#context
    const due = Math.max(opened, this.#committedAt + job.commitInterval)
    const latest = Math.max(due, opened + longestFill)
    const sum: Taken = { items: 0, bytes: 0, records: 0 }
    const most = this.#pace.bytes
    while (!this.#stopping) {
      const [line] = this.#ready
      const now = clock.monotonic()
      if (line) {
        if (sum.bytes >= most || (sum.bytes > 0 && now >= latest)) return sum
        this.#ready.delete(line)
        await this.#takeOne(line, sum)
        if (!line.queue.empty) this.#ready.add(line)
      } else if (now >= due || sum.bytes >= most) return sum
      else await this.#bell.wait(due - now)
    }
    return sum
  }

  async #takeOne(line: Line, sum: Taken): Promise<void> {
    const item = line.queue.shift()
    if (!item) return
    sum.items++
    if ('release' in item) await this.#takeBatches(line, item, sum)
    else {
      // What was sent before the event belongs to what was before it.
      await this.#ways.landed()
      const consequence = await takeEvent(this.#context, line, item)
      const stop = this.#lines.follow(line, consequence)
      this.#stopError ??= stop
    }
  }

  async #takeBatches(line: Line, fetched: FetchedBatches, sum: Taken): Promise<void> {
    const lease = this.#hold(fetched)
    const batches = outgoingBatches(fetched, line.book.to, line.wish, lease)
    for (;;) {
      const batch = this.#nextBatch(line, batches)
      if (!batch) break
      sum.bytes += batch.end - batch.start
      sum.records += batch.records
      const full = this.#send(line, batch)
      if (full) await full
    }
    line.book.advance(fetched.nextOffset, fetched.leaderEpoch)
    line.sourceEnd = fetched.lastStableOffset
    lease.release()
  }

  #nextBatch(line: Line, batches: Iterator<Outgoing, void>): Outgoing | undefined {
    try {
      const step = batches.next()
      return step.done ? undefined : step.value
    } catch (error) {
      if (!isTidemarkError(error) || error.code === 'INTERNAL') throw error
      throw new LineFailed(keyOf(line), error)
    }
  }

  #send(line: Line, batch: Outgoing): Promise<void> | undefined {
    const way = this.#ways.use(this.#ways.ofLine(line, batch.partition))
    const { buffer, start, end, records, runs, partition } = batch
    return way.send({
      buffer,
      start,
      end,
      records,
      landed: (base) => {
        let target = base
        for (const { offset, count } of runs) {
          line.book.landed(partition, offset, target, count)
          target += BigInt(count)
        }
        line.pending.records += records
        line.pending.bytes += end - start
        if (batch.maxTimestamp > line.pending.newest) line.pending.newest = batch.maxTimestamp
        this.#landedAt = this.#context.clock.monotonic()
        batch.release()
      },
    })
  }

  /** Memory that is given back when all of a delivery has landed, or when the ownership ends. */
  #hold(fetched: FetchedBatches): Lease {
    const giveBack = () => {
      if (this.#held.delete(giveBack)) fetched.release()
    }
    this.#held.add(giveBack)
    return new Lease(giveBack)
  }

  /** What was copied in the transaction counts. */
  #count(): void {
    const { telemetry, totals, clock } = this.#context
    const now = clock.now()
    for (const line of this.#lines.lines.values()) {
      const { records, bytes, newest } = line.pending
      const topic = line.route.topic.source.name
      const labels = { topic, partition: String(line.route.partition) }
      if (line.sourceEnd !== undefined) {
        telemetry.gauge('replicate_lag_records', Number(line.sourceEnd - line.committed), labels)
      }
      if (records === 0) continue
      line.records += records
      line.bytes += bytes
      totals.records += records
      totals.bytes += bytes
      telemetry.count('replicate_records', records, { topic })
      telemetry.count('replicate_bytes', bytes, { topic })
      if (newest >= 0) {
        line.delay = now - newest
        telemetry.gauge('replicate_lag_ms', line.delay, labels)
      }
      line.pending = { records: 0, bytes: 0, newest: -1 }
    }
  }

  /** A shard that does not get on must not keep the memory that all share. */
  #watch(): void {
    if (this.#openedAt === undefined || this.#suspended) return
    if (this.#context.clock.monotonic() - this.#landedAt < stalledAfter) return
    this.#suspended = true
    this.#lines.suspend()
    this.#ready.clear()
  }

  #resume(): void {
    this.#suspended = false
    this.#lines.resume()
  }
}
