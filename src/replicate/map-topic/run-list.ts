import type { Run } from '../../offsets/index.ts'

/** Runs as numbers: the first is absolute, each further one says how far it begins after the end of the one before, on either side. */
export type PackedRuns = readonly (number | string)[]

/** Gathers runs in order; neighbours that touch on both sides become one. */
export class RunList {
  readonly #runs: Run[] = []

  constructor(runs: Iterable<Run> = []) {
    for (const { source, target, count } of runs) this.append(source, target, count)
  }

  get length(): number {
    return this.#runs.length
  }

  get runs(): readonly Run[] {
    return this.#runs
  }

  get last(): Run | undefined {
    return this.#runs.at(-1)
  }

  /** Records in all runs. */
  get records(): number {
    return this.#runs.reduce((sum, { count }) => sum + count, 0)
  }

  append(source: bigint, target: bigint, count: number): void {
    if (count === 0) return
    const last = this.#runs.at(-1)
    const more = BigInt(last?.count ?? 0)
    if (last && source === last.source + more && target === last.target + more) {
      this.#runs[this.#runs.length - 1] = {
        source: last.source,
        target: last.target,
        count: last.count + count,
      }
    } else this.#runs.push({ source, target, count })
  }

  addAll(runs: Iterable<Run>): void {
    for (const { source, target, count } of runs) this.append(source, target, count)
  }

  clear(): void {
    this.#runs.length = 0
  }
}

/** The runs with source offsets below `offset`. */
export function runsBelow(runs: Iterable<Run>, offset: bigint): Run[] {
  const below: Run[] = []
  for (const run of runs) {
    if (run.source >= offset) break
    const count = Math.min(run.count, Number(offset - run.source))
    below.push(count === run.count ? run : { source: run.source, target: run.target, count })
  }
  return below
}

/** The runs with source offsets from `offset` on. */
export function runsFrom(runs: Iterable<Run>, offset: bigint): Run[] {
  const rest: Run[] = []
  for (const run of runs) {
    const cut = offset - run.source
    if (cut >= BigInt(run.count)) continue
    if (cut <= 0n) rest.push(run)
    else rest.push({ source: offset, target: run.target + cut, count: run.count - Number(cut) })
  }
  return rest
}
