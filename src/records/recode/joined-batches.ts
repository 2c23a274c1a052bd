import * as header from '../batch-header.ts'
import { BatchJoiner } from '../batch-joiner.ts'
import type { SlabPart, SlabPool } from './slab-pool.ts'
import type { SourceRun } from './source-runs.ts'

/** Batches of more bytes than this go out as they are: joining them would save little. */
const SMALL = 64 << 10
/** Bytes of a joined batch, at most; as much as a slab gives in one piece. */
const JOINED = 256 << 10

/** Offsets and times of joined records may take a few bytes more than they did: memory for what is known to come. */
const ROOM = 1.25
const ROOM_BYTES = 1 << 10

/** Several batches as one, without a producer and without a CRC: both are written when it is sent. */
export interface JoinedBatch {
  readonly buffer: Buffer
  readonly start: number
  readonly end: number
  readonly records: number
  readonly runs: readonly SourceRun[]
  /** Gives its memory back. */
  readonly release: () => void
}

/** Joins consecutive small batches of one input into larger ones. */
export class JoinedBatches {
  readonly #slabs: SlabPool
  readonly #size: number
  readonly #joiner = new BatchJoiner()
  #part: SlabPart | undefined
  #runs: SourceRun[] = []
  #start = 0
  #next = 0

  /** `limit`: bytes of the largest batch that the target takes. `expected`: bytes of what there is to join, where that is known. */
  constructor(slabs: SlabPool, limit: number, expected = JOINED) {
    this.#slabs = slabs
    this.#size = Math.min(limit, JOINED, Math.ceil(expected * ROOM) + ROOM_BYTES)
  }

  /**
   * Takes a copy of the batch at `at`, which may go out as it is. Answers false where it does not belong to the others: then what
   * was gathered is to be sent first, and the batch may be tried again.
   */
  add(buffer: Buffer, at: number): boolean {
    if (!this.#copy(buffer, at)) return false
    this.#note(header.baseOffsetNumber(buffer, at), header.recordsCount(buffer, at))
    return true
  }

  /** The same for a batch that was built anew, of these records of the source. */
  addBuilt(batch: Buffer, runs: readonly SourceRun[]): boolean {
    if (!this.#copy(batch, 0)) return false
    for (const { offset, count } of runs) this.#note(Number(offset), count)
    return true
  }

  /** What was gathered, as one batch; undefined when there is nothing. */
  take(): JoinedBatch | undefined {
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

  #copy(buffer: Buffer, at: number): boolean {
    if (header.size(buffer, at) > SMALL || header.codec(buffer, at) !== header.codecId.none) return false
    if (this.#part === undefined) {
      this.#part = this.#slabs.take(this.#size)
      this.#joiner.begin(this.#part.bytes)
    }
    return this.#joiner.add(buffer, at)
  }

  /** Takes note of consecutive source offsets. */
  #note(first: number, count: number): void {
    if (first !== this.#next) this.#closeRun()
    if (this.#start === this.#next) this.#start = first
    this.#next = first + count
  }

  #closeRun(): void {
    if (this.#next > this.#start)
      this.#runs.push({ input: 0, offset: BigInt(this.#start), count: this.#next - this.#start })
    this.#start = this.#next
  }
}
