import { TidemarkError } from '../../base/index.ts'
import type { Plan, PositionsCluster } from '../../offsets/index.ts'
import type { ResetFlags } from '../flags/reset-flags.ts'
import type { Session } from '../session.ts'
import { type PlanSurroundings, planFor } from './plan-for.ts'

/** Groups that are named while they are waited for; the others are counted. */
const named = 5

/** `--wait 60s` as a moment of the monotonic clock; undefined without the flag. A bare number counts in seconds. */
export async function idleDeadline(
  wait: string | undefined,
  { clock }: Session,
): Promise<number | undefined> {
  if (wait === undefined) return undefined
  const { parseDuration } = await import('../../config/index.ts')
  const ms = parseDuration(wait, 1000)
  if (ms !== undefined) return clock.monotonic() + ms
  throw new TidemarkError('USAGE', `--wait needs a time such as 60s, got ${JSON.stringify(wait)}`)
}

/**
 * Makes a plan and does something with it, once the groups that it would change are left alone or the deadline is over. After
 * waiting the plan is made again: consumers commit when they leave.
 */
export async function planWhenIdle<T>(
  flags: ResetFlags,
  session: Session,
  deadline: number | undefined,
  work: (plan: Plan, surroundings: PlanSurroundings) => Promise<T>,
): Promise<T> {
  for (;;) {
    const made = await planFor(flags, session, async (plan, surroundings) => {
      const waited = await waitForConsumers(plan, surroundings.cluster, session, deadline)
      return waited ? undefined : { result: await work(plan, surroundings) }
    })
    if (made !== undefined) return made.result
  }
}

/** Waits for the groups that a plan would change to be left alone, saying whose consumers are still there. Whether it had to wait. */
export async function waitForConsumers(
  plan: Plan,
  cluster: PositionsCluster,
  session: Session,
  deadline: number | undefined,
): Promise<boolean> {
  const { clock, signal, progress } = session
  if (deadline === undefined || clock.monotonic() >= deadline) return false
  const { touchedGroups, waitForIdle } = await import('../../offsets/index.ts')
  const groups = touchedGroups(plan)
  let said = ''
  let most = 0
  let left = 0
  return await waitForIdle(groups, cluster, {
    ...{ clock, signal, deadline },
    onActive: (active) => {
      const names = whose(active)
      if (names !== said) {
        const seconds = Math.max(0, Math.round((deadline - clock.monotonic()) / 1000))
        session.log('info', `Waiting for consumers to leave, ${seconds} s at most: ${names}`)
      }
      if (active.length > most || said === '') {
        most = active.length
        progress.phase('wait for consumers to leave', { groups: most })
        left = most
      }
      progress.groups(left - active.length)
      left = active.length
      said = names
    },
  })
}

/** `'busy' has shop-7 at 127.0.0.1; 'other' …; 3 more groups`. */
function whose(active: readonly TidemarkError[]): string {
  const texts = active.slice(0, named).map(({ message }) => message.replace(/^[^:]*: /, ''))
  if (active.length > named) texts.push(`${active.length - named} more groups`)
  return texts.join('; ')
}
