import type { ApplyReport } from '../../offsets/index.ts'
import type { Format } from '../flags/format-flags.ts'
import type { Session } from '../session.ts'
import { writeTextFile } from '../text-file.ts'

/** Prints what became of a plan, writes it to a file where one is named, and sets the exit status. */
export async function showOutcome(
  report: ApplyReport,
  textOf: (report: ApplyReport) => string,
  format: Format,
  session: Session,
  output: string | undefined,
): Promise<void> {
  const { outcomeObject, outcomeStatus } = await import('../reports/reset-outcome.ts')
  const object = outcomeObject(report)
  if (output !== undefined) {
    const { jsonText } = await import('../render/machine-formats.ts')
    await writeTextFile(output, [jsonText(object)])
  }
  await session.print(format, object, () => textOf(report))
  session.status = session.signal.aborted ? 130 : outcomeStatus(report)
}
