import { ChunkTable } from './chunk-table.ts'
import type { PartitionEntry } from './commit-record.ts'
import type { ChunkList, ChunkRef, PartitionIndex, TopicIndex } from './contract.ts'
import type { TopicDescription } from './model.ts'
import { type LineState, PartitionLine } from './partition-line.ts'

/** Tells generations apart. */
export function generationKey(of: { readonly topic: string; readonly topicId: string | undefined }): string {
  return `${of.topic}/${of.topicId ?? ''}`
}

/** What counts in a generation, or in a part of it. */
export interface Totals {
  readonly records: number
  readonly raw: number
  readonly stored: number
  readonly chunks: number
  readonly gaps: number
  readonly maxTimestamp: bigint
}

export const noTotals: Totals = Object.freeze({
  records: 0,
  raw: 0,
  stored: 0,
  chunks: 0,
  gaps: 0,
  maxTimestamp: -1n,
})

export function addTotals(a: Totals, b: Totals): Totals {
  return {
    records: a.records + b.records,
    raw: a.raw + b.raw,
    stored: a.stored + b.stored,
    chunks: a.chunks + b.chunks,
    gaps: a.gaps + b.gaps,
    maxTimestamp: a.maxTimestamp > b.maxTimestamp ? a.maxTimestamp : b.maxTimestamp,
  }
}

/** A generation of a topic, or what some commits add to it: its partitions and their chunks. */
export class Generation {
  readonly topic: string
  readonly topicId: string | undefined
  readonly table = new ChunkTable()
  readonly lines = new Map<number, PartitionLine>()

  constructor(topic: string, topicId: string | undefined) {
    this.topic = topic
    this.topicId = topicId
  }

  /** Takes a commit's entry in. `before`: where the partition stood, when what came before is held elsewhere. */
  fold(entry: PartitionEntry, object: string, before?: LineState): void {
    const { partition } = entry.account
    let line = this.lines.get(partition)
    if (!line) {
      line = new PartitionLine(partition, before)
      this.lines.set(partition, line)
    }
    line.fold(entry, this.table, object)
  }

  /** Some partition was cut back to before the part that is held here. */
  get cutsBefore(): boolean {
    for (const line of this.lines.values()) if (line.cutBefore !== undefined) return true
    return false
  }

  /** Takes over a later part, which must not be changed any more. */
  absorb(later: Generation): void {
    const shift = this.table.take(later.table)
    for (const [partition, line] of later.lines) {
      const rows = line.rows.map((row) => row + shift)
      let mine = this.lines.get(partition)
      if (!mine) {
        mine = new PartitionLine(partition)
        this.lines.set(partition, mine)
      }
      mine.extend(line, rows, this.table)
    }
  }

  totals(): Totals {
    let records = 0
    let raw = 0
    let stored = 0
    let chunks = 0
    let gaps = 0
    let maxTimestamp = -1n
    for (const line of this.lines.values()) {
      gaps += line.gaps.length
      chunks += line.rows.length
      for (const row of line.rows) {
        const { columns, i } = this.table.locate(row)
        records += columns.records[i] ?? 0
        raw += columns.raw[i] ?? 0
        stored += columns.stored[i] ?? 0
        const time = columns.maxTimestamp[i] ?? -1n
        if (time > maxTimestamp) maxTimestamp = time
      }
    }
    return { records, raw, stored, chunks, gaps, maxTimestamp }
  }

  /** As the rooms above see it. */
  toIndex(description: TopicDescription | undefined): TopicIndex {
    const partitions = new Map<number, PartitionIndex>()
    for (const partition of [...this.lines.keys()].sort((a, b) => a - b)) {
      const line = this.lines.get(partition)
      if (line) partitions.set(partition, this.#partition(line))
    }
    return { topic: this.topic, topicId: this.topicId, description, partitions }
  }

  #partition(line: PartitionLine): PartitionIndex {
    const { from, next } = line
    return {
      partition: line.partition,
      chunks: new LineChunks(this, line),
      covered: from !== undefined && from < next ? [{ from, to: next }] : [],
      gaps: line.gaps,
      aborted: line.aborted,
      next,
      endOffset: line.logEnd,
      logStartOffset: line.logStart,
      leaderEpoch: line.leaderEpoch,
    }
  }
}

/** The chunks of a line; each entry is made when it is asked for. */
class LineChunks implements ChunkList {
  readonly #generation: Generation
  readonly #line: PartitionLine

  constructor(generation: Generation, line: PartitionLine) {
    this.#generation = generation
    this.#line = line
  }

  get length(): number {
    return this.#line.rows.length
  }

  at(index: number): ChunkRef | undefined {
    const row = this.#line.rows.at(index)
    if (row === undefined) return undefined
    const { table, topic, topicId } = this.#generation
    return table.ref(row, topic, topicId, this.#line.partition)
  }

  *[Symbol.iterator](): Generator<ChunkRef, void, undefined> {
    const { table, topic, topicId } = this.#generation
    for (const row of this.#line.rows) yield table.ref(row, topic, topicId, this.#line.partition)
  }
}
