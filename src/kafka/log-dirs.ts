import { chooseVersion, type Versions } from './api-choice.ts'
import { describeLogDirsV1, describeLogDirsV2, describeLogDirsV4 } from './client-library.ts'
import { errorFromCode } from './protocol-errors.ts'
import type { Cluster, Failure, Outcome, TopicPartition } from './types.ts'

/** A replica on the disks of a broker. */
export interface ReplicaSize extends TopicPartition {
  readonly broker: number
  /** Bytes of all segments. */
  readonly bytes: bigint
}

interface Response {
  readonly errorCode?: number
  readonly results: readonly {
    readonly errorCode: number
    readonly topics: readonly {
      readonly name: string
      readonly partitions: readonly {
        readonly partitionIndex: number
        readonly partitionSize: bigint
        readonly isFutureKey: boolean
      }[]
    }[]
  }[]
}

/** Version 1 is that of Kafka 2.1; what version 3 says more, version 4 does as well. */
const versions = [describeLogDirsV4.api, describeLogDirsV2.api, describeLogDirsV1.api] as unknown as Versions<
  [topics: null],
  Response
>

/**
 * The size of every replica on every broker. A broker that does not answer, or may not be asked (Describe on the cluster), is
 * one failed item, by its id. A replica that is being moved between disks counts once.
 */
export async function replicaSizes(
  cluster: Cluster,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Outcome<number, ReplicaSize>> {
  const done: ReplicaSize[] = []
  const failed: Failure<number>[] = []
  await Promise.all(
    (await cluster.brokers()).map(async ({ id }) => {
      try {
        done.push(...(await sizesOf(cluster, id, options)))
      } catch (error) {
        options.signal?.throwIfAborted()
        failed.push({ item: id, error: error instanceof Error ? error : new Error(String(error)) })
      }
    }),
  )
  return { done, failed }
}

async function sizesOf(
  cluster: Cluster,
  broker: number,
  options: { readonly signal?: AbortSignal },
): Promise<readonly ReplicaSize[]> {
  await using connection = await cluster.connect(broker, options)
  const response = await connection.call(chooseVersion(connection, versions), [null])
  const code = response.errorCode || response.results.find(({ errorCode }) => errorCode !== 0)?.errorCode
  if (code) {
    const doing = `read the log folders of broker ${broker}`
    throw errorFromCode(code, { doing, acl: 'Describe', broker: connection.address })
  }
  return response.results.flatMap(({ topics }) =>
    topics.flatMap(({ name: topic, partitions }) =>
      partitions
        .filter(({ isFutureKey }) => !isFutureKey)
        .map(({ partitionIndex: partition, partitionSize: bytes }) => ({ broker, topic, partition, bytes })),
    ),
  )
}
