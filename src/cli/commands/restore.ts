import type { Command } from 'commander'
import { type ArchiveFlags, addArchiveFlags, archiveOf } from '../flags/archive-flags.ts'
import { addClusterFlags, type ClusterFlags, clusterOverrides } from '../flags/cluster-flags.ts'
import { folderOf } from '../flags/folder.ts'
import { addFormatFlags, type FormatFlags, formatOf } from '../flags/format-flags.ts'
import { required } from '../flags/required.ts'
import { addMappingFlags, addRestoreFlags, type RestoreFlags } from '../flags/restore-flags.ts'
import { addRunFlags } from '../flags/run-flags.ts'
import { withJobContext } from '../job-context.ts'
import { exportMapping, loadRestore, type MappingFlags, mappingTarget } from '../restore-command.ts'
import type { RunFlags, Session } from '../session.ts'

type Flags = RestoreFlags & MappingFlags & FormatFlags & RunFlags

interface FinishFlags extends ArchiveFlags, ClusterFlags, FormatFlags, RunFlags {
  readonly stateFolder?: string
}

/** `restore` and `restore finish`. */
export function define(command: Command, session: Session): void {
  command.enablePositionalOptions().usage('[options] | restore finish [restore-id]')
  addMappingFlags(addRestoreFlags(command))
  addRunFlags(addFormatFlags(command)).addHelpText(
    'after',
    `
The same command again goes on where it stopped; when all is done it changes nothing. Positions of groups are set only
with reset_consumer_offsets: true or --groups; three-phase-restore always sets them.

Examples:
  kafka-backup restore -c restore.yaml --dry-run
  kafka-backup restore -c restore.yaml --generate-offset-mapping --mapping-output offset-mapping.json
  kafka-backup restore -c restore.yaml --topics orders --topic-mapping orders=orders-restored
  kafka-backup restore finish RESTORE-ID -c restore.yaml`,
  )
  command.action(async (flags: Flags) => run(flags, session))
  defineFinish(command, session)
}

async function run(flags: Flags, session: Session): Promise<void> {
  const format = formatOf(flags)
  await session.show(flags)
  const { job, spec, config } = await loadRestore(flags, session, false)
  const { runRestore } = await import('../../restore/index.ts')
  const reports = await import('../reports/restore-report.ts')
  await withJobContext(session, spec, async (context) => {
    const report = await runRestore(job, context)
    const text = () => reports.restoreText(report, flags.config ?? '')
    await session.print(format, reports.restoreObject(report), text)
    const file = mappingTarget(flags, config)
    if (file !== undefined && !report.dryRun && !report.interrupted) {
      await exportMapping(file, report.restoreId, job, context, session)
    }
    session.status = reports.restoreStatus(report)
    if (report.interrupted) session.log('warn', 'To go on, run the same command again')
  })
}

function defineFinish(command: Command, session: Session): void {
  const finish = command
    .command('finish')
    .description('Apply the topic settings that wait because they would delete what was restored.')
    .argument(
      '[restore-id]',
      'the restore; else that of the file, or the newest one of the backup to this target',
    )
  addClusterFlags(addArchiveFlags(finish)).option(
    '--state-folder <folder>',
    'folder of the journal, when it does not lie beside the backup',
  )
  addRunFlags(addFormatFlags(finish)).addHelpText(
    'after',
    `
Examples:
  kafka-backup restore finish -c restore.yaml
  kafka-backup restore finish RESTORE-ID -p /data/backups -b nightly --bootstrap-servers kafka-dr:9092`,
  )
  finish.action(async (restoreId: string | undefined, flags: FinishFlags) =>
    runFinish(restoreId, flags, session),
  )
}

async function runFinish(restoreId: string | undefined, flags: FinishFlags, session: Session): Promise<void> {
  const format = formatOf(flags)
  await session.show(flags)
  const { spec, backupId, config } = await archiveOf(flags, {
    needs: ['target'],
    overrides: clusterOverrides(flags),
  })
  const target = required(config.target, '--bootstrap-servers')
  const { finishRestore } = await import('../../restore/index.ts')
  const reports = await import('../reports/finish-report.ts')
  const options = {
    backupId,
    target,
    restoreId: restoreId ?? config.restore?.restoreId,
    stateFolder: folderOf(flags.stateFolder) ?? config.restore?.stateFolder,
  }
  const report = await withJobContext(session, spec, (context) => finishRestore(options, context))
  await session.print(format, reports.finishObject(report), () => reports.finishText(report))
  session.status = report.notices.length === 0 ? 0 : 3
}
