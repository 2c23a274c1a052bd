import type { FetchPartition } from './fetch-partition.ts'
import { uuidKey } from './wire-reader.ts'

/** How a partition came out of a response, which decides its place in the queue. */
export type Turn =
  /** It had its turn: batches were delivered. */
  | 'served'
  /** Nothing was there. */
  | 'empty'
  /** Something is there, but the response had no room: it keeps its place at the front. */
  | 'waiting'

/**
 * The partitions of a lane in the order in which they are asked. A broker fills a response in the order of the
 * request, so whoever was served goes to the end; and when a lane has more partitions than fit into one request, those
 * without data make room for the others too.
 */
export class LaneQueue {
  #order: FetchPartition[] = []
  readonly #byName = new Map<string, Map<number, FetchPartition>>()
  readonly #byId = new Map<string, Map<number, FetchPartition>>()

  get size(): number {
    return this.#order.length
  }

  [Symbol.iterator](): Iterator<FetchPartition> {
    return this.#order[Symbol.iterator]()
  }

  add(partition: FetchPartition): void {
    this.#order.push(partition)
    let siblings = this.#byName.get(partition.topic)
    if (!siblings) {
      siblings = new Map()
      this.#byName.set(partition.topic, siblings)
    }
    siblings.set(partition.partition, partition)
    if (partition.topicId !== undefined) this.#byId.set(uuidKey(partition.topicId), siblings)
  }

  remove(partition: FetchPartition): void {
    const at = this.#order.indexOf(partition)
    if (at < 0) return
    this.#order.splice(at, 1)
    const siblings = this.#byName.get(partition.topic)
    if (siblings?.get(partition.partition) !== partition) return
    siblings.delete(partition.partition)
    if (siblings.size > 0) return
    this.#byName.delete(partition.topic)
    if (partition.topicId !== undefined) this.#byId.delete(uuidKey(partition.topicId))
  }

  /** The partition that an answer names, by topic name or (`byId`) by topic id. */
  find(topic: string, partition: number, byId: boolean): FetchPartition | undefined {
    return (byId ? this.#byId : this.#byName).get(topic)?.get(partition)
  }

  /** The next `count` partitions to ask. */
  front(count: number): FetchPartition[] {
    return this.#order.length <= count ? [...this.#order] : this.#order.slice(0, count)
  }

  /** Puts the partitions of a request, which stood at the front, back in line. */
  rotate(asked: ReadonlyMap<FetchPartition, Turn>): void {
    const waiting: FetchPartition[] = []
    const others: FetchPartition[] = []
    const empty: FetchPartition[] = []
    const served: FetchPartition[] = []
    for (const partition of this.#order) {
      const turn = asked.get(partition)
      if (turn === undefined) others.push(partition)
      else if (turn === 'waiting') waiting.push(partition)
      else if (turn === 'empty') empty.push(partition)
      else served.push(partition)
    }
    this.#order = [...waiting, ...others, ...empty, ...served]
  }

  /** The last `count` partitions. */
  last(count: number): FetchPartition[] {
    return this.#order.slice(this.#order.length - count)
  }
}
