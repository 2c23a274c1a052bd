import {
  BrokerConnection,
  type Cluster,
  type FetchAssignment,
  type FetchEvent,
  type FetchedBatches,
  Fetcher,
  type FetcherOptions,
  type FetchSink,
  type OutgoingBatch,
  type PartitionProducer,
} from '../../src/kafka/index.ts'
import { batches, decodeBatch, dropAborted, encodeBatch, header } from '../../src/records/index.ts'

/** A record as the fetcher delivered it. */
export interface FetchedRecord {
  readonly offset: bigint
  readonly key: string | null
  readonly value: string | null
}

/**
 * Keeps what a fetcher delivers: records of committed data, events, and whether all came as promised (in order, without
 * overlap). Bytes are copied and released at once, or after `holdMs`.
 */
export class Collector implements FetchSink {
  readonly events: FetchEvent[] = []
  readonly bytesOf = new Map<string, number>()
  readonly holdMs: number
  readonly #records = new Map<string, FetchedRecord[]>()
  readonly #next = new Map<string, bigint>()
  readonly disorder: string[] = []
  deliveries = 0
  onDelivery: (fetched: FetchedBatches) => void = () => {}
  onEvent: (event: FetchEvent) => void = () => {}

  constructor(holdMs = 0) {
    this.holdMs = holdMs
  }

  batches(fetched: FetchedBatches): void {
    const key = keyOf(fetched)
    this.deliveries++
    this.bytesOf.set(key, (this.bytesOf.get(key) ?? 0) + fetched.end - fetched.start)
    const expected = this.#next.get(key)
    if (expected !== undefined && fetched.fromOffset !== expected) {
      this.disorder.push(`${key}: from ${fetched.fromOffset}, expected ${expected}`)
    }
    if (fetched.nextOffset <= fetched.fromOffset) this.disorder.push(`${key}: no headway`)
    this.#next.set(key, fetched.nextOffset)
    this.#keep(key, fetched)
    if (this.holdMs > 0) setTimeout(() => fetched.release(), this.holdMs)
    else fetched.release()
    this.onDelivery(fetched)
  }

  event(event: FetchEvent): void {
    const key = keyOf(event)
    if (event.type === 'truncated') {
      this.#next.set(key, event.divergence)
      this.#records.set(
        key,
        this.records(event.topic, event.partition).filter((record) => record.offset < event.divergence),
      )
    }
    if (event.type === 'gap') this.#next.set(key, event.to)
    this.events.push(event)
    this.onEvent(event)
  }

  records(topic: string, partition: number): FetchedRecord[] {
    return this.#records.get(keyOf({ topic, partition })) ?? []
  }

  values(topic: string, partition: number): (string | null)[] {
    return this.records(topic, partition).map((record) => record.value)
  }

  eventsOf(topic: string, partition: number): FetchEvent[] {
    return this.events.filter((event) => event.topic === topic && event.partition === partition)
  }

  #keep(key: string, fetched: FetchedBatches): void {
    const { buffer, start, end, aborted, fromOffset } = fetched
    const records = this.#records.get(key) ?? []
    this.#records.set(key, records)
    for (const range of dropAborted(buffer, start, end, aborted).kept) {
      for (const at of batches(buffer, range.start, range.end, { complete: true })) {
        if (header.isControl(buffer, at)) continue
        for (const record of decodeBatch(buffer, at)) {
          if (record.offset < fromOffset) continue
          const last = records.at(-1)
          if (last && record.offset <= last.offset) this.disorder.push(`${key}: ${record.offset} twice`)
          records.push({
            offset: record.offset,
            key: record.key?.toString() ?? null,
            value: record.value?.toString() ?? null,
          })
        }
      }
    }
  }
}

function keyOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}/${partition}`
}

/** All partitions of a topic from their log starts to their last stable offsets as of now. */
export async function assignmentsOf(cluster: Cluster, topic: string): Promise<FetchAssignment[]> {
  const [info] = await cluster.topics([topic])
  if (!info) throw new Error(`No topic ${topic}`)
  const list = (at: 'earliest' | 'last-stable') =>
    cluster.listOffsets(info.partitions.map(({ partition }) => ({ topic, partition, at })))
  const [starts, ends] = await Promise.all([list('earliest'), list('last-stable')])
  return info.partitions.map(({ partition }, i) => ({
    topic,
    topicId: info.id,
    partition,
    from: starts[i]?.offset ?? 0n,
    stop: ends[i]?.offset ?? 0n,
    lastFetchedEpoch: -1,
  }))
}

/** Runs a fetcher over bounded assignments to its end. */
export async function fetchAll(
  cluster: Cluster,
  assignments: readonly FetchAssignment[],
  options: FetcherOptions = {},
  collector = new Collector(),
  signal = AbortSignal.timeout(120_000),
): Promise<Collector> {
  const fetcher = new Fetcher(cluster, options, collector)
  for (const assignment of assignments) fetcher.add(assignment)
  await fetcher.run(signal)
  return collector
}

/** A cluster whose data connections all go to one address, for example a proxy in front of its only broker. */
export function dataThrough(cluster: Cluster, port: number): Cluster {
  return new Proxy(cluster, {
    get(target, name) {
      if (name === 'connect') {
        return (_broker: number, options: { readonly signal?: AbortSignal } = {}) =>
          BrokerConnection.connect(
            { host: '127.0.0.1', port },
            { clientId: 'through', connectTimeout: 5000 },
            options.signal,
          )
      }
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** A batch of records with these values, ready for a producer. */
export function outgoing(
  values: readonly string[],
  landed: (baseOffset: bigint) => void = () => {},
  timestamp = 1_600_000_000_000n,
): OutgoingBatch {
  const records = values.map((value) => ({ timestamp, key: null, value: Buffer.from(value) }))
  const buffer = encodeBatch(records, { codec: 'none' })
  return { buffer, start: 0, end: buffer.length, records: values.length, landed }
}

/** Sends numbered records, `perBatch` in each batch, and waits until all have landed; the base offsets in order. */
export async function sendNumbered(
  way: PartitionProducer,
  options: {
    readonly batches: number
    readonly perBatch: number
    readonly prefix?: string
    readonly timestamp?: bigint
  },
): Promise<bigint[]> {
  const bases: bigint[] = []
  for (let n = 0; n < options.batches; n++) {
    const values = Array.from(
      { length: options.perBatch },
      (_, i) => `${options.prefix ?? ''}${n * options.perBatch + i}`,
    )
    await way.send(outgoing(values, (base) => bases.push(base), options.timestamp))
  }
  await way.flush()
  return bases
}

/** `prefix0`, `prefix1`, … */
export function numbered(count: number, prefix = ''): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`)
}
