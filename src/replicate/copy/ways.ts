import type { PartitionProducer, Producer } from '../../kafka/index.ts'
import { routeKey } from '../topics/routes.ts'
import type { Line } from './line.ts'
import type { OwnTopic } from './shard-context.ts'

/** The ways into the target's partitions that a shard writes to, and which of them were used since all had landed. */
export class Ways {
  readonly #producer: Producer
  readonly #shard: number
  readonly #ways = new Map<string, PartitionProducer>()
  readonly #used = new Set<PartitionProducer>()

  constructor(producer: Producer, shard: number) {
    this.#producer = producer
    this.#shard = shard
  }

  ofLine({ target }: Line, partition: number): PartitionProducer {
    return this.#to(target.name, partition, target.id)
  }

  /** Into the pipeline's own topic: each shard writes to one partition of it. */
  ofOwn({ name, id, partitions }: OwnTopic): PartitionProducer {
    return this.#to(name, this.#shard % partitions, id)
  }

  /** Something is sent by this way. */
  use(way: PartitionProducer): PartitionProducer {
    this.#used.add(way)
    return way
  }

  /** Resolves when all that was sent is in the target's logs. */
  async landed(): Promise<void> {
    await Promise.all([...this.#used].map((way) => way.flush()))
    this.#used.clear()
  }

  #to(topic: string, partition: number, topicId: string | undefined): PartitionProducer {
    const key = routeKey(topic, partition)
    let way = this.#ways.get(key)
    if (!way) {
      way = this.#producer.partition({ topic, partition, ...(topicId !== undefined && { topicId }) })
      this.#ways.set(key, way)
    }
    return way
  }
}
