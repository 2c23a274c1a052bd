import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { ApplyOptions, ApplyReport, Plan } from '../offsets/index.ts'
import type { PlanSurroundings, planFor } from './commands/offset-reset.ts'
import { placeOf } from './flags/archive-flags.ts'
import { addFormatFlags, type FormatFlags, formatOf } from './flags/format-flags.ts'
import { addResetFlags, type ResetFlags } from './flags/reset-flags.ts'
import { addRunFlags } from './flags/run-flags.ts'
import { idleDeadline, planWhenIdle, waitForConsumers } from './reset-wait.ts'
import type { RunFlags, Session } from './session.ts'
import { snapshotPrefix } from './snapshots/snapshot-folder.ts'
import { connectTarget } from './target-cluster.ts'
import { readTextFile } from './text-file.ts'

/** Flags of the commands that set positions. */
export interface ApplyFlags {
  readonly wait?: string
  readonly snapshot: boolean
  readonly snapshotPath?: string
}

interface ExecuteFlags extends ResetFlags, FormatFlags, RunFlags, ApplyFlags {
  readonly plan?: string
  readonly goOn?: boolean
  readonly allowMoved?: boolean
  readonly snapshot: boolean
  readonly snapshotPath?: string
}

/** `offset-reset execute`. */
export function defineExecute(command: Command, session: Session, makePlan: typeof planFor): void {
  const execute = command
    .command('execute')
    .description('Set the positions: checks, snapshot, commit, read back.')
  addResetFlags(execute)
    .option('--plan <file>', 'apply this plan, as `offset-reset plan --output` wrote it')
    .option('--go-on', 'leave groups alone that must not be touched, and set the others (exit 3)')
    .option('--allow-moved', 'set positions also where they moved since the plan was made')
    .option('--wait <time>', 'wait so long for consumers of the groups to leave, such as 60s')
    .option('--no-snapshot', 'do not save the positions before they are changed')
    .option(
      '--snapshot-path <folder|url>',
      'where to save them; else the archive, with --plan ./offset-snapshots',
    )
  addRunFlags(addFormatFlags(execute)).addHelpText(
    'after',
    `
Groups with members, and groups whose position moves, are refused (exit 4): stop their consumers first. The positions
before are saved as a snapshot. Applying the same plan again is harmless.

Examples:
  kafka-backup offset-reset execute -p /data/backups -b nightly -g orders --bootstrap-servers kafka-dr:9092
  kafka-backup offset-reset execute --plan reset-plan.json --bootstrap-servers kafka-dr:9092`,
  )
  execute.action(async (flags: ExecuteFlags) => {
    const format = formatOf(flags)
    await session.show(flags)
    const report =
      flags.plan === undefined
        ? await fromArchive(flags, session, makePlan)
        : await fromFile(flags.plan, flags, session)
    const reports = await import('./reports/reset-outcome.ts')
    await session.print(format, reports.outcomeObject(report), () => reports.outcomeText(report))
    session.status = session.signal.aborted ? 130 : reports.outcomeStatus(report)
  })
}

async function fromArchive(
  flags: ExecuteFlags,
  session: Session,
  makePlan: typeof planFor,
): Promise<ApplyReport> {
  const wait = await idleDeadline(flags.wait, session)
  return await planWhenIdle(makePlan, flags, session, wait, (plan, surroundings) =>
    applyMade(plan, surroundings, flags, session, optionsOf(flags)),
  )
}

/** Applies a plan while the archive that it was made from is open: snapshots go there, unless a place is named. */
export async function applyMade(
  plan: Plan,
  { context, cluster }: PlanSurroundings,
  flags: ApplyFlags,
  session: Session,
  options: ApplyChoices,
): Promise<ApplyReport> {
  if (flags.snapshotPath !== undefined)
    return await apply(plan, cluster, flags, session, flags.snapshotPath, options)
  const { applyPlan } = await import('../offsets/index.ts')
  const snapshot = flags.snapshot ? { store: context.store, prefix: snapshotPrefix } : 'none'
  return await applyPlan(plan, cluster, { ...runOptions(session), ...options, snapshot })
}

/** The plan says it all: only the cluster is needed. */
async function fromFile(file: string, flags: ExecuteFlags, session: Session): Promise<ApplyReport> {
  const { planFromJson } = await import('../offsets/index.ts')
  const plan = planFromJson(await readTextFile(file), file)
  const wait = await idleDeadline(flags.wait, session)
  await using cluster = await connectTarget(flags, session)
  await waitForConsumers(plan, cluster, session, wait)
  const place = flags.snapshotPath ?? resolve('offset-snapshots')
  return await apply(plan, cluster, flags, session, place, optionsOf(flags))
}

/** What a command chooses about the applying itself. */
type ApplyChoices = Pick<ApplyOptions, 'onRefusal' | 'allowMoved' | 'concurrency' | 'retries'>

type ClusterOf = Parameters<typeof import('../offsets/index.ts').applyPlan>[1]

async function apply(
  plan: Plan,
  cluster: ClusterOf,
  flags: ApplyFlags,
  session: Session,
  place: string,
  choices: ApplyChoices,
): Promise<ApplyReport> {
  const { applyPlan } = await import('../offsets/index.ts')
  const options = { ...runOptions(session), ...choices }
  if (!flags.snapshot) return await applyPlan(plan, cluster, { ...options, snapshot: 'none' })
  const { openStore } = await import('../storage/index.ts')
  await using store = await openStore(await placeOf(place), { telemetry: session.telemetry })
  const report = await applyPlan(plan, cluster, { ...options, snapshot: { store, prefix: '' } })
  if (report.snapshotId !== undefined) session.log('info', `The snapshot is in ${store.url}`)
  return report
}

function runOptions({
  signal,
  clock,
  progress,
}: Session): Pick<ApplyOptions, 'signal' | 'clock' | 'progress'> {
  return { signal, clock, progress }
}

function optionsOf(flags: ExecuteFlags): ApplyChoices {
  return {
    onRefusal: flags.goOn === true ? 'go-on' : 'stop',
    allowMoved: flags.allowMoved ?? false,
  }
}
