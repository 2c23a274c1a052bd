import { startCluster, type TestCluster } from '../test/support/brokers.ts'
import { kafkaTool } from '../test/support/kafka-tools.ts'

/** A topic of `bytes` of records, filled by Kafka's own producer. */
export interface DataSet {
  readonly topic: string
  readonly records: number
  readonly recordBytes: number
  readonly bytes: number
  readonly codec: string
  readonly partitions: number
}

/** The sets that the figures are asked for on: 1 GB of 1 KB records, 500 MB of 100-byte records, plain and lz4. */
export function dataSets(scale: number): readonly DataSet[] {
  const sets: DataSet[] = []
  for (const codec of ['none', 'lz4']) {
    for (const [name, recordBytes, bytes] of [
      ['1k', 1000, 1e9],
      ['100b', 100, 5e8],
    ] as const) {
      const records = Math.round((bytes / recordBytes) * scale)
      sets.push({
        topic: `bench-${name}-${codec}`,
        records,
        recordBytes,
        bytes: records * recordBytes,
        codec,
        partitions: 4,
      })
    }
  }
  return sets
}

/** A broker with room for the benchmark's data. */
export async function benchCluster(): Promise<TestCluster> {
  return await startCluster({
    heap: '1g',
    tuning: 'production',
    properties: { 'num.io.threads': '4', 'log.segment.bytes': '268435456' },
  })
}

/** A broker for measures of groups: the offsets topic in as many partitions as by default. */
export async function groupsCluster(): Promise<TestCluster> {
  return await startCluster({
    heap: '1g',
    tuning: 'production',
    properties: { 'offsets.topic.num.partitions': '50' },
  })
}

/** Deletes a topic. */
export async function deleteTopic(bootstrap: string, topic: string): Promise<void> {
  await kafkaTool('topics', ['--bootstrap-server', bootstrap, '--delete', '--topic', topic])
}

/** Makes a topic. */
export async function makeTopic(bootstrap: string, topic: string, partitions: number): Promise<void> {
  const place = ['--bootstrap-server', bootstrap, '--create', '--topic', topic]
  await kafkaTool('topics', [...place, '--partitions', String(partitions)])
}

/** Makes the topic and fills it. */
export async function fill(bootstrap: string, set: DataSet): Promise<void> {
  await makeTopic(bootstrap, set.topic, set.partitions)
  await kafkaTool('producerPerformance', [
    ...['--topic', set.topic, '--num-records', String(set.records), '--record-size', String(set.recordBytes)],
    ...[
      '--throughput',
      '-1',
      '--producer-props',
      `bootstrap.servers=${bootstrap}`,
      'acks=1',
      'batch.size=16384',
    ],
    ...['linger.ms=20', `compression.type=${set.codec}`],
  ])
}
