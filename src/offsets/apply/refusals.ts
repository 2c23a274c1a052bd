import { type Clock, TidemarkError } from '../../base/index.ts'
import type { GroupPositions } from '../../kafka/index.ts'
import type { Plan, PlanEntry } from '../plan/plan.ts'
import { outOfRangeError, place, rangeSentence } from '../plan/planner.ts'
import { isRecreated } from '../plan/topic-ids.ts'
import { type LogBounds, withinLog } from '../translate/translation.ts'
import { lookForMembers, offsetsOf, watchPositions } from './active-groups.ts'
import type { Refusal } from './as-refusal.ts'
import type { PositionsCluster } from './cluster.ts'
import { readTopics } from './read-target.ts'
import { typeDiffers, typeRefusals } from './type-refusals.ts'

export interface CheckOptions {
  readonly signal?: AbortSignal
  readonly clock: Clock
  /** Ms between the two reads that tell whether a position moves. */
  readonly watchMs: number
  /** Whether a position may have moved since the plan was made. */
  readonly allowMoved: boolean
}

/** What the checks saw of the groups that are to be changed. */
export interface Checked {
  readonly refusals: readonly Refusal[]
  readonly positions: ReadonlyMap<string, GroupPositions>
}

/**
 * Looks for reasons not to apply a plan: entries that the planner refused, groups with members, positions
 * that moved since the plan was made, logs that no longer hold the target, positions that move now (consumers
 * that use `assign()` show in no other way).
 */
export async function checkGroups(
  plan: Plan,
  groups: readonly string[],
  cluster: PositionsCluster,
  options: CheckOptions,
): Promise<Checked> {
  const refusals = new Map<string, TidemarkError>()
  const refuse = (group: string, error: TidemarkError) => {
    if (!refusals.has(group)) refusals.set(group, error)
  }
  for (const entry of plan.entries) if (entry.action === 'REFUSE') refuse(entry.group, refusedEntry(entry))

  const { listed, refusals: withMembers } = await lookForMembers(groups, cluster)
  for (const { group, error } of await typeRefusals(plan, listed, cluster)) refuse(group, error)
  for (const { group, error } of withMembers) refuse(group, error)

  const setting = plan.entries.filter(({ action }) => action === 'SET')
  const topics = [...new Set(setting.map(({ topic }) => topic))]
  const { logs, topicIds } = await readTopics(
    cluster,
    topics,
    options.signal ? { signal: options.signal } : {},
  )
  for (const entry of setting) {
    if (isRecreated(entry.topic, plan.topicIds, topicIds)) refuse(entry.group, recreated(entry))
    const outside = outsideLog(entry, logs.get(entry.topic)?.get(entry.partition))
    if (outside) refuse(entry.group, outside)
  }

  const { before, after, refusals: inUse } = await watchPositions(groups, cluster, options)
  // That it is in use says more than that it has moved.
  for (const { group, error } of inUse) refuse(group, error)
  if (!options.allowMoved) {
    const offsets = new Map([...before].map(([group, { positions }]) => [group, offsetsOf(positions)]))
    for (const entry of plan.entries) {
      const now = offsets.get(entry.group)
      if (entry.action === 'SKIP' || entry.action === 'REFUSE' || now === undefined) continue
      const moved = movedSincePlan(entry, now.get(place(entry.topic, entry.partition)))
      if (moved) refuse(entry.group, moved)
    }
  }
  return {
    refusals: [...refusals].map(([group, error]) => ({ group, error })),
    positions: after,
  }
}

function refusedEntry(entry: PlanEntry): TidemarkError {
  if (entry.kind === 'other-type') return typeDiffers(entry.group, entry.reason)
  if (entry.kind !== 'unreadable') return outOfRangeError(entry)
  return new TidemarkError('BROKER_ERROR', entry.reason, { details: { group: entry.group } })
}

function recreated({ group, topic, partition }: PlanEntry): TidemarkError {
  return new TidemarkError(
    'PLAN_STALE',
    `The topic ${topic} was deleted and created again since the plan was made: its records are others`,
    { hint: 'Make the plan again, look at it, and apply that.', details: { group, topic, partition } },
  )
}

/** The log may have changed since the plan was made. */
function outsideLog(entry: PlanEntry, log: LogBounds | undefined): TidemarkError | undefined {
  if (log === undefined) {
    return new TidemarkError(
      'PLAN_STALE',
      `The target has no partition ${entry.topic}/${entry.partition} any more`,
      {
        hint: 'Make the plan again, look at it, and apply that.',
        details: { group: entry.group, topic: entry.topic, partition: entry.partition },
      },
    )
  }
  const { outOfRange } = entry.target === undefined ? {} : withinLog(entry.target, log)
  if (outOfRange === undefined) return undefined
  return outOfRangeError({ ...entry, reason: rangeSentence(entry.partition, outOfRange, log) })
}

/**
 * A rerun after a crash finds some positions where the plan wants them: they have not moved, they are done.
 */
function movedSincePlan(entry: PlanEntry, now: bigint | undefined): TidemarkError | undefined {
  const { group, topic, partition, current, target } = entry
  if (now === current?.offset || now === target) return undefined
  return new TidemarkError(
    'PLAN_STALE',
    `The position of '${group}' in ${topic}/${partition} has moved since the plan was made: ${current?.offset ?? 'none'} then, ${now ?? 'none'} now`,
    {
      hint: 'Make the plan again, look at it, and apply that.',
      details: { group, topic, partition },
    },
  )
}
