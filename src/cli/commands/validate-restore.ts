import type { Command } from 'commander'
import { addFormatFlags, type FormatFlags, formatOf } from '../flags/format-flags.ts'
import { addRestoreFlags, type RestoreFlags } from '../flags/restore-flags.ts'
import { addRunFlags } from '../flags/run-flags.ts'
import { withJobContext } from '../job-context.ts'
import { loadRestore } from '../restore-command.ts'
import type { RunFlags, Session } from '../session.ts'

type Flags = RestoreFlags & FormatFlags & RunFlags

/** `validate-restore`. */
export function define(command: Command, session: Session): void {
  addRestoreFlags(command)
  addRunFlags(addFormatFlags(command)).addHelpText(
    'after',
    `
Contacts the archive and the target and says what a restore would do and what is in its way: objects that are missing,
topics that are not empty or cannot be created, records that are too large, groups that were not captured. Changes
nothing; exit 4 when something is in the way.

Example:
  kafka-backup validate-restore -c restore.yaml`,
  )
  command.action(async (flags: Flags) => run(flags, session))
}

async function run(flags: Flags, session: Session): Promise<void> {
  const format = formatOf(flags)
  await session.show(flags)
  const { job, spec } = await loadRestore(flags, session, true)
  const { planRestore, validateRestore } = await import('../../restore/index.ts')
  const reports = await import('../reports/restore-plan.ts')
  await withJobContext(session, spec, async (context) => {
    const plan = await planRestore(job, context)
    const found = await validateRestore(job, context)
    await session.print(format, reports.restorePlanObject(plan, found), () =>
      reports.restorePlanText(plan, found),
    )
    session.status = found.obstacles.length === 0 ? 0 : 4
  })
}
