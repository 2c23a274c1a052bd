import type { Command } from 'commander'
import { isTidemarkError } from '../../base/index.ts'
import type { Cluster, GroupPositions } from '../../kafka/index.ts'
import type { ApplyReport } from '../../offsets/index.ts'
import { formatOf } from '../flags/format-flags.ts'
import { printable } from '../render/table.ts'
import type { Session } from '../session.ts'
import { connectTarget } from '../target-cluster.ts'
import { applyChange, sayHints, showPlan, statusOf } from './change.ts'
import { addCopyFlags, type CopyFlags, copyPlan } from './copy.ts'

/** `groups rename`. */
export function defineRename(command: Command, session: Session): void {
  const rename = command
    .command('rename')
    .description('Give a group another name: copy its positions, read them back, delete the old group.')
    .argument('<from>', 'the group as it is called now; without members')
    .argument('<to>', 'its new name')
  addCopyFlags(rename).addHelpText(
    'after',
    `
The old group is deleted only when every position of it has been read back from the new one; else it stays as it is
(exit 3). Both groups are saved in snapshots before.

Example:
  kafka-backup groups rename order-service orders --bootstrap-servers kafka:9092`,
  )
  rename.action(async (from: string, to: string, flags: CopyFlags) => {
    const format = formatOf(flags)
    await session.show(flags)
    await using cluster = await connectTarget(flags, session)
    const { plan, source } = await copyPlan(from, to, cluster, flags, session)
    if (flags.dryRun) return await showPlan(plan, 'Group Rename Plan', flags, session)
    const { refuseInUse } = await import('../../offsets/index.ts')
    await refuseInUse([from], cluster, { clock: session.clock, signal: session.signal })
    const copied = await applyChange(plan, cluster, `Before renaming '${from}' to '${to}'`, flags, session)
    const whole = copied.counts.set + copied.counts.kept === plan.entries.length
    const deleted = whole ? await deleteOld(source, to, cluster, flags, session) : undefined
    const gone = deleted !== undefined && isWhole(deleted) && (await deleteGroup(from, cluster, session))
    const reports = await import('../reports/reset-outcome.ts')
    await session.print(
      format,
      {
        from,
        to,
        renamed: gone,
        copied: reports.outcomeObject(copied),
        deleted: deleted === undefined ? null : reports.outcomeObject(deleted),
      },
      () =>
        [
          reports.outcomeText(copied, 'Group Rename'),
          ...(deleted ? [reports.outcomeText(deleted, 'The Old Group')] : []),
          gone
            ? `Renamed ${printable(from)} to ${printable(to)}\n`
            : `The group ${printable(from)} is still there: ${deleted ? 'not all of it could be deleted' : 'not every position is in the new one'}\n`,
        ].join('\n'),
    )
    for (const report of [copied, deleted]) if (report) sayHints(report, session)
    const status = statusOf(copied, reports.outcomeStatus)
    session.status = status !== 0 || gone ? status : 3
  })
}

/** Takes the old group's positions away as they were when they were copied: one that has moved since is not lost. */
async function deleteOld(
  source: GroupPositions,
  to: string,
  cluster: Cluster,
  flags: CopyFlags,
  session: Session,
): Promise<ApplyReport> {
  const { planDeletion } = await import('../../offsets/index.ts')
  const plan = planDeletion(() => true, {
    clusterId: cluster.clusterId,
    created: session.clock.now(),
    current: { done: [source], failed: [] },
    logs: new Map(),
  })
  return await applyChange(
    plan,
    cluster,
    `Before deleting '${source.group}', renamed to '${to}'`,
    flags,
    session,
  )
}

function isWhole({ counts }: ApplyReport): boolean {
  return counts.failed + counts.refused === 0
}

/** A group without positions and members may have gone by itself. */
async function deleteGroup(group: string, cluster: Cluster, session: Session): Promise<boolean> {
  const { failed } = await cluster.deleteGroups([group])
  const [failure] = failed
  if (failure === undefined || isTidemarkError(failure.error, 'GROUP_NOT_FOUND')) return true
  session.log(
    'error',
    `The group ${printable(group)} has no positions any more, but stays: ${failure.error.message}`,
  )
  return false
}
