import { isTidemarkError, type TidemarkError } from '../../base/index.ts'
import type { MapKey } from '../map-topic/map-record.ts'
import { routeKey } from '../topics/routes.ts'
import { shardOf } from '../workers/shards.ts'
import type { Line } from './line.ts'
import { LineBook } from './line-book.ts'
import { openLines, type Repeated } from './open-lines.ts'
import type { ShardContext } from './shard-context.ts'
import { type Consequence, heldReason, recreated, sourceChanged } from './source-events.ts'

/** A partition that cannot be copied for now. */
export interface FailedLine {
  readonly error: TidemarkError
  /** Ms (monotonic) from which on it is tried again. */
  readonly retryAt: number
}

/** Ms until something that failed is tried again. */
const retryPause = 30_000

/**
 * The source partitions of a shard while a worker has it: opened when they appear among the routes, fetched as long as nothing
 * stands in the way.
 */
export class ShardLines {
  readonly lines = new Map<string, Line>()
  /** Survives the ownership: what failed is not tried again at once. */
  readonly failed: Map<string, FailedLine>
  /** Books of partitions that are gone, with what is to be said of them. */
  readonly orphans = new Map<string, { readonly key: MapKey; readonly book: LineBook }>()
  /** The shard was never begun: its mark is to be written. */
  unmarked: boolean
  /** What is copied again, of the lines that were opened since this was emptied. */
  readonly repeated: Repeated[] = []
  readonly #context: ShardContext
  readonly #shard: number
  readonly #arrived: (line: Line) => void
  readonly #prepared: () => void
  /** Partitions that were there when the shard was begun, and are not open yet; undefined before the first look. */
  #initial: Set<string> | undefined
  /** Partitions whose targets are being made. */
  readonly #pending = new Set<string>()

  constructor(
    context: ShardContext,
    shard: number,
    failed: Map<string, FailedLine>,
    arrived: (line: Line) => void,
    prepared: () => void,
  ) {
    this.#context = context
    this.#shard = shard
    this.failed = failed
    this.#arrived = arrived
    this.#prepared = prepared
    this.unmarked = !context.control.hasBegun(shard)
  }

  /** Opens what is new among the routes. Answers an error when a change at the source is to stop the run. */
  async sync(signal: AbortSignal): Promise<TidemarkError | undefined> {
    const context = this.#context
    const now = context.clock.monotonic()
    const routes = context.routes(this.#shard)
    this.#initial ??= new Set(this.unmarked ? routes.keys() : [])
    const fresh = new Map([...routes].filter(([key]) => this.#isFresh(key, now)))
    const opened = await openLines(context, fresh, {
      firstTime: (key) => this.#initial?.has(key) ?? false,
      arrived: (key) => {
        const line = this.lines.get(key)
        if (line) this.#arrived(line)
      },
      signal,
    })
    this.repeated.push(...opened.repeated)
    for (const [key, settled] of opened.pending) {
      this.#pending.add(key)
      settled.then((error) => {
        this.#pending.delete(key)
        if (isTidemarkError(error)) {
          this.#initial?.delete(key)
          this.fail(key, error)
        }
        this.#prepared()
      })
    }
    for (const [key, error] of opened.failed) {
      this.#initial.delete(key)
      this.fail(key, error)
    }
    let stop: TidemarkError | undefined
    for (const line of opened.lines) {
      const key = keyOf(line)
      this.#initial.delete(key)
      this.failed.delete(key)
      this.lines.set(key, line)
      const reason = await this.#begin(line)
      stop ??= reason
    }
    for (const [key, line] of this.lines) {
      const route = routes.get(key)
      if (line.state === 'lost' && route && context.routesAsked() > line.retryAt) {
        const reason = await this.#comeBack(line, route.topic.source.id)
        stop ??= reason
      } else if (line.state === 'failed' && line.retryAt <= now) this.#fetch(line)
    }
    const reason = this.#noteOrphans(routes)
    return stop ?? reason
  }

  /** A line spreads its records otherwise than it should by now: source or target have another number of partitions. */
  get outdated(): boolean {
    const { targets, routes } = this.#context
    const now = routes(this.#shard)
    return [...this.lines].some(([key, { wish }]) => {
      const route = now.get(key)
      return route !== undefined && targets.spread(route.topic) !== wish.spread
    })
  }

  /** The shard was never begun, and everything that was there when it was is open now: its mark may be written. */
  get toBeMarked(): boolean {
    return this.unmarked && this.#initial?.size === 0
  }

  #isFresh(key: string, now: number): boolean {
    return !this.lines.has(key) && !this.#pending.has(key) && (this.failed.get(key)?.retryAt ?? 0) <= now
  }

  /** Follows what an event means for its line; answers an error when the run is to stop. */
  follow(line: Line, consequence: Consequence): TidemarkError | undefined {
    switch (consequence.type) {
      case 'none':
        return undefined
      case 'close':
        this.#close(line)
        return undefined
      case 'reopen':
        this.#close(line)
        this.#fetch(line)
        return undefined
      case 'later':
        this.#close(line)
        line.state = 'failed'
        line.reason = consequence.error.message
        line.retryAt = this.#context.clock.monotonic() + retryPause
        this.#warn(keyOf(line), consequence.error)
        return undefined
      case 'stop':
        this.#close(line)
        return consequence.error
    }
  }

  /** The partition is not copied for a while; its line, where there is one, goes with the ownership. */
  fail(key: string, error: TidemarkError): void {
    const known = this.failed.get(key)?.error
    this.failed.set(key, { error, retryAt: this.#context.clock.monotonic() + retryPause })
    if (known?.message !== error.message) this.#warn(key, error)
  }

  /** Lines whose target is the topic, or a partition of it. */
  into(topic: string, partition: number | undefined): Line[] {
    return [...this.lines.values()].filter(({ target, route, wish }) => {
      if (target.name !== topic) return false
      return partition === undefined || wish.spread !== undefined || route.partition === partition
    })
  }

  /** Gives back the memory of what waits, and fetches it again later: for a shard that does not get on. */
  suspend(): void {
    for (const line of this.lines.values()) if (line.state === 'copying') this.#close(line)
  }

  resume(): void {
    for (const line of this.lines.values()) if (line.state === 'copying') this.#fetch(line)
  }

  close(): void {
    for (const line of this.lines.values()) this.#close(line)
  }

  async #begin(line: Line): Promise<TidemarkError | undefined> {
    const { held, topicId } = line.book
    const { onChange } = this.#context.job
    if (held !== undefined && held !== 'lost' && onChange[held] === 'hold') {
      line.state = 'held'
      line.reason = heldReason(held)
      return undefined
    }
    return this.#comeBack(line, line.topicId, topicId)
  }

  /** A partition that is there: is it the one that was copied? */
  async #comeBack(
    line: Line,
    id: string | undefined,
    copied = line.book.topicId,
  ): Promise<TidemarkError | undefined> {
    line.state = 'copying'
    line.reason = undefined
    if (id !== undefined && copied !== undefined && id !== copied) {
      return this.follow(line, await recreated(this.#context, line, id))
    }
    line.book.hold(undefined)
    this.#fetch(line)
    return undefined
  }

  #fetch(line: Line): void {
    line.state = 'copying'
    line.reason = undefined
    const { topic, partition } = line.route
    this.#context.intake.open(
      {
        topic: topic.source.name,
        topicId: line.topicId,
        partition,
        from: line.book.to,
        stop: undefined,
        lastFetchedEpoch: line.book.leaderEpoch,
      },
      line.queue,
    )
  }

  #close(line: Line): void {
    this.#context.intake.close(line.route.topic.source.name, line.route.partition)
  }

  /** Positions of selected topics that are not there any more. */
  #noteOrphans(routes: ReadonlyMap<string, unknown>): TidemarkError | undefined {
    const context = this.#context
    const { control, clock, source, job } = context
    let stop: TidemarkError | undefined
    for (const [key, position] of control.positions) {
      if (routes.has(key) || this.lines.has(key) || this.orphans.has(key) || position.held === 'lost')
        continue
      const slash = key.lastIndexOf('/')
      const topic = key.slice(0, slash)
      const partition = Number(key.slice(slash + 1))
      if (shardOf(topic, partition) !== this.#shard || !context.misses(topic, partition)) continue
      const book = LineBook.resume(position)
      const now = clock.now()
      book.note('lost', book.to, book.to, now)
      book.hold('lost')
      this.orphans.set(key, { key: { cluster: source.clusterId, topic, partition }, book })
      context.happened({ type: 'lost', topic, partition, from: book.to, to: book.to, time: now })
      context.telemetry.log('warn', heldReason('lost'), {
        topic,
        partition,
        from: book.to,
        action: job.onChange.lost,
      })
      context.telemetry.count('replicate_source_changes', 1, { topic, type: 'lost' })
      if (job.onChange.lost === 'stop') stop ??= sourceChanged(topic, partition, book.to, 'lost')
    }
    return stop
  }

  #warn(key: string, error: Error): void {
    const { telemetry } = this.#context
    telemetry.log('error', 'a partition cannot be copied for now', { partition: key, error: error.message })
    telemetry.count('replicate_errors', 1, { code: isTidemarkError(error) ? error.code : 'INTERNAL' })
  }
}

export function keyOf({ route }: Pick<Line, 'route'>): string {
  return routeKey(route.topic.source.name, route.partition)
}
