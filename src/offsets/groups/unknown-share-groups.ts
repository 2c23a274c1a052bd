import type { Cluster, GroupListing, GroupPositions } from '../../kafka/index.ts'

/** Share groups without start offsets, where the brokers could not tell them if there were some. */
export async function unknownShareGroups(
  cluster: Pick<Cluster, 'knowsShareOffsets'>,
  listed: readonly GroupListing[],
  read: readonly GroupPositions[],
): Promise<readonly string[]> {
  const holding = new Set(read.filter(({ positions }) => positions.length > 0).map(({ group }) => group))
  const without = listed.filter(({ group, type }) => type === 'share' && !holding.has(group))
  if (without.length === 0 || (await cluster.knowsShareOffsets())) return []
  return without.map(({ group }) => group)
}
