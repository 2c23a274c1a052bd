import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import type { Cluster } from '../../kafka/index.ts'
import type { ApplyReport, Plan, RangePolicy, Snapshot, SnapshotPlace } from '../../offsets/index.ts'
import { placeOf } from '../flags/archive-flags.ts'
import { addClusterFlags, type ClusterFlags } from '../flags/cluster-flags.ts'
import { addFormatFlags, type Format, type FormatFlags, formatOf } from '../flags/format-flags.ts'
import { addRunFlags } from '../flags/run-flags.ts'
import { addSnapshotFlags, type SnapshotFlags } from '../flags/snapshot-flags.ts'
import { withRefusals } from '../reset/dry-run.ts'
import type { RunFlags, Session } from '../session.ts'
import { connectTarget } from '../target-cluster.ts'
import { type ChosenSnapshot, withGroups, withSnapshot } from './chosen-snapshot.ts'

interface Flags extends SnapshotFlags, ClusterFlags, FormatFlags, RunFlags {
  readonly groups?: string
  readonly dryRun?: boolean
  readonly outOfRange: RangePolicy
  readonly goOn?: boolean
  readonly save: boolean
  readonly snapshotPath?: string
}

/** `offset-rollback rollback`. */
export function defineRollback(command: Command, session: Session): void {
  const rollback = command
    .command('rollback')
    .description('Put groups back where they were when a snapshot was taken.')
  addSnapshotFlags(rollback)
    .option('-g, --groups <a,b,…>', 'only these groups of the snapshot: names, globs or ~regex')
    .option('--dry-run', 'show what would be done, change nothing')
    .addOption(
      new Option(
        '--out-of-range <what>',
        'positions that the log no longer holds: refuse, move to its near end, leave alone',
      )
        .choices(['fail', 'clamp', 'skip'])
        .default('fail'),
    )
    .option('--go-on', 'leave groups alone that must not be touched, and put back the others (exit 3)')
    .option('--verify', 'accepted: everything is read back in any case')
    .option('--no-save', 'do not save the positions before they are changed')
    .option(
      '--snapshot-path <folder|url>',
      'where to save them; else beside the snapshot, or ./offset-snapshots',
    )
  addRunFlags(addFormatFlags(addClusterFlags(rollback))).addHelpText(
    'after',
    `
Every position comes back with its metadata, and positions that a group did not have then are deleted. Groups with
members, and groups whose position moves, are refused (exit 4): stop their consumers first. The positions before are
saved as a snapshot, so that a rollback can be undone too.

Examples:
  kafka-backup offset-rollback rollback --path /data/offset-snapshots \\
    --snapshot-id snapshot-20241203-100000 --bootstrap-servers kafka:9092
  kafka-backup offset-rollback rollback --snapshot pre-reset-snapshot.json --bootstrap-servers kafka:9092 --dry-run`,
  )
  rollback.action(async (flags: Flags) => {
    const format = formatOf(flags)
    await session.show(flags)
    await withSnapshot(flags, session, async (chosen) => {
      const snapshot = await withGroups(chosen.whole, flags.groups)
      await using cluster = await connectTarget(flags, session)
      const plan = await planFor(snapshot, cluster, flags, session)
      if (flags.dryRun) {
        const choices = { onRefusal: onRefusal(flags) }
        return await withRefusals(plan, cluster, choices, session, () => showPlan(plan, format, session))
      }
      const report = await apply(plan, cluster, flags, chosen, session)
      const reports = await import('../reports/reset-outcome.ts')
      await session.print(format, reports.outcomeObject(report), () =>
        reports.outcomeText(report, 'Offset Rollback'),
      )
      for (const hint of reports.outcomeHints(report)) session.log('warn', hint)
      session.status = reports.outcomeStatus(report) || (report.counts.skipped > 0 ? 3 : 0)
    })
  })
}

async function planFor(
  snapshot: Snapshot,
  cluster: Cluster,
  flags: Flags,
  { signal, clock }: Session,
): Promise<Plan> {
  const { checkSnapshotCluster, planFromSnapshot, readTarget } = await import('../../offsets/index.ts')
  checkSnapshotCluster(snapshot, cluster.clusterId)
  const names = snapshot.groups.map(({ group }) => group)
  const topics = new Set(snapshot.groups.flatMap(({ positions }) => positions.map(({ topic }) => topic)))
  const target = await readTarget(cluster, names, [...topics], { signal })
  return planFromSnapshot(snapshot, {
    clusterId: cluster.clusterId,
    created: clock.now(),
    current: target.current,
    logs: target.logs,
    topicIds: target.topicIds,
    outOfRange: flags.outOfRange,
  })
}

async function showPlan(plan: Plan, format: Format, session: Session): Promise<void> {
  const { planTable, planToJson } = await import('../../offsets/index.ts')
  const { isRefused, planText } = await import('../reports/reset-plan.ts')
  await session.print(format, JSON.parse(planToJson(plan)), () =>
    planText(planTable(plan), 'Offset Rollback Plan'),
  )
  session.status = isRefused(plan) ? 4 : plan.entries.some(({ action }) => action === 'SKIP') ? 3 : 0
}

function onRefusal({ goOn }: Flags): 'go-on' | 'stop' {
  return goOn === true ? 'go-on' : 'stop'
}

async function apply(
  plan: Plan,
  cluster: Cluster,
  flags: Flags,
  { folder, whole }: ChosenSnapshot,
  session: Session,
): Promise<ApplyReport> {
  const { applyPlan } = await import('../../offsets/index.ts')
  const { signal, clock, progress } = session
  const run = (snapshot: SnapshotPlace | 'none') =>
    applyPlan(plan, cluster, { signal, clock, progress, onRefusal: onRefusal(flags), snapshot })
  if (!flags.save) return await run('none')
  const description = `Before the rollback to ${whole.id}`
  if (folder !== undefined && flags.snapshotPath === undefined) return await run({ ...folder, description })
  const { openStore } = await import('../../storage/index.ts')
  const spec = await placeOf(flags.snapshotPath ?? resolve('offset-snapshots'))
  await using store = await openStore(spec, { telemetry: session.telemetry, signal })
  const report = await run({ store, prefix: '', description })
  if (report.snapshotId !== undefined) session.log('info', `The snapshot is in ${store.url}`)
  return report
}
