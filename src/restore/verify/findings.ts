import type { Difference, VerifiedPartition } from './verify-types.ts'

/** Counts of one target partition while it is looked at. */
export type Counts = { -readonly [K in keyof VerifiedPartition]: VerifiedPartition[K] }

export function newCounts(topic: string, partition: number, aligned: 'map' | 'content'): Counts {
  return {
    topic,
    partition,
    aligned,
    expected: 0,
    same: 0,
    different: 0,
    missing: 0,
    compacted: 0,
    expired: 0,
    extra: 0,
    behind: 0,
    behindExact: true,
  }
}

/** All differences of a verification: counted, and the first of them kept. */
export class Findings {
  count = 0
  readonly listed: Difference[] = []
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  /** Whether another one would be listed: what is shown of records need not be made otherwise. */
  get open(): boolean {
    return this.listed.length < this.#most
  }

  add(difference: Difference): void {
    this.count++
    if (this.open) this.listed.push(difference)
  }
}
