/**
 * kafka: a Kafka cluster, from 2.1 to 4.x, in two planes.
 *
 * Control plane (`connectCluster` → `Cluster`): metadata, offsets, topics, configs, groups of every type, positions,
 * producer ids. Its main loop (`item-batch.ts`) is the same for nearly every call:
 *
 *     repeat until nothing is left or the delivery timeout is over:
 *       find the broker of each item: leader, coordinator or controller (asked afresh after a failed round)
 *       send each broker its items, hundreds in a request, in the newest version that it offers
 *       keep what succeeded; keep final errors as values; what failed in passing goes into the next round
 *
 * Commits of many groups (`commitGroups`) go in rounds as well, but over several connections to each coordinator: a broker
 * works on one request of a connection at a time, and answers a commit only when it is replicated.
 *
 * Data plane: batches as Kafka stores them, read into reused memory and written without being decoded. Both sides are
 * arranged by broker, not by partition: a few connections (lanes) to each broker, each with partitions of its own.
 *
 *     Fetcher: for each lane, one fetch in flight; read the headers of the answer, ask on from there, hand the batches on
 *     Producer: for each lane, requests with one batch of each partition; an acknowledgement says where the batch landed
 *     when a broker refuses a partition, or fails: it leaves its lane, its leader is found, it gets another lane
 *     when it is not known what became of a batch: never send it again blindly, read the log back (`recover`)
 *
 * Both planes speak over `BrokerConnection`: one socket, many requests in flight, answers in order. A request that is
 * late closes its connection, and whatever was in flight fails as of unknown outcome (`details.outcome`): a connection
 * never sends anything twice. The control plane repeats requests because each of them may be repeated: what a lost
 * request has already done (a topic created, a group deleted) is recognised and counts as done.
 *
 * What is not promised: that a listing is a cut through the cluster (topics and groups come and go meanwhile); that
 * topics which the principal may not describe are seen, because brokers leave them out without a word; that fetched
 * batches match their CRC, or are of committed transactions only (what was aborted is listed with them).
 */
export { BrokerConnection, type BrokerConnectionOptions } from './broker-connection.ts'
export type { BrokerAddress } from './broker-socket.ts'
export { connectCluster } from './cluster.ts'
export { type ConnectContext, parseAddress } from './cluster-options.ts'
export type * from './data-types.ts'
export type { Exchange } from './exchange.ts'
export { type FetchFromOptions, fetchFrom, type OneFetch, PositionReader } from './fetch-once.ts'
export { Fetcher } from './fetcher.ts'
export { GroupMember, type GroupMemberOptions, type JoinedMember } from './group-member.ts'
export { type ReplicaSize, replicaSizes } from './log-dirs.ts'
export { isPortable } from './portable-configs.ts'
export { concernsTransaction } from './produce-transaction.ts'
export { Producer } from './producer.ts'
export { errorFromCode, kafkaCodeOf } from './protocol-errors.ts'
export { recover, recoverWith } from './recover.ts'
export { isTopicExists } from './topic-changes.ts'
export type * from './types.ts'
