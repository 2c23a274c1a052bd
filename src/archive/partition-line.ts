import type { ChunkTable } from './chunk-table.ts'
import type { PartitionEntry } from './commit-record.ts'
import { damaged } from './damaged.ts'
import type { Gap, OffsetRange, PartitionAccount } from './model.ts'

/** Where a partition's copy stands. */
export interface LineState {
  readonly next: bigint
  readonly leaderEpoch: number
  readonly ended: 'lost' | 'recreated' | undefined
}

/**
 * One partition of one generation, folded commit by commit: which chunks count and from where to where, which offsets
 * are missing and why. `docs/format.md`, section Reading, has the rules. A line may begin in the middle (`next` of what
 * lies in older blocks of an index); a divergence before that is kept in `cutBefore`, for whoever holds the older part.
 */
export class PartitionLine {
  readonly partition: number
  /** Range accounted for; `from` is undefined until the first account. */
  from: bigint | undefined
  next = 0n
  leaderEpoch = -1
  logStart = -1n
  logEnd = -1n
  ended: 'lost' | 'recreated' | undefined
  /** Rows of the chunks that count, in offset order. */
  readonly rows: number[] = []
  gaps: Gap[] = []
  aborted: OffsetRange[] = []
  /** What lies below `from`, from this offset on, does not count either. */
  cutBefore: bigint | undefined

  constructor(partition: number, state?: LineState) {
    this.partition = partition
    if (!state) return
    this.from = state.next
    this.next = state.next
    this.leaderEpoch = state.leaderEpoch
    this.ended = state.ended
  }

  get state(): LineState {
    return { next: this.next, leaderEpoch: this.leaderEpoch, ended: this.ended }
  }

  /** Takes a commit's entry in. Throws ARCHIVE_DAMAGED, naming `object`, when it leaves a hole. */
  fold({ account, chunks }: PartitionEntry, table: ChunkTable, object: string): void {
    if (account.divergence !== undefined && this.from !== undefined) this.cut(account.divergence, table)
    if (this.from === undefined) {
      this.from = account.from
      this.next = account.from
    }
    const floor = this.next
    if (account.from > floor) {
      throw damaged(
        object,
        `leaves a hole: it goes on at ${account.from}, the commits before end at ${floor}`,
        {
          topic: account.topic,
          partition: account.partition,
          offset: floor,
        },
      )
    }
    let from = floor
    for (const chunk of chunks) {
      const start = afterGap(larger(chunk.firstOffset, from), account.gaps)
      const end = smaller(chunk.lastOffset + 1n, account.to)
      if (start >= end) continue
      this.rows.push(table.append(chunk, start, end))
      from = end
    }
    this.#missing(account, floor)
    this.next = larger(floor, account.to)
    this.leaderEpoch = account.leaderEpoch
    this.logStart = account.logStartOffset
    this.logEnd = account.endOffset
  }

  #missing(account: PartitionAccount, floor: bigint): void {
    for (const range of account.aborted) {
      if (range.to > floor) this.aborted.push({ from: larger(range.from, floor), to: range.to })
    }
    let ended: 'lost' | 'recreated' | undefined
    for (const gap of account.gaps) {
      this.gaps.push(gap)
      if (gap.reason === 'lost' || gap.reason === 'recreated') ended = gap.reason
    }
    this.ended = ended
  }

  /** What was read from `at` on is a dead branch. */
  cut(at: bigint, table: ChunkTable): void {
    if (this.from === undefined) return
    for (let row = this.rows.at(-1); row !== undefined && table.to(row) > at; row = this.rows.at(-1)) {
      if (table.from(row) < at) {
        table.cut(row, at)
        break
      }
      this.rows.pop()
    }
    this.gaps = this.gaps.flatMap((gap) =>
      gap.reason === 'truncated' || gap.to <= at ? [gap] : gap.from < at ? [{ ...gap, to: at }] : [],
    )
    this.aborted = clip(this.aborted, at)
    if (at < this.from) {
      this.cutBefore = smaller(this.cutBefore ?? at, at)
      this.from = at
    }
    this.next = smaller(this.next, at)
  }

  /** Appends what a later part of the same line holds. `rowsFrom`: number of the first of its rows in this line's table. */
  extend(later: PartitionLine, rows: readonly number[], table: ChunkTable): void {
    if (this.from === undefined) {
      // Nothing of it is held here: what came before is elsewhere, and still to be cut.
      this.from = later.from
      this.cutBefore = later.cutBefore
    } else if (later.cutBefore !== undefined) this.cut(later.cutBefore, table)
    for (const row of rows) this.rows.push(row)
    for (const gap of later.gaps) this.gaps.push(gap)
    for (const range of later.aborted) this.aborted.push(range)
    this.next = later.next
    this.leaderEpoch = later.leaderEpoch
    this.logStart = later.logStart
    this.logEnd = later.logEnd
    this.ended = later.ended
  }
}

/**
 * A batch that straddles the end of a gap comes whole, records of the gap included. Nobody could read those at the
 * source any more: they do not count.
 */
function afterGap(offset: bigint, gaps: readonly Gap[]): bigint {
  const within = gaps.find((gap) => gap.reason !== 'truncated' && gap.from <= offset && offset < gap.to)
  return within ? within.to : offset
}

function clip(ranges: readonly OffsetRange[], at: bigint): OffsetRange[] {
  return ranges.flatMap((range) => {
    if (range.to <= at) return [range]
    return range.from < at ? [{ from: range.from, to: at }] : []
  })
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
