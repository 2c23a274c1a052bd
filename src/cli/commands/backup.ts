import type { Command } from 'commander'
import { TidemarkError } from '../../base/index.ts'
import type { Override } from '../../config/index.ts'
import { addClusterFlags, type ClusterFlags, clusterOverrides } from '../flags/cluster-flags.ts'
import { addFormatFlags, type FormatFlags, formatOf } from '../flags/format-flags.ts'
import { required } from '../flags/required.ts'
import { addRunFlags } from '../flags/run-flags.ts'
import { showNotes, withJobContext } from '../job-context.ts'
import type { RunFlags, Session } from '../session.ts'

interface Flags extends ClusterFlags, FormatFlags, RunFlags {
  readonly config?: string
  readonly backupId?: string
  readonly continuous?: boolean
  readonly strict?: boolean
}

/** `backup`. */
export function define(command: Command, session: Session): void {
  command
    .option('-c, --config <file>', 'YAML file: source, storage, backup_id, backup')
    .option('-b, --backup-id <id>', 'name of the backup, over the file')
    .option('--continuous', 'run on after the end offsets taken at the start, until stopped')
    .option('--strict', 'exit 3 when there are gaps, lost or re-created topics')
    .addHelpText(
      'after',
      `
Running it again adds what is new. Stopped by a signal it finishes its commit and exits 130; the next run goes on there.

Examples:
  kafka-backup backup -c backup.yaml
  kafka-backup backup -c backup.yaml -b nightly --strict -o json`,
    )
  addRunFlags(addFormatFlags(addClusterFlags(command, 'source')))
  command.action(async (flags: Flags) => run(flags, session))
}

async function run(flags: Flags, session: Session): Promise<void> {
  const format = formatOf(flags)
  const file = required(flags.config, '-c FILE')
  await session.show(flags)
  const { loadConfig } = await import('../../config/index.ts')
  const config = loadConfig({
    file,
    mode: 'backup',
    needs: ['backup_id', 'source', 'storage'],
    overrides: [...clusterOverrides(flags, 'source'), ...overridesOf(flags)],
  })
  session.interruption.grace = config.shutdownGrace
  showNotes(session, config)
  const { backup: job, storage } = config
  if (job === undefined || storage === undefined)
    throw new TidemarkError('INTERNAL', 'A checked configuration has no job')
  const { runBackup } = await import('../../backup/index.ts')
  const reports = await import('../reports/backup-report.ts')
  const report = await withJobContext(session, storage, (context) => runBackup(job, context))
  await session.print(format, reports.backupObject(report), () => reports.backupText(report))
  if (report.interrupted) {
    session.log('warn', 'To go on, run the same command again')
    session.status = 130
  } else if (
    report.notices.some((notice) => reports.isPartial(notice) || (job.strict && reports.isStrict(notice)))
  ) {
    session.status = 3
  }
}

function overridesOf(flags: Flags): readonly Override[] {
  return [
    ...(flags.backupId === undefined
      ? []
      : [{ path: ['backup_id'], value: flags.backupId, flag: '--backup-id' }]),
    ...(flags.continuous === true
      ? [{ path: ['backup', 'continuous'], value: true, flag: '--continuous' }]
      : []),
    ...(flags.strict === true ? [{ path: ['backup', 'strict'], value: true, flag: '--strict' }] : []),
  ]
}
