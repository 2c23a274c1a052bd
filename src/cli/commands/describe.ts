import type { Command } from 'commander'
import { type ArchiveFlags, addArchiveFlags, archiveOf } from '../flags/archive-flags.ts'
import { addFormatFlags, type FormatFlags, formatOf } from '../flags/format-flags.ts'
import { withJobContext } from '../job-context.ts'
import { describeObject, describeText } from '../reports/describe-report.ts'
import type { Session } from '../session.ts'

/** `describe`. */
export function define(command: Command, session: Session): void {
  addFormatFlags(addArchiveFlags(command)).addHelpText(
    'after',
    `
Examples:
  kafka-backup describe --path /data/backups --backup-id production-backup-001
  kafka-backup describe -p /data/backups -b nightly -f json`,
  )
  command.action(async (flags: ArchiveFlags & FormatFlags) => run(flags, session))
}

async function run(flags: ArchiveFlags & FormatFlags, session: Session): Promise<void> {
  const format = formatOf(flags)
  const { spec, backupId } = await archiveOf(flags)
  const { openBackup } = await import('../../archive/index.ts')
  await withJobContext(session, spec, async ({ store, signal }) => {
    await using reader = await openBackup(store, backupId, { signal })
    const summary = await reader.summary()
    const capture = await reader.positions()
    await session.print(format, describeObject(summary, capture), () => describeText(summary, capture))
  })
}
