import type { BrokerConnection } from './broker-connection.ts'
import { listOffsetsV4 } from './client-library.ts'
import { apiKey, code } from './data-codes.ts'
import { epochEnds } from './fetch-epochs.ts'
import type { PartitionInfo, TopicPartition } from './types.ts'

/** What can be said of the in-sync replicas of a partition: see {@link replicasFollow}. */
export type Following = 'yes' | 'not-yet' | 'cannot-tell'

/** The replica id under which also a follower answers, and with the true end of its log. */
const debugging = -2
const latest = -1n

/**
 * Whether no in-sync replica holds a batch beyond what its leader holds. Such a batch was appended by a former leader that was
 * deposed before its replicas had it: nobody can read it now, but when that replica becomes leader again before it has
 * followed, the batch is back in the log.
 *
 * Either the high watermark has risen in the epoch of this leader, which it does only when every in-sync replica has followed
 * in it; or each of them, asked itself, ends where the leader ends, or before.
 */
export async function replicasFollow(
  connect: (broker: number) => Promise<BrokerConnection>,
  place: TopicPartition,
  { leader, leaderEpoch, isr }: PartitionInfo,
  highWatermark: bigint,
): Promise<Following> {
  if (leader === undefined) return 'not-yet'
  const followers = isr.filter((id) => id !== leader)
  if (followers.length === 0) return 'yes'
  const connection = await connect(leader)
  const [before] = await epochEnds(connection, [{ ...place, leaderEpoch, epoch: leaderEpoch - 1 }])
  if (before?.error === code.none && before.endOffset >= 0n && highWatermark > before.endOffset) return 'yes'
  const ends = await Promise.all(
    followers.map(async (id) => replicaEnd(await connect(id), place, leaderEpoch)),
  )
  // The leader last: what others write to it meanwhile the followers have after it.
  const own = await replicaEnd(connection, place, leaderEpoch)
  const all = [own, ...ends]
  if (all.includes('not-yet')) return 'not-yet'
  if (typeof own !== 'bigint') return own
  if (ends.some((end) => typeof end === 'bigint' && end > own)) return 'not-yet'
  return all.includes('cannot-tell') ? 'cannot-tell' : 'yes'
}

/** The end of a replica's log, as the replica itself says in the epoch of a leader. */
async function replicaEnd(
  connection: BrokerConnection,
  { topic, partition }: TopicPartition,
  leaderEpoch: number,
): Promise<bigint | Exclude<Following, 'yes'>> {
  if (connection.versionFor(apiKey.listOffsets, 4, 4) === undefined) return 'cannot-tell'
  const asked = { partitionIndex: partition, currentLeaderEpoch: leaderEpoch, timestamp: latest }
  const topics = [{ name: topic, partitions: [asked] }]
  const response = await connection.call(listOffsetsV4.api, [debugging, 0, topics])
  const answer = response.topics[0]?.partitions[0]
  if (answer === undefined) return 'cannot-tell'
  if (answer.errorCode === code.none) return answer.offset >= 0n ? answer.offset : 'cannot-tell'
  // It has not heard of the leader yet, or there is another one by now.
  return passing.has(answer.errorCode) ? 'not-yet' : 'cannot-tell'
}

const passing: ReadonlySet<number> = new Set([
  code.unknownTopicOrPartition,
  code.leaderNotAvailable,
  code.notLeaderOrFollower,
  code.replicaNotAvailable,
  code.storageError,
  code.fencedLeaderEpoch,
  code.unknownLeaderEpoch,
  code.offsetNotAvailable,
])
