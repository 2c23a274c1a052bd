import type { Versions } from './api-choice.ts'
import { describeGroupsV2, describeGroupsV5 } from './client-library.ts'
import type { Session } from './session.ts'
import type { PartitionInfo } from './types.ts'

const versions = [describeGroupsV5.api, describeGroupsV2.api] as Versions<
  [groups: string[], includeAuthorizedOperations: boolean],
  {
    readonly throttleTimeMs: number
    readonly groups: readonly { readonly groupId: string; readonly errorCode: number }[]
  }
>

const namesByCount = new Map<number, readonly string[]>()

/**
 * Whether every partition in which groups are kept has an active coordinator: `yes`; `no` while one is loading or has
 * moved; `unknown` when the principal may not ask.
 *
 * Metadata cannot tell it. A broker shows as the leader of such a partition before its coordinator has taken the
 * partition over, and until then it leaves the partition's groups out of its list without a word. So each leader is
 * asked to describe, for each of its partitions, a group that would be kept there and does not exist: only an active
 * coordinator answers that without an error.
 */
export async function coordinatorsActive(
  session: Session,
  partitions: readonly PartitionInfo[],
): Promise<'yes' | 'no' | 'unknown'> {
  if (partitions.length === 0) return 'unknown'
  const names = probeNames(partitions.length)
  const asked = new Map<number, string[]>()
  for (const { partition, leader } of partitions) {
    const name = names[partition]
    if (leader === undefined || name === undefined) return 'no'
    const groups = asked.get(leader) ?? []
    groups.push(name)
    asked.set(leader, groups)
  }
  const codes = await Promise.all(
    [...asked].map(async ([broker, groups]) => {
      const connection = await session.pool.to(broker)
      const response = await session.request(connection, versions, [groups, false])
      return response.groups.map((group) => group.errorCode)
    }),
  )
  const all = codes.flat()
  if (all.length === partitions.length && all.every((code) => code === 0)) return 'yes'
  return all.some((code) => code === groupAuthorizationFailed) ? 'unknown' : 'no'
}

const groupAuthorizationFailed = 30

/** For each of `count` partitions the name of a group that is kept in it. */
export function probeNames(count: number): readonly string[] {
  const known = namesByCount.get(count)
  if (known) return known
  const names: string[] = []
  for (let found = 0, i = 0; found < count; i++) {
    const name = `tidemark-probe-${i}`
    const partition = groupPartition(name, count)
    if (names[partition] !== undefined) continue
    names[partition] = name
    found++
  }
  namesByCount.set(count, names)
  return names
}

/** The partition of the offsets topic in which a group is kept: Java's hash of its name, modulo their number. */
export function groupPartition(group: string, count: number): number {
  let hash = 0
  for (let i = 0; i < group.length; i++) hash = (Math.imul(31, hash) + group.charCodeAt(i)) | 0
  return (hash === -(2 ** 31) ? 0 : Math.abs(hash)) % count
}
