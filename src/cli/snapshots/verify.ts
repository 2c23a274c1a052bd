import type { Command } from 'commander'
import { addClusterFlags, type ClusterFlags } from '../flags/cluster-flags.ts'
import { addFormatFlags, type FormatFlags, formatOf } from '../flags/format-flags.ts'
import { addRunFlags } from '../flags/run-flags.ts'
import { addSnapshotFlags, type SnapshotFlags } from '../flags/snapshot-flags.ts'
import type { RunFlags, Session } from '../session.ts'
import { connectTarget } from '../target-cluster.ts'
import { withGroups, withSnapshot } from './chosen-snapshot.ts'

interface Flags extends SnapshotFlags, ClusterFlags, FormatFlags, RunFlags {
  readonly groups?: string
}

/** `offset-rollback verify`. */
export function defineVerify(command: Command, session: Session): void {
  const verify = command
    .command('verify')
    .description('Compare the positions of a cluster with a snapshot; change nothing.')
  addSnapshotFlags(verify).option('-g, --groups <a,b,…>', 'only these groups of the snapshot')
  addRunFlags(addFormatFlags(addClusterFlags(verify))).addHelpText(
    'after',
    `
Positions that are missing, that the snapshot does not have, and that differ in offset or metadata are listed (exit 5).

Example:
  kafka-backup offset-rollback verify --path /data/offset-snapshots \\
    --snapshot-id snapshot-20241203-100000 --bootstrap-servers kafka:9092`,
  )
  verify.action(async (flags: Flags) => {
    const format = formatOf(flags)
    await session.show(flags)
    const { verifySnapshot } = await import('../../offsets/index.ts')
    const reports = await import('../reports/snapshot-comparison.ts')
    await withSnapshot(flags, session, async ({ whole }) => {
      const snapshot = await withGroups(whole, flags.groups)
      await using cluster = await connectTarget(flags, session)
      const comparison = await verifySnapshot(snapshot, cluster, { signal: session.signal })
      await session.print(format, reports.comparisonObject(snapshot, comparison), () =>
        reports.comparisonText(snapshot, comparison),
      )
      session.status = comparison.differences.length === 0 ? 0 : 5
    })
  })
}
