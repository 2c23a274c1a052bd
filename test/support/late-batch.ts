import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { describeProducersV0 } from '../../src/kafka/client-library.ts'
import { type BrokerConnection, connectCluster, type TopicPartition } from '../../src/kafka/index.ts'
import { produceFlexible, produceRequest, produceVersions } from '../../src/kafka/produce-request.ts'
import { produceResponse } from '../../src/kafka/produce-response.ts'
import { encodeBatch, rewriteForProduce } from '../../src/records/index.ts'

/** A batch as a killed producer may still have on its way. */
export interface LateBatch extends TopicPartition {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly values: readonly string[]
  /** Ms since the epoch: old enough for the broker to forget its producer. */
  readonly timestamp: bigint
}

const apiKeyProduce = 0

/** Writes it once the broker has forgotten the producer, and waits until that is forgotten, too; the offset that it got. */
export async function writeLate(bootstrap: string, batch: LateBatch): Promise<bigint> {
  const { topic, partition, values, timestamp } = batch
  await using cluster = await connectCluster({ bootstrap: [bootstrap] })
  const [info] = await cluster.topics([topic])
  const leader = info?.partitions.find((each) => each.partition === partition)?.leader
  assert.ok(leader !== undefined)
  await using connection = await cluster.connect(leader)
  const version = connection.versionFor(apiKeyProduce, produceVersions.min, produceVersions.names)
  assert.ok(version !== undefined)
  const records = values.map((value) => ({ timestamp, key: null, value: Buffer.from(value) }))
  const buffer = encodeBatch(records, { codec: 'none' })
  rewriteForProduce(buffer, 0, { ...batch, transactional: false })
  const item = { topic, topicId: undefined, partition, buffer, start: 0, end: buffer.length }
  const forgotten = async () => {
    while (await isRemembered(connection, batch)) await delay(20)
  }
  await forgotten()
  const frame = await connection.exchange({
    apiKey: apiKeyProduce,
    apiVersion: version,
    flexible: version >= produceFlexible,
    body: produceRequest(version, [item], { transactionalId: null, timeout: 30_000 }),
  })
  let offset = -1n
  produceResponse(frame, version, (_topic, _partition, error, baseOffset) => {
    assert.equal(error, 0)
    offset = baseOffset
  })
  await forgotten()
  return offset
}

async function isRemembered(connection: BrokerConnection, { topic, partition, producerId }: LateBatch) {
  const { topics } = await connection.call(describeProducersV0.api, [
    [{ name: topic, partitionIndexes: [partition] }],
  ])
  const answer = topics[0]?.partitions[0]
  assert.equal(answer?.errorCode, 0)
  return answer.activeProducers.some((producer) => producer.producerId === producerId)
}
