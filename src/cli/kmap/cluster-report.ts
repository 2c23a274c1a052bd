/** A broker, and the replicas that it holds. */
export interface ReportedBroker {
  readonly id: number
  /** `host:port`. */
  readonly address: string
  readonly rack: string | undefined
  /** Version of Kafka as far as the broker's requests tell; empty when it did not answer. */
  readonly version: string
  readonly partitions: number
  readonly leaders: number
  /** Partitions with a replica here of which some replica is not in sync. */
  readonly underReplicated: number
}

export interface ReportedTopic {
  readonly name: string
  readonly internal: boolean
  readonly partitions: number
  readonly replicationFactor: number
  /** Offsets between the ends of the logs: an upper bound of the records where there is compaction or transactions. */
  readonly messages: bigint
  readonly underReplicated: number
  /** Partitions without a leader. */
  readonly offline: number
  /** Settings made on the topic itself. */
  readonly configs: Readonly<Record<string, string>>
}

/** A group in one topic. */
export interface ReportedReading {
  readonly topic: string
  readonly partitions: number
  /** Records behind the ends of the logs; undefined where that is not known of a partition. */
  readonly lag: bigint | undefined
}

export interface ReportedGroup {
  readonly name: string
  readonly type: string
  readonly state: string
  readonly members: number
  readonly reading: readonly ReportedReading[]
}

/** What is said of a cluster, in every form of the report. */
export interface ClusterReport {
  /** Ms since the epoch. */
  readonly taken: number
  readonly clusterId: string
  readonly addresses: readonly string[]
  readonly brokers: readonly ReportedBroker[]
  readonly topics: readonly ReportedTopic[]
  readonly groups: readonly ReportedGroup[]
}

/** The report as its JSON file has it. */
export function reportObject(report: ClusterReport): Readonly<Record<string, unknown>> {
  const { topics, groups, brokers } = report
  return {
    timestamp: new Date(report.taken).toISOString().replace(/\.\d+Z$/, 'Z'),
    cluster_id: report.clusterId,
    broker_addresses: report.addresses,
    brokers: brokers.map(({ id, address, version, partitions, leaders, underReplicated }) => ({
      id,
      address,
      version,
      partitions,
      leaders,
      under_replicated_partitions: underReplicated,
    })),
    topics: topics.map(({ name, partitions, replicationFactor, messages, configs }) => ({
      name,
      partitions,
      replication_factor: replicationFactor,
      total_messages: messages,
      configs,
    })),
    consumer_groups: groups.map(({ name, reading, members, state }) => ({
      name,
      topics: reading.map(({ topic }) => topic),
      members,
      state,
    })),
    total_topics: topics.length,
    total_consumer_groups: groups.length,
    total_partitions: topics.reduce((sum, topic) => sum + topic.partitions, 0),
    total_messages: topics.reduce((sum, topic) => sum + topic.messages, 0n),
    total_under_replicated_partitions: topics.reduce((sum, topic) => sum + topic.underReplicated, 0),
  }
}
