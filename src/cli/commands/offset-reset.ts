import type { Command } from 'commander'
import { TidemarkError } from '../../base/index.ts'
import type { Cluster, ClusterOptions } from '../../kafka/index.ts'
import type { Plan } from '../../offsets/index.ts'
import type { JobContext } from '../../storage/index.ts'
import { archiveOf } from '../flags/archive-flags.ts'
import { addFormatFlags, type Format, type FormatFlags, formatOf } from '../flags/format-flags.ts'
import { required } from '../flags/required.ts'
import { addResetFlags, type ResetFlags, resetOptions, resetOverrides } from '../flags/reset-flags.ts'
import { addRunFlags } from '../flags/run-flags.ts'
import { withJobContext } from '../job-context.ts'
import { yamlText } from '../render/machine-formats.ts'
import { isRefused, planCsv, planText } from '../reports/reset-plan.ts'
import { defineExecute } from '../reset-execute.ts'
import type { RunFlags, Session } from '../session.ts'
import { writeTextFile } from '../text-file.ts'

const formats: readonly Format[] = ['text', 'json', 'csv', 'yaml']

type Flags = ResetFlags & FormatFlags & RunFlags & { readonly output?: string }

/** `offset-reset plan|execute|script`. */
export function define(command: Command, session: Session): void {
  command.usage('plan|execute|script [options]').addHelpText(
    'after',
    `
Puts consumer groups on the target on the records where they stood on the source: captured positions, translated
exactly by the offset map of the newest restore. A plan changes nothing; executing refuses groups that have members or
whose position moves.

Examples:
  kafka-backup offset-reset plan -p /data/backups -b nightly -g orders,payments --bootstrap-servers kafka-dr:9092
  kafka-backup offset-reset execute -p /data/backups -b nightly -g orders --bootstrap-servers kafka-dr:9092
  kafka-backup offset-reset script -c restore.yaml -g '*' --output reset.sh`,
  )
  definePlan(command, session)
  defineExecute(command, session, planFor)
  defineScript(command, session)
}

function definePlan(command: Command, session: Session): void {
  const plan = command.command('plan').description('Show what would be set, and why; change nothing.')
  addResetFlags(plan).option(
    '--output <file>',
    'also write the plan to a file, for `offset-reset execute --plan`',
  )
  addRunFlags(addFormatFlags(plan, formats)).addHelpText(
    'after',
    `
Actions: SET commits the target, KEEP finds it there already, SKIP commits nothing (the note says why), REFUSE cannot be
done (then the exit status is 4).

Examples:
  kafka-backup offset-reset plan -p /data/backups -b nightly -g orders,payments --bootstrap-servers kafka-dr:9092
  kafka-backup offset-reset plan -c restore.yaml -g '*' --output reset-plan.json`,
  )
  plan.action(async (flags: Flags) => {
    const format = formatOf(flags, formats)
    await session.show(flags)
    const made = await planFor(flags, session, async (plan) => plan)
    const { planTable, planToJson } = await import('../../offsets/index.ts')
    const json = planToJson(made)
    if (flags.output !== undefined) await writeTextFile(flags.output, [json])
    if (format === 'text') session.out.write(planText(planTable(made)))
    else if (format === 'csv') session.out.write(planCsv(made))
    else session.out.write(format === 'json' ? json : await yamlText(JSON.parse(json)))
    session.status = isRefused(made) ? 4 : 0
  })
}

function defineScript(command: Command, session: Session): void {
  const script = command
    .command('script')
    .description("Print a bash script that sets the positions with Kafka's own kafka-consumer-groups.sh.")
  addResetFlags(script).option('--output <file>', 'write the script to a file, executable')
  addRunFlags(script).addHelpText(
    'after',
    `
The script finds the tool in KAFKA_CONSUMER_GROUPS or on the PATH, and exits 0 only when every position is set.

Example:
  kafka-backup offset-reset script -p /data/backups -b nightly -g orders \\
    --bootstrap-servers kafka-dr:9092 --output reset.sh`,
  )
  script.action(async (flags: Flags) => {
    await session.show(flags)
    const { resetScript } = await import('../../offsets/index.ts')
    const { text, refused } = await planFor(flags, session, async (plan, { target }) => ({
      text: resetScript(plan, { bootstrapServers: target.bootstrap.join(',') }),
      refused: isRefused(plan),
    }))
    if (flags.output === undefined) session.out.write(text)
    else await writeTextFile(flags.output, [text], 0o755)
    if (refused) session.log('warn', 'Some positions cannot be set: the script says which, and exits 1')
    session.status = refused ? 3 : 0
  })
}

/** What a plan was made with, for what follows it. */
export interface PlanSurroundings {
  readonly context: JobContext
  readonly cluster: Cluster
  readonly target: ClusterOptions
}

/** Makes the plan that the flags ask for and does something with it, while archive and cluster are open. */
export async function planFor<T>(
  flags: ResetFlags,
  session: Session,
  work: (plan: Plan, surroundings: PlanSurroundings) => Promise<T>,
): Promise<T> {
  const { spec, backupId, config } = await archiveOf(flags, {
    needs: ['target'],
    overrides: resetOverrides(flags),
  })
  const options = resetOptions(flags, backupId, config)
  const target = required(config.target, '--bootstrap-servers')
  const { connectCluster } = await import('../../kafka/index.ts')
  const { makeResetPlan } = await import('../reset-plan.ts')
  return await withJobContext(session, spec, async (context) => {
    const { signal, telemetry } = context
    await using cluster = await connectCluster(target, { signal, telemetry })
    const plan = await makeResetPlan(options, context, cluster)
    if (plan.entries.length === 0 && plan.notices.length === 0) {
      throw new TidemarkError('GROUP_NOT_FOUND', 'No captured group has a position in what was restored')
    }
    return await work(plan, { context, cluster, target })
  })
}
