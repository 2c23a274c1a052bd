import type { BackupWriter, PartitionAccount, PositionCapture, TopicDescription } from '../archive/index.ts'
import { type Clock, invariant, isTidemarkError, type Progress } from '../base/index.ts'
import type { FetchEvent, FetchedBatches, FetchSink, TopicPartition } from '../kafka/index.ts'
import { Gatherer, type Piece } from './gatherer.ts'
import type { BackupNotice } from './job.ts'
import type { PartitionLedger } from './partition-ledger.ts'
import { type Sifted, sift } from './sift.ts'

/** A response part of at least this many bytes is written as a chunk from where it was received. */
const directFrom = 1 << 20
/** Smaller parts are gathered up to this. */
const chunkBytes = 8 << 20

export interface IntakeOptions {
  readonly writer: BackupWriter
  readonly isolation: 'read_committed' | 'read_uncommitted'
  readonly clock: Clock
  readonly progress: Progress
  /** Bytes of gathered pieces, held or being written, above which receiving waits. */
  readonly memory: number
  /** Bytes after which a commit is due. */
  readonly commitBytes: number
  readonly notice: (notice: BackupNotice) => void
  /** Called when a partition cannot be read any further in this pass; the others go on. */
  readonly gaveUp: (partition: TopicPartition, error: Error) => void
  /** Called once, with the first error that ends the run. */
  readonly failed: (error: unknown) => void
}

/** What a commit takes beside the accounts. */
export interface CommitExtras {
  readonly topics?: readonly TopicDescription[]
  readonly positions?: PositionCapture
  readonly final?: boolean
}

/**
 * The way from the fetcher into the archive. Batches are checked and sifted as they come, large parts become chunks
 * where they lie, small ones are gathered; a commit closes the books over everything received so far.
 *
 * While a commit collects what is outstanding, deliveries wait in line: a chunk is either accounted for by the commit
 * that holds it or belongs to the next one, never between. The memory that deliveries hold is the fetcher's, and bounded.
 */
export class Intake implements FetchSink {
  readonly #options: IntakeOptions
  readonly #ledgers = new Map<string, PartitionLedger>()
  readonly #retired: PartitionLedger[] = []
  readonly #gatherers = new Map<PartitionLedger, Gatherer>()
  readonly #waiting: (FetchedBatches | FetchEvent)[] = []
  readonly #outstanding = new Set<Promise<void>>()
  /** Partitions that were given up in this pass: what still comes of them is left alone. */
  readonly #givenUp = new Set<PartitionLedger>()
  #draining = false
  /** Reasons to let deliveries wait in line. */
  #holds = 0
  #gathered = 0
  #sinceCut = 0
  #error: unknown
  #committing: Promise<unknown> = Promise.resolve()
  #cuts: Promise<unknown> = Promise.resolve()
  /** Totals of the run. */
  readonly totals = { records: 0, rawBytes: 0, storedBytes: 0, abortedRecords: 0, commits: 0, lastCommit: -1 }

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  /** Makes a partition known before anything of it is fetched. */
  open(ledger: PartitionLedger): void {
    const before = this.#ledgers.get(key(ledger))
    // An earlier generation of the topic may still have something to say.
    if (before && before !== ledger) this.#retired.push(before)
    this.#ledgers.set(key(ledger), ledger)
    this.#givenUp.delete(ledger)
  }

  ledger(partition: TopicPartition): PartitionLedger | undefined {
    return this.#ledgers.get(key(partition))
  }

  batches(fetched: FetchedBatches): void {
    this.#waiting.push(fetched)
    this.#drain()
  }

  event(event: FetchEvent): void {
    this.#waiting.push(event)
    this.#drain()
  }

  /**
   * Commits everything delivered before the call. Resolves when the commit is durable; undefined when there was nothing
   * to say. Commits never overlap.
   */
  commit(extras: CommitExtras = {}): Promise<number | undefined> {
    return this.#commit(extras, () => {})
  }

  #commit(extras: CommitExtras, closed: () => void): Promise<number | undefined> {
    const turn = this.#cuts.then(() => this.#cut(extras, closed))
    this.#cuts = turn.then(
      () => {},
      () => {},
    )
    return turn.then((made) => made.commit)
  }

  /** `closed` runs when the accounts are taken, before any further delivery is looked at. */
  async #cut(extras: CommitExtras, closed: () => void): Promise<{ commit: Promise<number | undefined> }> {
    await this.#committing
    this.#holds++
    try {
      for (const [ledger, gatherer] of this.#gatherers) this.#flush(ledger, gatherer)
      await Promise.all(this.#outstanding)
      this.#throwIfFailed()
      const accounts: PartitionAccount[] = []
      for (const ledger of [...this.#retired.splice(0), ...this.#ledgers.values()]) {
        const account = ledger.take()
        if (account) accounts.push(account)
      }
      closed()
      const empty = accounts.length === 0 && !extras.final && !extras.positions && !extras.topics?.length
      if (empty) return { commit: Promise.resolve(undefined) }
      this.#sinceCut = 0
      const commit = this.#options.writer.commit({ accounts, ...extras }).then((made) => {
        this.totals.commits++
        this.totals.lastCommit = made.commit
        this.totals.storedBytes += made.bytes
        return made.commit
      })
      // The next cut waits for it; whether it failed is told to whoever asked for it, and ends the run.
      this.#committing = commit.catch((error: unknown) => this.#fail(error))
      return { commit }
    } finally {
      this.#holds--
      this.#drain()
    }
  }

  /**
   * Resolves when everything delivered before the call has been looked at and is written or gathered, or the run has failed. To be
   * called before a commit that is to hold all of it: deliveries wait in line while memory is short.
   */
  async settled(): Promise<void> {
    while (this.#error === undefined && this.#waiting.length > 0) {
      for (const [ledger, gatherer] of this.#gatherers) this.#flush(ledger, gatherer)
      await this.#cuts
      await this.#committing
      await Promise.all(this.#outstanding)
      this.#drain()
    }
  }

  /** Gives back the memory of whatever is still in line: for a run that ends early. */
  discard(): void {
    for (const item of this.#waiting.splice(0)) if ('release' in item) item.release()
  }

  #drain(): void {
    if (this.#draining) return
    this.#draining = true
    try {
      while (this.#holds === 0 && this.#gathered < this.#options.memory) {
        const item = this.#waiting.shift()
        if (!item) return
        if (this.#error !== undefined) {
          if ('release' in item) item.release()
        } else if ('release' in item) this.#receive(item)
        else this.#happened(item)
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#draining = false
    }
  }

  #receive(fetched: FetchedBatches): void {
    let lent = true
    const release = () => {
      if (lent) fetched.release()
      lent = false
    }
    try {
      const ledger = this.#required(fetched)
      if (this.#givenUp.has(ledger)) return
      const next = ledger.next
      invariant(fetched.fromOffset === next, 'a partition is delivered in order, and nothing twice', {
        topic: fetched.topic,
        partition: fetched.partition,
        offset: fetched.fromOffset,
        next: String(next),
      })
      const sifted = this.#sift(ledger, fetched)
      if (!sifted) return
      const { bytes, survey, aborted, abortedRecords } = sifted
      const records = survey.records - sifted.recordsBefore
      for (const range of aborted) ledger.aborted(range)
      const end =
        this.#options.isolation === 'read_committed' ? fetched.lastStableOffset : fetched.highWatermark
      ledger.bounds(fetched.logStartOffset, end)
      ledger.advance(fetched.nextOffset, fetched.leaderEpoch)
      this.totals.abortedRecords += abortedRecords
      this.totals.records += records
      this.totals.rawBytes += bytes.length
      this.#sinceCut += bytes.length
      this.#options.progress.advance(fetched.topic, fetched.partition, bytes.length, records)
      this.#options.progress.remaining(fetched.topic, fetched.partition, Number(end - ledger.next))
      if (bytes.length > 0) {
        if (bytes.length >= directFrom) {
          this.#flush(ledger, this.#gatherer(ledger))
          lent = false
          this.#write(ledger, { bytes, survey }, () => fetched.release())
        } else this.#gather(ledger, { bytes, survey })
      }
    } finally {
      release()
    }
    if (this.#sinceCut >= this.#options.commitBytes) {
      this.#sinceCut = 0
      this.commit().catch((error: unknown) => this.#fail(error))
    }
  }

  /** Nothing, and the partition is given up, where the source's bytes are not what they should be. */
  #sift(ledger: PartitionLedger, fetched: FetchedBatches): Sifted | undefined {
    try {
      return sift(fetched, this.#options.isolation)
    } catch (error) {
      if (!isTidemarkError(error, 'RECORD_CORRUPT')) throw error
      this.#givenUp.add(ledger)
      this.#options.gaveUp(ledger, error)
      return undefined
    }
  }

  #happened(event: FetchEvent): void {
    const ledger = this.#required(event)
    if (this.#givenUp.has(ledger)) return
    const { topic, partition } = event
    const { notice, clock } = this.#options
    switch (event.type) {
      case 'done':
        ledger.advance(event.nextOffset, event.leaderEpoch)
        this.#options.progress.done(topic, partition)
        return
      case 'compacted':
        ledger.advance(event.to, -1)
        return
      case 'gap':
        this.#flush(ledger, this.#gatherer(ledger))
        ledger.gap(event, event.reason, clock.now())
        notice({ type: 'gap', topic, partition, reason: event.reason, from: event.from, to: event.to })
        return
      case 'truncated':
        notice({
          type: 'gap',
          topic,
          partition,
          reason: 'truncated',
          from: event.divergence,
          to: event.seenTo,
        })
        this.#truncate(ledger, event.divergence, event.seenTo)
        return
      case 'recreated':
        ledger.gap({ from: ledger.next, to: ledger.next }, 'recreated', clock.now())
        notice({ type: 'gap', topic, partition, reason: 'recreated', from: ledger.next, to: ledger.next })
        return
      case 'lost':
        // Only of a topic that is not there any more is it known that nothing more will come.
        if (!isTidemarkError(event.error, 'TOPIC_NOT_FOUND')) {
          this.#options.gaveUp(ledger, event.error)
          return
        }
        ledger.gap({ from: ledger.next, to: ledger.next }, 'lost', clock.now())
        notice({ type: 'gap', topic, partition, reason: 'lost', from: ledger.next, to: ledger.next })
        return
      case 'held':
        return
    }
  }

  /** What was read of the dead branch is committed first, then the account begins anew at the divergence. */
  #truncate(ledger: PartitionLedger, divergence: bigint, seenTo: bigint): void {
    this.#holds++
    const closed = () => ledger.truncated(divergence, seenTo, this.#options.clock.now())
    this.#commit({}, closed)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#holds--
        this.#drain()
      })
  }

  #gather(ledger: PartitionLedger, piece: Piece): void {
    const gatherer = this.#gatherer(ledger)
    gatherer.add(piece)
    this.#gathered += piece.bytes.length
    if (gatherer.size >= chunkBytes) this.#flush(ledger, gatherer)
    if (this.#gathered >= this.#options.memory) {
      for (const [each, held] of this.#gatherers) this.#flush(each, held)
    }
  }

  #flush(ledger: PartitionLedger, gatherer: Gatherer): void {
    const piece = gatherer.take()
    if (!piece) return
    this.#gatherers.delete(ledger)
    this.#write(ledger, piece, () => {
      this.#gathered -= piece.bytes.length
    })
  }

  #write(ledger: PartitionLedger, { bytes, survey }: Piece, release: () => void): void {
    const written = this.#options.writer
      .write({
        topic: ledger.topic,
        topicId: ledger.topicId,
        partition: ledger.partition,
        firstOffset: survey.firstOffset,
        lastOffset: survey.lastOffset,
        records: survey.records,
        maxTimestamp: survey.maxTimestamp,
        largestBatch: survey.largestBatch,
        compressed: survey.compressedBatches * 2 > survey.batches - survey.controlBatches,
        bytes,
      })
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#outstanding.delete(written)
        release()
        this.#drain()
      })
    this.#outstanding.add(written)
  }

  #gatherer(ledger: PartitionLedger): Gatherer {
    let gatherer = this.#gatherers.get(ledger)
    if (!gatherer) {
      gatherer = new Gatherer()
      this.#gatherers.set(ledger, gatherer)
    }
    return gatherer
  }

  #required(partition: TopicPartition): PartitionLedger {
    const ledger = this.#ledgers.get(key(partition))
    if (!ledger) throw new Error(`nothing was asked of ${key(partition)}`)
    return ledger
  }

  #fail(error: unknown): void {
    if (this.#error !== undefined) return
    this.#error = error
    this.#options.failed(error)
    this.discard()
  }

  #throwIfFailed(): void {
    if (this.#error !== undefined) throw this.#error
  }
}

function key({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
