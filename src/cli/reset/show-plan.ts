import type { Plan } from '../../offsets/index.ts'
import type { Format } from '../flags/format-flags.ts'
import { yamlText } from '../render/machine-formats.ts'
import { lacksGroups } from '../reports/notice-object.ts'
import { isRefused, planCsv, planText } from '../reports/reset-plan.ts'
import type { Session } from '../session.ts'
import { writeTextFile } from '../text-file.ts'
import { sayNotices } from './say-notices.ts'

/** Prints a plan that is not carried out, and writes it to a file where one is named. */
export async function showPlan(
  plan: Plan,
  format: Format,
  session: Session,
  output: string | undefined,
): Promise<void> {
  const { planTable, planToJson } = await import('../../offsets/index.ts')
  const json = planToJson(plan)
  if (output !== undefined) await writeTextFile(output, [json])
  session.settle()
  if (format === 'text') session.out.write(planText(planTable(plan)))
  else if (format === 'csv') {
    session.out.write(planCsv(plan))
    // The table has no place for them.
    sayNotices(plan, session)
  } else session.out.write(format === 'json' ? json : await yamlText(JSON.parse(json)))
  session.status = isRefused(plan) ? 4 : lacksGroups(plan.notices) ? 3 : 0
}
