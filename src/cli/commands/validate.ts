import type { Command } from 'commander'
import type { Finding } from '../../archive/index.ts'
import { type ArchiveFlags, addArchiveFlags, archiveOf } from '../flags/archive-flags.ts'
import { addFormatFlags, type FormatFlags, formatOf } from '../flags/format-flags.ts'
import { addRunFlags } from '../flags/run-flags.ts'
import { withJobContext } from '../job-context.ts'
import { findingText, validationObject, validationText } from '../reports/validation-report.ts'
import type { RunFlags, Session } from '../session.ts'

interface Flags extends ArchiveFlags, FormatFlags, RunFlags {
  readonly deep?: boolean
}

/** `validate`. */
export function define(command: Command, session: Session): void {
  addArchiveFlags(command).option('--deep', 'read all data: checksums, CRC of every batch, offsets, counts')
  addRunFlags(addFormatFlags(command)).addHelpText(
    'after',
    `
Without --deep it checks that every object is there with its size, and everything that describes the data.
Damage is listed with object, chunk, topic, partition and offsets; exit 5.

Examples:
  kafka-backup validate --path /data/backups --backup-id nightly
  kafka-backup validate -p s3://my-backups/kafka -b nightly --deep`,
  )
  command.action(async (flags: Flags) => run(flags, session))
}

async function run(flags: Flags, session: Session): Promise<void> {
  const format = formatOf(flags)
  await session.show(flags)
  const { spec, backupId } = await archiveOf(flags)
  const { validateBackup } = await import('../../archive/index.ts')
  await withJobContext(session, spec, async ({ store, signal, progress }) => {
    const findings: Finding[] = []
    const report = await validateBackup(store, backupId, {
      deep: flags.deep ?? false,
      signal,
      progress,
      onFinding: (finding) => {
        if (format !== 'text') findings.push(finding)
        else if (finding.severity === 'error')
          session.progress.above(() => session.out.line(findingText(finding)))
      },
    })
    session.status = report.errors === 0 ? 0 : 5
    await session.print(format, validationObject(report, findings), () => validationText(report))
  })
}
