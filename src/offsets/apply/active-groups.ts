import { type Clock, firstFew, TidemarkError } from '../../base/index.ts'
import type { GroupDescription, GroupListing, GroupPositions, Position } from '../../kafka/index.ts'
import { place } from '../plan/planner.ts'
import { asTidemark, type Refusal } from './as-refusal.ts'
import type { PositionsCluster } from './cluster.ts'

/** What a look at the members of groups has shown. */
export interface MembersLook {
  /** The groups as they are listed; those that do not exist are not. */
  readonly listed: readonly GroupListing[]
  /** GROUP_ACTIVE for each group that has members, or why it could not be described. */
  readonly refusals: readonly Refusal[]
  /** Those that have members, to be looked at again. */
  readonly active: readonly GroupListing[]
}

/** Looks which of the groups have members. */
export async function lookForMembers(
  groups: readonly string[],
  cluster: PositionsCluster,
): Promise<MembersLook> {
  const wanted = new Set(groups)
  const listed = (await cluster.listGroups()).filter(({ group }) => wanted.has(group))
  return await lookAgain(listed, cluster)
}

/** The same for groups whose type is known. */
export async function lookAgain(
  listed: readonly GroupListing[],
  cluster: PositionsCluster,
): Promise<MembersLook> {
  const { done, failed } = await cluster.describeGroups(listed)
  const active = done.filter(({ members }) => members.length > 0)
  return {
    listed,
    active,
    refusals: [
      ...active.map((description) => ({ group: description.group, error: activeMembers(description) })),
      // A group that was deleted meanwhile has no members.
      ...failed
        .map(({ item, error }) => ({ group: item, error: asTidemark(error, item) }))
        .filter(({ error }) => error.code !== 'GROUP_NOT_FOUND'),
    ],
  }
}

/** Positions of groups read twice, and what that has shown. */
export interface Watched {
  readonly before: ReadonlyMap<string, GroupPositions>
  readonly after: ReadonlyMap<string, GroupPositions>
  /** GROUP_ACTIVE for each group whose position moved, or why it could not be read. */
  readonly refusals: readonly Refusal[]
}

/** Reads the positions of all groups twice: one that moves is the only sign of consumers that use `assign()`. */
export async function watchPositions(
  groups: readonly string[],
  cluster: PositionsCluster,
  {
    clock,
    watchMs,
    signal,
  }: { readonly clock: Clock; readonly watchMs: number; readonly signal?: AbortSignal },
): Promise<Watched> {
  const before = await read(groups, cluster, signal)
  await clock.sleep(watchMs, signal)
  const after = await read(groups, cluster, signal)
  const moving = [...after.positions].flatMap(([group, now]): Refusal[] => {
    const earlier = before.positions.get(group)
    const where = earlier && firstDifference(earlier, now)
    return where ? [{ group, error: positionMoves(group, where) }] : []
  })
  return {
    before: before.positions,
    after: after.positions,
    refusals: [...before.failed, ...after.failed, ...moving],
  }
}

async function read(groups: readonly string[], cluster: PositionsCluster, signal: AbortSignal | undefined) {
  const { done, failed } = await cluster.fetchPositions(groups, signal ? { signal } : {})
  return {
    positions: new Map(done.map((group) => [group.group, group])),
    failed: failed.map(({ item, error }): Refusal => ({ group: item, error: asTidemark(error, item) })),
  }
}

function activeMembers({ group, members }: GroupDescription): TidemarkError {
  const who = firstFew(members.map(({ clientId, host }) => `${clientId} at ${host}`))
  return new TidemarkError('GROUP_ACTIVE', `Consumer group has active members: '${group}' has ${who}`, {
    hint: 'Stop all consumers of the group, then run the command again.',
    details: { group, members: members.map(({ clientId, host }) => ({ clientId, host })) },
  })
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

/** Offsets by topic and partition; partitions without a position are left out. */
export function offsetsOf(positions: readonly Position[]): ReadonlyMap<string, bigint> {
  return new Map(
    positions
      .filter(({ offset }) => offset >= 0n)
      .map(({ topic, partition, offset }) => [place(topic, partition), offset]),
  )
}
