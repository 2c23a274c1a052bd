import { Budget, type Clock, isTidemarkError, type TidemarkError } from '../../base/index.ts'
import { type CommitBounds, type CommittedGroup, kafkaCodeOf, type Position } from '../../kafka/index.ts'
import { isTranslationMark } from '../plan/mark.ts'
import type { PlanEntry } from '../plan/plan.ts'
import { place } from '../plan/planner.ts'
import { asTidemark } from './as-refusal.ts'
import type { PositionsCluster } from './cluster.ts'

const OFFSET_METADATA_TOO_LARGE = 12

/** What came of committing one group. */
export interface GroupCommitted {
  /** Ms since the epoch of the last answer. */
  readonly at: number
  /** Ms from a commit request to its answer; undefined when none was answered. */
  readonly ms: number | undefined
  /** Commit requests beyond the first. */
  readonly retries: number
  /** By topic and partition. */
  readonly failed: ReadonlyMap<string, TidemarkError>
  /** What is listed as failed may be in place all the same: only reading it back tells. */
  readonly uncertain: boolean
}

/** Groups with what a plan wants for them. */
export type GroupEntries = readonly (readonly [group: string, entries: readonly PlanEntry[]])[]

export interface CommitOptions extends Pick<CommitBounds, 'signal' | 'concurrency' | 'retries'> {
  readonly clock: Clock
  /** One more group has its outcome. */
  readonly onGroup: () => void
}

/**
 * Sets all positions of each group in one request, many groups at a time, then deletes those that they shall not have.
 * Never rejects: what failed is in the outcomes.
 */
export async function commitPlanned(
  groups: GroupEntries,
  cluster: PositionsCluster,
  options: CommitOptions,
): Promise<ReadonlyMap<string, GroupCommitted>> {
  const { clock, onGroup, ...bounds } = options
  const answered = new Map<string, number>()
  const commits = groups.map(([group, entries]) => ({
    group,
    share: isShare(entries),
    positions: wantedOf(entries),
  }))
  const first = await cluster.commitGroups(commits, {
    ...bounds,
    onGroup: ({ group }) => {
      answered.set(group, clock.now())
      onGroup()
    },
  })
  const again = new Map<string, CommittedGroup>()
  const shortened = first.flatMap(({ group, failed }) => {
    const positions = failed.filter(isMarkTooLong).map(({ item }) => ({ ...item, metadata: '' }))
    return positions.length === 0 ? [] : [{ group, positions }]
  })
  for (const committed of await cluster.commitGroups(shortened, bounds)) again.set(committed.group, committed)
  const deleted = await deleteUnwanted(groups, cluster, options)
  return new Map(
    first.map(({ group, failed, ms, retries, uncertain }): [string, GroupCommitted] => {
      const second = again.get(group)
      const final = second ? [...failed.filter((each) => !isMarkTooLong(each)), ...second.failed] : failed
      const failures = final.map(
        ({ item, error }) => [place(item.topic, item.partition), asTidemark(error, group)] as const,
      )
      return [
        group,
        {
          at: answered.get(group) ?? clock.now(),
          ms: second?.ms ?? ms,
          retries: retries + (second ? second.retries + 1 : 0),
          failed: new Map([...failures, ...(deleted.get(group) ?? [])]),
          uncertain: uncertain || (second?.uncertain ?? false),
        },
      ]
    }),
  )
}

/** A group is of one type, and so are the entries of a plan for it. */
function isShare(entries: readonly PlanEntry[]): boolean {
  return entries.some(({ type }) => type === 'share')
}

function wantedOf(entries: readonly PlanEntry[]): Position[] {
  return entries.flatMap(({ action, topic, partition, target, metadata }) =>
    action === 'SET' && target !== undefined
      ? [{ topic, partition, offset: target, leaderEpoch: -1, metadata }]
      : [],
  )
}

/** Our own note must never be what keeps a position from being set (`offset.metadata.max.bytes`). */
function isMarkTooLong({ item, error }: CommittedGroup['failed'][number]): boolean {
  return kafkaCodeOf(error) === OFFSET_METADATA_TOO_LARGE && isTranslationMark(item.metadata)
}

/** Deletes what groups shall not have; the failures of each group by topic and partition. */
async function deleteUnwanted(
  groups: GroupEntries,
  cluster: PositionsCluster,
  { concurrency = 32, signal }: CommitOptions,
): Promise<ReadonlyMap<string, readonly (readonly [string, TidemarkError])[]>> {
  const places = new Budget(concurrency)
  const failures = new Map<string, readonly (readonly [string, TidemarkError])[]>()
  const one = async ([group, entries]: GroupEntries[number]) => {
    const partitions = entries
      .filter(({ action }) => action === 'DELETE')
      .map(({ topic, partition }) => ({ topic, partition }))
    if (partitions.length === 0) return
    try {
      const { failed } = await places.with(
        1,
        () => cluster.deletePositions(group, partitions, { share: isShare(entries) }),
        signal,
      )
      const mapped = failed
        // A group that is gone has no positions, which is what was wanted.
        .filter(({ error }) => !isTidemarkError(error, 'GROUP_NOT_FOUND'))
        .map(({ item, error }) => [place(item.topic, item.partition), asTidemark(error, group)] as const)
      failures.set(group, mapped)
    } catch (error) {
      const whole = asTidemark(error instanceof Error ? error : new Error(String(error)), group)
      failures.set(
        group,
        partitions.map(({ topic, partition }) => [place(topic, partition), whole] as const),
      )
    }
  }
  await Promise.all(groups.map(one))
  return failures
}
