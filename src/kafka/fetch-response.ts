import type { AbortedTransaction } from './data-types.ts'
import { divergenceVersion, topicIdVersion } from './fetch-request.ts'
import { WireReader } from './wire-reader.ts'

/** What a Fetch response says of one partition. Its batches lie in the response, [`start`, `end`), the last maybe cut off. */
export interface FetchAnswer {
  /** Topic name, or from v13 on the topic id as 32 hexadecimal digits. */
  readonly topic: string
  readonly partition: number
  readonly error: number
  readonly highWatermark: bigint
  readonly lastStableOffset: bigint
  /** −1 before v5. */
  readonly logStartOffset: bigint
  readonly aborted: readonly AbortedTransaction[]
  /** Broker to read from instead, −1 for none. */
  readonly preferredReplica: number
  readonly start: number
  readonly end: number
  /** The log's largest epoch that is not beyond the one we last saw, and where it ends: set when ours went on further. */
  readonly diverging: { readonly epoch: number; readonly endOffset: bigint } | undefined
}

export interface FetchResponse {
  /** Ms that the broker asks to be left alone. */
  readonly throttle: number
  /** Error of the whole request. */
  readonly error: number
  readonly answers: readonly FetchAnswer[]
}

const noneAborted: readonly AbortedTransaction[] = Object.freeze([])

/**
 * Reads a Fetch response, from the correlation id on; the batches are left where they are.
 *
 *     throttle [error session_id: v7+] [topic|topic_id [partition error high_watermark last_stable [log_start: v5+]
 *       [producer_id first_offset] [preferred_replica: v11+] records tags: 0 = diverging epoch]]
 *
 * Throws PROTOCOL_ERROR when the bytes do not fit.
 */
export function fetchResponse(frame: Buffer, version: number): FetchResponse {
  const flexible = version >= divergenceVersion
  const reader = new WireReader(frame, 4)
  reader.tags(flexible)
  const throttle = reader.int32()
  const error = version >= 7 ? reader.int16() : 0
  if (version >= 7) reader.skip(4)
  const answers: FetchAnswer[] = []
  for (let topics = reader.count(flexible); topics > 0; topics--) {
    const topic = version >= topicIdVersion ? reader.uuid() : (reader.string(flexible) ?? '')
    for (let partitions = reader.count(flexible); partitions > 0; partitions--) {
      answers.push(readAnswer(reader, version, topic))
    }
    reader.tags(flexible)
  }
  return { throttle, error, answers }
}

function readAnswer(reader: WireReader, version: number, topic: string): FetchAnswer {
  const flexible = version >= divergenceVersion
  const partition = reader.int32()
  const error = reader.int16()
  const highWatermark = reader.int64()
  const lastStableOffset = reader.int64()
  const logStartOffset = version >= 5 ? reader.int64() : -1n
  const aborted = readAborted(reader, flexible)
  const preferredReplica = version >= 11 ? reader.int32() : -1
  const size = Math.max(0, reader.bytes(flexible))
  const start = reader.at
  reader.skip(size)
  let diverging: FetchAnswer['diverging']
  reader.tags(flexible, (tag) => {
    if (tag === 0) diverging = { epoch: reader.int32(), endOffset: reader.int64() }
  })
  if (diverging && diverging.endOffset < 0n) diverging = undefined
  return {
    topic,
    partition,
    error,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    aborted,
    preferredReplica,
    start,
    end: start + size,
    diverging,
  }
}

function readAborted(reader: WireReader, flexible: boolean): readonly AbortedTransaction[] {
  const count = reader.count(flexible)
  if (count <= 0) return noneAborted
  const aborted: AbortedTransaction[] = []
  for (let i = 0; i < count; i++) {
    aborted.push({ producerId: reader.int64(), firstOffset: reader.int64() })
    reader.tags(flexible)
  }
  return aborted
}
