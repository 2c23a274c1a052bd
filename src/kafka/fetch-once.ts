import { isTidemarkError, retry, systemClock, TidemarkError } from '../base/index.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { apiKey, code } from './data-codes.ts'
import type { FetchedBatches } from './data-types.ts'
import { epochEnds } from './fetch-epochs.ts'
import { divergenceVersion, fetchRequest, fetchVersions } from './fetch-request.ts'
import { fetchResponse } from './fetch-response.ts'
import { walkBatches } from './fetch-walk.ts'
import { mayPass } from './leader-finder.ts'
import { errorFromCode } from './protocol-errors.ts'
import { type Following, replicasFollow } from './replica-ends.ts'
import type { Cluster, TopicInfo, TopicPartition } from './types.ts'

export interface FetchFromOptions {
  /** @default 'read_committed' */
  readonly isolation?: 'read_committed' | 'read_uncommitted'
  /** Soft bytes: at least one whole batch comes. @default 1 MiB */
  readonly maxBytes?: number
  readonly signal?: AbortSignal
}

/** What a partition's leader answered to one fetch. */
export interface OneFetch {
  /** Undefined when there is nothing at or beyond the offset that may be read. */
  readonly fetched: FetchedBatches | undefined
  readonly logStartOffset: bigint
  readonly lastStableOffset: bigint
  readonly highWatermark: bigint
  /** Epoch of the leader that answered. */
  readonly leaderEpoch: number
}

interface Leader {
  readonly broker: number
  readonly epoch: number
  readonly topicId: string | undefined
}

const patienceDefault = 300_000
/** Ms to wait when something should be there but does not come, and how often. */
const secondLooks = { wait: 500, times: 3 }
const pauses = { attempts: Number.POSITIVE_INFINITY, delay: 50, maxDelay: 1000 }
const answerTime = 30_000
/** Errors that may pass when the leader is found again. */
const leaderRefusals = new Set<number>([
  code.unknownTopicOrPartition,
  code.leaderNotAvailable,
  code.notLeaderOrFollower,
  code.replicaNotAvailable,
  code.storageError,
  code.fencedLeaderEpoch,
  code.unknownLeaderEpoch,
  code.offsetNotAvailable,
  code.unknownTopicId,
  code.inconsistentTopicId,
])

/**
 * Single fetches at any position, over one connection to each broker: for looking at a place in a log, not for copying it. Each
 * call finds the leader, tries again while that may help, until the delivery timeout, and answers with memory of its own.
 */
export class PositionReader implements AsyncDisposable {
  readonly #cluster: Cluster
  readonly #connections = new Map<number, Promise<BrokerConnection>>()
  readonly #leaders = new Map<string, Leader>()
  readonly #asking = new Map<string, Promise<readonly TopicInfo[]>>()
  #closed = false

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /**
   * The whole batches from the one that holds `offset`, or the next after it, on; undefined at the end of what may be read.
   * Rejects with OFFSET_OUT_OF_RANGE, TOPIC_NOT_FOUND, AUTHORIZATION_FAILED, or what stood in the way until the delivery timeout.
   */
  async fetchFrom(
    place: TopicPartition,
    offset: bigint,
    options: FetchFromOptions = {},
  ): Promise<FetchedBatches | undefined> {
    return (await this.fetch(place, offset, options)).fetched
  }

  /** The same with what the leader says of its log. */
  async fetch(place: TopicPartition, offset: bigint, options: FetchFromOptions = {}): Promise<OneFetch> {
    const committed = (options.isolation ?? 'read_committed') === 'read_committed'
    for (let look = 0; ; look++) {
      const wait = look === 0 ? 0 : secondLooks.wait
      const one = await this.#retrying(place, options.signal, (leader) =>
        this.#ask(place, leader, offset, committed, options.maxBytes ?? 1 << 20, wait),
      )
      const readable = committed ? one.lastStableOffset : one.highWatermark
      if (one.fetched || readable <= offset || look >= secondLooks.times) return one
    }
  }

  /**
   * The end of the leader's log, batches that are not yet on all in-sync replicas included, and the epoch of the leader that
   * says so. Undefined where it cannot be told (no right to ask).
   */
  async trueEnd(
    place: TopicPartition,
    signal?: AbortSignal,
  ): Promise<{ readonly end: bigint; readonly leaderEpoch: number } | undefined> {
    return this.#retrying(place, signal, async (leader) => {
      const connection = await this.#connection(leader.broker)
      const question = { ...place, leaderEpoch: leader.epoch, epoch: leader.epoch }
      const [answer] = await epochEnds(connection, [question])
      if (answer && leaderRefusals.has(answer.error)) throw this.#refusal(place, answer.error, connection)
      if (!answer || answer.error !== code.none || answer.endOffset < 0n) return undefined
      return { end: answer.endOffset, leaderEpoch: leader.epoch }
    })
  }

  /**
   * Whether no in-sync replica may bring back batches that the leader of this epoch does not hold, should it become leader
   * itself: {@link replicasFollow}.
   */
  async followed(
    place: TopicPartition,
    leaderEpoch: number,
    highWatermark: bigint,
    signal?: AbortSignal,
  ): Promise<Following> {
    const topic = await this.#topic(place.topic, signal)
    const info = topic?.partitions.find(({ partition }) => partition === place.partition)
    if (info?.leaderEpoch !== leaderEpoch) {
      this.#leaders.delete(keyOf(place))
      return 'not-yet'
    }
    try {
      return await replicasFollow((broker) => this.#connection(broker), place, info, highWatermark)
    } catch (error) {
      // A replica that is away leaves the in-sync ones in a while.
      if (mayComeRight(error)) return 'not-yet'
      throw error
    }
  }

  /** The bounds of the log, as a fetch without data would tell them. */
  async bounds(place: TopicPartition, signal?: AbortSignal): Promise<OneFetch> {
    const ask = (at: 'earliest' | 'latest') =>
      this.#cluster.listOffsets([{ ...place, at }], signal ? { signal } : {})
    const [[start], [end]] = await Promise.all([ask('earliest'), ask('latest')])
    const leader = await this.#leader(place, signal)
    const highWatermark = end?.offset ?? 0n
    return {
      fetched: undefined,
      logStartOffset: start?.offset ?? 0n,
      lastStableOffset: highWatermark,
      highWatermark,
      leaderEpoch: leader.epoch,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    for (const waiting of this.#connections.values()) {
      waiting.then(
        (connection) => connection.close(),
        () => {},
      )
    }
    this.#connections.clear()
  }

  #retrying<T>(
    place: TopicPartition,
    signal: AbortSignal | undefined,
    work: (leader: Leader) => Promise<T>,
  ): Promise<T> {
    const deadline = this.#cluster.options.deliveryTimeout ?? patienceDefault
    return retry(
      { ...pauses, deadline },
      async () => {
        try {
          return await work(await this.#leader(place, signal))
        } catch (error) {
          this.#leaders.delete(keyOf(place))
          throw error
        }
      },
      { when: mayComeRight, ...(signal && { signal }) },
    )
  }

  async #ask(
    place: TopicPartition,
    leader: Leader,
    offset: bigint,
    committed: boolean,
    maxBytes: number,
    maxWait: number,
  ): Promise<OneFetch> {
    const connection = await this.#connection(leader.broker)
    const highest = leader.topicId === undefined ? divergenceVersion : fetchVersions.max
    const version = connection.versionFor(apiKey.fetch, fetchVersions.min, highest)
    if (version === undefined) {
      throw new TidemarkError('UNSUPPORTED_VERSION', `Broker ${connection.address} offers no usable Fetch`)
    }
    const { topic, partition } = place
    const { topicId, epoch } = leader
    const asks = [{ topic, topicId, partition, offset, leaderEpoch: epoch, lastFetchedEpoch: -1 }]
    const frame = await connection.exchange({
      apiKey: apiKey.fetch,
      apiVersion: version,
      flexible: version >= divergenceVersion,
      body: [fetchRequest(version, asks, { maxWait, maxBytes, committed, rack: '' })],
      timeout: maxWait + answerTime,
    })
    const response = fetchResponse(frame, version)
    const [answer] = response.answers
    const error = response.error || (answer?.error ?? code.unknownTopicOrPartition)
    if (error !== code.none || !answer) throw this.#refusal(place, error, connection)
    if (response.throttle > 0 && answer.start === answer.end) {
      await systemClock.sleep(response.throttle)
      return this.#ask(place, leader, offset, committed, maxBytes, maxWait)
    }
    const { logStartOffset, lastStableOffset, highWatermark, aborted, start } = answer
    const bounds = { logStartOffset, lastStableOffset, highWatermark }
    const walked = walkBatches(frame, start, answer.end, offset, undefined, -1, place)
    const fetched: FetchedBatches | undefined =
      walked.end === start
        ? undefined
        : {
            ...place,
            ...bounds,
            buffer: frame,
            start,
            end: walked.end,
            fromOffset: offset,
            nextOffset: walked.nextOffset,
            leaderEpoch: walked.leaderEpoch,
            aborted,
            release() {},
          }
    return { ...bounds, fetched, leaderEpoch: epoch }
  }

  #refusal({ topic, partition }: TopicPartition, error: number, connection: BrokerConnection): TidemarkError {
    return errorFromCode(error, {
      doing: `read partition ${partition} of topic ${JSON.stringify(topic)}`,
      acl: 'Read',
      topic,
      partition,
      broker: connection.address,
      ...(leaderRefusals.has(error) && { retriable: true }),
    })
  }

  async #leader(place: TopicPartition, signal: AbortSignal | undefined): Promise<Leader> {
    const key = keyOf(place)
    const known = this.#leaders.get(key)
    if (known) return known
    const topic = await this.#topic(place.topic, signal)
    for (const info of topic?.partitions ?? []) {
      if (info.leader === undefined) continue
      const leader = { broker: info.leader, epoch: info.leaderEpoch, topicId: topic?.id }
      this.#leaders.set(keyOf({ topic: place.topic, partition: info.partition }), leader)
    }
    const found = this.#leaders.get(key)
    if (found) return found
    const exists = topic?.partitions.some((info) => info.partition === place.partition)
    throw errorFromCode(exists ? code.leaderNotAvailable : code.unknownTopicOrPartition, {
      doing: `read partition ${place.partition} of topic ${JSON.stringify(place.topic)}`,
      ...place,
      retriable: exists === true,
    })
  }

  /** Many positions of a topic that are asked for together share one metadata request. */
  async #topic(name: string, signal: AbortSignal | undefined): Promise<TopicInfo | undefined> {
    let asking = this.#asking.get(name)
    if (!asking) {
      asking = this.#cluster.topics([name]).finally(() => this.#asking.delete(name))
      this.#asking.set(name, asking)
      asking.catch(() => {})
    }
    const topics = await asking
    signal?.throwIfAborted()
    return topics[0]
  }

  async #connection(broker: number): Promise<BrokerConnection> {
    if (this.#closed) throw new TidemarkError('CONNECTION_LOST', 'The reader was closed')
    const waiting = this.#connections.get(broker)
    const known = await waiting?.catch(() => undefined)
    if (known?.fresh) return known
    // Whoever comes first opens the next one; what is in flight on an expiring connection still ends there.
    if (this.#connections.get(broker) === waiting)
      this.#connections.set(broker, this.#cluster.connect(broker))
    const opening = this.#connections.get(broker)
    if (!opening) throw new TidemarkError('CONNECTION_LOST', 'The reader was closed')
    return opening
  }
}

/** One fetch at a position of a log; see {@link PositionReader.fetchFrom}, which is for many of them. */
export async function fetchFrom(
  cluster: Cluster,
  place: TopicPartition,
  offset: bigint,
  options: FetchFromOptions = {},
): Promise<FetchedBatches | undefined> {
  await using reader = new PositionReader(cluster)
  return await reader.fetchFrom(place, offset, options)
}

/** Errors of a partition say themselves whether they pass; connections to brokers that are known can be had again. */
function mayComeRight(error: unknown): boolean {
  return (
    isTidemarkError(error) && (error.retriable || (error.code === 'BROKER_UNREACHABLE' && mayPass(error)))
  )
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
