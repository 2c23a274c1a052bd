import type { Clock, TidemarkError } from '../../base/index.ts'
import type { Cluster, GroupListing, GroupPositions } from '../../kafka/index.ts'
import { lookAgain, watchPositions } from '../apply/active-groups.ts'
import { asTidemark } from '../apply/as-refusal.ts'

/** What happened to a group in a round. */
export type HoldState =
  /** Its positions were committed again, as they are. */
  | 'held'
  /** It has members, which keep its positions alive. */
  | 'active'
  /** A position moves or is part of an open transaction: somebody commits. */
  | 'moving'
  /** There is nothing to keep. */
  | 'no-positions'
  /** Start offsets of share groups do not expire. */
  | 'share'
  /** It is not there any more. */
  | 'gone'
  | 'failed'

export interface HeldGroup {
  readonly group: string
  readonly state: HoldState
  /** In the last round that held it. */
  readonly positions: number
  /** Rounds in which it was held. */
  readonly held: number
  /** Ms since the epoch. */
  readonly lastHeld: number | undefined
  /** Only of `failed`. */
  readonly error: TidemarkError | undefined
}

export interface HoldOptions {
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly wanted: (group: string) => boolean
  /** Names that are held although a listing leaves them out. */
  readonly named: readonly string[]
  /** Ms from one round to the next. */
  readonly interval: number
  /** Ms for which positions are to be kept after each round. */
  readonly keep: number
  /** Ends when every group has been seen with members; those that have are left alone from then on. @default false */
  readonly untilActive?: boolean
  /** Ms between the two reads that tell whether a position moves. @default 2000 */
  readonly watchMs?: number
  readonly onRound: (groups: readonly HeldGroup[]) => void
  /** A round failed as a whole; the next one tries again. Not called for the first, of which the failure is that of the command. */
  readonly onFailedRound: (error: unknown) => void
}

/**
 * Keeps the positions of groups without members alive: commits them again, round by round, until the signal or until all
 * applications are back. Positions are read anew in each round, twice, so that one which somebody has set meanwhile is never set
 * back. Offsets and metadata stay as they are; brokers refuse the commit when a member has joined. Resolves, also when
 * interrupted, with what became of each group.
 */
export async function holdGroups(cluster: Cluster, options: HoldOptions): Promise<readonly HeldGroup[]> {
  const { signal, clock, interval, untilActive = false } = options
  let groups: ReadonlyMap<string, HeldGroup> = new Map()
  const back = new Set<string>()
  while (!signal.aborted) {
    const round = new Round(cluster, options, groups, untilActive ? back : new Set())
    try {
      groups = await round.run()
      for (const { group, state } of groups.values()) if (state === 'active') back.add(group)
      options.onRound(sorted(groups))
      if (untilActive && isOver(groups)) break
    } catch (error) {
      if (signal.aborted) return sorted(round.outcome())
      if (groups.size === 0) throw error
      options.onFailedRound(error)
    }
    await clock.sleep(interval, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
  }
  return sorted(groups)
}

/** Nothing is left that would have to be held again. A group that could not be looked at may have to be. */
function isOver(groups: ReadonlyMap<string, HeldGroup>): boolean {
  return [...groups.values()].every(({ state }) => !['held', 'moving', 'failed'].includes(state))
}

function sorted(groups: ReadonlyMap<string, HeldGroup>): readonly HeldGroup[] {
  return [...groups.values()].sort((a, b) => (a.group < b.group ? -1 : 1))
}

/** One round over all groups. */
class Round {
  readonly #cluster: Cluster
  readonly #options: HoldOptions
  readonly #before: ReadonlyMap<string, HeldGroup>
  readonly #back: ReadonlySet<string>
  readonly #groups: Map<string, HeldGroup>

  constructor(
    cluster: Cluster,
    options: HoldOptions,
    before: ReadonlyMap<string, HeldGroup>,
    back: ReadonlySet<string>,
  ) {
    this.#cluster = cluster
    this.#options = options
    this.#before = before
    this.#back = back
    this.#groups = new Map(before)
  }

  outcome(): ReadonlyMap<string, HeldGroup> {
    return this.#groups
  }

  async run(): Promise<ReadonlyMap<string, HeldGroup>> {
    const { wanted, named, clock, signal, watchMs = 2000 } = this.#options
    const all = await this.#cluster.listGroups()
    const seen = new Set(all.map(({ group }) => group))
    // A listing leaves out what the principal may not see: what is named is asked for all the same.
    const unlisted = named
      .filter((group) => !seen.has(group))
      .map((group): GroupListing => ({ group, type: 'unknown', state: '', protocolType: '' }))
    const listed = [...all, ...unlisted].filter(({ group }) => wanted(group) && !this.#back.has(group))
    const known = new Map(listed.map((listing) => [listing.group, listing]))
    const open = new Set(known.keys())
    for (const group of this.#before.keys()) {
      if (!open.has(group) && !this.#back.has(group)) this.#set(group, { state: 'gone' })
    }
    for (const { group, type } of listed)
      if (type === 'share' && open.delete(group)) this.#set(group, { state: 'share' })
    const { active, refusals } = await lookAgain(
      listed.filter(({ group }) => open.has(group)),
      this.#cluster,
    )
    for (const { group } of active) if (open.delete(group)) this.#set(group, { state: 'active' })
    for (const { group, error } of refusals)
      if (open.delete(group)) this.#set(group, { state: 'failed', error })
    if (open.size === 0) return this.#groups
    const watched = await watchPositions([...open], this.#cluster, { clock, watchMs, signal })
    for (const { group, error } of watched.refusals) {
      if (!open.delete(group)) continue
      this.#set(group, error.code === 'GROUP_ACTIVE' ? { state: 'moving' } : { state: 'failed', error })
    }
    await Promise.all(
      [...open].map(async (group) => {
        const now = watched.after.get(group)
        const listing = known.get(group)
        if (now && listing) await this.#hold(now, listing)
      }),
    )
    return this.#groups
  }

  async #hold({ group, positions, unstable }: GroupPositions, listing: GroupListing): Promise<void> {
    const held = positions.filter(({ offset }) => offset >= 0n)
    if (unstable.length > 0) return this.#set(group, { state: 'moving' })
    if (held.length === 0) return this.#set(group, { state: 'no-positions' })
    try {
      // What a classic group had when its last member left expires by that time, whatever is committed later.
      const { failed } =
        listing.type === 'classic' && listing.protocolType !== ''
          ? await this.#cluster.renewPositions(group, held, this.#options.keep)
          : await this.#cluster.commitPositions(group, held)
      const [failure] = failed
      if (failure) return this.#refused(group, failure.error)
      const before = this.#before.get(group)?.held ?? 0
      const lastHeld = this.#options.clock.now()
      this.#set(group, { state: 'held', positions: held.length, held: before + 1, lastHeld })
    } catch (error) {
      this.#options.signal.throwIfAborted()
      this.#refused(group, error instanceof Error ? error : new Error(String(error)))
    }
  }

  #refused(group: string, reason: Error): void {
    const error = asTidemark(reason, group)
    this.#set(group, error.code === 'GROUP_ACTIVE' ? { state: 'active' } : { state: 'failed', error })
  }

  #set(group: string, change: Pick<HeldGroup, 'state'> & Partial<HeldGroup>): void {
    const before = this.#groups.get(group)
    const plain = { group, positions: 0, held: 0, lastHeld: undefined }
    this.#groups.set(group, { ...plain, ...before, error: undefined, ...change })
  }
}
