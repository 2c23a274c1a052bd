import { TidemarkError } from '../../base/index.ts'
import type { Position } from '../../kafka/index.ts'
import type { PlanEntry } from '../plan/plan.ts'
import { place, sameMetadata } from '../plan/planner.ts'
import type { PositionsCluster } from './cluster.ts'

/** What the target holds after the commits. */
export interface ReadBack {
  /** The position as it was read; undefined where there is none, or it could not be read. */
  now(entry: PlanEntry): bigint | undefined
  /** How what the target holds differs from an entry that was committed; undefined where it does not. */
  problem(entry: PlanEntry): TidemarkError | undefined
}

/**
 * Reads the positions of groups after their commits. Never rejects: what could not be read is a problem of
 * each entry.
 */
export async function readBack(
  groups: readonly string[],
  cluster: PositionsCluster,
  signal: AbortSignal | undefined,
): Promise<ReadBack> {
  const read = new Map<string, ReadonlyMap<string, Position>>()
  const unread = new Map<string, Error>()
  try {
    const { done, failed } =
      groups.length === 0
        ? { done: [], failed: [] }
        : await cluster.fetchPositions(groups, signal ? { signal } : {})
    for (const { group, positions } of done) {
      read.set(
        group,
        new Map(
          positions
            .filter(({ offset }) => offset >= 0n)
            .map((position) => [place(position.topic, position.partition), position]),
        ),
      )
    }
    for (const { item, error } of failed) unread.set(item, error)
  } catch (error) {
    for (const group of groups) unread.set(group, error instanceof Error ? error : new Error(String(error)))
  }
  const found = ({ group, topic, partition }: PlanEntry) => read.get(group)?.get(place(topic, partition))
  return {
    now: (entry) => found(entry)?.offset,
    problem: (entry) => problemOf(entry, found(entry), unread.get(entry.group), signal?.aborted ?? false),
  }
}

function problemOf(
  entry: PlanEntry,
  now: Position | undefined,
  failure: Error | undefined,
  interrupted: boolean,
): TidemarkError | undefined {
  const { group, topic, partition, action, target } = entry
  const where = `The position of '${group}' in ${topic}/${partition}`
  const details = { group, topic, partition }
  if (failure) {
    const done = action === 'DELETE' ? 'deleted' : 'committed'
    const message = `${where} was ${done} but could not be read back: ${failure.message}`
    return new TidemarkError(interrupted ? 'INTERRUPTED' : 'POSITION_NOT_KEPT', message, {
      cause: failure,
      details,
      hint: 'Run the same command again: what is in place stays.',
    })
  }
  if (action === 'DELETE' && now === undefined) return undefined
  if (target !== undefined && now?.offset === target && sameMetadata(now.metadata, entry)) return undefined
  const message =
    action === 'DELETE'
      ? `${where} was deleted but reads back as ${now?.offset}`
      : now?.offset === target
        ? `${where} was set to ${target}, but its metadata reads back differently`
        : `${where} was set to ${target} but reads back as ${now?.offset ?? 'none'}`
  return new TidemarkError('POSITION_NOT_KEPT', message, {
    details,
    hint: 'Something else commits for the group: stop it, then run the command again.',
  })
}
