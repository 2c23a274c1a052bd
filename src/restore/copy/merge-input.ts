import { invariant } from '../../base/index.ts'
import {
  batchEnd,
  type CodecName,
  codecName,
  header,
  RecordCursor,
  recordInRange,
} from '../../records/index.ts'
import type { HeaderEditor } from '../recode/header-editor.ts'
import { type BatchWish, judgeBatch } from './batch-verdict.ts'
import type { ChunkFeed, LoadedChunk } from './chunk-feed.ts'
import { inputEditor, type LaneContext, openFeed, wishOf } from './lane-context.ts'

/** Where an input stands in a merge; see `LaneCursor`. */
export interface InputPoint {
  readonly next: bigint
  readonly clock: bigint
}

/**
 * One source partition in a merge: its wanted records, one at a time, with the largest time so far. When the chunks of all
 * inputs together would not fit into memory, only a piece of the current one is kept, and the chunk is read again for the
 * next piece.
 */
export class MergeInput implements AsyncDisposable {
  readonly index: number
  readonly editor: HeaderEditor | undefined
  /** The current record. */
  cursor: RecordCursor
  offset = -1
  codec: CodecName = 'none'
  /** Producer of the transaction that the current record is part of. */
  transaction: bigint | undefined
  /** Largest time of the records up to the current one. */
  clock: number
  readonly #wish: BatchWish
  readonly #onBatchTime: (maxTimestamp: number) => void
  readonly #feed: ChunkFeed
  #from: number
  #chunk: LoadedChunk | undefined
  #at = 0
  #ranged = false
  #base = 0
  #low = 0
  #high = 0
  #open = false

  private constructor(context: LaneContext, index: number, start: InputPoint, feed: ChunkFeed) {
    this.index = index
    this.editor = inputEditor(context, index)
    this.cursor = NO_CURSOR
    this.clock = Number(start.clock)
    this.#wish = wishOf(context, index)
    this.#onBatchTime = context.onBatchTime
    this.#from = Number(start.next)
    this.#feed = feed
  }

  static async open(
    context: LaneContext,
    index: number,
    start: InputPoint,
    window: number,
  ): Promise<MergeInput> {
    const feed = await openFeed(context, index, start.next, { ahead: false, window })
    return new MergeInput(context, index, start, feed)
  }

  /** The point after the current record. */
  get point(): InputPoint {
    return { next: BigInt(this.offset >= 0 ? this.offset + 1 : this.#from), clock: BigInt(this.clock) }
  }

  /** Moves to the next wanted record within what is in memory; false when more must be loaded. */
  step(): boolean {
    for (;;) {
      while (this.#open && this.cursor.next()) {
        const offset = this.#base + this.cursor.offsetDelta
        if (offset < this.#low || offset >= this.#high) continue
        if (this.#ranged && this.#wish.range && !recordInRange(this.#wish.range, this.cursor)) continue
        this.offset = offset
        const time = this.cursor.timestampNumber
        if (time > this.clock) this.clock = time
        return true
      }
      this.#open = false
      if (!this.#nextBatch()) return false
    }
  }

  /** Moves to the next wanted record, loading what it takes; false at the end. */
  async advance(): Promise<boolean> {
    while (!this.step()) {
      this.#chunk?.lease.release()
      this.#chunk = undefined
      this.#chunk = await this.#feed.next()
      if (!this.#chunk) return false
      this.#at = 0
      this.#low = Math.max(Number(this.#chunk.ref.from), this.#from)
      this.#high = Number(this.#chunk.ref.to)
    }
    return true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#chunk?.lease.release()
    this.#chunk = undefined
    await this.#feed[Symbol.asyncDispose]()
  }

  #nextBatch(): boolean {
    const bytes = this.#chunk?.bytes
    if (!bytes) return false
    const { place } = this.#wish
    while (this.#at < bytes.length) {
      const at = this.#at
      const end = batchEnd(bytes, at, bytes.length, place)
      invariant(end !== undefined, 'a chunk holds whole batches', place)
      this.#at = end
      const verdict = judgeBatch(bytes, at, end, this.#low, this.#high, this.#wish)
      if (verdict === 'skip') continue
      this.#onBatchTime(header.maxTimestampNumber(bytes, at))
      this.#ranged = verdict === 'recode'
      this.#base = header.baseOffsetNumber(bytes, at)
      this.transaction = header.isTransactional(bytes, at) ? header.producerId(bytes, at) : undefined
      this.codec = codecName(header.codec(bytes, at)) ?? 'none'
      this.cursor = new RecordCursor(bytes, at, { place })
      this.#open = true
      return true
    }
    return false
  }
}

/** Stands for the current record before there is one. */
const NO_CURSOR = new RecordCursor(emptyBatch(), 0)

function emptyBatch(): Buffer {
  const batch = Buffer.alloc(header.HEADER_SIZE)
  batch.writeInt32BE(header.HEADER_SIZE - header.LOG_OVERHEAD, header.position.batchLength)
  batch.writeInt8(2, header.position.magic)
  return batch
}
