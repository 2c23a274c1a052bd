import type { ProducerIdentity, TopicPartition } from './types.ts'

/** One aborted transaction of a fetch response: drop the producer's transactional batches from `firstOffset` to its abort marker. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

/** Whole batches of one partition, as they came, in a buffer that is lent until `release`. */
export interface FetchedBatches extends TopicPartition {
  readonly buffer: Buffer
  /** First byte of the first batch; `end` is the byte after the last whole batch. CRCs are not checked yet. */
  readonly start: number
  readonly end: number
  /** Where the fetch had asked: batches or records below are to be ignored. */
  readonly fromOffset: bigint
  /** The next offset after the last whole batch. */
  readonly nextOffset: bigint
  /** Leader epoch of the last batch seen. */
  readonly leaderEpoch: number
  /** As the response listed them; to be applied to this response alone. */
  readonly aborted: readonly AbortedTransaction[]
  readonly logStartOffset: bigint
  readonly lastStableOffset: bigint
  readonly highWatermark: bigint
  /** Gives the memory back. Called once for every delivery, when the bytes are no longer needed. */
  release(): void
}

/** What a fetcher found beside batches. Each is delivered in order with the partition's batches; `done`, `recreated` and `lost` are the last. */
export type FetchEvent = TopicPartition &
  (
    | { readonly type: 'done'; readonly nextOffset: bigint; readonly leaderEpoch: number }
    /** The log now starts beyond what was asked: [from, to) is gone. Copying goes on at `to`, which is never beyond the stop. */
    | { readonly type: 'gap'; readonly reason: 'retention'; readonly from: bigint; readonly to: bigint }
    /**
     * Offsets in [divergence, seenTo) that were delivered earlier, or that lay before the stop, no longer exist as they were;
     * copying goes on at `divergence`. May come several times in a row, each time further back.
     */
    | { readonly type: 'truncated'; readonly divergence: bigint; readonly seenTo: bigint }
    /** A partition of that name has another topic id now. Nothing more is fetched. */
    | { readonly type: 'recreated'; readonly topicId: string }
    | { readonly type: 'lost'; readonly error: Error }
    /** Nothing between `from` and `to` but what the cleaner removed. */
    | { readonly type: 'compacted'; readonly from: bigint; readonly to: bigint }
    /**
     * All up to the last stable offset is delivered, and an open transaction keeps the stop beyond it. The fetcher goes on
     * waiting for the transaction to end; to end here, remove the partition.
     */
    | { readonly type: 'held'; readonly lastStableOffset: bigint }
  )

/**
 * Receives what a fetcher reads. Both must return quickly and not throw: hand the bytes on, release them later. What is
 * kept must not wait for more to come before it is released, or the memory runs out and nothing comes any more: copy small
 * deliveries, since each holds the whole response that it came in.
 */
export interface FetchSink {
  batches(fetched: FetchedBatches): void
  event(event: FetchEvent): void
}

export interface FetchAssignment extends TopicPartition {
  readonly topicId: string | undefined
  /** First offset wanted. */
  readonly from: bigint
  /** Where to stop (exclusive); undefined = go on until aborted. */
  readonly stop: bigint | undefined
  /** Leader epoch of the last batch seen before `from`, −1 when there is none. */
  readonly lastFetchedEpoch: number
  /**
   * Where earlier leader epochs began in what was seen before `from`, in order, as far as known. With it the divergence is
   * exact after any number of unclean elections; without it, it is exact unless two of them happened since `from`.
   */
  readonly epochs?: readonly { readonly epoch: number; readonly from: bigint }[]
}

export interface FetcherOptions {
  /** @default 'read_committed' */
  readonly isolation?: 'read_committed' | 'read_uncommitted'
  /** Bytes of response buffers in all. One oversized batch may exceed it. @default 64 MiB */
  readonly memory?: number
  /** Soft bytes a response. @default 8 MiB */
  readonly maxBytes?: number
  /** Makes the buffers of full-size responses, which are used again and again: for example memory that threads share. */
  readonly allocate?: (bytes: number) => Buffer
  /** Ms a broker may wait for data; tiered topics need 500 or more. @default 500 */
  readonly maxWait?: number
  /**
   * Ms that pass at least between two requests on a connection while little comes: records that trickle in are then fetched some at a
   * time, and what comes after a pause is still fetched at once. @default 0
   */
  readonly gather?: number
  /** Goes on without any assignment, until aborted. @default false */
  readonly lasting?: boolean
  /** Partitions in one request; a lane with more of them asks for a moving part. @default 1000 */
  readonly maxPartitions?: number
}

/** A batch handed to the producer: rewritten in place (base offset, epoch, producer fields, CRC) when it is sent. */
export interface OutgoingBatch {
  readonly buffer: Buffer
  readonly start: number
  readonly end: number
  /** Records in the batch, without holes: recordsCount = lastOffsetDelta + 1. */
  readonly records: number
  /** Called once, in order for each partition, when the batch is known to be in the log at `baseOffset`. Must not throw. */
  readonly landed: (baseOffset: bigint) => void
}

export interface PartitionProducerOptions extends TopicPartition {
  /** UUID text: a topic of the same name that was created since is refused. */
  readonly topicId?: string
  /** Epoch to send with; the first batch under it has sequence 0. @default the epoch of the producer's identity */
  readonly epoch?: number
  /**
   * The log end before our first batch, where the topic is ours alone: then every base offset is checked against it, and
   * anything else found in the log is TARGET_CHANGED.
   */
  readonly expectedBase?: bigint
  /** Where a recovery begins to read when nothing has landed yet. @default `expectedBase`, else the log end at the first batch */
  readonly since?: bigint
  /**
   * Called when a recovery has raised the epoch, after what it found has been told as landed and before anything is sent under
   * the new one: for what has to be durable by then. When it rejects, the partition fails.
   */
  readonly raised?: () => Promise<void>
}

/** The ordered, exactly-once way into one target partition. */
export interface PartitionProducer extends TopicPartition {
  /**
   * Queues a batch; its memory is lent until it has landed or the partition has failed. Answers nothing while there is room for
   * another, else a promise that resolves when there is, and that rejects when the partition has failed for good. Batches go
   * out in the order of the calls.
   */
  send(batch: OutgoingBatch): Promise<void> | undefined
  /** Resolves when all that was sent has landed. */
  flush(): Promise<void>
  /** Producer id and epoch in use: the epoch grows with every recovery, and the id changes when the epochs are used up. */
  readonly producerId: bigint
  readonly epoch: number
}

/** A producer for many partitions of one cluster. */
export interface ProducerOptions {
  readonly identity: ProducerIdentity
  /** Sends within transactions of this id, whose identity it must be; see `Producer.begin`. */
  readonly transactional?: { readonly id: string; readonly timeoutMs: number }
  /** Ms without a new batch of ours after which a log counts as settled when connections were cut. @default 10_000 */
  readonly settleMs?: number
  /** Unacknowledged batches for each partition, at most 5. @default 5 */
  readonly inFlight?: number
  /** Data connections to each broker. @default `connectionsPerBroker` of the cluster */
  readonly connections?: number
  /** Bytes of batches queued and unacknowledged in all, above which `send` waits. @default 64 MiB */
  readonly memory?: number
  /** The same for one partition. @default 16 MiB */
  readonly partitionMemory?: number
  /** Bytes of batches in one request; a larger batch goes alone. @default 4 MiB */
  readonly requestBytes?: number
  /**
   * Called when a partition has used up the 32767 epochs of its producer id: makes a new identity, durable where a later
   * recovery must know of it. Without it, such a partition fails.
   */
  readonly renew?: (partition: TopicPartition) => Promise<ProducerIdentity>
}

/** A batch of ours found in the target's log. */
export interface LandedBatch {
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  readonly records: number
  readonly epoch: number
  readonly baseSequence: number
}

export interface RecoverOptions {
  readonly producerId: bigint
  /** Read headers from here on. */
  readonly since: bigint
  /** Ms without a new batch of ours before the log is taken as settled. @default 10_000 */
  readonly settleMs?: number
  /**
   * `read_committed`: only what counts, after the transactional id has been taken over (so that no transaction of ours is open).
   * @default 'read_uncommitted'
   */
  readonly isolation?: 'read_committed' | 'read_uncommitted'
  readonly signal?: AbortSignal
}

export interface Recovered {
  readonly batches: readonly LandedBatch[]
  /** Log end when the log had settled. */
  readonly logEnd: bigint
  /** Batches that are not ours since `since`. */
  readonly foreign: number
  /** Where looking began: `since`, or the start of the log where that lies beyond, since what is gone cannot be looked at. */
  readonly from: bigint
}
