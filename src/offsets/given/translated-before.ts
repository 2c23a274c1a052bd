import { isTranslationMark } from '../plan/mark.ts'
import type { TopicIds } from '../plan/plan.ts'
import type { WantedPosition } from '../plan/planner.ts'
import { place } from '../plan/planner.ts'
import { isRecreated } from '../plan/topic-ids.ts'
import { eachSnapshot } from '../snapshot/snapshot-list.ts'
import type { SnapshotCall, SnapshotFolder } from '../snapshot/snapshot-store.ts'
import type { GivenGroup, GivenPosition } from './given-positions.ts'

/** What a plan did to a position, or was about to when it was killed. */
export interface PastSetting {
  readonly snapshotId: string
  /** Ms since the epoch. */
  readonly at: number
  /** The position before; undefined when there was none. */
  readonly before: bigint | undefined
  /** What it was set to; undefined for one that was left as it was, while others of the topic were set. */
  readonly after: bigint | undefined
}

/** What snapshots know of positions that were made ones of a cluster: by group, topic and partition, the newest first. */
export interface PastSettings {
  of(group: string, topic: string, partition: number): readonly PastSetting[]
}

/**
 * Reads what snapshots say of a cluster. What they say of a topic that was deleted and created again since, as `topicIds` tell, is of
 * another topic, and does not count. Rejects when one of them cannot be read: what it knows could be the one thing that keeps a
 * position from being translated twice.
 */
export async function pastSettings(
  folders: readonly SnapshotFolder[],
  clusterId: string,
  { topicIds, ...options }: SnapshotCall & { readonly topicIds?: TopicIds } = {},
): Promise<PastSettings> {
  const known = new Map<string, PastSetting[]>()
  for (const folder of folders) {
    for (const one of await eachSnapshot(folder, (snapshot) => snapshot, options)) {
      if ('error' in one) throw one.error
      const { id, created, clusterId: of, groups, topicIds: topicsThen } = one.found
      if (of !== clusterId) continue
      for (const { group, positions, set: all = [] } of groups) {
        const set = all.filter(({ topic }) => !isRecreated(topic, topicsThen, topicIds))
        const topics = new Set(set.map(({ topic }) => topic))
        const after = new Map(set.map((one) => [place(one.topic, one.partition), one.offset]))
        const before = new Map(
          positions
            .filter(({ topic }) => topics.has(topic))
            .map((one) => [place(one.topic, one.partition), one.offset]),
        )
        for (const where of new Set([...after.keys(), ...before.keys()])) {
          const key = JSON.stringify([group, where])
          const settings = known.get(key) ?? []
          known.set(key, settings)
          settings.push({ snapshotId: id, at: created, before: before.get(where), after: after.get(where) })
        }
      }
    }
  }
  for (const settings of known.values()) {
    settings.sort((a, b) => b.at - a.at || (a.snapshotId < b.snapshotId ? 1 : -1))
  }
  return {
    of: (group, topic, partition) => known.get(JSON.stringify([group, place(topic, partition)])) ?? [],
  }
}

export interface OnceOptions {
  readonly past: PastSettings
  /** Whether a topic has its name from a rule that renames: what stands there is of the target. */
  readonly renamed: (topic: string) => boolean
}

/**
 * Parts the positions that groups have on a target into those that are still ones of the source, and those that are of the target
 * already: marked, set by a plan that a snapshot knows, or in a topic that has its name only here. Pure.
 *
 * A position that is as it was before a plan is one of the source still: the plan was never carried out, or taken back. Should a group
 * have read on to just that offset, it is set back to where it began; it never skips.
 */
export function translateOnce(
  groups: readonly GivenGroup[],
  options: OnceOptions,
): { readonly source: readonly GivenGroup[]; readonly kept: readonly WantedPosition[] } {
  const kept: WantedPosition[] = []
  const source = groups.flatMap((group): readonly GivenGroup[] => {
    const verdicts = group.positions.map((position) => ({
      position,
      ...judge(group.group, position, options),
    }))
    const translated = new Set(
      verdicts.filter(({ isTranslated }) => isTranslated).map(({ position }) => position.topic),
    )
    const positions = verdicts.flatMap(({ position, of, reason }) => {
      // Positions of a topic are translated together: one that nothing is known of has come, or lost its mark, since.
      const isLate = of === 'unknown' && translated.has(position.topic)
      if (of !== 'target' && !isLate) return [position]
      kept.push(staying(group, position, isLate ? others : reason))
      return []
    })
    return positions.length === 0 ? [] : [{ ...group, positions }]
  })
  return { source, kept }
}

const others = 'translated before, as the other positions of the topic say'

interface Verdict {
  readonly of: 'source' | 'target' | 'unknown'
  /** It has been translated, or set in some other way that tells whose it is. */
  readonly isTranslated: boolean
  readonly reason: string
}

function judge(
  group: string,
  { topic, partition, offset, metadata }: GivenPosition,
  { past, renamed }: OnceOptions,
): Verdict {
  if (isTranslationMark(metadata)) {
    return { of: 'target', isTranslated: true, reason: 'translated before, as its mark says' }
  }
  const settings = past.of(group, topic, partition)
  for (const { after, before, at, snapshotId } of settings) {
    if (offset === before && after !== before) continue
    const moved = after === offset ? '' : `; the group has moved on from ${after ?? before} since`
    const reason = `translated before, on ${new Date(at).toISOString()}, as ${snapshotId} says${moved}`
    return { of: 'target', isTranslated: true, reason }
  }
  // Whatever was done to it: no position of the source is in a topic of this name.
  if (renamed(topic)) {
    const reason = 'the topic has this name only here: the position is one of the target'
    return { of: 'target', isTranslated: false, reason }
  }
  return { of: settings.length > 0 ? 'source' : 'unknown', isTranslated: false, reason: '' }
}

function staying(
  { group, type }: GivenGroup,
  { topic, partition, offset, metadata }: GivenPosition,
  reason: string,
): WantedPosition {
  return { group, type, topic, partition, offset, metadata, kind: 'translated', reason, reread: 0, from: [] }
}
