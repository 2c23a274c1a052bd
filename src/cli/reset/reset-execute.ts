import type { Command } from 'commander'
import type { Plan } from '../../offsets/index.ts'
import { addFormatFlags, type FormatFlags, formatOf } from '../flags/format-flags.ts'
import { addResetFlags, type ResetFlags } from '../flags/reset-flags.ts'
import { addRunFlags } from '../flags/run-flags.ts'
import type { RunFlags, Session } from '../session.ts'
import { connectTarget } from '../target-cluster.ts'
import { checkWritable, readTextFile } from '../text-file.ts'
import {
  type Applied,
  type ApplyChoices,
  type ApplyFlags,
  applyAndSave,
  planAndApply,
  wayBack,
} from './apply.ts'
import { dryRun, dryRunOf } from './dry-run.ts'
import { refuseBesidePlan, snapshotsOfPlan } from './plan-of-file.ts'
import { sayNotices } from './say-notices.ts'
import { showOutcome } from './show-outcome.ts'
import { idleDeadline, waitForConsumers } from './wait-for-consumers.ts'

interface ExecuteFlags extends ResetFlags, FormatFlags, RunFlags, ApplyFlags {
  readonly plan?: string
  readonly output?: string
  readonly dryRun?: boolean
  readonly goOn?: boolean
  readonly allowMoved?: boolean
}

/** `offset-reset execute`. */
export function defineExecute(command: Command, session: Session): void {
  const execute = command
    .command('execute')
    .description('Set the positions: checks, snapshot, commit, read back.')
  addResetFlags(execute)
    .option('--plan <file>', 'apply this plan, as `offset-reset plan --output` wrote it')
    .option('--dry-run', 'show the plan and what would be refused, change nothing')
    .option('--output <file>', 'also write the report to a file, as JSON; with --dry-run the plan')
    .option('--go-on', 'leave groups alone that must not be touched, and set the others (exit 3)')
    .option('--allow-moved', 'set positions also where they moved since the plan was made')
    .option('--wait <time>', 'wait so long for consumers of the groups to leave, such as 60s')
    .option('--no-snapshot', 'do not save the positions before they are changed')
    .option(
      '--snapshot-path <folder|url>',
      'where to save them; else the archive, or ./offset-snapshots without one',
    )
  addRunFlags(addFormatFlags(execute)).addHelpText(
    'after',
    `
Groups with members, and groups whose position moves, are refused (exit 4): stop their consumers first. The positions
before are saved as a snapshot. Applying the same plan again is harmless.

Examples:
  kafka-backup offset-reset execute -p /data/backups -b nightly -g orders --bootstrap-servers kafka-dr:9092
  kafka-backup offset-reset execute --plan reset-plan.json --bootstrap-servers kafka-dr:9092
  kafka-backup offset-reset execute -g orders --strategy shift --shift -100 --bootstrap-servers kafka-dr:9092`,
  )
  execute.action(async (flags: ExecuteFlags) => {
    const format = formatOf(flags)
    await session.show(flags)
    const { plan: file } = flags
    if (file !== undefined) refuseBesidePlan(flags)
    if (flags.dryRun) {
      const choices = choicesOf(flags)
      if (file === undefined) return await dryRun(flags, choices, format, session, flags.output)
      const plan = await readPlan(file)
      await using cluster = await connectTarget(flags, session)
      return await dryRunOf(plan, cluster, choices, format, session, flags.output)
    }
    await checkWritable(flags.output)
    const applied =
      file === undefined
        ? await planAndApply(flags, flags, choicesOf(flags), session, (plan) => sayNotices(plan, session))
        : await fromFile(file, flags, session)
    const { outcomeText } = await import('../reports/reset-outcome.ts')
    await showOutcome(applied, outcomeText, format, session, flags.output)
  })
}

/** The plan says it all: only the cluster is needed. */
async function fromFile(file: string, flags: ExecuteFlags, session: Session): Promise<Applied> {
  const plan = await readPlan(file)
  sayNotices(plan, session)
  const wait = await idleDeadline(flags.wait, session)
  await using cluster = await connectTarget(flags, session)
  await using snapshots = await snapshotsOfPlan(flags, session)
  await waitForConsumers(plan, cluster, session, wait)
  const report = await applyAndSave(plan, cluster, snapshots, flags, choicesOf(flags), session)
  return { plan, report, wayBack: await wayBack(flags, report, snapshots) }
}

async function readPlan(file: string): Promise<Plan> {
  const { planFromJson } = await import('../../offsets/index.ts')
  return planFromJson(await readTextFile(file), file)
}

function choicesOf(flags: ExecuteFlags): ApplyChoices {
  return {
    onRefusal: flags.goOn === true ? 'go-on' : 'stop',
    allowMoved: flags.allowMoved ?? false,
  }
}
