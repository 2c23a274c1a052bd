import { findInBits, kindOf, PACKED, seekBits, seekPacked, walkBits, walkPacked } from './block-payload.ts'
import { type Arrival, BY_SOURCE, BY_TARGET, type SeekBy } from './seek.ts'

/**
 * A contiguous stretch of the copy: `count` records from `source` on lie at `target` and the offsets after
 * it.
 */
export interface Run {
  readonly source: bigint
  readonly target: bigint
  readonly count: number
}

/**
 * The runs of one partition, packed into blocks and never changed.
 *
 * Each block has a row in four columns: source and target offset of its first record (relative to the bases),
 * the number of records before it, and where its payload begins. A block without payload is one contiguous
 * run; others hold up to 64 runs in bit-packed columns, or a bitmap of the source offsets that are present.
 * So a plain topic is one row, and a topic full of holes takes about one bit for each source offset.
 *
 * Offsets are doubles relative to a `bigint` base: exact as long as one partition's offsets lie within 2^53
 * of each other, which the builder asserts.
 */
export class RunBlocks {
  readonly sourceBase: bigint
  readonly targetBase: bigint
  readonly source: Float64Array
  readonly target: Float64Array
  /** Records before each block; one more entry than blocks: the last is the total. */
  readonly rank: Float64Array
  /** Start of each block's payload; one more entry than blocks. */
  readonly at: Uint32Array
  readonly payload: Uint8Array
  readonly #view: DataView
  readonly #arrival: Arrival = new Float64Array(3)

  constructor(columns: {
    readonly sourceBase: bigint
    readonly targetBase: bigint
    readonly source: Float64Array
    readonly target: Float64Array
    readonly rank: Float64Array
    readonly at: Uint32Array
    readonly payload: Uint8Array
  }) {
    this.sourceBase = columns.sourceBase
    this.targetBase = columns.targetBase
    this.source = columns.source
    this.target = columns.target
    this.rank = columns.rank
    this.at = columns.at
    this.payload = columns.payload
    this.#view = new DataView(this.payload.buffer, this.payload.byteOffset, this.payload.byteLength)
  }

  get blocks(): number {
    return this.source.length
  }

  get records(): number {
    return this.rank[this.blocks] ?? 0
  }

  /** Bytes of the typed arrays. */
  get bytes(): number {
    const { source, target, rank, at, payload } = this
    return source.byteLength + target.byteLength + rank.byteLength + at.byteLength + payload.byteLength
  }

  /**
   * The first record at or after `value` in the chosen column (relative to its base); undefined when all lie
   * before. The answer is valid until the next seek.
   */
  seek(by: SeekBy, value: number): Arrival | undefined {
    const column = by === BY_SOURCE ? this.source : by === BY_TARGET ? this.target : this.rank
    const block = lastAtOrBefore(column, this.blocks, value)
    if (block < 0) return this.#firstOf(0)
    const count = num(this.rank, block + 1) - num(this.rank, block)
    const distance = value - num(column, block)
    const at = num(this.at, block)
    const out = this.#arrival
    if (num(this.at, block + 1) === at) {
      if (distance >= count) return this.#firstOf(block + 1)
      out.fill(distance)
    } else if (kindOf(this.#view, at) === PACKED) {
      if (!seekPacked(this.#view, at, by, distance, out)) return this.#firstOf(block + 1)
    } else if (by === BY_SOURCE) {
      if (!seekBits(this.#view, at, distance, out)) return this.#firstOf(block + 1)
    } else {
      if (distance >= count) return this.#firstOf(block + 1)
      findInBits(this.#view, at, distance, out)
    }
    out[0] = num(out, 0) + num(this.source, block)
    out[1] = num(out, 1) + num(this.target, block)
    out[2] = num(out, 2) + num(this.rank, block)
    return out
  }

  /** Every run in order, adjoining ones joined. */
  *runs(): Generator<Run> {
    let source = 0
    let target = 0
    let count = 0
    for (const [s, t, c] of this.#pieces()) {
      if (count > 0 && s === source + count && t === target + count) {
        count += c
        continue
      }
      if (count > 0) yield this.#run(source, target, count)
      source = s
      target = t
      count = c
    }
    if (count > 0) yield this.#run(source, target, count)
  }

  #run(source: number, target: number, count: number): Run {
    return { source: this.sourceBase + BigInt(source), target: this.targetBase + BigInt(target), count }
  }

  *#pieces(): Generator<readonly [number, number, number]> {
    for (let block = 0; block < this.blocks; block++) {
      const at = num(this.at, block)
      const source = num(this.source, block)
      const target = num(this.target, block)
      if (num(this.at, block + 1) === at) {
        yield [source, target, num(this.rank, block + 1) - num(this.rank, block)]
      } else {
        const walk = kindOf(this.#view, at) === PACKED ? walkPacked : walkBits
        for (const [s, t, c] of walk(this.#view, at)) yield [source + s, target + t, c]
      }
    }
  }

  #firstOf(block: number): Arrival | undefined {
    if (block >= this.blocks) return undefined
    const out = this.#arrival
    out[0] = num(this.source, block)
    out[1] = num(this.target, block)
    out[2] = num(this.rank, block)
    return out
  }
}

/** Index of the last entry ≤ value among the first `length` of a rising column, or −1. */
function lastAtOrBefore(column: Float64Array, length: number, value: number): number {
  let low = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (num(column, middle) <= value) low = middle + 1
    else high = middle
  }
  return low - 1
}

function num(column: Float64Array | Uint32Array, index: number): number {
  return column[index] as number
}
