import type { Command } from 'commander'
import { addFormatFlags, type FormatFlags, formatOf } from '../flags/format-flags.ts'
import { addMappingFlags, addRestoreFlags, type RestoreFlags } from '../flags/restore-flags.ts'
import { addRunFlags } from '../flags/run-flags.ts'
import { withJobContext } from '../job-context.ts'
import { exportMapping, loadRestore, type MappingFlags, mappingTarget } from '../restore-command.ts'
import type { RunFlags, Session } from '../session.ts'

type Flags = RestoreFlags & MappingFlags & FormatFlags & RunFlags

/** `three-phase-restore`. */
export function define(command: Command, session: Session): void {
  addMappingFlags(addRestoreFlags(command))
  addRunFlags(addFormatFlags(command)).addHelpText(
    'after',
    `
Phase 1 restores the records, phase 2 maps source offsets to target offsets, phase 3 sets the positions of the groups:
those of consumer_groups, else every captured one. A failed topic or group does not lose the others; exit 3.
The same command again goes on where it stopped.

Examples:
  kafka-backup three-phase-restore -c restore.yaml
  kafka-backup three-phase-restore -c restore.yaml --groups order-processor,payment-service -o json`,
  )
  command.action(async (flags: Flags) => run(flags, session))
}

async function run(flags: Flags, session: Session): Promise<void> {
  const format = formatOf(flags)
  await session.show(flags)
  const { job, spec, config } = await loadRestore(flags, session, true)
  const { runThreePhaseRestore } = await import('../../restore/index.ts')
  const reports = await import('../reports/three-phase-report.ts')
  await withJobContext(session, spec, async (context) => {
    const report = await runThreePhaseRestore(job, context)
    const text = () => reports.threePhaseText(report, flags.config ?? '')
    await session.print(format, reports.threePhaseObject(report), text)
    const file = mappingTarget(flags, config)
    if (file !== undefined && report.map !== undefined) {
      await exportMapping(file, report.restore.restoreId, job, context, session)
    }
    session.status = reports.threePhaseStatus(report)
    if (report.restore.interrupted) session.log('warn', 'To go on, run the same command again')
  })
}
