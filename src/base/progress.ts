/** What a long job says of itself while it runs; a renderer or a machine reads it. Numbers only ever grow within a phase. */
export interface Progress {
  /** A phase begins, for example `copy`; with totals where they are known beforehand, in what it counts in. */
  phase(name: string, totals?: ProgressTotals): void
  /** Work done since the last call, for one partition. */
  advance(topic: string, partition: number, bytes: number, records: number): void
  /** One partition is complete. */
  done(topic: string, partition: number): void
  /** How much a partition has left, where it can be told: for naming the slowest. */
  remaining(topic: string, partition: number, records: number): void
  /** So many more consumer groups are done. */
  groups(count: number): void
}

export interface ProgressTotals {
  readonly bytes?: number
  readonly records?: number
  readonly partitions?: number
  readonly groups?: number
}

/** Progress that nobody watches. */
export const noProgress: Progress = Object.freeze({
  phase() {},
  advance() {},
  done() {},
  remaining() {},
  groups() {},
})
