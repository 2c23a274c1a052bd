import type { FetchAssignment } from './data-types.ts'
import type { EpochStart } from './fetch-walk.ts'

/** Why a partition is not in any lane just now. */
export type Doubt =
  /** Its leader must be found (again). */
  | 'leader'
  /** A broker says that the offset is out of range: to be confirmed by the leader. */
  | 'range'
  /** The leader's log seems to end before the stop: to be confirmed. */
  | 'short'

/** Where the fetching of one partition stands. */
export class FetchPartition {
  readonly topic: string
  readonly partition: number
  /** UUID text: as assigned, or as first seen in metadata; undefined while the cluster has none. */
  topicId: string | undefined
  /** Where to stop (exclusive); comes nearer when the log turns out to end before it. */
  stop: bigint | undefined
  /** Next offset wanted. */
  next: bigint
  /** By which leaders what has been seen was appended, oldest first. */
  readonly epochs: EpochStart[]
  /** The first of `epochs` is known to begin where it says, or nothing was seen before it. */
  readonly #fromStart: boolean
  leader: number | undefined
  /** Leader epoch by the newest metadata, −1 for unknown. */
  leaderEpoch = -1
  /** Follower that the leader named as nearer, and until when (ms, monotonic) it is asked. */
  replica: number | undefined
  replicaUntil = 0
  /** Until when (ms, monotonic) no follower is to be asked. */
  leaderOnlyUntil = 0
  /** Leader epoch under which the last seen epoch was compared with the log (brokers before Fetch v12). */
  checkedEpoch: number | undefined
  /** Answers in a row that held nothing although the stop is not reached. */
  empties = 0
  /** Empty answers in a row to the single uncommitted fetch that looks beyond a hole. */
  emptyProbes = 0
  /** Last stable offset that was reported as held. */
  heldAt: bigint | undefined
  doubt: Doubt = 'leader'
  /** When (ms, monotonic) the present trouble began; undefined while all is well. */
  troubleSince: number | undefined
  /** Attempts to find the leader since then. */
  attempts = 0
  /** Metadata answers in a row without the topic, and since when. */
  missing = 0
  missingSince = 0
  /** The newest trouble, for the error when patience ends. */
  trouble: Error | undefined
  /** It has left the fetcher: done, lost, or removed. */
  ended = false
  /** Nothing more is to be delivered. */
  removed = false

  constructor(assignment: FetchAssignment) {
    this.topic = assignment.topic
    this.partition = assignment.partition
    this.topicId = assignment.topicId
    this.stop = assignment.stop
    this.next = assignment.from
    this.epochs = [...(assignment.epochs ?? [])]
    const known = this.epochs.at(-1)
    this.#fromStart = known !== undefined || assignment.lastFetchedEpoch < 0
    if (assignment.lastFetchedEpoch >= 0 && known?.epoch !== assignment.lastFetchedEpoch) {
      this.epochs.push({ epoch: assignment.lastFetchedEpoch, from: assignment.from })
    }
  }

  /** Leader epoch of the last batch seen, −1 for none. */
  get lastEpoch(): number {
    return this.epochs.at(-1)?.epoch ?? -1
  }

  /** Broker to ask: the nearer replica while it is trusted, else the leader. */
  broker(now: number): number | undefined {
    if (this.replica !== undefined && now < this.replicaUntil) return this.replica
    this.replica = undefined
    return this.leader
  }

  get reached(): boolean {
    return this.stop !== undefined && this.next >= this.stop
  }

  /** Takes over what a walk over its batches found. */
  advance(nextOffset: bigint, epochs: readonly EpochStart[]): void {
    this.next = nextOffset
    for (const start of epochs) this.epochs.push(start)
    this.calm()
    this.empties = 0
    this.emptyProbes = 0
    this.heldAt = undefined
  }

  /** Goes on beyond a gap. What was seen before it says nothing of what comes after. */
  jump(to: bigint): void {
    this.advance(to, [])
    this.epochs.length = 0
  }

  /** All is well again. */
  calm(): void {
    this.troubleSince = undefined
    this.trouble = undefined
    this.attempts = 0
    this.missing = 0
  }

  /**
   * Goes back to where this log and the leader's part: the leader's largest epoch not beyond our last is `epoch`, and ends at
   * `endOffset`; ours of that epoch, or of the last one before it, may have ended earlier. Answers the divergence.
   */
  diverge(epoch: number, endOffset: bigint): bigint {
    const later = this.epochs.findIndex((start) => start.epoch > epoch)
    const first = later < 0 ? undefined : this.epochs[later]
    // Where an unknown past comes before the entry, it is not known when our own log left the epoch: believe the leader.
    const ownEnd = first === undefined || (later === 0 && !this.#fromStart) ? this.next : first.from
    const divergence = min(min(endOffset, ownEnd), this.next)
    this.truncateTo(divergence)
    if (this.epochs.length === 0 && !this.#fromStart) this.epochs.push({ epoch, from: divergence })
    return divergence
  }

  /** Goes back to `offset`. */
  truncateTo(offset: bigint): void {
    while ((this.epochs.at(-1)?.from ?? -1n) >= offset) this.epochs.pop()
    this.next = offset
    this.checkedEpoch = undefined
    this.empties = 0
    this.emptyProbes = 0
    this.heldAt = undefined
  }
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
