import type { ApplyReport } from '../../offsets/index.ts'
import type { Format } from '../flags/format-flags.ts'
import { lineOfError } from '../render/error-text.ts'
import { lacksGroups } from '../reports/notice-object.ts'
import type { Session } from '../session.ts'
import { writeTextFile } from '../text-file.ts'
import type { Applied } from './apply.ts'

/** Prints what became of a plan, writes it to a file where one is named, and sets the exit status. */
export async function showOutcome(
  { plan, report, wayBack }: Applied,
  textOf: (report: ApplyReport) => string,
  format: Format,
  session: Session,
  output: string | undefined,
): Promise<void> {
  const reports = await import('../reports/reset-outcome.ts')
  const object = reports.outcomeObject(report, plan.notices)
  const partly = lacksGroups(plan.notices) ? 3 : 0
  session.status = session.signal.aborted ? 130 : reports.outcomeStatus(report) || partly
  await session.print(format, object, () => textOf(report))
  for (const hint of reports.outcomeHints(report)) session.log('warn', hint)
  if (wayBack !== undefined) session.log('info', `To go back: ${wayBack}`)
  if (plan.strategy === 'shift' && session.status !== 0 && report.counts.set > 0) {
    session.log(
      'warn',
      'What was set has been shifted: the same command would shift it again. Name the groups that are left, or roll back to the snapshot first',
    )
  }
  if (output === undefined) return
  const { jsonText } = await import('../render/machine-formats.ts')
  try {
    await writeTextFile(output, [jsonText(object)])
  } catch (error) {
    // The positions are as reported: that is not taken back because a file could not be written.
    session.log('error', `The report was not saved: ${lineOfError(error)}`)
    if (session.status === 0) session.status = 3
  }
}
