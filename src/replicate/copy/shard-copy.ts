import { isTidemarkError, Lease, type TidemarkError } from '../../base/index.ts'
import type { FetchedBatches, PartitionProducer, Producer } from '../../kafka/index.ts'
import type { EncodableRecord } from '../../records/index.ts'
import { encodeShardKey, encodeShardMark } from '../control/shard-mark.ts'
import type { MapKey } from '../map-topic/map-record.ts'
import { routeKey } from '../topics/routes.ts'
import { Bell } from './bell.ts'
import type { Line } from './line.ts'
import type { LineBook } from './line-book.ts'
import { type Outgoing, outgoingBatches } from './outgoing.ts'
import type { ShardContext } from './shard-context.ts'
import { type FailedLine, keyOf, ShardLines } from './shard-lines.ts'
import { takeEvent } from './source-events.ts'
import { entryRecords, sendRecords } from './write-entries.ts'

/** How much goes into a transaction; kept over ownerships, so that a slow target is not asked for too much again. */
export interface Pace {
  bytes: number
}

/** A transaction is never made smaller than this because the target is slow. */
const leastBytes = 64 << 10
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
  readonly #ways = new Map<string, PartitionProducer>()
  readonly #used = new Set<PartitionProducer>()
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
  ) {
    this.#context = context
    this.#shard = shard
    this.#producer = producer
    this.#pace = pace
    this.#lines = new ShardLines(context, shard, failed, (line) => {
      this.#ready.add(line)
      this.#bell.ring()
    })
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
    if (this.#lines.duplicates > 0 && !this.#context.job.exactlyOnce) this.#countDuplicates()
    this.#lines.duplicates = 0
  }

  #countDuplicates(): void {
    const { duplicates } = this.#lines
    const { totals, telemetry } = this.#context
    totals.duplicates += duplicates
    telemetry.log('warn', 'records that were copied after the last position are copied again', {
      shard: this.#shard,
      records: duplicates,
    })
    telemetry.count('replicate_duplicates', duplicates)
  }

  #isDue(): boolean {
    return this.#ready.size > 0 || this.#hasDirty() || this.#somethingToPublish(this.#context.clock.now())
  }

  #hasDirty(): boolean {
    if (this.#lines.unmarked) return true
    for (const { book } of this.#lines.lines.values()) if (book.dirty) return true
    for (const { book } of this.#lines.orphans.values()) if (book.dirty) return true
    return false
  }

  #somethingToPublish(now: number): boolean {
    for (const line of this.#lines.lines.values()) if (this.#publishes(line, now)) return true
    return false
  }

  /** There is something to be written before it ends. */
  #hasNews(): boolean {
    if (this.#hasDirty()) return true
    if (!this.#context.mapTopic) return false
    for (const { book } of this.#lines.lines.values()) if (book.unpublished) return true
    return false
  }

  #publishes(line: Line, now: number): boolean {
    const { job, mapTopic } = this.#context
    if (!mapTopic) return false
    const since = now - line.publishedAt
    if (line.book.unpublished) return this.#stopping || since >= job.mapPublishInterval
    return since >= job.mapRefreshInterval
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
      await this.#landed()
      const written = await this.#write()
      this.#committedAt = clock.monotonic()
      if (job.exactlyOnce) await this.#producer.commit()
      else await this.#landed()
      this.#used.clear()
      this.#settle(written)
      totals.committed++
      telemetry.count('replicate_transactions', 1, { outcome: 'committed' })
      this.#setPace(clock.monotonic() - opened)
      this.#openedAt = undefined
      if (this.#suspended) this.#resume()
      await this.#context.limit.take(taken.bytes, taken.records, this.#ending.signal)
    } finally {
      if (this.#openedAt !== undefined) {
        const took = clock.monotonic() - opened
        if (took > job.transactionTimeout / 2) this.#pace.bytes = Math.max(leastBytes, this.#pace.bytes >> 2)
      }
    }
  }

  /** Resolves when all that was sent is in the target's logs. */
  async #landed(): Promise<void> {
    await Promise.all([...this.#used].map((way) => way.flush()))
    this.#used.clear()
  }

  /** Brokers abort what takes too long: a target that is slow, or slowed down, gets less at a time. */
  #setPace(took: number): void {
    const { transactionTimeout, commitBytes } = this.#context.job
    if (took > transactionTimeout / 4) this.#pace.bytes = Math.max(leastBytes, this.#pace.bytes >> 1)
    else if (took < transactionTimeout / 16) this.#pace.bytes = Math.min(commitBytes, this.#pace.bytes * 2)
  }

  /** Adds the partitions that are known to be written to the transaction, with one request. */
  async #enlist(): Promise<void> {
    const ways = [this.#controlWay()]
    const now = this.#context.clock.now()
    if (this.#somethingToPublish(now)) ways.push(...this.#mapWay())
    for (const line of this.#ready) {
      if (line.wish.spread === undefined) ways.push(this.#way(line, line.wish.partition))
    }
    await this.#producer.addPartitions(ways)
  }

  /** Takes what has been fetched, until it is enough or time is up. */
  async #fill(opened: number): Promise<{ readonly bytes: number; readonly records: number }> {
    const { job, clock } = this.#context
    const due = Math.max(opened, this.#committedAt + job.commitInterval)
    const latest = Math.max(due, opened + longestFill)
    const sum = { bytes: 0, records: 0 }
    const most = this.#mostBytes()
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

  #mostBytes(): number {
    const { rateLimitBytes, commitBytes } = this.#context.job
    const most = Math.min(commitBytes, this.#pace.bytes)
    return rateLimitBytes === undefined ? most : Math.max(1, Math.min(most, rateLimitBytes / 4))
  }

  async #takeOne(line: Line, sum: { bytes: number; records: number }): Promise<void> {
    const item = line.queue.shift()
    if (!item) return
    if ('release' in item) await this.#takeBatches(line, item, sum)
    else {
      // What was sent before the event belongs to what was before it.
      await this.#landed()
      const consequence = await takeEvent(this.#context, line, item)
      const stop = this.#lines.follow(line, consequence)
      this.#stopError ??= stop
    }
  }

  async #takeBatches(
    line: Line,
    fetched: FetchedBatches,
    sum: { bytes: number; records: number },
  ): Promise<void> {
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
    const way = this.#way(line, batch.partition)
    this.#used.add(way)
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

  /** Writes map entries and positions of all lines that have news. Answers what is true once it is committed. */
  async #write(): Promise<(() => void)[]> {
    const { job, clock, controlTopic, mapTopic, source, totals } = this.#context
    const now = clock.now()
    const positions: EncodableRecord[] = []
    const maps: EncodableRecord[] = []
    const then: (() => void)[] = []
    const add = (key: MapKey, book: LineBook, publishNow: boolean): boolean => {
      const entries = book.entries(now, mapTopic ? (publishNow ? 'now' : 'later') : 'never')
      const records = entryRecords(job.name, key, entries, now)
      positions.push(records.position)
      maps.push(...records.maps)
      const published = entries.maps
        .flatMap(({ targets }) => targets)
        .reduce((sum, { runs }) => sum + runs.length, 0)
      totals.mapRuns += published
      this.#context.telemetry.count('replicate_map_runs', published)
      return entries.maps.length > 0
    }
    for (const line of this.#lines.lines.values()) {
      const publishes = this.#publishes(line, now)
      if (!line.book.dirty && !publishes) continue
      const { topic, partition } = line.route
      const published = add(
        { cluster: source.clusterId, topic: topic.source.name, partition },
        line.book,
        publishes,
      )
      const next = line.book.to
      then.push(() => {
        line.committed = next
        if (published) line.publishedAt = now
      })
    }
    for (const { key, book } of this.#lines.orphans.values()) if (book.dirty) add(key, book, true)
    if (this.#lines.unmarked) {
      const mark = { pipeline: job.name, cluster: source.clusterId, shard: this.#shard }
      positions.push({ timestamp: BigInt(now), key: encodeShardKey(mark), value: encodeShardMark(now) })
      then.push(() => {
        this.#lines.unmarked = false
      })
    }
    if (positions.length > 0) await this.#sendOwn(this.#controlWay(), positions, controlTopic.limit)
    const [way] = this.#mapWay()
    if (way && mapTopic && maps.length > 0) await this.#sendOwn(way, maps, mapTopic.limit)
    return then
  }

  async #sendOwn(way: PartitionProducer, records: readonly EncodableRecord[], limit: number): Promise<void> {
    this.#used.add(way)
    await sendRecords(way, records, limit)
  }

  /** The transaction counts. */
  #settle(then: readonly (() => void)[]): void {
    for (const work of then) work()
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

  #way(line: Line, partition: number): PartitionProducer {
    return this.#wayTo(line.target.name, partition, line.target.id)
  }

  #controlWay(): PartitionProducer {
    const { name, id, partitions } = this.#context.controlTopic
    return this.#wayTo(name, this.#shard % partitions, id)
  }

  #mapWay(): PartitionProducer[] {
    const { mapTopic } = this.#context
    return mapTopic ? [this.#wayTo(mapTopic.name, this.#shard % mapTopic.partitions, mapTopic.id)] : []
  }

  #wayTo(topic: string, partition: number, topicId: string | undefined): PartitionProducer {
    const key = routeKey(topic, partition)
    let way = this.#ways.get(key)
    if (!way) {
      way = this.#producer.partition({ topic, partition, ...(topicId !== undefined && { topicId }) })
      this.#ways.set(key, way)
    }
    return way
  }
}
