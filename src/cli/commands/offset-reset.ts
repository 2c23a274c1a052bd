import type { Command } from 'commander'
import { addFormatFlags, type Format, type FormatFlags, formatOf } from '../flags/format-flags.ts'
import { addResetFlags, type ResetFlags } from '../flags/reset-flags.ts'
import { addRunFlags } from '../flags/run-flags.ts'
import { planFor } from '../reset/plan-for.ts'
import { defineExecute } from '../reset/reset-execute.ts'
import { defineScript } from '../reset/reset-script.ts'
import { showPlan } from '../reset/show-plan.ts'
import type { RunFlags, Session } from '../session.ts'

export { type PlanSurroundings, planFor } from '../reset/plan-for.ts'

const formats: readonly Format[] = ['text', 'json', 'csv', 'yaml']

type Flags = ResetFlags & FormatFlags & RunFlags & { readonly output?: string }

/** `offset-reset plan|execute|script`. */
export function define(command: Command, session: Session): void {
  command.usage('plan|execute|script [options]').addHelpText(
    'after',
    `
Puts consumer groups on the right record. header-based and from-mapping translate positions of the source exactly, by the
map of a restore or by the headers of restored records; the other strategies go by time, by the log, or take what they
are given. A plan changes nothing; executing refuses groups that have members or whose position moves.

Examples:
  kafka-backup offset-reset plan -p /data/backups -b nightly -g orders,payments --bootstrap-servers kafka-dr:9092
  kafka-backup offset-reset execute -p /data/backups -b nightly -g orders --bootstrap-servers kafka-dr:9092
  kafka-backup offset-reset plan -g orders --source-cluster prod-us-east-1 --bootstrap-servers kafka-dr:9092
  kafka-backup offset-reset execute -g orders --strategy timestamp --timestamp 2024-12-01T10:00:00Z
  kafka-backup offset-reset script -c restore.yaml -g '*' --output reset.sh`,
  )
  definePlan(command, session)
  defineExecute(command, session)
  defineScript(command, session)
}

function definePlan(command: Command, session: Session): void {
  const plan = command.command('plan').description('Show what would be set, and why; change nothing.')
  addResetFlags(plan)
    .option('--snapshot-path <folder|url>', 'where snapshots of earlier changes lie, beside the usual place')
    .option('--output <file>', 'also write the plan to a file, for `offset-reset execute --plan`')
  addRunFlags(addFormatFlags(plan, formats)).addHelpText(
    'after',
    `
Actions: SET commits the target, KEEP finds it there already, SKIP commits nothing (the note says why), REFUSE cannot be
done (then the exit status is 4).

Examples:
  kafka-backup offset-reset plan -p /data/backups -b nightly -g orders,payments --bootstrap-servers kafka-dr:9092
  kafka-backup offset-reset plan -c offset-reset.yaml --output reset-plan.json
  kafka-backup offset-reset plan -g orders --strategy offset --offset 0 --offset orders:2=150 --topics orders`,
  )
  plan.action(async (flags: Flags) => {
    const format = formatOf(flags, formats)
    await session.show(flags)
    const made = await planFor(flags, session, async (plan) => plan)
    await showPlan(made, format, session, flags.output)
  })
}
