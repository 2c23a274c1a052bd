import { chooseVersion, type Versions } from './api-choice.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { metadataV7, metadataV9, metadataV10, metadataV12 } from './client-library.ts'
import type { Broker, PartitionInfo, TopicInfo } from './types.ts'

/** The state of a cluster as one broker knew it. */
export interface ClusterMetadata {
  readonly clusterId: string
  readonly controller: number | undefined
  readonly brokers: readonly Broker[]
  readonly topics: readonly TopicInfo[]
  /** Topics that were named and cannot be told: name → Kafka error code. */
  readonly errors: ReadonlyMap<string, number>
}

interface Response {
  readonly throttleTimeMs: number
  readonly clusterId: string | null
  readonly controllerId: number
  readonly brokers: readonly {
    readonly nodeId: number
    readonly host: string
    readonly port: number
    readonly rack: string | null
  }[]
  readonly topics: readonly Topic[]
}

interface Topic {
  readonly errorCode: number
  readonly name: string | null
  readonly topicId: string
  readonly isInternal: boolean
  readonly partitions: readonly {
    readonly partitionIndex: number
    readonly leaderId: number
    readonly leaderEpoch: number
    readonly replicaNodes: readonly number[]
    readonly isrNodes: readonly number[]
  }[]
}

/** Never creates topics. Version 7 is that of Kafka 2.1, topic ids come with version 10. */
const versions = [metadataV12.api, metadataV10.api, metadataV9.api, metadataV7.api] as Versions<
  [topics: string[] | null, allowAutoTopicCreation: boolean],
  Response
>
const noTopicId = '00000000-0000-0000-0000-000000000000'
const leaderNotAvailable = 5

/** Metadata of the named topics, of all (null) or of none (empty). `timeout` in ms. */
export async function requestMetadata(
  connection: BrokerConnection,
  names: readonly string[] | null,
  timeout: number,
): Promise<{ readonly metadata: ClusterMetadata; readonly throttleTimeMs: number }> {
  const api = chooseVersion(connection, versions)
  const response = await connection.call(api, [names === null ? null : [...names], false], timeout)
  const told = (topic: Topic) => topic.errorCode === 0 || topic.errorCode === leaderNotAvailable
  const metadata = {
    clusterId: response.clusterId ?? '',
    controller: response.controllerId >= 0 ? response.controllerId : undefined,
    brokers: response.brokers.map(({ nodeId, host, port, rack }) => ({
      id: nodeId,
      host,
      port,
      rack: rack ?? undefined,
    })),
    topics: response.topics.filter(told).map(topicInfo),
    errors: new Map(
      response.topics.filter((topic) => !told(topic)).map((topic) => [topic.name ?? '', topic.errorCode]),
    ),
  }
  return { metadata, throttleTimeMs: response.throttleTimeMs }
}

function topicInfo(topic: Topic): TopicInfo {
  return {
    name: topic.name ?? '',
    id: topic.topicId === noTopicId ? undefined : topic.topicId,
    internal: topic.isInternal,
    partitions: topic.partitions.map(partitionInfo).sort((a, b) => a.partition - b.partition),
  }
}

function partitionInfo(partition: Topic['partitions'][number]): PartitionInfo {
  return {
    partition: partition.partitionIndex,
    leader: partition.leaderId >= 0 ? partition.leaderId : undefined,
    leaderEpoch: partition.leaderEpoch,
    replicas: partition.replicaNodes,
    isr: partition.isrNodes,
  }
}
