import { type Clock, TidemarkError } from '../../base/index.ts'
import type { Cluster, GroupPositions } from '../../kafka/index.ts'

export interface IdleCheck {
  /** `source` or `target`, for messages. */
  readonly side: string
  readonly clock: Clock
  /** Ms between the two looks at its positions. */
  readonly watch: number
  readonly signal?: AbortSignal
}

/**
 * The positions of a group that nobody reads for. Rejects with GROUP_ACTIVE when it has members, or when its positions move
 * (consumers that use `assign()` never show as members), and with what kept them from being read.
 */
export async function idlePositions(
  cluster: Cluster,
  group: string,
  check: IdleCheck,
): Promise<GroupPositions> {
  const listed = (await cluster.listGroups()).find((one) => one.group === group)
  if (listed !== undefined && listed.state !== 'Empty' && listed.state !== 'Dead') {
    throw active(group, `has members on the ${check.side} (it is ${listed.state})`)
  }
  const before = await positionsOf(cluster, group, check.signal)
  await check.clock.sleep(check.watch, check.signal)
  const after = await positionsOf(cluster, group, check.signal)
  const was = new Map(before.positions.map((one) => [`${one.topic}/${one.partition}`, one.offset]))
  for (const { topic, partition, offset } of after.positions) {
    const earlier = was.get(`${topic}/${partition}`)
    if (earlier === offset) continue
    throw active(group, `moves on the ${check.side}: ${topic}/${partition} ${earlier ?? 'none'} → ${offset}`)
  }
  return after
}

async function positionsOf(
  cluster: Cluster,
  group: string,
  signal: AbortSignal | undefined,
): Promise<GroupPositions> {
  const { done, failed } = await cluster.fetchPositions([group], signal ? { signal } : {})
  for (const { error } of failed) throw error
  const positions = done.flatMap((one) => one.positions).filter(({ offset }) => offset >= 0n)
  return { group, positions, unstable: done[0]?.unstable ?? [] }
}

function active(group: string, what: string): TidemarkError {
  return new TidemarkError('GROUP_ACTIVE', `Consumer group '${group}' ${what}`, {
    details: { group },
    hint: 'Stop all consumers of the group there, then run the command again.',
  })
}
