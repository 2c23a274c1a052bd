import { isTidemarkError, systemClock, TidemarkError } from '../../base/index.ts'
import { type Cluster, type PartitionProducer, Producer, type ProducerIdentity } from '../../kafka/index.ts'
import { encodeBatches, partitionForKey } from '../../records/index.ts'

/** A record of one of our own small topics. */
export interface OwnRecord {
  readonly key: Buffer
  readonly value: Buffer
}

const maxBytes = 512 << 10

/**
 * Writes few small records, acknowledged by all in-sync replicas when `write` resolves. Records of one key stay in order. A writer
 * that failed begins anew with the next call.
 */
export class RecordWriter implements AsyncDisposable {
  readonly topic: string
  readonly #cluster: Cluster
  readonly #choose: 'by-key' | 'first'
  #producer: Producer | undefined
  #partitions = new Map<number, PartitionProducer>()
  #count = 0

  /** `first`: everything goes to partition 0. @default 'by-key' */
  constructor(cluster: Cluster, topic: string, choose: 'by-key' | 'first' = 'by-key') {
    this.#cluster = cluster
    this.topic = topic
    this.#choose = choose
  }

  /** `permit` is asked when everything is ready to be sent; what it rejects with ends the call. */
  async write(records: readonly OwnRecord[], permit?: () => Promise<void>): Promise<void> {
    if (records.length === 0) return
    try {
      await this.#write(records, permit)
    } catch (error) {
      await this[Symbol.asyncDispose]()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const producer = this.#producer
    this.#producer = undefined
    this.#partitions.clear()
    await producer?.[Symbol.asyncDispose]()
  }

  async #write(records: readonly OwnRecord[], permit: (() => Promise<void>) | undefined): Promise<void> {
    const producer = await this.#open()
    await permit?.()
    const timestamp = BigInt(systemClock.now())
    const byPartition = Map.groupBy(records, ({ key }) =>
      this.#choose === 'first' ? 0 : (partitionForKey(key, this.#count) ?? 0),
    )
    const sent = new Set<PartitionProducer>()
    for (const [partition, group] of byPartition) {
      const encodable = group.map(({ key, value }) => ({ timestamp, key, value, headers: [] }))
      const to = this.#partition(producer, partition)
      for (const { bytes, count } of encodeBatches(encodable, { codec: 'none', maxBytes })) {
        await to.send({ buffer: bytes, start: 0, end: bytes.length, records: count, landed: () => {} })
      }
      sent.add(to)
    }
    await Promise.all([...sent].map((partition) => partition.flush()))
  }

  async #open(): Promise<Producer> {
    if (this.#producer !== undefined) return this.#producer
    const [info] = await this.#cluster.topics([this.topic])
    if (info === undefined) {
      throw new TidemarkError('TOPIC_NOT_FOUND', `There is no topic ${this.topic} on the target`, {
        details: { topic: this.topic },
      })
    }
    this.#count = info.partitions.length
    const identity = await this.#identity()
    this.#producer = new Producer(this.#cluster, { identity, connections: 1 })
    return this.#producer
  }

  async #identity(): Promise<ProducerIdentity> {
    try {
      return await this.#cluster.initProducerId()
    } catch (error) {
      if (!isTidemarkError(error, 'AUTHORIZATION_FAILED')) throw error
      // The broker speaks of the cluster; it asks for the right to write to some topic.
      const topic = JSON.stringify(this.topic)
      throw new TidemarkError(
        'AUTHORIZATION_FAILED',
        `Cannot write to topic ${topic}: the principal has no right to it`,
        {
          cause: error,
          details: { ...error.details, topic: this.topic },
          hint: `Allow it the operation Write on topic ${topic}; brokers before 3.0 ask for IdempotentWrite on the cluster as well.`,
        },
      )
    }
  }

  #partition(producer: Producer, partition: number): PartitionProducer {
    const known = this.#partitions.get(partition)
    if (known !== undefined) return known
    const opened = producer.partition({ topic: this.topic, partition })
    this.#partitions.set(partition, opened)
    return opened
  }
}
