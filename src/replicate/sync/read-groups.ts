import { nameFilter, parseNamePattern, type TidemarkError } from '../../base/index.ts'
import type { Cluster, Failure, GroupPositions } from '../../kafka/index.ts'
import { type LogTable, readLogs } from '../../offsets/index.ts'

/** What the source says of the chosen groups. */
export interface SourceGroups {
  readonly groups: readonly GroupPositions[]
  readonly failed: readonly Failure<string>[]
  /** The source does not answer: this is what was known last, and nothing else can be asked. */
  readonly stale?: boolean
}

/**
 * Chosen groups of the source that have positions. Share groups have none. Brokers list only groups that may be described: one that is
 * named exactly is asked for all the same, so that a missing right is told.
 */
export async function readSourceGroups(
  source: Cluster,
  patterns: readonly string[],
  signal?: AbortSignal,
): Promise<SourceGroups> {
  const wanted = nameFilter(patterns)
  const listed = await source.listGroups()
  const found = listed
    .filter(({ group, type, state }) => wanted(group) && type !== 'share' && state !== 'Dead')
    .map(({ group }) => group)
  const known = new Set(listed.map(({ group }) => group))
  const named = patterns.map(parseNamePattern).filter(({ literal, text }) => literal && !known.has(text))
  const names = [...new Set([...found, ...named.map(({ text }) => text)])]
  if (names.length === 0) return { groups: [], failed: [] }
  const { done, failed } = await source.fetchPositions(names.sort(), signal ? { signal } : {})
  const groups = done
    .map((group) => ({ ...group, positions: group.positions.filter(({ offset }) => offset >= 0n) }))
    .filter(({ positions }) => positions.length > 0)
  return { groups, failed }
}

/** What the target says of them. */
export interface TargetGroups {
  /** Groups with members. */
  readonly active: ReadonlySet<string>
  readonly positions: ReadonlyMap<string, GroupPositions>
  readonly failed: ReadonlyMap<string, TidemarkError | Error>
  readonly logs: LogTable
}

export async function readTargetGroups(
  target: Cluster,
  groups: readonly string[],
  topics: readonly string[],
  signal?: AbortSignal,
): Promise<TargetGroups> {
  const options = signal ? { signal } : {}
  const [listed, current, logs] = await Promise.all([
    target.listGroups(),
    groups.length === 0 ? { done: [], failed: [] } : target.fetchPositions(groups, options),
    readLogs(target, topics, options),
  ])
  return {
    active: new Set(
      listed.filter(({ state }) => state !== 'Empty' && state !== 'Dead').map(({ group }) => group),
    ),
    positions: new Map(current.done.map((group) => [group.group, group])),
    failed: new Map(current.failed.map(({ item, error }) => [item, error])),
    logs,
  }
}
