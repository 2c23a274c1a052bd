import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import type { Cluster } from '../../kafka/index.ts'
import type { ApplyReport, ChosenPlaces, Plan, RangePolicy, SnapshotPlace } from '../../offsets/index.ts'
import { placeOf } from '../flags/archive-flags.ts'
import { addFormatFlags, type FormatFlags, formatOf } from '../flags/format-flags.ts'
import { collect } from '../flags/restore-flags.ts'
import type { Session } from '../session.ts'
import { addGroupFlags, type GroupFlags } from './group-flags.ts'
import { parsePlace } from './place-pattern.ts'

/** Flags of the commands of `groups` that change positions. */
export interface ChangeFlags extends GroupFlags, FormatFlags {
  readonly dryRun?: boolean
  readonly snapshot: boolean
  readonly snapshotPath?: string
}

export function addChangeFlags(command: Command): Command {
  command
    .option('--dry-run', 'show what would be done, change nothing')
    .option('--no-snapshot', 'do not save the positions before they are changed')
    .option('--snapshot-path <folder|url>', 'where to save them; else ./offset-snapshots')
  return addGroupFlags(addFormatFlags(command))
}

/** `--topic`, which partitions. */
export interface PlaceFlags {
  readonly topic?: readonly string[]
}

export function addPlaceFlags(command: Command, otherwise: string): Command {
  return command.option(
    '--topic <name[:p,p…]>',
    `only this topic (name, glob or ~regex), or some of its partitions; may be given several times; ${otherwise}`,
    collect,
  )
}

/** The partitions that `--topic` chooses; all without it. Throws USAGE for one that cannot be read. */
export function placesOf({ topic = [] }: PlaceFlags): ChosenPlaces {
  const patterns = topic.map(parsePlace)
  return (name, partition) => patterns.length === 0 || patterns.some((matches) => matches(name, partition))
}

export function addRangeFlag(command: Command): Command {
  return command.addOption(
    new Option(
      '--out-of-range <what>',
      'positions outside the log: refuse, move to its near end, leave alone',
    )
      .choices(['fail', 'clamp', 'skip'])
      .default('fail' satisfies RangePolicy),
  )
}

/** Shows a plan, as a dry run does. */
export async function showPlan(
  plan: Plan,
  title: string,
  flags: FormatFlags,
  session: Session,
): Promise<void> {
  const { planTable, planToJson } = await import('../../offsets/index.ts')
  const { isRefused, planText } = await import('../reports/reset-plan.ts')
  await session.print(formatOf(flags), JSON.parse(planToJson(plan)), () => planText(planTable(plan), title))
  session.status = isRefused(plan) ? 4 : 0
}

/** Applies a plan: checks, snapshot, commit, read back. */
export async function applyChange(
  plan: Plan,
  cluster: Cluster,
  description: string,
  flags: ChangeFlags,
  session: Session,
): Promise<ApplyReport> {
  const { applyPlan } = await import('../../offsets/index.ts')
  const { signal, clock } = session
  const run = (snapshot: SnapshotPlace | 'none') => applyPlan(plan, cluster, { signal, clock, snapshot })
  if (!flags.snapshot) return await run('none')
  const { openStore } = await import('../../storage/index.ts')
  const spec = await placeOf(flags.snapshotPath ?? resolve('offset-snapshots'))
  await using store = await openStore(spec, { telemetry: session.telemetry, signal })
  const report = await run({ store, prefix: '', description })
  if (report.snapshotId !== undefined) {
    session.log('info', `The positions before are saved as ${report.snapshotId} in ${store.url}`)
  }
  return report
}

/** Prints what became of a plan and settles the exit status. */
export async function showOutcome(
  report: ApplyReport,
  title: string,
  flags: FormatFlags,
  session: Session,
): Promise<void> {
  const reports = await import('../reports/reset-outcome.ts')
  await session.print(formatOf(flags), reports.outcomeObject(report), () =>
    reports.outcomeText(report, title),
  )
  sayHints(report, session)
  session.status = statusOf(report, reports.outcomeStatus)
}

/** As of a reset; a position that could not be set at all leaves the job partly done. */
export function statusOf(report: ApplyReport, outcomeStatus: (report: ApplyReport) => 0 | 3 | 4): 0 | 3 | 4 {
  return outcomeStatus(report) || (report.counts.skipped > 0 ? 3 : 0)
}

/** What to do about positions that failed, each advice once: a missing right is named there. */
export function sayHints({ groups }: ApplyReport, session: Session): void {
  const errors = groups.flatMap(({ entries }) => entries.flatMap((one) => ('error' in one ? one.error : [])))
  for (const hint of new Set(errors.map((error) => error.hint))) if (hint) session.log('error', hint)
}
