import { type Clock, TidemarkError } from '../../base/index.ts'
import type { GroupDescription, GroupListing, GroupPositions, Position } from '../../kafka/index.ts'
import type { Plan, PlanEntry } from '../plan/plan.ts'
import { otherType, outOfRangeError, place, rangeSentence } from '../plan/planner.ts'
import { type LogBounds, withinLog } from '../translate/translation.ts'
import type { PositionsCluster } from './cluster.ts'
import { readLogs } from './read-target.ts'

/** Why a group is not touched. */
export interface Refusal {
  readonly group: string
  readonly error: TidemarkError
}

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

  const wanted = new Set(groups)
  const listed = (await cluster.listGroups()).filter(({ group }) => wanted.has(group))
  for (const [group, error] of await typeRefusals(plan, listed, cluster)) refuse(group, error)
  const described = await cluster.describeGroups(listed)
  for (const description of described.done) {
    if (description.members.length > 0) refuse(description.group, activeMembers(description))
  }
  for (const { item, error } of described.failed) refuse(item, asTidemark(error, item))

  const setting = plan.entries.filter(({ action }) => action === 'SET')
  const topics = [...new Set(setting.map(({ topic }) => topic))]
  const logs = await readLogs(cluster, topics, options.signal ? { signal: options.signal } : {})
  for (const entry of setting) {
    const outside = outsideLog(entry, logs.get(entry.topic)?.get(entry.partition))
    if (outside) refuse(entry.group, outside)
  }

  const before = await read(cluster, groups, options.signal)
  for (const [group, error] of before.failed) refuse(group, error)
  if (!options.allowMoved) {
    const offsets = new Map(
      [...before.positions].map(([group, { positions }]) => [group, offsetsOf(positions)]),
    )
    for (const entry of plan.entries) {
      const now = offsets.get(entry.group)
      if (entry.action === 'SKIP' || entry.action === 'REFUSE' || now === undefined) continue
      const moved = movedSincePlan(entry, now.get(place(entry.topic, entry.partition)))
      if (moved) refuse(entry.group, moved)
    }
  }

  await options.clock.sleep(options.watchMs, options.signal)
  const after = await read(cluster, groups, options.signal)
  for (const [group, error] of after.failed) refuse(group, error)
  for (const [group, now] of after.positions) {
    const earlier = before.positions.get(group)
    const moving = earlier && firstDifference(earlier, now)
    if (moving) refuse(group, positionMoves(group, moving))
  }
  return {
    refusals: [...refusals].map(([group, error]) => ({ group, error })),
    positions: after.positions,
  }
}

async function read(cluster: PositionsCluster, groups: readonly string[], signal: AbortSignal | undefined) {
  const { done, failed } = await cluster.fetchPositions(groups, signal ? { signal } : {})
  return {
    positions: new Map(done.map((group) => [group.group, group])),
    failed: failed.map(({ item, error }) => [item, asTidemark(error, item)] as const),
  }
}

function refusedEntry(entry: PlanEntry): TidemarkError {
  if (entry.kind === 'other-type') return typeDiffers(entry.group, entry.reason)
  if (entry.kind !== 'unreadable') return outOfRangeError(entry)
  return new TidemarkError('BROKER_ERROR', entry.reason, { details: { group: entry.group } })
}

/** Share groups and others have no positions in common; and not every cluster has share groups. */
async function typeRefusals(
  plan: Plan,
  listed: readonly GroupListing[],
  cluster: PositionsCluster,
): Promise<ReadonlyMap<string, TidemarkError>> {
  const wanted = new Map(plan.entries.map(({ group, type }) => [group, type === 'share']))
  const refusals = new Map<string, TidemarkError>()
  for (const { group, type } of listed) {
    const isShare = type === 'share'
    const asShare = wanted.get(group)
    if (asShare === undefined || type === 'unknown' || asShare === isShare) continue
    refusals.set(group, typeDiffers(group, otherType(group, isShare)))
  }
  const share = [...wanted].flatMap(([group, isShare]) => (isShare ? [group] : []))
  if (share.length > 0 && !(await cluster.knowsShareOffsets())) {
    for (const group of share) refusals.set(group, noShareGroups(group))
  }
  return refusals
}

function typeDiffers(group: string, reason: string): TidemarkError {
  return new TidemarkError('GROUP_TYPE_DIFFERS', reason, {
    details: { group },
    hint: 'Leave the group out, or delete the one on the target first.',
  })
}

function noShareGroups(group: string): TidemarkError {
  return new TidemarkError(
    'UNSUPPORTED_VERSION',
    `The brokers cannot set the start offsets of share group '${group}'`,
    { details: { group }, hint: 'Kafka 4.2 can; elsewhere leave share groups out.' },
  )
}

/** The log may have changed since the plan was made: retention, a topic deleted and created again. */
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

function activeMembers({ group, members }: GroupDescription): TidemarkError {
  const shown = members.slice(0, 10).map(({ clientId, host }) => `${clientId} at ${host}`)
  const rest = members.length > shown.length ? ` and ${members.length - shown.length} more` : ''
  return new TidemarkError(
    'GROUP_ACTIVE',
    `Consumer group has active members: '${group}' has ${shown.join(', ')}${rest}`,
    {
      hint: 'Stop all consumers of the group, then run the command again.',
      details: { group, members: members.map(({ clientId, host }) => ({ clientId, host })) },
    },
  )
}

function positionMoves(group: string, where: Difference): TidemarkError {
  return new TidemarkError(
    'GROUP_ACTIVE',
    `Consumer group has active members: '${group}' shows none, but its position in ${where.topic}/${where.partition} moves (${where.before ?? 'none'} → ${where.after ?? 'none'})`,
    {
      hint: 'A consumer that uses assign() commits for the group: stop it, then run the command again.',
      details: { group, topic: where.topic, partition: where.partition },
    },
  )
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

interface Difference {
  readonly topic: string
  readonly partition: number
  readonly before: bigint | undefined
  readonly after: bigint | undefined
}

function firstDifference(before: GroupPositions, after: GroupPositions): Difference | undefined {
  const earlier = offsetsOf(before.positions)
  const later = offsetsOf(after.positions)
  for (const { topic, partition } of [...before.positions, ...after.positions]) {
    const [was, is] = [earlier.get(place(topic, partition)), later.get(place(topic, partition))]
    if (was !== is) return { topic, partition, before: was, after: is }
  }
  return undefined
}

function offsetsOf(positions: readonly Position[]): ReadonlyMap<string, bigint> {
  return new Map(
    positions
      .filter(({ offset }) => offset >= 0n)
      .map(({ topic, partition, offset }) => [place(topic, partition), offset]),
  )
}

/** An error of one group as one of ours, with the group named. */
export function asTidemark(error: Error, group: string): TidemarkError {
  if (error instanceof TidemarkError) return error
  return new TidemarkError('BROKER_ERROR', `Consumer group '${group}': ${error.message}`, {
    cause: error,
    details: { group },
  })
}
