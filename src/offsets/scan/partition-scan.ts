import { type ErrorDetails, TidemarkError } from '../../base/index.ts'
import type { FetchedBatches } from '../../kafka/index.ts'
import { batches, checkCrcs, dropAborted, header, RecordCursor, upgradeLegacy } from '../../records/index.ts'
import type { ScanCounts } from './scan-types.ts'
import { SourceLine } from './source-line.ts'
import { origin, TrackingReader } from './tracking-reader.ts'

/** What is to be read of one target partition, and how it is to be understood. */
export interface PartitionTask {
  readonly topic: string
  readonly sourceTopic: string
  readonly partition: number
  readonly topicId: string | undefined
  /** The log: start, and the last stable offset, both when the scan began. */
  readonly start: bigint
  readonly stop: bigint
  readonly sourceCluster: string
  readonly scanAllPartitions: boolean
}

/** Names of other clusters that are remembered. */
const MOST_NAMES = 10

/**
 * What the records of one target partition say of where they came from. Takes what is fetched, in order; decodes headers alone, and
 * makes nothing for a record.
 */
export class PartitionScan {
  readonly task: PartitionTask
  readonly counts: { -readonly [name in keyof ScanCounts]: number } = {
    records: 0,
    mapped: 0,
    repeated: 0,
    withoutHeaders: 0,
    otherCluster: 0,
    unreadable: 0,
    unnamedCluster: 0,
  }
  readonly otherClusters = new Set<string>()
  /** By source partition. */
  readonly lines = new Map<number, SourceLine>()
  /** A part of the log was not read. */
  sampled = false
  /** What was read shows that what was not read need not be the copy in its order: sampling proves nothing here. */
  doubtful = false
  readonly #reader: TrackingReader
  #line: SourceLine | undefined
  #lineOf = -1
  /** A record that may belong to the copy, and cannot be placed, was come upon, or may lie in what was not read. */
  #unknown = false
  #jumped = false

  constructor(task: PartitionTask) {
    this.task = task
    this.#reader = new TrackingReader(task.sourceCluster)
  }

  /** The log goes on beyond a part that is not read. */
  jump(): void {
    this.sampled = true
    this.#unknown = true
    this.#jumped = true
  }

  /**
   * Reads what was fetched and answers how many records of it count. Throws RECORD_CORRUPT, and SCAN_NEEDS_ALL_PARTITIONS for a record
   * that came from another partition.
   */
  take(fetched: FetchedBatches): number {
    const before = this.counts.records
    const place: ErrorDetails = { topic: this.task.topic, partition: this.task.partition }
    const { buffer, start, end } = upgradeLegacy(fetched.buffer, fetched.start, fetched.end, place)
    checkCrcs(buffer, start, end, place)
    const from = Number(fetched.fromOffset)
    for (const range of dropAborted(buffer, start, end, fetched.aborted, place).kept) {
      for (const at of batches(buffer, range.start, range.end)) {
        if (header.isControl(buffer, at) || header.lastOffsetNumber(buffer, at) < from) continue
        this.#batch(new RecordCursor(buffer, at, { place }), header.baseOffsetNumber(buffer, at), from)
      }
    }
    return this.counts.records - before
  }

  #batch(cursor: RecordCursor, base: number, from: number): void {
    const { counts } = this
    while (cursor.next()) {
      const target = base + cursor.offsetDelta
      if (target < from) continue
      counts.records++
      switch (this.#reader.read(cursor)) {
        case origin.source:
          this.#place(target)
          break
        case origin.unnamed:
          counts.unnamedCluster += this.#place(target)
          break
        case origin.other:
          counts.otherCluster++
          this.#noteOther(this.#reader.newOtherCluster())
          break
        case origin.unreadable:
          counts.unreadable++
          this.#unknown = true
          break
        default:
          counts.withoutHeaders++
          this.#unknown = true
      }
    }
  }

  #noteOther(name: string | undefined): void {
    if (name !== undefined && this.otherClusters.size < MOST_NAMES) this.otherClusters.add(name)
  }

  /** Puts the record that was read into the line of its source partition; answers 1, or 0 where it cannot be placed. */
  #place(target: number): 0 | 1 {
    const { counts, task } = this
    const { offset, partition } = this.#reader
    if (partition < 0 && task.scanAllPartitions) {
      counts.unreadable++
      this.#unknown = true
      return 0
    }
    const source = partition < 0 ? task.partition : partition
    if (source !== task.partition && !task.scanAllPartitions) throw moved(task, source)
    const line = this.#lineOf === source && this.#line ? this.#line : this.#select(source)
    if (this.#jumped) {
      if (!line.mayFollow(offset, target)) this.doubtful = true
      this.#jumped = false
    }
    if (line.add(offset, target)) {
      counts.mapped++
      if (this.#unknown) line.floor = true
    } else {
      counts.repeated++
      if (this.sampled) this.doubtful = true
    }
    return 1
  }

  #select(source: number): SourceLine {
    const { task } = this
    let line = this.lines.get(source)
    if (!line) {
      const identity = {
        sourceTopic: task.sourceTopic,
        sourcePartition: source,
        targetTopic: task.topic,
        targetPartition: task.partition,
        sourceCluster: task.sourceCluster,
      }
      line = new SourceLine(identity, task.start)
      this.lines.set(source, line)
    }
    this.#line = line
    this.#lineOf = source
    return line
  }
}

function moved(task: PartitionTask, source: number): TidemarkError {
  return new TidemarkError(
    'SCAN_NEEDS_ALL_PARTITIONS',
    `Partition ${task.partition} of ${task.topic} holds records of source partition ${source}: they found new partitions, so that all of them must be scanned`,
    {
      hint: 'Scan all partitions: --scan-all-partitions, or scan_all_partitions: true.',
      details: { topic: task.topic, partition: task.partition, sourcePartition: source },
    },
  )
}
