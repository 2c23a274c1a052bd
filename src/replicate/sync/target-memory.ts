import type { Cluster } from '../../kafka/index.ts'
import { decodePosition, decodePositionKey } from '../control/position-record.ts'
import { type TailRecord, TopicTail } from '../control/topic-tail.ts'
import type { MapRetention } from '../map-topic/map-line.ts'
import { decodeMapEntry, decodeMapKey } from '../map-topic/map-record.ts'
import { MapTable } from '../map-topic/map-table.ts'
import type { RememberedCommit } from './decide.ts'
import { type CommitKey, decodeGroupRecord, type HandOver } from './group-record.ts'

export interface MemoryOptions {
  readonly pipeline: string
  readonly mapTopic: string
  readonly controlTopic: string
  /** Ms that open transactions may keep the topics from being read at the start. */
  readonly loadTimeout: number
}

/**
 * What the target's topics say: the offset map, what was remembered of commits, and which groups were handed over. Read to the end at
 * first, then followed.
 *
 * The control topic is read before the map topic each time: then what it has more than the map topic is only what was not
 * published yet.
 */
export class TargetMemory implements AsyncDisposable {
  readonly table = new MapTable()
  readonly #options: MemoryOptions
  readonly #map: TopicTail
  readonly #control: TopicTail
  readonly #remembered = new Map<string, RememberedCommit>()
  readonly #handedOver = new Map<string, HandOver>()
  /** When what is known of a key was written. */
  readonly #written = new Map<string, number>()
  #loaded = false

  constructor(cluster: Cluster, options: MemoryOptions) {
    this.#options = options
    this.#map = new TopicTail(cluster, options.mapTopic)
    this.#control = new TopicTail(cluster, options.controlTopic)
  }

  /** Records and bytes of both topics that were read so far. */
  get read(): { readonly records: number; readonly bytes: number } {
    return {
      records: this.#map.records + this.#control.records,
      bytes: this.#map.bytes + this.#control.bytes,
    }
  }

  /** Takes in what is new. */
  async refresh(signal?: AbortSignal): Promise<void> {
    const upTo = this.#loaded ? ('stable' as const) : ('all' as const)
    const options = { upTo, patience: this.#options.loadTimeout, ...(signal && { signal }) }
    await this.#control.catchUp((record) => this.#takeControl(record), options)
    await this.#map.catchUp((record) => this.#takeMap(record), options)
    // Later on, what a position rests on may be behind a transaction that is still open: it is waited for.
    if (!this.#loaded) this.table.settle()
    this.#loaded = true
  }

  /** Takes in what is new in the control topic alone: the groups that were handed over meanwhile. */
  async refreshControl(signal?: AbortSignal): Promise<void> {
    await this.#control.catchUp((record) => this.#takeControl(record), {
      upTo: 'stable',
      ...(signal && { signal }),
    })
  }

  /**
   * Reads the control topic to its end, transactions that are still open included: until then what was written behind them is hidden from
   * everybody. Rejects when they are open for longer than `patience` ms.
   */
  async settleControl(patience: number, signal?: AbortSignal): Promise<void> {
    await this.#control.catchUp((record) => this.#takeControl(record), {
      upTo: 'all',
      patience,
      ...(signal && { signal }),
    })
  }

  trim(now: number, retention: MapRetention): void {
    this.table.trim(now, retention)
  }

  remembered(group: string, topic: string, partition: number): RememberedCommit | undefined {
    return this.#remembered.get(name(group, topic, partition))
  }

  handedOver(group: string): HandOver | undefined {
    return this.#handedOver.get(group)
  }

  /** Groups that were handed over. */
  get handOvers(): ReadonlyMap<string, HandOver> {
    return this.#handedOver
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#map[Symbol.asyncDispose](), this.#control[Symbol.asyncDispose]()])
  }

  #takeMap({ key, value, place }: TailRecord): void {
    if (key === null || value === null) return
    this.table.apply(decodeMapKey(key, place), decodeMapEntry(value, place))
  }

  #takeControl({ key, value, place }: TailRecord): void {
    if (key === null) return
    const position = decodePositionKey(key, place)
    if (position !== undefined) {
      if (value !== null) this.table.applyTail(position, decodePosition(value, place))
      return
    }
    const record = decodeGroupRecord(key, value, place)
    if (record === undefined) return
    const own = record.type === 'group' ? record : record.key
    if (own.pipeline !== this.#options.pipeline || !this.#isNewer(key, record.written)) return
    if (record.type === 'commit') set(this.#remembered, commitName(record.key), record.remembered)
    else set(this.#handedOver, record.group, record.handOver)
  }

  /** Whether nothing newer is known of the key; remembers that this is. */
  #isNewer(key: Buffer, written: number): boolean {
    const name = key.toString()
    if ((this.#written.get(name) ?? 0) > written) return false
    this.#written.set(name, written)
    return true
  }
}

function set<Value>(map: Map<string, Value>, key: string, value: Value | undefined): void {
  if (value === undefined) map.delete(key)
  else map.set(key, value)
}

function commitName({ group, topic, partition }: CommitKey): string {
  return name(group, topic, partition)
}

/** Neither topics nor partitions hold a blank; a group may, and comes last. */
function name(group: string, topic: string, partition: number): string {
  return `${topic}/${partition} ${group}`
}
