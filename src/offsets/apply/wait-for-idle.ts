import { type Clock, systemClock, type TidemarkError } from '../../base/index.ts'
import type { GroupListing } from '../../kafka/index.ts'
import { lookAgain, lookForMembers, watchPositions } from './active-groups.ts'
import type { PositionsCluster } from './cluster.ts'

export interface IdleOptions {
  readonly signal?: AbortSignal
  /** @default systemClock */
  readonly clock?: Clock
  /** Until when at most, in ms on the clock's monotonic time. */
  readonly deadline: number
  /** Ms between two looks at groups that have members. @default 500 */
  readonly pollMs?: number
  /** Ms between the two reads that tell whether a position moves. @default 2000 */
  readonly watchMs?: number
  /** Called after each look with the groups that are still in use: GROUP_ACTIVE, with `details.group` and `details.members`. */
  readonly onActive?: (active: readonly TidemarkError[]) => void
}

/**
 * Waits until no group has members any more, and none has a position that moves, or until the deadline. Answers whether it had to
 * wait at all: then positions have probably moved, and a plan has to be made again. It does not say that the groups are idle
 * now: applying a plan looks again.
 */
export async function waitForIdle(
  groups: readonly string[],
  cluster: PositionsCluster,
  options: IdleOptions,
): Promise<boolean> {
  const { signal, clock = systemClock, deadline, pollMs = 500, watchMs = 2000, onActive } = options
  let waited = false
  let known: readonly GroupListing[] = []
  while (groups.length > 0 && clock.monotonic() < deadline) {
    const { refusals, active } =
      known.length > 0 ? await lookAgain(known, cluster) : await lookForMembers(groups, cluster)
    const looked = refusals.map(({ error }) => error)
    known = active
    if (active.length === 0) {
      const watched = await watchPositions(groups, cluster, { clock, watchMs, ...(signal && { signal }) })
      looked.push(...watched.refusals.map(({ error }) => error))
    }
    const using = looked.filter(({ code }) => code === 'GROUP_ACTIVE')
    if (using.length === 0) break
    waited = true
    onActive?.(using)
    if (active.length > 0)
      await clock.sleep(Math.min(pollMs, Math.max(0, deadline - clock.monotonic())), signal)
  }
  return waited
}
