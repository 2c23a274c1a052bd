import type { CapturedGroup, PositionCapture } from '../archive/index.ts'
import type { Cluster, GroupListing, GroupPositions } from '../kafka/index.ts'
import { unknownShareGroups } from '../offsets/index.ts'

/**
 * Positions of every group that has any on the chosen topics: every state, every type, all coordinators, with commit
 * metadata; of share groups their start offsets. A group that could not be read is named in `failed`, never left out silently.
 */
export async function captureGroups(
  cluster: Cluster,
  topics: ReadonlySet<string>,
  now: number,
  signal: AbortSignal,
): Promise<PositionCapture> {
  const listed = await cluster.listGroups()
  const named = new Map(listed.map((group) => [group.group, group]))
  const fetched = await cluster.fetchPositions([...named.keys()], { signal })
  const failed = new Map(fetched.failed.map(({ item, error }) => [item, error.message]))
  for (const group of await unknownShareGroups(cluster, listed, fetched.done))
    failed.set(group, noStartOffsets)
  const found = fetched.done
    .map((positions) => withTopics(positions, topics))
    .filter((positions) => positions.positions.length > 0)
  const members = await countMembers(
    cluster,
    found.flatMap((positions) => named.get(positions.group) ?? []),
  )
  const groups = found.map((positions) =>
    captured(positions, named.get(positions.group), members.get(positions.group) ?? 0),
  )
  return {
    taken: now,
    groups: groups.sort((a, b) => (a.group < b.group ? -1 : 1)),
    failed: [...failed].map(([group, error]) => ({ group, error })),
  }
}

const noStartOffsets = 'these brokers do not tell the start offsets of share groups'

function withTopics(positions: GroupPositions, topics: ReadonlySet<string>): GroupPositions {
  return {
    ...positions,
    positions: positions.positions.filter((p) => p.offset >= 0n && topics.has(p.topic)),
    unstable: positions.unstable.filter((p) => topics.has(p.topic)),
  }
}

/** Only asked of groups that are not known to be empty; what cannot be told counts as no members. */
async function countMembers(
  cluster: Cluster,
  groups: readonly GroupListing[],
): Promise<ReadonlyMap<string, number>> {
  const live = groups.filter((group) => group.state.toLowerCase() !== 'empty')
  if (live.length === 0) return new Map()
  const described = await cluster.describeGroups(live)
  return new Map(described.done.map((group) => [group.group, group.members.length]))
}

function captured(
  positions: GroupPositions,
  listing: GroupListing | undefined,
  members: number,
): CapturedGroup {
  const unstable = new Set(positions.unstable.map((p) => `${p.topic}/${p.partition}`))
  return {
    group: positions.group,
    type: listing?.type ?? 'unknown',
    state: listing?.state ?? 'Unknown',
    protocolType: listing?.protocolType ?? '',
    members,
    positions: positions.positions.map((p) => ({
      topic: p.topic,
      partition: p.partition,
      offset: p.offset,
      leaderEpoch: p.leaderEpoch,
      metadata: p.metadata,
      ...(unstable.has(`${p.topic}/${p.partition}`) && { unstable: true }),
    })),
  }
}
