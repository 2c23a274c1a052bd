import { invariant } from '../../base/index.ts'
import {
  BITS_SPAN,
  bitsSize,
  PACKED_LIMIT,
  PACKED_RUNS,
  PAYLOAD_PAD,
  packedSize,
  writeBits,
  writePacked,
} from './block-payload.ts'
import { RunBlocks } from './run-blocks.ts'

/** Runs looked at together when choosing how to pack them: enough for a bitmap to pay for its row. */
const PENDING = 512
/** A run of this many records gets a row of its own instead of widening the columns of its neighbours. */
const LONG_RUN = 65_536
/**
 * Bytes of a block's row in the columns: what each packed block costs beside its payload, and bitmaps share.
 */
const ROW = 28
/** What every packer begins with: most maps are of one run, and there may be a great many of them. */
const noNumbers = new Float64Array(0)
const noWords = new Uint32Array(0)
const noBytes = new Uint8Array(0)
/** A hole this wide ends a bitmap: cheaper to begin a new block than to write its zeros. */
const WIDE_HOLE = 256

/**
 * Takes runs in order and packs them into {@link RunBlocks}. The run that is being extended is kept aside;
 * adding to it touches four numbers and allocates nothing.
 */
export class RunPacker {
  #sourceBase = 0n
  #targetBase = 0n
  // The bases split into halves, so that an offset is made relative without making a bigint.
  readonly #scratch = new BigInt64Array(1)
  readonly #low = new Uint32Array(this.#scratch.buffer)
  readonly #high = new Int32Array(this.#scratch.buffer)
  readonly #base = new Float64Array(4)
  /** The open run: source, target, count; and the ends of the run before it: source, target. */
  readonly #open = new Float64Array(5)
  #records = 0

  #pending = 0
  #capacity = 0
  #count = noWords
  #sourceGap = noWords
  #targetGap = noWords
  /** First pending run: source, target. */
  readonly #first = new Float64Array(2)

  #blocks = 0
  #source = noNumbers
  #target = noNumbers
  #rank = noNumbers
  #at = noWords
  #payload = noBytes
  #used = 0
  #packed = 0

  get records(): number {
    return this.#records
  }

  /** Source offset after the last record. */
  get nextSource(): bigint {
    return this.#sourceBase + BigInt(num(this.#open, 0) + num(this.#open, 2))
  }

  /** Target offset after the last record. */
  get nextTarget(): bigint {
    return this.#targetBase + BigInt(num(this.#open, 1) + num(this.#open, 2))
  }

  /** Adds `count` records. Throws INTERNAL when they do not follow what was added before, on both sides. */
  add(sourceFirst: bigint, targetFirst: bigint, count: number): void {
    invariant(Number.isSafeInteger(count) && count >= 0, 'a run has a whole number of records')
    if (count === 0) return
    if (this.#records === 0) this.#begin(sourceFirst, targetFirst)
    const source = this.#relative(sourceFirst, 0)
    const target = this.#relative(targetFirst, 2)
    const open = this.#open
    const sourceEnd = num(open, 0) + num(open, 2)
    const targetEnd = num(open, 1) + num(open, 2)
    if (source === sourceEnd && target === targetEnd) {
      open[2] = num(open, 2) + count
      this.#records += count
      return
    }
    invariant(
      source >= sourceEnd &&
        target >= targetEnd &&
        Number.isSafeInteger(source) &&
        Number.isSafeInteger(target),
      'records of one partition are added to the offset map in order, within 2^53 of each other',
      {
        source: String(sourceFirst),
        target: String(targetFirst),
        next: `${this.nextSource}/${this.nextTarget}`,
      },
    )
    if (num(open, 2) > 0) this.#close()
    open[0] = source
    open[1] = target
    open[2] = count
    this.#records += count
  }

  /** What has been added so far. More may be added afterwards. */
  pack(): RunBlocks {
    const copy = this.#clone()
    if (num(copy.#open, 2) > 0) copy.#close()
    copy.#flush()
    const rank = new Float64Array(copy.#blocks + 1)
    rank.set(copy.#rank.subarray(0, copy.#blocks))
    rank[copy.#blocks] = copy.#packed
    const at = new Uint32Array(copy.#blocks + 1)
    at.set(copy.#at.subarray(0, copy.#blocks))
    at[copy.#blocks] = copy.#used
    return new RunBlocks({
      sourceBase: copy.#sourceBase,
      targetBase: copy.#targetBase,
      source: copy.#source.slice(0, copy.#blocks),
      target: copy.#target.slice(0, copy.#blocks),
      rank,
      at,
      payload: copy.#used === 0 ? new Uint8Array(0) : copy.#payload.slice(0, copy.#used + PAYLOAD_PAD),
    })
  }

  #begin(source: bigint, target: bigint): void {
    this.#sourceBase = source
    this.#targetBase = target
    this.#scratch[0] = source
    this.#base[0] = this.#low[0] as number
    this.#base[1] = this.#high[1] as number
    this.#scratch[0] = target
    this.#base[2] = this.#low[0] as number
    this.#base[3] = this.#high[1] as number
  }

  #relative(offset: bigint, side: 0 | 2): number {
    this.#scratch[0] = offset
    const high = (this.#high[1] as number) - num(this.#base, side + 1)
    return high * 4_294_967_296 + ((this.#low[0] as number) - num(this.#base, side))
  }

  /** Moves the open run to the pending ones, or straight to a row of its own. */
  #close(): void {
    const open = this.#open
    const source = num(open, 0)
    const target = num(open, 1)
    const count = num(open, 2)
    if (count >= LONG_RUN) {
      this.#flush()
      this.#row(source, target, count)
    } else {
      const sourceGap = source - num(open, 3)
      const targetGap = target - num(open, 4)
      if (this.#pending === PENDING || sourceGap >= PACKED_LIMIT || targetGap >= PACKED_LIMIT) this.#flush()
      if (this.#pending === this.#capacity) this.#growPending()
      const i = this.#pending++
      if (i === 0) {
        this.#first[0] = source
        this.#first[1] = target
      }
      this.#count[i] = count
      this.#sourceGap[i] = i === 0 ? 0 : sourceGap
      this.#targetGap[i] = i === 0 ? 0 : targetGap
    }
    open[3] = source + count
    open[4] = target + count
  }

  /** Packs the pending runs: neighbours that are smaller as a bitmap go into one bitmap together. */
  #flush(): void {
    const n = this.#pending
    if (n === 0) return
    const cursor = { source: num(this.#first, 0), target: num(this.#first, 1) }
    for (let from = 0; from < n; ) {
      let to = Math.min(from + PACKED_RUNS, n)
      const span = this.#bitmapSpan(from, to)
      if (span === undefined || bitsSize(span) >= ROW + packedSize(this.#columns, from, to)) {
        this.#packRuns(from, to, cursor)
      } else {
        let whole = span
        for (let next = to; next < n; next = to) {
          const end = Math.min(next + PACKED_RUNS, n)
          const longer = this.#bitmapSpan(from, end)
          const own = this.#bitmapSpan(next, end)
          if (longer === undefined || own === undefined) break
          if (longer - whole > own + WIDE_HOLE || bitsSize(own) >= ROW + packedSize(this.#columns, next, end))
            break
          whole = longer
          to = end
        }
        this.#startBlock(cursor, bitsSize(whole))
        this.#used += writeBits(this.#columns, from, to, whole, this.#payload, this.#used)
        this.#pass(from, to, cursor)
      }
      from = to
    }
    this.#pending = 0
  }

  #packRuns(from: number, to: number, cursor: { source: number; target: number }): void {
    // Two rows are smaller than one row and the header of a packed block.
    if (to - from > 2) {
      this.#startBlock(cursor, packedSize(this.#columns, from, to))
      this.#used += writePacked(this.#columns, from, to, this.#payload, this.#used)
      this.#pass(from, to, cursor)
      return
    }
    for (let i = from; i < to; i++) {
      this.#startBlock(cursor, 0)
      this.#pass(i, i + 1, cursor)
    }
  }

  /** Source offsets that runs [from, to) span, or undefined when they cannot be a bitmap. */
  #bitmapSpan(from: number, to: number): number | undefined {
    let span = 0
    for (let i = from; i < to; i++) {
      if (i > from) {
        if (this.#targetGap[i] !== 0) return undefined
        span += this.#sourceGap[i] as number
      }
      span += this.#count[i] as number
    }
    return span <= BITS_SPAN ? span : undefined
  }

  get #columns() {
    return { count: this.#count, sourceGap: this.#sourceGap, targetGap: this.#targetGap }
  }

  /** Moves the cursor behind runs [from, to), to the first record of the run that follows. */
  #pass(from: number, to: number, cursor: { source: number; target: number }): void {
    for (let i = from; i < to; i++) {
      const count = this.#count[i] as number
      const more = i + 1 < this.#pending
      cursor.source += count + (more ? (this.#sourceGap[i + 1] as number) : 0)
      cursor.target += count + (more ? (this.#targetGap[i + 1] as number) : 0)
      this.#packed += count
    }
  }

  #row(source: number, target: number, count: number): void {
    this.#startBlock({ source, target }, 0)
    this.#packed += count
  }

  #startBlock(cursor: { readonly source: number; readonly target: number }, payload: number): void {
    const i = this.#blocks++
    if (i === this.#source.length) {
      const size = Math.max(4, i + (i >>> 1))
      this.#source = grown(this.#source, new Float64Array(size))
      this.#target = grown(this.#target, new Float64Array(size))
      this.#rank = grown(this.#rank, new Float64Array(size))
      this.#at = grown(this.#at, new Uint32Array(size))
    }
    const needed = this.#used + payload + PAYLOAD_PAD
    if (payload > 0 && needed > this.#payload.length) {
      const size = Math.max(needed, 256, this.#payload.length + (this.#payload.length >>> 1))
      this.#payload = grown(this.#payload, new Uint8Array(size))
    }
    this.#source[i] = cursor.source
    this.#target[i] = cursor.target
    this.#rank[i] = this.#packed
    this.#at[i] = this.#used
  }

  #growPending(): void {
    this.#capacity = Math.min(PENDING, Math.max(8, this.#capacity * 4))
    this.#count = grown(this.#count, new Uint32Array(this.#capacity))
    this.#sourceGap = grown(this.#sourceGap, new Uint32Array(this.#capacity))
    this.#targetGap = grown(this.#targetGap, new Uint32Array(this.#capacity))
  }

  /**
   * A copy whose blocks are shared until it adds to them: what is pending is small, what is packed is not
   * changed.
   */
  #clone(): RunPacker {
    const copy = new RunPacker()
    copy.#sourceBase = this.#sourceBase
    copy.#targetBase = this.#targetBase
    copy.#open.set(this.#open)
    copy.#first.set(this.#first)
    copy.#pending = this.#pending
    copy.#capacity = this.#capacity
    copy.#count = this.#count.slice()
    copy.#sourceGap = this.#sourceGap.slice()
    copy.#targetGap = this.#targetGap.slice()
    copy.#blocks = this.#blocks
    copy.#source = this.#source.slice()
    copy.#target = this.#target.slice()
    copy.#rank = this.#rank.slice()
    copy.#at = this.#at.slice()
    copy.#payload = this.#payload.slice()
    copy.#used = this.#used
    copy.#packed = this.#packed
    return copy
  }
}

function grown<T extends Float64Array | Uint32Array | Uint8Array>(from: T, into: T): T {
  into.set(from)
  return into
}

function num(column: Float64Array, index: number): number {
  return column[index] as number
}
