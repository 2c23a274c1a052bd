import type { GroupCommitted } from './commit-groups.ts'

/** How the commits of a plan went. */
export interface CommitFigures {
  /** Groups of which a commit was answered. */
  readonly groups: number
  /** Positions that were to be set or deleted. */
  readonly positions: number
  /** From the first request to the last answer. */
  readonly seconds: number
  /** Ms from a group's commit request to its answer: half of them took no longer, 99 of 100 took no longer, the longest. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** Requests that were made again. */
  readonly retries: number
}

/** Undefined when no commit was answered. */
export function commitFigures(
  commits: Iterable<GroupCommitted>,
  positions: number,
  seconds: number,
): CommitFigures | undefined {
  const times: number[] = []
  let retries = 0
  for (const commit of commits) {
    if (commit.ms !== undefined) times.push(commit.ms)
    retries += commit.retries
  }
  if (times.length === 0) return undefined
  times.sort((a, b) => a - b)
  return {
    groups: times.length,
    positions,
    seconds,
    p50Ms: percentile(times, 0.5),
    p99Ms: percentile(times, 0.99),
    maxMs: percentile(times, 1),
    retries,
  }
}

/** The smallest of sorted numbers that a share of them does not exceed. */
function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}
