import type { Clock, ProgressTotals } from '../../base/index.ts'

/** What is known of a running phase at one moment. Rates are per second. */
export interface Reading {
  readonly phase: string
  readonly bytes: number
  readonly records: number
  readonly totalBytes: number | undefined
  readonly totalRecords: number | undefined
  readonly partitions: number | undefined
  readonly partitionsDone: number
  /** How many groups the phase has; undefined where it does not count in groups. */
  readonly groups: number | undefined
  readonly groupsDone: number
  readonly bytesPerSecond: number
  readonly recordsPerSecond: number
  /** Seconds, where they can be told. */
  readonly secondsLeft: number | undefined
  /** Partitions with the most left, most first. */
  readonly slowest: readonly {
    readonly topic: string
    readonly partition: number
    readonly recordsLeft: number
  }[]
}

interface Sample {
  readonly at: number
  readonly bytes: number
  readonly records: number
}

/** Ms over which rates are taken. */
const window = 10_000

/** Adds up what a job says of itself. */
export class Meter {
  readonly #clock: Clock
  #phase = ''
  #totals: ProgressTotals = {}
  #bytes = 0
  #records = 0
  #groups = 0
  #done = new Set<string>()
  #left = new Map<string, { readonly topic: string; readonly partition: number; recordsLeft: number }>()
  #samples: Sample[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  begin(phase: string, totals: ProgressTotals): void {
    this.#phase = phase
    this.#totals = totals
    this.#bytes = 0
    this.#records = 0
    this.#groups = 0
    this.#done = new Set()
    this.#left = new Map()
    this.#samples = [{ at: this.#clock.monotonic(), bytes: 0, records: 0 }]
  }

  advance(topic: string, partition: number, bytes: number, records: number): void {
    this.#bytes += bytes
    this.#records += records
    const left = this.#left.get(`${topic}/${partition}`)
    if (left !== undefined) left.recordsLeft = Math.max(0, left.recordsLeft - records)
  }

  remaining(topic: string, partition: number, records: number): void {
    this.#left.set(`${topic}/${partition}`, { topic, partition, recordsLeft: records })
  }

  groups(count: number): void {
    this.#groups += count
  }

  done(topic: string, partition: number): void {
    this.#done.add(`${topic}/${partition}`)
    this.#left.delete(`${topic}/${partition}`)
  }

  read(): Reading {
    const now = this.#clock.monotonic()
    this.#samples.push({ at: now, bytes: this.#bytes, records: this.#records })
    while (this.#samples.length > 2 && now - (this.#samples[1]?.at ?? now) > window) this.#samples.shift()
    const since = this.#samples[0] ?? { at: now, bytes: 0, records: 0 }
    const seconds = Math.max(now - since.at, 1) / 1000
    const bytesPerSecond = (this.#bytes - since.bytes) / seconds
    const recordsPerSecond = (this.#records - since.records) / seconds
    return {
      phase: this.#phase,
      bytes: this.#bytes,
      records: this.#records,
      totalBytes: this.#totals.bytes,
      totalRecords: this.#totals.records,
      partitions: this.#totals.partitions,
      partitionsDone: this.#done.size,
      groups: this.#totals.groups,
      groupsDone: this.#groups,
      bytesPerSecond,
      recordsPerSecond,
      secondsLeft:
        left(this.#totals.bytes, this.#bytes, bytesPerSecond) ??
        left(this.#totals.records, this.#records, recordsPerSecond),
      slowest: [...this.#left.values()]
        .filter((partition) => partition.recordsLeft > 0)
        .sort((a, b) => b.recordsLeft - a.recordsLeft)
        .slice(0, 3),
    }
  }
}

function left(total: number | undefined, done: number, rate: number): number | undefined {
  return total === undefined || rate <= 0 ? undefined : Math.max(0, total - done) / rate
}
