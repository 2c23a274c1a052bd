import type { PositionReader, TopicPartition } from '../../kafka/index.ts'
import { batchEnd, dropAborted, header, RecordCursor } from '../../records/index.ts'

const FETCH_BYTES = 4 << 20

/** The committed records of a target partition, one after the other. Holds one fetch in memory. */
export class TargetLog {
  readonly place: TopicPartition
  /** The current record. */
  cursor: RecordCursor | undefined
  offset = -1n
  readonly #reader: PositionReader
  readonly #signal: AbortSignal
  #next: bigint
  #ranges: { readonly start: number; readonly end: number }[] = []
  #buffer: Buffer = Buffer.alloc(0)
  #at = 0
  #end = 0
  #low: bigint
  #ended = false

  constructor(reader: PositionReader, place: TopicPartition, from: bigint, signal: AbortSignal) {
    this.#reader = reader
    this.place = place
    this.#next = from
    this.#low = from
    this.#signal = signal
  }

  /** Moves to the next record; false at the end of the log. */
  async advance(): Promise<boolean> {
    for (;;) {
      while (this.cursor?.next()) {
        this.offset = this.cursor.offset
        if (this.offset >= this.#low) return true
      }
      this.cursor = undefined
      if (!this.#openBatch() && !(await this.#fetch())) return false
    }
  }

  /** Moves on until the current record's offset is `offset` or more; false at the end of the log. Passes a jump over unread. */
  async seek(offset: bigint): Promise<boolean> {
    if (this.offset >= offset && this.cursor) return true
    if (offset > this.#next) {
      this.cursor = undefined
      this.#ranges = []
      this.#at = this.#end
      this.#next = offset
      this.#low = offset
      this.#ended = false
    }
    while (await this.advance()) if (this.offset >= offset) return true
    return false
  }

  /**
   * How many records follow the current one, up to the log's `end`. What is at hand and one more fetch are counted; of what
   * lies farther, offsets are, among which may be some without a record: then the answer is not `exact`.
   */
  async rest(end: bigint): Promise<{ readonly records: number; readonly exact: boolean }> {
    let records = 0
    while (this.cursor?.next()) records++
    this.cursor = undefined
    records += this.#countBatches()
    if (this.#next >= end || !(await this.#fetch())) return { records, exact: true }
    records += this.#countBatches()
    const left = end > this.#next && !this.#ended ? Number(end - this.#next) : 0
    return { records: records + left, exact: left === 0 }
  }

  /** Passes over what has been fetched. */
  #countBatches(): number {
    let records = 0
    while (this.#openBatch()) {
      while (this.cursor?.next()) if (this.cursor.offset >= this.#low) records++
      this.cursor = undefined
    }
    return records
  }

  #openBatch(): boolean {
    for (;;) {
      while (this.#at < this.#end) {
        const at = this.#at
        const end = batchEnd(this.#buffer, at, this.#end, { ...this.place })
        if (end === undefined) break
        this.#at = end
        if (header.isControl(this.#buffer, at)) continue
        this.cursor = new RecordCursor(this.#buffer, at, { place: { ...this.place } })
        return true
      }
      const range = this.#ranges.shift()
      if (!range) return false
      this.#at = range.start
      this.#end = range.end
    }
  }

  async #fetch(): Promise<boolean> {
    if (this.#ended) return false
    const fetched = await this.#reader.fetchFrom(this.place, this.#next, {
      maxBytes: FETCH_BYTES,
      signal: this.#signal,
    })
    if (!fetched) {
      this.#ended = true
      return false
    }
    const { buffer, start, end, aborted, nextOffset } = fetched
    this.#buffer = buffer
    this.#ranges = [...dropAborted(buffer, start, end, aborted, { ...this.place }).kept]
    this.#next = nextOffset
    return true
  }
}
