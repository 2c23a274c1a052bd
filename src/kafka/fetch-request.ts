import { WireWriter } from './wire-writer.ts'

/** Fetch versions that are spoken: v4 (Kafka 0.11) lists aborted transactions, v17 is what Kafka 3.9 offers. */
export const fetchVersions = Object.freeze({ min: 4, max: 17 })
/** From this version on requests carry the epoch of the last batch seen, and answers say where the logs diverge. */
export const divergenceVersion = 12
/** From this version on topics are named by id. */
export const topicIdVersion = 13

/** A partition as a Fetch request asks for it. */
export interface FetchAsk {
  readonly topic: string
  /** UUID text; needed from v13 on. */
  readonly topicId: string | undefined
  readonly partition: number
  readonly offset: bigint
  /** Epoch of the leader as known, −1 for unknown: an older or newer leader refuses. */
  readonly leaderEpoch: number
  /** Epoch of the last batch seen before `offset`, −1 for none. */
  readonly lastFetchedEpoch: number
}

export interface FetchLimits {
  /** Ms to wait for data when there is none. */
  readonly maxWait: number
  /** Soft bytes of the response. */
  readonly maxBytes: number
  readonly committed: boolean
  /** Rack of this client: lets the leader name a nearer replica. Empty = read from the leader. */
  readonly rack: string
}

/**
 * The body of a Fetch request without a session, after the request header:
 *
 *     replica_id (to v14) max_wait min_bytes max_bytes isolation [session_id session_epoch: v7+]
 *     [topic|topic_id [partition [current_leader_epoch: v9+] offset [last_fetched_epoch: v12+] [log_start: v5+] max_bytes]]
 *     [forgotten: v7+] [rack: v11+]
 *
 * A partition may fill the whole response: the order of `asks` decides who does, and the caller rotates it.
 */
export function fetchRequest(version: number, asks: readonly FetchAsk[], limits: FetchLimits): Buffer {
  const flexible = version >= divergenceVersion
  const body = new WireWriter(64 + asks.length * 48)
  if (version < 15) body.int32(-1)
  body.int32(limits.maxWait).int32(1).int32(limits.maxBytes)
  body.int8(limits.committed ? 1 : 0)
  if (version >= 7) body.int32(0).int32(-1)
  const topics = byTopic(asks)
  body.count(topics.length, flexible)
  for (const [first, ...rest] of topics) {
    if (version >= topicIdVersion) body.uuid(first.topicId ?? '')
    else body.string(first.topic, flexible)
    body.count(rest.length + 1, flexible)
    writePartition(body, version, first, limits.maxBytes)
    for (const ask of rest) writePartition(body, version, ask, limits.maxBytes)
    body.tags(flexible)
  }
  if (version >= 7) body.count(0, flexible)
  if (version >= 11) body.string(limits.rack, flexible)
  body.tags(flexible)
  return body.finish()
}

function writePartition(body: WireWriter, version: number, ask: FetchAsk, maxBytes: number): void {
  body.int32(ask.partition)
  if (version >= 9) body.int32(ask.leaderEpoch)
  body.int64(ask.offset)
  if (version >= 12) body.int32(ask.lastFetchedEpoch)
  if (version >= 5) body.int64(-1n)
  body.int32(maxBytes).tags(version >= 12)
}

/** Partitions of one topic together, the topic of the first partition first: that partition is served before all others. */
function byTopic(asks: readonly FetchAsk[]): [FetchAsk, ...FetchAsk[]][] {
  const topics: [FetchAsk, ...FetchAsk[]][] = []
  const places = new Map<string, [FetchAsk, ...FetchAsk[]]>()
  for (const ask of asks) {
    const place = places.get(ask.topic)
    if (place) place.push(ask)
    else {
      const group: [FetchAsk, ...FetchAsk[]] = [ask]
      places.set(ask.topic, group)
      topics.push(group)
    }
  }
  return topics
}
