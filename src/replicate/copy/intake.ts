import type { FetchAssignment, FetchEvent, FetchedBatches, Fetcher, FetchSink } from '../../kafka/index.ts'
import { routeKey } from '../topics/routes.ts'

/** A delivery, or an event between deliveries. */
export type FetchItem = FetchedBatches | FetchEvent

/** What was fetched of one source partition and not yet taken, in order. */
export class LineQueue {
  readonly #items: FetchItem[] = []
  readonly #arrived: () => void

  constructor(arrived: () => void) {
    this.#arrived = arrived
  }

  get empty(): boolean {
    return this.#items.length === 0
  }

  push(item: FetchItem): void {
    this.#items.push(item)
    this.#arrived()
  }

  shift(): FetchItem | undefined {
    return this.#items.shift()
  }

  /** Gives back the memory of whatever waits. */
  drop(): void {
    for (const item of this.#items.splice(0)) if ('release' in item) item.release()
  }
}

/** A delivery smaller than this, in a response several times as large, is copied: its memory would hold that of all the others. */
const smallDelivery = 64 << 10
const largeResponse = 1 << 20

/**
 * Between one fetcher for everything that a worker copies and the queues of its source partitions. What a shard does not take waits in
 * its queues; the fetcher's memory is what bounds them all.
 */
export class Intake implements FetchSink {
  readonly #queues = new Map<string, LineQueue>()
  /** Bytes of copies that may be around at once. */
  readonly #mostCopied: number
  #copied = 0
  #fetcher: Fetcher | undefined

  constructor(memory: number) {
    this.#mostCopied = memory >> 3
  }

  /** The fetcher whose sink this is. */
  attach(fetcher: Fetcher): void {
    this.#fetcher = fetcher
  }

  open(assignment: FetchAssignment, queue: LineQueue): void {
    this.#queues.set(routeKey(assignment.topic, assignment.partition), queue)
    this.#fetcher?.add(assignment)
  }

  /** Nothing more comes of the partition; what waits is given back. */
  close(topic: string, partition: number): void {
    const key = routeKey(topic, partition)
    const queue = this.#queues.get(key)
    if (!queue) return
    this.#queues.delete(key)
    this.#fetcher?.remove(topic, partition)
    queue.drop()
  }

  batches(fetched: FetchedBatches): void {
    const queue = this.#queues.get(routeKey(fetched.topic, fetched.partition))
    if (queue) queue.push(this.#light(fetched))
    else fetched.release()
  }

  event(event: FetchEvent): void {
    this.#queues.get(routeKey(event.topic, event.partition))?.push(event)
  }

  #light(fetched: FetchedBatches): FetchedBatches {
    const { buffer, start, end } = fetched
    const size = end - start
    const copies =
      size < smallDelivery && buffer.length >= largeResponse && this.#copied + size <= this.#mostCopied
    if (!copies) return fetched
    const copy = Buffer.from(buffer.subarray(start, end))
    fetched.release()
    this.#copied += size
    let held = true
    const release = () => {
      if (held) this.#copied -= size
      held = false
    }
    return { ...fetched, buffer: copy, start: 0, end: size, release }
  }
}
