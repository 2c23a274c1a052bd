import type { Command } from 'commander'
import { TidemarkError } from '../../base/index.ts'
import { countOf } from '../flags/count.ts'
import { addFormatFlags, type FormatFlags, formatOf } from '../flags/format-flags.ts'
import { addResetFlags, type ResetFlags } from '../flags/reset-flags.ts'
import { addRunFlags } from '../flags/run-flags.ts'
import { readGroupsFile } from '../groups-file.ts'
import { type ApplyFlags, planAndApply } from '../reset/apply.ts'
import { dryRun } from '../reset/dry-run.ts'
import { sayNotices } from '../reset/say-notices.ts'
import { showOutcome } from '../reset/show-outcome.ts'
import type { RunFlags, Session } from '../session.ts'
import { checkWritable } from '../text-file.ts'

/** Commits under way at once, unless told otherwise. */
const usualConcurrency = 50

interface Flags extends ResetFlags, FormatFlags, RunFlags, ApplyFlags {
  readonly groupsFile?: string
  readonly maxConcurrent?: string
  readonly parallelism?: string
  readonly maxRetries?: string
  readonly allOrNothing?: boolean
  readonly dryRun?: boolean
  readonly output?: string
}

/** `offset-reset-bulk`. */
export function define(command: Command, session: Session): void {
  addResetFlags(command)
    .option('--groups-file <file>', 'groups too: one a line, or a JSON list; - for standard input')
    .option(
      '--max-concurrent <n>',
      `commits under way at once, over all brokers (default: ${usualConcurrency})`,
    )
    .option('--parallelism <n>', 'the same as --max-concurrent')
    .option('--max-retries <n>', 'how often a position is tried again; else for the delivery timeout')
    .option('--wait <time>', 'wait so long for consumers of the groups to leave, such as 60s')
    .option('--dry-run', 'show the plan and what would be refused, change nothing')
    .option('--output <file>', 'also write the report to a file, as JSON; with --dry-run the plan')
    .option('--all-or-nothing', 'change nothing when one of the groups must not be touched (exit 4)')
    .option('--no-snapshot', 'do not save the positions before they are changed')
    .option(
      '--snapshot-path <folder|url>',
      'where to save them; else the archive, or ./offset-snapshots without one',
    )
  addRunFlags(addFormatFlags(command)).addHelpText(
    'after',
    `
The same as offset-reset execute, for many groups: all positions of a group in one commit, many commits at a time to
every group coordinator. Groups with members, and groups whose position moves, are left alone and named (exit 3).

Examples:
  kafka-backup offset-reset-bulk -p /data/backups -b nightly --groups 'orders-*,billing' \\
    --bootstrap-servers kafka-dr:9092 --max-concurrent 100
  kafka-backup offset-reset-bulk -c offset-reset.yaml --groups-file consumer-groups.txt --parallelism 50`,
  )
  command.action(async (flags: Flags) => {
    const format = formatOf(flags)
    const choices = {
      onRefusal: flags.allOrNothing ? 'stop' : 'go-on',
      concurrency: concurrencyOf(flags),
      ...(flags.maxRetries !== undefined && { retries: countOf(flags.maxRetries, '--max-retries') }),
    } as const
    await session.show(flags)
    const groups = await groupsOf(flags)
    const resetFlags = groups === undefined ? flags : { ...flags, groups }
    if (flags.dryRun) return await dryRun(resetFlags, choices, format, session, flags.output)
    await checkWritable(flags.output)
    const applied = await planAndApply(resetFlags, flags, choices, session, (plan) =>
      sayNotices(plan, session),
    )
    const { bulkText } = await import('../reports/bulk-outcome.ts')
    await showOutcome(applied, bulkText, format, session, flags.output)
  })
}

function concurrencyOf({ maxConcurrent, parallelism }: Flags): number {
  if (maxConcurrent !== undefined && parallelism !== undefined && maxConcurrent !== parallelism) {
    throw new TidemarkError('USAGE', '--max-concurrent and --parallelism mean the same: give one of them')
  }
  const flag = maxConcurrent === undefined ? '--parallelism' : '--max-concurrent'
  const count = countOf(maxConcurrent ?? parallelism ?? String(usualConcurrency), flag)
  if (count > 0) return count
  throw new TidemarkError('USAGE', `${flag} needs at least 1`)
}

/** Those of the flag and those of the file. */
async function groupsOf({ groups, groupsFile }: Flags): Promise<readonly string[] | undefined> {
  if (groupsFile === undefined) return undefined
  const { splitList } = await import('../../config/index.ts')
  return [...splitList(groups ?? []), ...(await readGroupsFile(groupsFile))]
}
