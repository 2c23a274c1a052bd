import type { BrokerConnection } from './broker-connection.ts'

/** A cluster as the rooms above see it. Offsets and timestamps are `bigint` at every edge. */

export interface Broker {
  readonly id: number
  readonly host: string
  readonly port: number
  readonly rack: string | undefined
}

export interface PartitionInfo {
  readonly partition: number
  /** Broker id, or undefined while there is no leader. */
  readonly leader: number | undefined
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
}

export interface TopicInfo {
  readonly name: string
  /** UUID text, or undefined before Kafka 2.8. */
  readonly id: string | undefined
  readonly internal: boolean
  readonly partitions: readonly PartitionInfo[]
}

/** Topic and partition. */
export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** What an offset is asked for: a name, or the first record at or after a time (ms since the epoch). */
export type OffsetSpec =
  | 'earliest'
  | 'latest'
  | 'last-stable'
  | 'max-timestamp'
  | { readonly timestamp: bigint }

export interface ListedOffset extends TopicPartition {
  /** The offset; for a timestamp beyond the last record: undefined. */
  readonly offset: bigint | undefined
  readonly leaderEpoch: number | undefined
}

/** One item of a batch call that failed while others may have gone well. */
export interface Failure<Item> {
  readonly item: Item
  readonly error: Error
}

export interface Outcome<Item, Result> {
  readonly done: readonly Result[]
  readonly failed: readonly Failure<Item>[]
}

export interface TopicConfig {
  readonly name: string
  readonly value: string
  /** Where the value comes from: set on the topic, or inherited. Sensitive and read-only entries are left out. */
  readonly source: 'topic' | 'inherited'
}

export interface NewTopic {
  readonly name: string
  readonly partitions: number
  /** Undefined = the broker's default. */
  readonly replicationFactor: number | undefined
  readonly configs: Readonly<Record<string, string>>
}

export type GroupType = 'classic' | 'consumer' | 'share' | 'streams' | 'unknown'

export interface GroupListing {
  readonly group: string
  readonly type: GroupType
  /** As the broker says it, e.g. `Stable`, `Empty`, `Dead`. */
  readonly state: string
  readonly protocolType: string
}

export interface GroupMember {
  readonly memberId: string
  readonly clientId: string
  readonly host: string
  /** What a member of a classic group has told the others of itself, in the form of its protocol; empty for other types, and while a group rebalances. */
  readonly metadata: Buffer
}

export interface GroupDescription extends GroupListing {
  readonly members: readonly GroupMember[]
}

/** A committed offset, or the start offset of a share group: the next record to read. */
export interface Position extends TopicPartition {
  readonly offset: bigint
  /** −1 = unknown. */
  readonly leaderEpoch: number
  /** Commit metadata, byte for byte. Brokers keep null as the empty text: null can be committed, but is never read. */
  readonly metadata: string | null
}

export interface GroupPositions {
  readonly group: string
  readonly positions: readonly Position[]
  /** Partitions whose newest commit was still part of an open transaction: the last decided one is given. */
  readonly unstable: readonly TopicPartition[]
  /** Known only of a share group that has start offsets: then those are its positions. */
  readonly type?: 'share'
}

/** Of which type the group is whose positions are changed. */
export interface PositionChange {
  /** A share group: its start offsets are set; leader epoch and metadata are not kept. @default false */
  readonly share?: boolean
}

export interface CommitChange extends PositionChange {
  /** Asked before each request, repeated ones too: what it rejects with is what became of the positions. Not for share groups. */
  readonly permit?: () => Promise<void>
}

/** One group, and all positions that it shall get. */
export interface GroupCommit extends PositionChange {
  readonly group: string
  readonly positions: readonly Position[]
}

/** What became of the commit of one group. */
export interface CommittedGroup extends Outcome<Position, Position> {
  readonly group: string
  /** Ms from the last request that was answered to its answer; undefined when none was. */
  readonly ms: number | undefined
  /** Requests beyond the first. */
  readonly retries: number
  /** A request failed in such a way that what is listed as failed may yet be in place: read it back. */
  readonly uncertain: boolean
}

export interface CommitBounds {
  readonly signal?: AbortSignal
  /** Commits under way at once, over all coordinators; a connection each. @default 32 */
  readonly concurrency?: number
  /** How often a position is tried again at most. @default as often as the delivery timeout allows */
  readonly retries?: number
  /** Called once for each group, when its outcome is known. */
  readonly onGroup?: (committed: CommittedGroup) => void
}

export interface ProducerIdentity {
  readonly producerId: bigint
  readonly epoch: number
}

/** How to reach and trust a cluster. Plain, frozen, already validated by `config/`. */
export interface ClusterOptions {
  /** `host:port` each. */
  readonly bootstrap: readonly string[]
  readonly clientId?: string
  readonly rack?: string
  readonly tls?: TlsOptions
  readonly sasl?: SaslOptions
  /** Ms until the first metadata must be there. @default 15_000 */
  readonly connectTimeout?: number
  /** Ms from then on that a request may take in all, elections and reconnects included. @default 300_000 */
  readonly deliveryTimeout?: number
  /** Data connections for each broker. @default 4 */
  readonly connectionsPerBroker?: number
}

export interface TlsOptions {
  /** PEM text. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly passphrase?: string
  /** False accepts any certificate. @default true */
  readonly verify?: boolean
  /** False accepts a certificate of the authorities for any host name. @default true */
  readonly verifyHostname?: boolean
  readonly serverName?: string
}

export type SaslOptions =
  | {
      readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
      readonly username: string
      readonly password: string
    }
  | {
      readonly mechanism: 'OAUTHBEARER'
      readonly token: () => Promise<string>
      readonly extensions?: Readonly<Record<string, string>>
    }

/** How topics are looked for. */
export interface TopicLook {
  readonly signal?: AbortSignal
  /**
   * A topic that one broker does not know is asked for once more, a quarter of a second later: it may just have been created. Not needed
   * by those who create what is missing: the broker tells them that it is there. @default true
   */
  readonly lookAgain?: boolean
}

/** The control plane of one cluster. Every call retries what can be retried until the delivery timeout. */
export interface Cluster extends AsyncDisposable {
  readonly clusterId: string
  readonly options: ClusterOptions
  brokers(): Promise<readonly Broker[]>
  /** All topics when no names are given. A missing name is left out of the answer. */
  topics(names?: readonly string[], options?: TopicLook): Promise<readonly TopicInfo[]>
  listOffsets(
    asked: readonly (TopicPartition & { readonly at: OffsetSpec })[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<readonly ListedOffset[]>
  /** The same with an outcome for each question; no object may stand twice among them. */
  tryListOffsets(
    asked: readonly (TopicPartition & { readonly at: OffsetSpec })[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<Outcome<TopicPartition & { readonly at: OffsetSpec }, ListedOffset>>
  /** `broker`: as this one knows them. They hear of changes one after the other. @default any broker */
  topicConfigs(
    topics: readonly string[],
    options?: { readonly signal?: AbortSignal; readonly broker?: number },
  ): Promise<ReadonlyMap<string, readonly TopicConfig[]>>
  /** The same, each topic with its own outcome; undefined for one that does not exist. */
  readTopicConfigs(
    topics: readonly string[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<Outcome<string, readonly [topic: string, configs: readonly TopicConfig[]] | undefined>>
  /** Names of the topic configs that the brokers know, for skipping the others. `own`: topics for which the caller has rights. */
  knownTopicConfigs(own?: readonly string[]): Promise<ReadonlySet<string>>
  createTopics(
    topics: readonly NewTopic[],
    options?: { readonly validateOnly?: boolean },
  ): Promise<Outcome<NewTopic, TopicInfo>>
  createPartitions(topic: string, count: number): Promise<void>
  deleteTopics(names: readonly string[]): Promise<Outcome<string, string>>
  /** Sets (value) or removes (null) topic configs, one topic at a time; a refused entry fails alone. */
  alterTopicConfigs(
    topic: string,
    changes: Readonly<Record<string, string | null>>,
  ): Promise<Outcome<string, string>>
  /** The same for many topics with few requests; the outcome of each by its name. */
  alterManyTopicConfigs(
    changes: ReadonlyMap<string, Readonly<Record<string, string | null>>>,
  ): Promise<ReadonlyMap<string, Outcome<string, string>>>
  deleteRecords(before: readonly (TopicPartition & { readonly offset: bigint })[]): Promise<void>
  /** Every group of every type and state, from all brokers. */
  /** Without `lookAgain` in one look, in which groups may be missing whose coordinator is just changing. */
  listGroups(options?: { readonly lookAgain?: boolean }): Promise<readonly GroupListing[]>
  describeGroups(groups: readonly GroupListing[]): Promise<Outcome<string, GroupDescription>>
  /** Positions of many groups with few requests, pipelined by coordinator, `require_stable` first (unstable ones are retried, then marked). */
  fetchPositions(
    groups: readonly string[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<Outcome<string, GroupPositions>>
  /** One commit request with all partitions of the group (generation −1). */
  commitPositions(
    group: string,
    positions: readonly Position[],
    change?: CommitChange,
  ): Promise<Outcome<Position, Position>>
  /** The same for many groups at once, in the order given. Never rejects: what could not be done is in the outcomes. */
  commitGroups(commits: readonly GroupCommit[], bounds?: CommitBounds): Promise<readonly CommittedGroup[]>
  deletePositions(
    group: string,
    partitions: readonly TopicPartition[],
    change?: PositionChange,
  ): Promise<Outcome<TopicPartition, TopicPartition>>
  /**
   * Commits positions as they are with a time in ms for which they are to be kept: also those of a group of which the last member
   * has left long ago.
   */
  renewPositions(
    group: string,
    positions: readonly Position[],
    keepMs: number,
  ): Promise<Outcome<Position, Position>>
  /** Whether start offsets of share groups can be read and set here. */
  knowsShareOffsets(): Promise<boolean>
  deleteGroups(groups: readonly string[]): Promise<Outcome<string, string>>
  /** A new producer id, or that of a transactional id, with its epoch raised (fences the former owner). */
  initProducerId(transactional?: {
    readonly id: string
    readonly timeoutMs: number
  }): Promise<ProducerIdentity>
  /**
   * A new connection to a broker for the data plane: versions known, authenticated. The caller owns and closes it, and
   * replaces it when it is not `fresh` any more. One attempt; rejects with BROKER_UNREACHABLE (also for an id that
   * the newest metadata does not hold) or AUTHENTICATION_FAILED.
   */
  connect(brokerId: number, options?: { readonly signal?: AbortSignal }): Promise<BrokerConnection>
  /** Broker id of the coordinator of a transactional id. Always asked afresh. */
  transactionCoordinator(id: string, options?: { readonly signal?: AbortSignal }): Promise<number>
  /** Broker id of the coordinator of a group. Always asked afresh. */
  groupCoordinator(group: string, options?: { readonly signal?: AbortSignal }): Promise<number>
  /** Value of one broker setting, as the first broker has it. Rejects when it may not be read. */
  brokerConfig(name: string): Promise<string>
  /** Producers with an open transaction on a partition; empty where the broker cannot say. */
  openTransactions(
    partition: TopicPartition,
  ): Promise<readonly { readonly producerId: bigint; readonly startOffset: bigint }[]>
}
