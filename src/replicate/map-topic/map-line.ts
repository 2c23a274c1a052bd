import { MapBuilder, type PartitionMap, type Run } from '../../offsets/index.ts'
import type { MapEvent } from './map-event.ts'
import type { MapEntry, MapKey } from './map-record.ts'
import { runsBelow, runsFrom } from './run-list.ts'

/** What of a map is kept. */
export interface MapRetention {
  /** Ms for which a run is kept after it was written; undefined = for ever. */
  readonly time: number | undefined
  /** Mappings kept for each source partition, as {@link MapLine.mappings} counts them; undefined = all. */
  readonly count: number | undefined
}

interface Target {
  copyStart: bigint
  end: bigint
  builder: MapBuilder
}

/** Ms between two notes of how far the map was at a time. */
const noteEvery = 30_000
/** Events kept. */
const eventsKept = 100

/**
 * The map of one source partition as one pipeline copied it into one topic. Folds what adjoins, and knows from which source
 * offset on it is complete.
 *
 * Entries come in the order of the topic. Those of one branch repeat and continue each other: what is known already is passed over.
 * One of a later branch holds from its `from` on, and what was known of offsets there is forgotten.
 */
export class MapLine {
  readonly key: MapKey
  readonly pipeline: string
  readonly targetTopic: string
  topicId: string | undefined
  revision = -1
  /** Ms since the epoch, of the newest entry. */
  written = 0
  readonly #targets = new Map<number, Target>()
  #known = false
  #start = 0n
  #from = 0n
  #to = 0n
  #branch = -1
  /** Source offsets at which mappings begin. */
  #mappings: bigint[] = []
  /** Source offset after the last record. */
  #nextSource: bigint | undefined
  #notes: { readonly to: bigint; readonly time: number }[] = []
  #events: MapEvent[] = []
  #waiting: MapEntry | undefined
  #maps: Map<number, PartitionMap> | undefined

  constructor(key: MapKey, entry: Pick<MapEntry, 'pipeline' | 'targetTopic'>) {
    this.key = key
    this.pipeline = entry.pipeline
    this.targetTopic = entry.targetTopic
  }

  /** First source offset that the copy has not got to. */
  get to(): bigint {
    return this.#to
  }

  /** Source offset from which on the map is complete; undefined when it holds everything that was ever copied. */
  get completeFrom(): bigint | undefined {
    return this.#known && this.#from <= this.#start ? undefined : this.#from
  }

  /**
   * Stretches of source offsets that were copied one after the other. A hole at the source begins a new one; a marker that the
   * copy's own transactions left on the target does not.
   */
  get mappings(): number {
    return this.#mappings.length
  }

  /** The newest events, oldest first. */
  get events(): readonly MapEvent[] {
    return this.#events
  }

  /** Takes an entry of the map topic, or (`tail`) of the control topic, which may be ahead of what was read of the map topic. */
  apply(entry: MapEntry, kind: 'map' | 'tail'): void {
    if (entry.branch < this.#branch) return
    if (kind === 'tail' && this.#isAhead(entry)) {
      this.#waiting = entry
      return
    }
    this.#take(entry)
    const waiting = this.#waiting
    if (!waiting) return
    this.#waiting = undefined
    this.apply(waiting, 'tail')
  }

  /** To be called when both topics have been read to their ends: what the map topic does not hold any more is not waited for. */
  settle(): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting && waiting.branch >= this.#branch) this.#take(waiting)
  }

  /** Drops what is older or more than is to be kept, oldest first; the newest record always stays. `now`: ms since the epoch. */
  trim(now: number, { time, count }: MapRetention): void {
    let cut = this.#from
    if (count !== undefined && this.#mappings.length > count) {
      cut = this.#mappings[this.#mappings.length - Math.max(1, count)] ?? cut
    }
    if (time !== undefined) {
      const old = this.#notes.findLast((note) => note.time < now - time)
      if (old && old.to > cut) cut = old.to
    }
    const end = this.#sourceEnd()
    if (end !== undefined && cut >= end) cut = end - 1n
    if (cut <= this.#from) return
    this.#from = cut
    for (const target of this.#targets.values()) {
      target.builder = this.#built(runsFrom(runsOf(target.builder), cut), target.builder)
    }
    this.#mappings = [cut, ...this.#mappings.filter((start) => start > cut)]
    this.#notes = this.#notes.filter((note) => note.to > cut)
    this.#maps = undefined
  }

  /** The map into each target partition, in their order. */
  maps(): PartitionMap[] {
    this.#maps ??= new Map(
      [...this.#targets]
        .sort(([a], [b]) => a - b)
        .map(([partition, { builder, copyStart, end }]) => [
          partition,
          builder.seal({
            sourceEnd: this.#to,
            // Without a record a reader goes on where the next one will be.
            copyStart: builder.records > 0 ? copyStart : end,
            completeFrom: this.completeFrom,
          }),
        ]),
    )
    return [...this.#maps.values()]
  }

  /**
   * The entry continues something that has not been read yet: what its branch has in the map topic already. Where it begins at the very
   * start there is nothing of that kind.
   */
  #isAhead(entry: MapEntry): boolean {
    if (entry.from <= entry.start) return false
    const sameStory = this.#known && entry.topicId === this.topicId && entry.branch === this.#branch
    return !sameStory || entry.from > this.#to
  }

  #take(entry: MapEntry): void {
    const sameTopic = this.#known && entry.topicId === this.topicId && entry.start === this.#start
    if (!sameTopic || entry.from > this.#to) this.#restart(entry)
    else if (entry.branch > this.#branch && entry.from < this.#to) this.#cutTail(entry.from)
    const fresh: Run[] = []
    for (const { partition, copyStart, end, runs } of entry.targets) {
      const target = this.#target(partition, copyStart, end)
      for (const run of runsFrom(runs, this.#to)) {
        target.builder.append(run.source, run.target, run.count)
        fresh.push(run)
      }
      if (end > target.end) target.end = end
    }
    this.#countMappings(entry.targets.length > 1 ? fresh.sort(bySource) : fresh)
    this.#addEvents(entry)
    if (entry.to > this.#to) this.#to = entry.to
    this.#branch = entry.branch
    if (entry.revision >= this.revision) this.revision = entry.revision
    this.written = Math.max(this.written, entry.written)
    const note = this.#notes.at(-1)
    if (note === undefined || entry.written - note.time >= noteEvery) {
      this.#notes.push({ to: this.#to, time: entry.written })
    }
    this.#maps = undefined
  }

  #countMappings(runs: readonly Run[]): void {
    for (const { source, count } of runs) {
      if (source !== this.#nextSource) this.#mappings.push(source)
      this.#nextSource = source + BigInt(count)
    }
  }

  #restart(entry: MapEntry): void {
    this.#known = true
    this.topicId = entry.topicId
    this.#start = entry.start
    this.#from = entry.from
    this.#to = entry.from
    this.#targets.clear()
    this.#mappings = []
    this.#nextSource = undefined
    this.#notes = []
  }

  /** Forgets what was known of source offsets from `offset` on. */
  #cutTail(offset: bigint): void {
    for (const target of this.#targets.values()) {
      const runs = runsBelow(runsOf(target.builder), offset)
      target.builder = this.#built(runs, target.builder)
    }
    this.#mappings = this.#mappings.filter((start) => start < offset)
    this.#nextSource = this.#sourceEnd()
    this.#notes = this.#notes.filter((note) => note.to < offset)
    this.#to = offset
    if (this.#from > offset) this.#from = offset
  }

  #addEvents(entry: MapEntry): void {
    for (const event of entry.events) {
      const known = this.#events.some(
        (e) => e.type === event.type && e.time === event.time && e.from === event.from,
      )
      if (!known) this.#events.push(event)
    }
    if (this.#events.length > eventsKept) this.#events.splice(0, this.#events.length - eventsKept)
  }

  #target(partition: number, copyStart: bigint, end: bigint): Target {
    let target = this.#targets.get(partition)
    if (!target) {
      const { key, targetTopic } = this
      const builder = new MapBuilder({
        sourceTopic: key.topic,
        sourcePartition: key.partition,
        targetTopic,
        targetPartition: partition,
        sourceCluster: key.cluster,
      })
      target = { copyStart, end, builder }
      this.#targets.set(partition, target)
    }
    return target
  }

  #built(runs: Iterable<Run>, like: MapBuilder): MapBuilder {
    const builder = new MapBuilder(like.identity)
    for (const { source, target, count } of runs) builder.append(source, target, count)
    return builder
  }

  /** Source offset after the last record of all targets. */
  #sourceEnd(): bigint | undefined {
    let end: bigint | undefined
    for (const { builder } of this.#targets.values()) {
      const next = builder.nextSource
      if (next !== undefined && (end === undefined || next > end)) end = next
    }
    return end
  }
}

function* runsOf(builder: MapBuilder): Generator<Run> {
  if (builder.records === 0) return
  yield* builder.seal({ sourceEnd: builder.nextSource ?? 0n, copyStart: 0n }).runs()
}

function bySource(a: Run, b: Run): number {
  return a.source < b.source ? -1 : a.source > b.source ? 1 : 0
}
