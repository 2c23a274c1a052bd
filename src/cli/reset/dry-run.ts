import type { Cluster } from '../../kafka/index.ts'
import type { Plan } from '../../offsets/index.ts'
import type { Format } from '../flags/format-flags.ts'
import type { ResetFlags } from '../flags/reset-flags.ts'
import type { Session } from '../session.ts'
import type { ApplyChoices } from './apply.ts'
import { planFor } from './plan-for.ts'
import { showPlan } from './show-plan.ts'

/** Groups that are named as refused; the others are counted. */
const named = 20

/** Shows the plan that the flags ask for, and what would be refused. Changes nothing. */
export async function dryRun(
  flags: ResetFlags,
  choices: ApplyChoices,
  format: Format,
  session: Session,
  output: string | undefined,
): Promise<void> {
  await planFor(flags, session, async (plan, { cluster }) => {
    await dryRunOf(plan, cluster, choices, format, session, output)
  })
}

/** The same for a plan that is there. Rejects with SOURCE_MISMATCH where it was made for another cluster. */
export async function dryRunOf(
  plan: Plan,
  cluster: Cluster,
  choices: ApplyChoices,
  format: Format,
  session: Session,
  output: string | undefined,
): Promise<void> {
  await withRefusals(plan, cluster, choices, session, () => showPlan(plan, format, session, output))
}

/** Shows a plan by `show`, then says what would be refused if it were applied now, and sets the exit status of that. */
export async function withRefusals(
  plan: Plan,
  cluster: Cluster,
  { onRefusal, allowMoved }: ApplyChoices,
  session: Session,
  show: () => Promise<void>,
): Promise<void> {
  const { refusalsOf, touchedGroups } = await import('../../offsets/index.ts')
  const { signal, clock } = session
  const refusals = await refusalsOf(plan, cluster, {
    ...{ signal, clock },
    ...(allowMoved !== undefined && { allowMoved }),
  })
  await show()
  // What the plan itself cannot do, it has said.
  const said = new Set(plan.entries.filter(({ action }) => action === 'REFUSE').map(({ group }) => group))
  const more = refusals.filter(({ group }) => !said.has(group))
  for (const { error } of more.slice(0, named)) session.log('warn', `Would be refused: ${error.message}`)
  if (more.length > named) session.log('warn', `Would be refused: ${more.length - named} more groups`)
  if (refusals.length === 0) return
  session.status = onRefusal === 'go-on' && refusals.length < touchedGroups(plan).length ? 3 : 4
}
