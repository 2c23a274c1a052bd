import { systemClock } from '../base/index.ts'
import { alterTopicConfigs } from './alter-configs.ts'
import { alterManyTopicConfigs, type TopicChanges } from './alter-many-configs.ts'
import { brokerConfig } from './broker-configs.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { commitGroups } from './bulk-commits.ts'
import { type ConnectContext, sessionOptions } from './cluster-options.ts'
import { Coordinators, coordinatorOf } from './coordinators.ts'
import { deleteGroups } from './delete-groups.ts'
import { deleteRecords } from './delete-records.ts'
import { commitPositions, deletePositions } from './group-commits.ts'
import { describeGroups } from './group-descriptions.ts'
import { listGroups } from './group-listing.ts'
import { fetchPositions } from './group-positions.ts'
import { knownTopicConfigs } from './known-configs.ts'
import { forgetMissing, Leaders, readTopics, throwTopicErrors } from './leaders.ts'
import { listOffsets, tryListOffsets } from './list-offsets.ts'
import {
  initProducerId,
  openTransactions,
  type Transactional,
  transactionCoordinator,
} from './producer-ids.ts'
import { renewPositions } from './renew-positions.ts'
import { Session } from './session.ts'
import { alterShareOffsets, deleteShareOffsets, knowsShareOffsets } from './share-offsets.ts'
import { createPartitions, createTopics, deleteTopics } from './topic-changes.ts'
import { readTopicConfigs, topicConfigs } from './topic-configs.ts'
import type {
  Broker,
  Cluster,
  ClusterOptions,
  CommitBounds,
  CommitChange,
  GroupCommit,
  GroupListing,
  ListedOffset,
  NewTopic,
  OffsetSpec,
  Outcome,
  Position,
  PositionChange,
  TopicInfo,
  TopicLook,
  TopicPartition,
} from './types.ts'

interface Cancellable {
  readonly signal?: AbortSignal
}

/**
 * Finds a cluster: tries the bootstrap addresses until one answers with metadata or the connect timeout is over.
 *
 * Rejects with BROKER_UNREACHABLE (each address with its cause), AUTHENTICATION_FAILED, AUTHORIZATION_FAILED or
 * CONFIG_INVALID. `context.signal` bounds the life of the cluster, not only the search.
 */
export async function connectCluster(
  options: ClusterOptions,
  context: ConnectContext = {},
): Promise<Cluster> {
  const resolved = sessionOptions(options, context)
  const session = new Session(resolved, context.signal)
  const end = systemClock.monotonic() + resolved.connectTimeout
  let earlier: unknown
  const find = async () => {
    try {
      await session.metadata([], Math.max(1, Math.ceil(end - systemClock.monotonic())))
    } catch (error) {
      // That an attempt was cut short by the end of the time says less than why the one before it failed.
      if (earlier !== undefined && systemClock.monotonic() >= end) throw earlier
      earlier = error
      throw error
    }
  }
  try {
    await session.retrying(find, { deadline: resolved.connectTimeout })
  } catch (error) {
    session.close()
    throw error
  }
  return new ConnectedCluster(session)
}

class ConnectedCluster implements Cluster {
  readonly clusterId: string
  readonly options: ClusterOptions
  readonly #session: Session
  readonly #leaders: Leaders
  readonly #coordinators: Coordinators

  constructor(session: Session) {
    this.clusterId = session.clusterId
    this.options = session.options.given
    this.#session = session
    this.#leaders = new Leaders(session)
    this.#coordinators = new Coordinators(session)
  }

  async brokers(): Promise<readonly Broker[]> {
    return (await this.#session.retrying(() => this.#session.metadata([]))).brokers
  }

  async topics(names?: readonly string[], options: TopicLook = {}): Promise<readonly TopicInfo[]> {
    const topics = await this.#session.retrying(async () => {
      const session = this.#session
      const told =
        names === undefined ? await session.metadata(null) : await readTopics(session, names, options)
      throwTopicErrors(told.errors, 'describe topic')
      return told.topics
    }, options)
    this.#leaders.learn(topics)
    return topics
  }

  listOffsets(asked: readonly (TopicPartition & { readonly at: OffsetSpec })[], options: Cancellable = {}) {
    return listOffsets(this.#session, this.#leaders, asked, options.signal)
  }

  /** The same with an outcome for each question. */
  tryListOffsets(
    asked: readonly (TopicPartition & { readonly at: OffsetSpec })[],
    options: Cancellable = {},
  ): Promise<Outcome<TopicPartition & { readonly at: OffsetSpec }, ListedOffset>> {
    return tryListOffsets(this.#session, this.#leaders, asked, options)
  }

  topicConfigs(topics: readonly string[], options: Cancellable & { readonly broker?: number } = {}) {
    return topicConfigs(this.#session, topics, options)
  }

  readTopicConfigs(topics: readonly string[], options: Cancellable = {}) {
    return readTopicConfigs(this.#session, topics, options.signal)
  }

  knownTopicConfigs(own: readonly string[] = []) {
    return knownTopicConfigs(this.#session, own)
  }

  async createTopics(topics: readonly NewTopic[], options: { readonly validateOnly?: boolean } = {}) {
    const validateOnly = options.validateOnly ?? false
    const outcome = await createTopics(this.#session, topics, validateOnly)
    if (!validateOnly) {
      forgetMissing(
        this.#session,
        topics.map(({ name }) => name),
      )
      this.#leaders.learn(outcome.done)
    }
    return outcome
  }

  createPartitions(topic: string, count: number) {
    return createPartitions(this.#session, topic, count)
  }

  deleteTopics(names: readonly string[]) {
    return deleteTopics(this.#session, names)
  }

  alterTopicConfigs(topic: string, changes: Readonly<Record<string, string | null>>) {
    return alterTopicConfigs(this.#session, topic, changes)
  }

  alterManyTopicConfigs(changes: TopicChanges) {
    return alterManyTopicConfigs(this.#session, changes)
  }

  deleteRecords(before: readonly (TopicPartition & { readonly offset: bigint })[]) {
    return deleteRecords(this.#session, this.#leaders, before)
  }

  listGroups(options: { readonly lookAgain?: boolean } = {}) {
    return listGroups(this.#session, options)
  }

  describeGroups(groups: readonly GroupListing[]) {
    return describeGroups(this.#session, this.#coordinators, groups)
  }

  fetchPositions(groups: readonly string[], options: Cancellable = {}) {
    return fetchPositions(this.#session, this.#coordinators, groups, options.signal)
  }

  commitPositions(group: string, positions: readonly Position[], { share, permit }: CommitChange = {}) {
    if (share) {
      const offsetOf = ({ offset }: Position) => offset
      return alterShareOffsets(this.#session, this.#coordinators, this.#leaders, group, positions, offsetOf)
    }
    return commitPositions(this.#session, this.#coordinators, this.#leaders, group, positions, permit)
  }

  commitGroups(commits: readonly GroupCommit[], bounds: CommitBounds = {}) {
    return commitGroups(this.#session, this.#coordinators, this.#leaders, commits, bounds)
  }

  deletePositions(
    group: string,
    partitions: readonly TopicPartition[],
    { share = false }: PositionChange = {},
  ) {
    if (share) return deleteShareOffsets(this.#session, this.#coordinators, this.#leaders, group, partitions)
    return deletePositions(this.#session, this.#coordinators, this.#leaders, group, partitions)
  }

  renewPositions(group: string, positions: readonly Position[], keepMs: number) {
    return renewPositions(this.#session, this.#coordinators, group, positions, keepMs)
  }

  knowsShareOffsets(): Promise<boolean> {
    return this.#session.retrying(() => knowsShareOffsets(this.#session))
  }

  deleteGroups(groups: readonly string[]) {
    return deleteGroups(this.#session, this.#coordinators, groups)
  }

  initProducerId(transactional?: Transactional) {
    return initProducerId(this.#session, this.#coordinators, transactional)
  }

  async connect(brokerId: number, options: Cancellable = {}): Promise<BrokerConnection> {
    const { signal } = this.#session
    return this.#session.pool.open(
      brokerId,
      options.signal ? AbortSignal.any([signal, options.signal]) : signal,
    )
  }

  transactionCoordinator(id: string, options: Cancellable = {}): Promise<number> {
    const ask = () => transactionCoordinator(this.#session, this.#coordinators, id)
    return this.#session.retrying(ask, options)
  }

  groupCoordinator(group: string, options: Cancellable = {}): Promise<number> {
    const ask = () => coordinatorOf(this.#session, this.#coordinators, 'group', group, 'join the group')
    return this.#session.retrying(ask, options)
  }

  brokerConfig(name: string): Promise<string> {
    return brokerConfig(this.#session, name)
  }

  openTransactions(partition: TopicPartition) {
    return openTransactions(this.#session, this.#leaders, partition)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session.close()
  }
}
