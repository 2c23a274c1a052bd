import { BatchJoiner, header } from '../../records/index.ts'
import type { Part, SlabPool } from '../recode/slab-pool.ts'
import type { SourceRun } from '../recode/source-runs.ts'
import type { StreamBatch } from './output-partition.ts'

/** Batches of more bytes than this go out as they are: joining them would save little. */
const SMALL = 64 << 10
/** Bytes of a joined batch, at most; as much as a slab gives in one piece. */
const JOINED = 256 << 10

/** Joins consecutive small batches of one input into larger ones. */
export class JoinedBatches {
  readonly #slabs: SlabPool
  readonly #size: number
  readonly #joiner = new BatchJoiner()
  #part: Part | undefined
  #runs: SourceRun[] = []
  #start = 0
  #next = 0

  /** `limit`: bytes of the largest batch that the target takes. */
  constructor(slabs: SlabPool, limit: number) {
    this.#slabs = slabs
    this.#size = Math.min(limit, JOINED)
  }

  /**
   * Takes a copy of the batch at `at`, which may go out as it is. Answers false where it does not belong to the others: then what
   * was gathered is to be sent first, and the batch may be tried again.
   */
  add(buffer: Buffer, at: number): boolean {
    if (header.size(buffer, at) > SMALL || header.codec(buffer, at) !== header.codecId.none) return false
    if (this.#part === undefined) {
      this.#part = this.#slabs.take(this.#size)
      this.#joiner.begin(this.#part.bytes)
    }
    const count = header.recordsCount(buffer, at)
    if (!this.#joiner.add(buffer, at)) return false
    const first = header.baseOffsetNumber(buffer, at)
    if (this.#joiner.count > count && first !== this.#next) this.#closeRun()
    if (this.#start === this.#next) this.#start = first
    this.#next = first + count
    return true
  }

  /** What was gathered, as one batch; undefined when there is nothing. */
  take(): StreamBatch | undefined {
    const records = this.#joiner.count
    const part = this.#part
    this.#part = undefined
    if (part === undefined) return undefined
    const buffer = this.#joiner.finish()
    if (buffer === undefined) {
      part.release()
      return undefined
    }
    this.#closeRun()
    const runs = this.#runs
    this.#runs = []
    return { buffer, start: 0, end: buffer.length, records, runs, release: part.release }
  }

  #closeRun(): void {
    if (this.#next > this.#start)
      this.#runs.push({ input: 0, offset: BigInt(this.#start), count: this.#next - this.#start })
    this.#start = this.#next
  }
}
