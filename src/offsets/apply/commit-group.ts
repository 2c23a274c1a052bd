import { type Clock, isTidemarkError, TidemarkError } from '../../base/index.ts'
import { kafkaCodeOf, type Position } from '../../kafka/index.ts'
import { isTranslationMark } from '../plan/mark.ts'
import type { PlanEntry } from '../plan/plan.ts'
import { place } from '../plan/planner.ts'
import type { PositionsCluster } from './cluster.ts'
import { asTidemark } from './refusals.ts'

const OFFSET_METADATA_TOO_LARGE = 12

/** What came of committing one group. */
export interface GroupCommit {
  readonly group: string
  /** Ms since the epoch of the answer. */
  readonly at: number
  /** Ms from request to answer. */
  readonly ms: number
  /** By topic and partition. */
  readonly failed: ReadonlyMap<string, TidemarkError>
}

/**
 * Sets all positions of a group in one request, then deletes those that it shall not have in another. Never
 * rejects: a failure of a request is one of each of its positions.
 */
export async function commitGroup(
  group: string,
  entries: readonly PlanEntry[],
  cluster: PositionsCluster,
  clock: Clock,
): Promise<GroupCommit> {
  const positions = entries.flatMap(({ action, topic, partition, target, metadata }): Position[] =>
    action === 'SET' && target !== undefined
      ? [{ topic, partition, offset: target, leaderEpoch: -1, metadata }]
      : [],
  )
  const change = entries.some(({ type }) => type === 'share') ? { share: true } : {}
  const started = clock.monotonic()
  const failed = new Map<string, TidemarkError>()
  try {
    const first =
      positions.length === 0
        ? { done: [], failed: [] }
        : await cluster.commitPositions(group, positions, change)
    // Our own note must never be what keeps a position from being set (`offset.metadata.max.bytes`).
    const tooLong = first.failed.filter(
      ({ item, error }) =>
        kafkaCodeOf(error) === OFFSET_METADATA_TOO_LARGE && isTranslationMark(item.metadata),
    )
    const again =
      tooLong.length === 0
        ? []
        : (
            await cluster.commitPositions(
              group,
              tooLong.map(({ item }) => ({ ...item, metadata: '' })),
            )
          ).failed
    const final = [...first.failed.filter((failure) => !tooLong.includes(failure)), ...again]
    for (const { item, error } of final)
      failed.set(place(item.topic, item.partition), asTidemark(error, group))
  } catch (error) {
    const whole = asTidemark(error instanceof Error ? error : new Error(String(error)), group)
    for (const { topic, partition } of positions) failed.set(place(topic, partition), whole)
  }
  for (const [key, error] of await deleteUnwanted(group, entries, cluster)) failed.set(key, error)
  return { group, at: clock.now(), ms: clock.monotonic() - started, failed }
}

/** Deletes what a group shall not have; the failures by topic and partition. */
async function deleteUnwanted(
  group: string,
  entries: readonly PlanEntry[],
  cluster: PositionsCluster,
): Promise<ReadonlyMap<string, TidemarkError>> {
  const unwanted = entries.filter(({ action }) => action === 'DELETE')
  if (unwanted.length === 0) return new Map()
  const partitions = unwanted.map(({ topic, partition }) => ({ topic, partition }))
  try {
    const { failed } = await cluster.deletePositions(
      group,
      partitions,
      unwanted.some(({ type }) => type === 'share') ? { share: true } : {},
    )
    return new Map(
      failed
        // A group that is gone has no positions, which is what was wanted.
        .filter(({ error }) => !isTidemarkError(error, 'GROUP_NOT_FOUND'))
        .map(({ item, error }) => [place(item.topic, item.partition), asTidemark(error, group)]),
    )
  } catch (error) {
    const whole = asTidemark(error instanceof Error ? error : new Error(String(error)), group)
    return new Map(partitions.map(({ topic, partition }) => [place(topic, partition), whole]))
  }
}

/** The commits of groups that were not begun before the job was interrupted. */
export function notCommitted(group: string, entries: readonly PlanEntry[], clock: Clock): GroupCommit {
  const error = new TidemarkError('INTERRUPTED', `Interrupted before the positions of '${group}' were set`, {
    details: { group },
    hint: 'Apply the same plan again: it goes on where it stopped.',
  })
  const failed = new Map(entries.map(({ topic, partition }) => [place(topic, partition), error]))
  return { group, at: clock.now(), ms: 0, failed }
}
