import { invariant, systemClock, type TidemarkError } from '../base/index.ts'
import { nextSequence, rewriteForProduce } from '../records/index.ts'
import type {
  LandedBatch,
  OutgoingBatch,
  PartitionProducer,
  PartitionProducerOptions,
  Recovered,
} from './data-types.ts'
import { gravity, type Judged, targetChanged } from './produce-judge.ts'
import type { ProducerIdentity } from './types.ts'
import { uuidKey } from './wire-reader.ts'

/** Batches that wait to be sent, at most: many more than are under way at once, few enough to be gone before they grow old in memory. */
const longestQueue = 64

/** A batch that has been sent and is not known to have landed. */
export interface Sent {
  readonly batch: OutgoingBatch
  readonly sequence: number
  /** What becomes of it does not matter any more. */
  stale: boolean
}

/** What a partition needs of its producer. */
export interface PartitionHost {
  readonly inFlight: number
  readonly transactional: boolean
  readonly partitionMemory: number
  /** Takes the bytes of a batch into the account of all partitions. */
  queued(bytes: number): void
  /** Gives them back. */
  freed(bytes: number): void
  /** Whether all partitions together may queue more. */
  roomForAll(): boolean
  /** A sender waits for room. */
  starving(partition: ProducePartition): void
  /** The partition may have something to send. */
  ready(partition: ProducePartition): void
  /** All answers are in, and something failed: what becomes of the batches that have not landed? */
  troubled(partition: ProducePartition, judged: Judged): void
}

/**
 * The way into one partition: a queue, and the batches sent and not yet landed, in order. One batch of a partition is in
 * a request; the first under a producer id and epoch goes alone, later ones up to five at a time. When one fails, nothing
 * more is sent until all answers are in; then the producer decides.
 */
export class ProducePartition implements PartitionProducer {
  readonly topic: string
  readonly partition: number
  topicId: string | undefined
  /** The topic is ours alone: each base offset is known beforehand. */
  readonly exclusive: boolean
  /** What is to be done before anything is sent under a raised epoch. */
  readonly raised: (() => Promise<void>) | undefined
  /** Offset after what is known to have landed; undefined until the log end has been asked for. */
  end: bigint | undefined
  leader: number | undefined
  leaderEpoch = -1
  /** Attempts since something last landed, and when (ms, monotonic) that trouble began. */
  attempts = 0
  troubleSince: number | undefined
  /** The producer is finding out what has landed, or looking for the leader. */
  halted = true
  readonly #host: PartitionHost
  #topicKey: string | undefined
  #identity: ProducerIdentity
  #sequence = 0
  /** The next batch goes alone, until it has landed. */
  #alone = true
  /** Within a transaction: the partition has been added to it. */
  enlisted = false
  #queue: OutgoingBatch[] = []
  #head = 0
  #sent: Sent[] = []
  #unanswered = 0
  #bytes = 0
  #trouble: Judged | undefined
  #failure: Error | undefined
  #room: PromiseWithResolvers<void> | undefined
  #flushed: PromiseWithResolvers<void> | undefined

  constructor(options: PartitionProducerOptions, identity: ProducerIdentity, host: PartitionHost) {
    this.topic = options.topic
    this.partition = options.partition
    this.topicId = options.topicId
    this.raised = options.raised
    // Within transactions markers stand between the batches, and whoever was cut off is fenced instead.
    this.exclusive = options.expectedBase !== undefined && !host.transactional
    this.end = options.expectedBase ?? options.since
    this.#identity = { producerId: identity.producerId, epoch: options.epoch ?? identity.epoch }
    this.#host = host
  }

  /** The topic id as answers name it. */
  get topicKey(): string {
    if (this.topicId === undefined) return ''
    this.#topicKey ??= uuidKey(this.topicId)
    return this.#topicKey
  }

  get producerId(): bigint {
    return this.#identity.producerId
  }

  get epoch(): number {
    return this.#identity.epoch
  }

  get failure(): Error | undefined {
    return this.#failure
  }

  /** Requests without an answer. */
  get unanswered(): number {
    return this.#unanswered
  }

  /** Nothing is queued and nothing is without an outcome. */
  get empty(): boolean {
    return this.#head === this.#queue.length && this.#sent.length === 0
  }

  /** A batch may be sent now. */
  get sendable(): boolean {
    return (
      this.#head < this.#queue.length &&
      !this.halted &&
      this.#trouble === undefined &&
      this.#failure === undefined &&
      (!this.#host.transactional || this.enlisted) &&
      this.#unanswered < (this.#alone ? 1 : this.#host.inFlight)
    )
  }

  /** Something is queued. */
  get waiting(): boolean {
    return this.#head < this.#queue.length
  }

  /** Bytes of the batch that goes next. */
  get nextSize(): number {
    const batch = this.#queue[this.#head]
    return batch ? batch.end - batch.start : 0
  }

  send(batch: OutgoingBatch): Promise<void> | undefined {
    if (this.#failure) return Promise.reject(this.#failure)
    const bytes = batch.end - batch.start
    this.#queue.push(batch)
    this.#bytes += bytes
    this.#host.queued(bytes)
    this.#host.ready(this)
    if (this.hasRoom) return undefined
    this.#room ??= Promise.withResolvers()
    this.#host.starving(this)
    return this.#room.promise
  }

  flush(): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure)
    if (this.empty) return Promise.resolve()
    this.#flushed ??= Promise.withResolvers()
    return this.#flushed.promise
  }

  /** There is room for another batch: in any case when nothing is queued. */
  get hasRoom(): boolean {
    return this.#hasRoom(longestQueue)
  }

  #hasRoom(longest: number): boolean {
    const queued = this.#queue.length - this.#head
    if (queued === 0) return true
    return queued < longest && this.#bytes < this.#host.partitionMemory && this.#host.roomForAll()
  }

  /** Lets senders go on when there is room. Answers whether they still wait. */
  admit(): boolean {
    if (this.#room && this.#hasRoom(longestQueue / 2)) {
      this.#room.resolve()
      this.#room = undefined
    }
    return this.#room !== undefined
  }

  /** Takes the next batch for a request, stamped. Only when `sendable`. */
  take(): Sent {
    const batch = this.#queue[this.#head++]
    invariant(batch !== undefined, 'a batch was taken from an empty queue')
    // What has been taken must not be held here: it may be large, and is gone once it has landed.
    if (this.#head >= longestQueue || this.#head === this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
    const sequence = this.#sequence
    rewriteForProduce(batch.buffer, batch.start, {
      producerId: this.#identity.producerId,
      producerEpoch: this.#identity.epoch,
      baseSequence: sequence,
      transactional: this.#host.transactional,
    })
    this.#sequence = nextSequence(sequence, batch.records)
    const sent: Sent = { batch, sequence, stale: false }
    this.#sent.push(sent)
    this.#unanswered++
    return sent
  }

  /** The broker has acknowledged a batch. */
  acknowledged(sent: Sent, baseOffset: bigint): void {
    if (sent.stale) return
    this.#unanswered--
    if (this.#trouble === undefined && this.#sent[0] === sent && this.#fits(baseOffset)) {
      this.#landed(sent, baseOffset)
      this.#alone = false
    } else {
      // Behind one that failed, or not where it should be: the log shows what is where.
      this.#worsen({ gravity: gravity.look, error: this.#misplaced(baseOffset) })
    }
    this.#settle()
  }

  /** A batch was refused, or its outcome is unknown. */
  failed(sent: Sent, judged: Judged): void {
    if (sent.stale) return
    this.#unanswered--
    this.#worsen(judged)
    this.#settle()
  }

  /** Everything that has not landed is sent again, as it was: none of it is in the log. */
  resend(): void {
    const [first] = this.#sent
    if (first) this.#sequence = first.sequence
    this.#requeue()
  }

  /**
   * Takes over what a recovery found since `end`, and goes on with the rest under `identity`. Throws TARGET_CHANGED when the
   * log holds something else than what was sent, in its order.
   */
  recovered(found: Recovered, identity: ProducerIdentity): void {
    const lostTo = this.end ?? 0n
    if (found.logEnd < lostTo) {
      throw targetChanged(
        this,
        `its log ends at ${found.logEnd}, but everything up to ${lostTo} had been acknowledged`,
        'Acknowledged records are gone (an unclean election, a deleted topic): restore it anew.',
      )
    }
    if (found.from > lostTo) {
      throw targetChanged(
        this,
        `its log begins at ${found.from} now, and what had become of batches from ${lostTo} on was to be looked up`,
        'Keep retention off and delete no records until the copy is done; restore it anew.',
      )
    }
    if (this.exclusive && found.foreign > 0) {
      throw targetChanged(
        this,
        `${found.foreign} batches of another producer stand in it from offset ${lostTo} on`,
        'Keep other producers away until the copy is done, and begin with fresh topics.',
      )
    }
    for (const landed of found.batches) {
      const [sent] = this.#sent
      const expected =
        landed.epoch === this.epoch &&
        sent?.sequence === landed.baseSequence &&
        sent.batch.records === landed.records
      if (!sent || !expected) throw this.#outOfOrder(landed)
      this.#landed(sent, landed.baseOffset)
    }
    if (!this.exclusive) this.end = found.logEnd
    this.#identity = identity
    this.#sequence = 0
    this.#requeue()
  }

  /** Drops what has not been sent yet: its transaction is to be aborted. */
  dropQueued(): void {
    let bytes = 0
    for (const { start, end } of this.#queue.slice(this.#head)) bytes += end - start
    this.#queue = []
    this.#head = 0
    this.#release(bytes)
    this.#resolveFlushed()
  }

  /** Begins anew under another identity, after a transaction that went wrong. */
  restart(identity: ProducerIdentity): void {
    this.#failure = undefined
    this.#trouble = undefined
    this.#identity = identity
    this.#sequence = 0
    this.#alone = true
    this.attempts = 0
    this.troubleSince = undefined
  }

  /** A transaction begins: the partition is not part of it yet, and its first batch goes alone. */
  unlist(): void {
    this.enlisted = false
    this.#alone = true
  }

  /** Ends the partition: whoever waits gets the error, and so does whoever comes. */
  fail(error: Error): void {
    if (this.#failure) return
    this.#failure = error
    for (const sent of this.#sent) sent.stale = true
    this.#sent = []
    this.#unanswered = 0
    this.#queue = []
    this.#head = 0
    this.#room?.reject(error)
    this.#flushed?.reject(error)
    this.#room = undefined
    this.#flushed = undefined
    this.#release(this.#bytes)
  }

  #fits(baseOffset: bigint): boolean {
    if (this.end === undefined) return true
    return this.exclusive ? baseOffset === this.end : baseOffset >= this.end
  }

  #landed(sent: Sent, baseOffset: bigint): void {
    this.#sent.shift()
    this.end = baseOffset + BigInt(sent.batch.records)
    this.attempts = 0
    this.troubleSince = undefined
    sent.batch.landed(baseOffset)
    this.#release(sent.batch.end - sent.batch.start)
    this.#resolveFlushed()
  }

  #resolveFlushed(): void {
    if (!this.#flushed || !this.empty) return
    this.#flushed.resolve()
    this.#flushed = undefined
  }

  #release(bytes: number): void {
    this.#bytes -= bytes
    this.#host.freed(bytes)
    this.admit()
  }

  #worsen(judged: Judged): void {
    if (this.#trouble === undefined || judged.gravity > this.#trouble.gravity) this.#trouble = judged
    this.troubleSince ??= systemClock.monotonic()
  }

  #settle(): void {
    if (this.#trouble === undefined) {
      this.#host.ready(this)
    } else if (this.#unanswered === 0 && !this.halted && this.#failure === undefined) {
      this.halted = true
      this.#host.troubled(this, this.#trouble)
    }
  }

  /** Puts everything that was sent back to the front of the queue. */
  #requeue(): void {
    this.#queue = [...this.#sent.map((sent) => sent.batch), ...this.#queue.slice(this.#head)]
    this.#head = 0
    this.#sent = []
    this.#alone = true
    this.#trouble = undefined
  }

  #misplaced(baseOffset: bigint): TidemarkError {
    return targetChanged(
      this,
      `a batch was appended at ${baseOffset} instead of ${this.end ?? 'the place of the one before it'}`,
      'Keep other producers away until the copy is done, and begin with fresh topics.',
    )
  }

  #outOfOrder({ epoch, baseSequence, baseOffset }: LandedBatch): TidemarkError {
    const how =
      epoch < this.epoch
        ? 'arrived after it had been given up, and its records had been sent again'
        : 'was written twice or before its turn'
    return targetChanged(
      this,
      `a batch of ours (epoch ${epoch}, sequence ${baseSequence}) at offset ${baseOffset} ${how}`,
      'Delete the topic and restore it anew.',
    )
  }
}
