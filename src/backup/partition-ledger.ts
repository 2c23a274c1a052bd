import type { Gap, GapReason, OffsetRange, PartitionAccount } from '../archive/index.ts'

export interface LedgerStart {
  readonly topic: string
  readonly topicId: string | undefined
  readonly partition: number
  /** First offset not yet accounted for by earlier commits. */
  readonly next: bigint
  readonly leaderEpoch: number
  /** The backup has no account of this partition yet. */
  readonly fresh: boolean
}

/**
 * What has been read of one partition since the last commit, as the account that the next commit will hold. Every
 * offset that is passed gets its reason here: in a chunk, aborted, a gap, or (without an entry) compacted away.
 */
export class PartitionLedger {
  readonly topic: string
  readonly topicId: string | undefined
  readonly partition: number
  #from: bigint
  #next: bigint
  #leaderEpoch: number
  #fresh: boolean
  #aborted: { from: bigint; to: bigint }[] = []
  #gaps: Gap[] = []
  #divergence: bigint | undefined
  #logStart = -1n
  #end = -1n

  constructor(start: LedgerStart) {
    this.topic = start.topic
    this.topicId = start.topicId
    this.partition = start.partition
    this.#from = start.next
    this.#next = start.next
    this.#leaderEpoch = start.leaderEpoch
    this.#fresh = start.fresh
  }

  /** First offset not read yet. */
  get next(): bigint {
    return this.#next
  }

  /** Leader epoch of the last batch seen, −1 if none was. */
  get leaderEpoch(): number {
    return this.#leaderEpoch
  }

  /** Last stable offset (or high watermark, for uncommitted reading) as seen last; −1 before it is known. */
  get end(): bigint {
    return this.#end
  }

  /** The source's log bounds as a response showed them. */
  bounds(logStart: bigint, end: bigint): void {
    this.#logStart = logStart
    this.#end = end
  }

  /** Everything below `next` has been dealt with. */
  advance(next: bigint, leaderEpoch: number): void {
    if (next > this.#next) this.#next = next
    if (leaderEpoch >= 0) this.#leaderEpoch = leaderEpoch
  }

  /** Aborted transactional data was left out here. Called before `advance`; a batch may begin below what is accounted for here. */
  aborted(range: OffsetRange): void {
    const from = range.from > this.#next ? range.from : this.#next
    if (from >= range.to) return
    const last = this.#aborted.at(-1)
    if (last && last.to === from) last.to = range.to
    else this.#aborted.push({ from, to: range.to })
  }

  /** Offsets that can no longer be had. Reading goes on at `to`. */
  gap(range: OffsetRange, reason: GapReason, found: number): void {
    this.#gaps.push({ from: range.from, to: range.to, reason, found })
    this.advance(range.to, -1)
  }

  /**
   * The source's log was cut back to `cutTo`: what earlier commits hold from there on is a dead branch. Call only
   * right after a commit, so that one account never holds both branches. A log that was cut beyond what has been read is
   * read on from there.
   */
  truncated(cutTo: bigint, seenTo: bigint, found: number): void {
    const divergence = cutTo < this.#next ? cutTo : this.#next
    this.#divergence = divergence
    this.#from = divergence
    this.#next = divergence
    this.#gaps.push({ from: divergence, to: seenTo, reason: 'truncated', found })
  }

  /** The account since the last call, or undefined when there is nothing to say. */
  take(): PartitionAccount | undefined {
    const silent = this.#next === this.#from && this.#gaps.length === 0 && this.#divergence === undefined
    if (silent && !this.#fresh) return undefined
    const account: PartitionAccount = {
      topic: this.topic,
      topicId: this.topicId,
      partition: this.partition,
      from: this.#from,
      to: this.#next,
      leaderEpoch: this.#leaderEpoch,
      aborted: this.#aborted,
      gaps: this.#gaps,
      ...(this.#divergence !== undefined && { divergence: this.#divergence }),
      logStartOffset: this.#logStart,
      endOffset: this.#end,
    }
    this.#from = this.#next
    this.#aborted = []
    this.#gaps = []
    this.#divergence = undefined
    this.#fresh = false
    return account
  }
}
