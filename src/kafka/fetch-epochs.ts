import type { BrokerConnection } from './broker-connection.ts'
import {
  listOffsetsV8,
  offsetForLeaderEpochV2,
  offsetForLeaderEpochV3,
  offsetForLeaderEpochV4,
} from './client-library.ts'
import { apiKey, code } from './data-codes.ts'
import type { TopicPartition } from './types.ts'

/** A question to a partition's leader: where does this epoch end in your log? */
export interface EpochQuestion extends TopicPartition {
  /** Leader epoch as known: an older or newer leader refuses. −1 for unknown. */
  readonly leaderEpoch: number
  readonly epoch: number
}

export interface EpochEnd extends TopicPartition {
  readonly error: number
  /** The largest epoch in the leader's log that is not beyond the asked one; −1 when the log cannot tell. */
  readonly epoch: number
  /** Offset after the last batch of that epoch: the log end for the newest. May lie above the high watermark. −1 when unknown. */
  readonly endOffset: bigint
}

/** The consumer's replica id. */
const consumer = -1
const earliestLocal = -4n

/** Asks a leader with OffsetForLeaderEpoch (v2, Kafka 2.1, or newer). */
export async function epochEnds(
  connection: BrokerConnection,
  questions: readonly EpochQuestion[],
): Promise<EpochEnd[]> {
  const topics = grouped(questions)
  const version = connection.versionFor(apiKey.offsetForLeaderEpoch, 2, 4)
  const { api } =
    version === 4 ? offsetForLeaderEpochV4 : version === 3 ? offsetForLeaderEpochV3 : offsetForLeaderEpochV2
  const response = await connection.call(api, [consumer, topics])
  return response.topics.flatMap(({ topic, partitions }) =>
    partitions.map((answer) => ({
      topic,
      partition: answer.partition,
      error: answer.errorCode,
      epoch: answer.leaderEpoch,
      endOffset: answer.endOffset,
    })),
  )
}

/**
 * The first offset that the leader has on its own disks: what lies before it is in tiered storage, where an empty answer only
 * means that it took too long. Undefined when the leader cannot say just now; 0 for brokers without tiered storage.
 */
export async function localLogStart(
  connection: BrokerConnection,
  { topic, partition }: TopicPartition,
): Promise<bigint | undefined> {
  if (connection.versionFor(apiKey.listOffsets, 8, 8) === undefined) return 0n
  const asked = { partitionIndex: partition, currentLeaderEpoch: -1, timestamp: earliestLocal }
  const response = await connection.call(listOffsetsV8.api, [
    consumer,
    0,
    [{ name: topic, partitions: [asked] }],
  ])
  const answer = response.topics[0]?.partitions[0]
  return answer === undefined || answer.errorCode !== code.none || answer.offset < 0n
    ? undefined
    : answer.offset
}

function grouped(questions: readonly EpochQuestion[]) {
  const topics = new Map<
    string,
    { partitionIndex: number; currentLeaderEpoch: number; leaderEpoch: number }[]
  >()
  for (const { topic, partition, leaderEpoch, epoch } of questions) {
    const partitions = topics.get(topic) ?? []
    topics.set(topic, partitions)
    partitions.push({ partitionIndex: partition, currentLeaderEpoch: leaderEpoch, leaderEpoch: epoch })
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }))
}
