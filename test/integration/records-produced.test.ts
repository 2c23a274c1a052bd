import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  type Cluster,
  connectCluster,
  type PartitionProducer,
  Producer,
  type ProducerIdentity,
} from '../../src/kafka/index.ts'
import {
  batches,
  type CodecName,
  convertLegacy,
  decodeBatch,
  type EncodableRecord,
  encodeBatches,
  header,
  needsRecode,
  type RecodeReason,
} from '../../src/records/index.ts'
import { startCluster, type TestCluster } from '../support/brokers.ts'
import { describeRecord, type GoldenRecord, goldens } from '../support/golden-batches.ts'
import { type JavaClient, type SeenRecord, startJavaClient } from '../support/java-client.ts'
import { kafkaVersions } from '../support/kafka-jars.ts'
import { kafkaTool } from '../support/kafka-tools.ts'

const codecs: readonly CodecName[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

/** Brokers must not mind how old the records are, nor that the captured ones may lie ahead of this machine's clock. */
const patient = { 'retention.ms': '-1', 'message.timestamp.after.max.ms': '9223372036854775807' }

/** Records with everything that a format could lose, many enough for several batches. */
function varied(): EncodableRecord[] {
  const times = [1_700_000_000_000n, 0n, 946_684_800_000n, 1_700_000_000_001n, -1n, 1_262_304_000_000n]
  return Array.from({ length: 300 }, (_, i) => ({
    timestamp: times[i % times.length] ?? 0n,
    key: i % 4 === 0 ? null : i % 4 === 1 ? Buffer.alloc(0) : Buffer.from([i, 0xff, 0, 0x80]),
    value: i % 7 === 0 ? null : i % 7 === 1 ? Buffer.alloc(0) : Buffer.alloc(i * 40, `value ${i} `),
    headers:
      i % 3 === 0
        ? [
            { key: Buffer.from('twice'), value: Buffer.from([0xff]) },
            { key: Buffer.from('schlüssel'), value: null },
            { key: Buffer.from('twice'), value: Buffer.alloc(0) },
          ]
        : [],
  }))
}

function seen(record: SeenRecord): GoldenRecord {
  const headers = record.headers.map(({ key, value }) => ({ key: Buffer.from(key), value }))
  return describeRecord({ ...record, headers })
}

/** What a reader should find when these records stand densely from offset 0 on. */
function dense(records: readonly EncodableRecord[]): GoldenRecord[] {
  return records.map((record, i) => describeRecord({ ...record, offset: BigInt(i) }))
}

for (const version of kafkaVersions) {
  describe(`batches sent to Kafka ${version} are read by Kafka's own client`, { timeout: 240_000 }, () => {
    let brokers: TestCluster
    let java: JavaClient
    let cluster: Cluster
    let producer: Producer
    let identity: ProducerIdentity

    before(async () => {
      ;[brokers, java] = await Promise.all([startCluster({ version }), startJavaClient()])
      cluster = await connectCluster({ bootstrap: [brokers.bootstrap] })
      identity = await cluster.initProducerId()
      producer = new Producer(cluster, { identity })
    })

    after(async () => {
      await producer?.close()
      await cluster?.[Symbol.asyncDispose]()
      await java?.[Symbol.asyncDispose]()
      await brokers?.[Symbol.asyncDispose]()
    })

    async function open(topic: string): Promise<PartitionProducer> {
      const wanted = { name: topic, partitions: 1, replicationFactor: 1, configs: patient }
      const { failed } = await cluster.createTopics([wanted])
      assert.deepEqual(failed, [])
      return producer.partition({ topic, partition: 0, epoch: identity.epoch, expectedBase: 0n })
    }

    async function send(to: PartitionProducer, bytes: Buffer, at = 0): Promise<void> {
      const buffer = Buffer.from(bytes.subarray(at, at + header.size(bytes, at)))
      const records = header.recordsCount(buffer, 0)
      await to.send({ buffer, start: 0, end: buffer.length, records, landed: () => {} })
    }

    for (const codec of codecs) {
      test(`encoded with ${codec}`, async () => {
        const topic = `encoded-${codec}`
        const partition = await open(topic)
        const records = varied()
        const parts = encodeBatches(records, { codec, maxBytes: codec === 'none' ? 100_000 : 4_000 })
        assert.ok(parts.length > 1)
        for (const part of parts) await send(partition, part.bytes)
        await partition.flush()
        const found = await java.read(brokers.bootstrap, topic, 0)
        assert.deepEqual(found.map(seen), dense(records))
        assert.ok(found.every((record) => record.timestampType === 'CreateTime'))
      })
    }

    test('captured from other writers, raw where they may be, else encoded again', async () => {
      const partition = await open('captured')
      const records: EncodableRecord[] = []
      const reasons = new Set<RecodeReason | undefined>()
      for (const { bytes } of goldens(/./)) {
        const log = convertLegacy(bytes, 0, bytes.length)
        for (const at of batches(log, 0, log.length, { complete: true })) {
          const reason = needsRecode(log, at)
          reasons.add(reason)
          if (reason === 'control') continue
          const decoded = decodeBatch(log, at)
          records.push(...decoded)
          if (reason === undefined) await send(partition, log, at)
          else {
            const parts = encodeBatches(decoded, { codec: 'zstd', maxBytes: 1_000_000 })
            for (const part of parts) await send(partition, part.bytes)
          }
        }
      }
      await partition.flush()
      assert.deepEqual([...reasons].sort(), ['control', 'hole', 'log-append-time', undefined])
      const found = await java.read(brokers.bootstrap, 'captured', 0)
      assert.deepEqual(found.map(seen), dense(records))
    })

    test('and by the console consumer', async () => {
      const topic = 'console'
      const partition = await open(topic)
      const lines: string[] = []
      for (const codec of codecs) {
        const records = [0, 1, 2].map((i) => ({
          timestamp: 1_600_000_000_000n + BigInt(i),
          key: Buffer.from(`${codec}-${i}`),
          value: Buffer.from(`value ${i}`),
          headers: [{ key: Buffer.from('codec'), value: Buffer.from(codec) }],
        }))
        for (const { bytes } of encodeBatches(records, { codec, maxBytes: 10_000 }))
          await send(partition, bytes)
        for (const { timestamp, key, value } of records) {
          lines.push(`CreateTime:${timestamp}\tcodec:${codec}\t${key}\t${value}`)
        }
      }
      await partition.flush()
      const show = ['print.key', 'print.timestamp', 'print.headers'].flatMap((what) => [
        '--property',
        `${what}=true`,
      ])
      const printed = await kafkaTool(
        'consoleConsumer',
        ['--bootstrap-server', brokers.bootstrap, '--topic', topic, '--from-beginning'].concat(
          ['--max-messages', String(lines.length)],
          show,
        ),
        { version },
      )
      // Newer versions say that the option will have another name.
      const found = printed.split('\n').filter((line) => line !== '' && !line.includes('deprecated'))
      assert.deepEqual(found, lines)
    })
  })
}
