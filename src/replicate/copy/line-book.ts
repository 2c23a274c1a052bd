import { invariant } from '../../base/index.ts'
import type { Run } from '../../offsets/index.ts'
import type { PositionEntry } from '../control/position-record.ts'
import type { MapEvent } from '../map-topic/map-event.ts'
import type { MapEntry } from '../map-topic/map-record.ts'
import { RunList } from '../map-topic/run-list.ts'

/** How a line begins that has no position yet. */
export interface LineStart {
  readonly pipeline: string
  readonly topicId: string | undefined
  readonly targetTopic: string
  readonly targetTopicId: string | undefined
  /** First source offset to be copied. */
  readonly start: bigint
  /** Log end of each target partition that records may go to. */
  readonly targets: ReadonlyMap<number, bigint>
  /** Ms since the epoch. */
  readonly now: number
}

/** What a transaction has to write for one line beside the records. */
export interface LineEntries {
  readonly position: PositionEntry
  readonly maps: readonly MapEntry[]
}

interface Target {
  copyStart: bigint
  end: bigint
  readonly runs: RunList
}

/** Unpublished runs from which on they go to the map topic whatever the time. */
const mostUnpublished = 2_000

/**
 * The books of one source partition: what was copied where, and up to which source offset. Every offset that is passed is
 * accounted for. Pure.
 *
 * A book is made from the position that was read after the fence and is thrown away when a transaction fails: so it never takes
 * anything back, and what it holds beyond the last commit never counts.
 */
export class LineBook {
  readonly #pipeline: string
  readonly #targetTopic: string
  readonly #targetTopicId: string | undefined
  readonly #targets = new Map<number, Target>()
  #topicId: string | undefined
  #start: bigint
  #published: bigint
  #to: bigint
  #branch: number
  #revision: number
  #leaderEpoch: number
  #events: MapEvent[] = []
  #held: PositionEntry['held']
  /** Entries of branches that have ended, for the map topic. */
  #closed: MapEntry[] = []
  #dirty: boolean

  private constructor(base: Omit<PositionEntry, 'written' | 'events'>, dirty: boolean) {
    this.#pipeline = base.pipeline
    this.#targetTopic = base.targetTopic
    this.#targetTopicId = base.targetTopicId
    this.#topicId = base.topicId
    this.#start = base.start
    this.#published = base.from
    this.#to = base.to
    this.#branch = base.branch
    this.#revision = base.revision
    this.#leaderEpoch = base.leaderEpoch
    this.#held = base.held
    this.#dirty = dirty
    for (const { partition, copyStart, end, runs } of base.targets) {
      this.#targets.set(partition, { copyStart, end, runs: new RunList(runs) })
    }
  }

  /** For a partition that was never copied. */
  static begin(start: LineStart): LineBook {
    const book = new LineBook(
      {
        pipeline: start.pipeline,
        topicId: start.topicId,
        targetTopic: start.targetTopic,
        targetTopicId: start.targetTopicId,
        start: start.start,
        from: start.start,
        to: start.start,
        branch: 1,
        revision: 0,
        leaderEpoch: -1,
        held: undefined,
        targets: [...start.targets].map(([partition, end]) => ({ partition, copyStart: end, end, runs: [] })),
      },
      true,
    )
    book.#event('start', start.start, start.start, start.now)
    return book
  }

  /** Goes on from a position: what is copied from now on is of another branch. */
  static resume(position: PositionEntry): LineBook {
    const book = new LineBook({ ...position, branch: position.branch + 1 }, false)
    // Events of a position that the map topic has not got yet go there with the runs.
    book.#events = [...position.events]
    return book
  }

  /** First source offset that is not accounted for. */
  get to(): bigint {
    return this.#to
  }

  get topicId(): string | undefined {
    return this.#topicId
  }

  get leaderEpoch(): number {
    return this.#leaderEpoch
  }

  get held(): PositionEntry['held'] {
    return this.#held
  }

  /** There is something that the control topic does not say yet. */
  get dirty(): boolean {
    return this.#dirty
  }

  /** There is something that the map topic does not say yet. */
  get unpublished(): boolean {
    return this.#published < this.#to || this.#events.length > 0 || this.#closed.length > 0
  }

  /** A target partition came into being, whose log ends at `end`. */
  addTarget(partition: number, end: bigint): void {
    if (!this.#targets.has(partition))
      this.#targets.set(partition, { copyStart: end, end, runs: new RunList() })
  }

  /** `count` records from `source` on are at `target` and behind. In order for each target partition. */
  landed(partition: number, source: bigint, target: bigint, count: number): void {
    const to = this.#targets.get(partition)
    invariant(to, 'records landed in a partition that is not in the books', { partition })
    invariant(source >= this.#published, 'records landed that were accounted for before', {
      partition,
      offset: source,
    })
    to.runs.append(source, target, count)
    const end = target + BigInt(count)
    if (end > to.end) to.end = end
  }

  /** Everything below `to` has been dealt with. */
  advance(to: bigint, leaderEpoch: number): void {
    if (to > this.#to) {
      this.#to = to
      this.#dirty = true
    }
    if (leaderEpoch >= 0) this.#leaderEpoch = leaderEpoch
  }

  /** Source offsets [`from`, `to`) are gone; copying goes on behind them. */
  gap(from: bigint, to: bigint, now: number): void {
    this.#event('gap', from, to, now)
    this.advance(to, -1)
  }

  /** From `divergence` on the source holds other records than were seen, up to `seenTo`. */
  truncated(divergence: bigint, seenTo: bigint, now: number): void {
    if (divergence < this.#to) {
      this.#closeBranch(now)
      this.#to = divergence
      this.#published = divergence
      // Where the dead branch was copied from the very start, the copy begins anew there.
      if (this.#start > divergence) this.#start = divergence
    }
    this.#event('truncated', divergence, seenTo > divergence ? seenTo : divergence, now)
  }

  /** The topic was made anew; its records from `start` on go behind what was copied of the old one. */
  recreated(topicId: string | undefined, start: bigint, now: number): void {
    const was = this.#to
    this.#closeBranch(now)
    this.#topicId = topicId
    this.#start = start
    this.#to = start
    this.#published = start
    this.#leaderEpoch = -1
    for (const target of this.#targets.values()) target.copyStart = target.end
    this.#event('recreated', start, start > was ? start : was, now)
  }

  /** Something happened after which nothing is copied for the time being. */
  note(type: MapEvent['type'], from: bigint, to: bigint, now: number): void {
    this.#event(type, from, to > from ? to : from, now)
  }

  /** The partition is not to be copied any more; undefined = it is again. */
  hold(reason: PositionEntry['held']): void {
    if (this.#held === reason) return
    this.#held = reason
    this.#dirty = true
  }

  /**
   * What to write now; it must be committed, or the book be thrown away. `publish`: the map topic gets what it has not got yet, or
   * where there is nothing the place where the partition stands; `never` when there is no map topic.
   */
  entries(now: number, publish: 'now' | 'later' | 'never'): LineEntries {
    const maps: MapEntry[] = []
    const many = [...this.#targets.values()].some(({ runs }) => runs.length >= mostUnpublished)
    if (publish === 'now' || (publish === 'later' && (many || this.#closed.length > 0))) {
      maps.push(...this.#closed, this.#entry(now))
    }
    if (publish === 'never' || maps.length > 0) {
      this.#closed = []
      this.#forget()
    }
    this.#dirty = false
    const position = {
      ...this.#entry(now),
      leaderEpoch: this.#leaderEpoch,
      targetTopicId: this.#targetTopicId,
    }
    return { position: { ...position, held: this.#held }, maps }
  }

  #event(type: MapEvent['type'], from: bigint, to: bigint, time: number): void {
    this.#events.push({ type, from, to, time })
    this.#dirty = true
  }

  /** What was copied up to now goes to the map topic as it is; what comes is another story. */
  #closeBranch(now: number): void {
    if (this.#published < this.#to || this.#events.length > 0) this.#closed.push(this.#entry(now))
    this.#forget()
    this.#branch++
    this.#dirty = true
  }

  /** The map topic holds everything up to here. */
  #forget(): void {
    for (const { runs } of this.#targets.values()) runs.clear()
    this.#events = []
    this.#published = this.#to
  }

  #entry(now: number): MapEntry {
    return {
      pipeline: this.#pipeline,
      topicId: this.#topicId,
      targetTopic: this.#targetTopic,
      start: this.#start,
      from: this.#published,
      to: this.#to,
      branch: this.#branch,
      revision: ++this.#revision,
      written: now,
      targets: [...this.#targets]
        .sort(([a], [b]) => a - b)
        .map(([partition, { copyStart, end, runs }]) => ({
          partition,
          copyStart,
          end,
          runs: [...runs.runs] as readonly Run[],
        })),
      events: [...this.#events],
    }
  }
}
