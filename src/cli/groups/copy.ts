import type { Command } from 'commander'
import { TidemarkError } from '../../base/index.ts'
import type { Cluster, GroupPositions } from '../../kafka/index.ts'
import type { Plan, RangePolicy } from '../../offsets/index.ts'
import { formatOf } from '../flags/format-flags.ts'
import { plural } from '../render/quantities.ts'
import { printable } from '../render/table.ts'
import type { Session } from '../session.ts'
import { connectTarget } from '../target-cluster.ts'
import {
  addChangeFlags,
  addPlaceFlags,
  addRangeFlag,
  applyChange,
  type ChangeFlags,
  type PlaceFlags,
  placesOf,
  showOutcome,
  showPlan,
} from './change.ts'

export interface CopyFlags extends ChangeFlags, PlaceFlags {
  readonly overwrite?: boolean
  readonly outOfRange: RangePolicy
}

/** `groups copy`. */
export function defineCopy(command: Command, session: Session): void {
  const copy = command
    .command('copy')
    .description('Give a group the positions of another one, metadata included.')
    .argument('<from>', 'the group whose positions are copied; it may have members')
    .argument('<to>', 'the group that gets them; it must have none')
  addCopyFlags(addPlaceFlags(copy, 'all without it')).addHelpText(
    'after',
    `
The group is made where there is none, of the type of the other: a copy of a share group has its start offsets. One that
has positions already is refused unless --overwrite says otherwise; what it has in other partitions stays.

Examples:
  kafka-backup groups copy orders orders-trial --bootstrap-servers kafka:9092
  kafka-backup groups copy orders orders-trial --topic orders:0,1 --dry-run --bootstrap-servers kafka:9092`,
  )
  copy.action(async (from: string, to: string, flags: CopyFlags) => {
    formatOf(flags)
    await session.show(flags)
    await using cluster = await connectTarget(flags, session)
    const { plan, active } = await copyPlan(from, to, cluster, flags, session)
    if (flags.dryRun) return await showPlan(plan, 'Group Copy Plan', flags, session)
    if (active)
      session.log('warn', `The group ${printable(from)} has members, and reads on from what is copied`)
    const report = await applyChange(plan, cluster, `Before copying '${from}' to '${to}'`, flags, session)
    await showOutcome(report, 'Group Copy', flags, session)
  })
}

export function addCopyFlags(command: Command): Command {
  command.option('--overwrite', 'also when the new group has positions already')
  return addChangeFlags(addRangeFlag(command))
}

/** The plan for a copy, and what it was made from. Rejects with GROUP_NOT_FOUND, GROUP_EXISTS and USAGE. */
export async function copyPlan(
  from: string,
  to: string,
  cluster: Cluster,
  flags: CopyFlags,
  session: Session,
): Promise<{ readonly plan: Plan; readonly source: GroupPositions; readonly active: boolean }> {
  if (from === '' || to === '') throw new TidemarkError('USAGE', 'The name of a group is empty')
  if (from === to) throw new TidemarkError('USAGE', 'Both groups have the same name')
  const { planCopy, readTarget } = await import('../../offsets/index.ts')
  const { signal, clock } = session
  const { done, failed } = await cluster.fetchPositions([from], { signal })
  const [failure] = failed
  if (failure) throw failure.error
  const chosen = placesOf(flags)
  const source = done[0] ?? { group: from, positions: [], unstable: [] }
  for (const { topic, partition } of source.unstable) {
    session.log(
      'warn',
      `The newest commit in ${topic}/${partition} is undecided: the one before it is copied`,
    )
  }
  const held = source.positions.filter(({ topic, partition }) => chosen(topic, partition))
  if (held.length === 0) {
    const where = flags.topic === undefined ? '' : ' there'
    throw new TidemarkError('GROUP_NOT_FOUND', `Consumer group '${from}' has no positions${where}`, {
      details: { group: from },
    })
  }
  const topics = [...new Set(held.map(({ topic }) => topic))]
  const target = await readTarget(cluster, [to], topics, { signal })
  const there = target.current.done.find(({ group }) => group === to)?.positions ?? []
  if (there.length > 0 && !flags.overwrite) {
    throw new TidemarkError(
      'GROUP_EXISTS',
      `Consumer group '${to}' has ${plural(there.length, 'position')} already`,
      {
        details: { group: to },
        hint: 'Choose another name, or add --overwrite: what it has in the same partitions is replaced.',
      },
    )
  }
  const listed = (await cluster.listGroups()).filter(({ group }) => group === from)
  const described = await cluster.describeGroups(listed)
  const plan = planCopy(source, to, chosen, {
    clusterId: cluster.clusterId,
    created: clock.now(),
    current: target.current,
    logs: target.logs,
    outOfRange: flags.outOfRange,
  })
  return { plan, source, active: described.done.some(({ members }) => members.length > 0) }
}
