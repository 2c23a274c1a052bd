import { nameFilter, parseNamePattern, TidemarkError } from '../../base/index.ts'
import type {
  Cluster,
  GroupListing,
  GroupPositions,
  Position,
  TopicInfo,
  TopicPartition,
} from '../../kafka/index.ts'
import { idsOf } from '../apply/read-target.ts'
import { captureOffsets } from '../file/capture-offsets.ts'
import { place } from '../plan/planner.ts'
import { shareMark } from '../share-mark.ts'
import { positionsByGroup, type SnapshotDraft } from './snapshot.ts'

export interface TakeOptions {
  readonly signal?: AbortSignal
  /** Ms since the epoch. */
  readonly now: number
  readonly description: string
  /** Names, globs or `~regex`; empty = every group. */
  readonly groups: readonly string[]
}

/** A snapshot of the groups as they are now, and what there is to know about it. */
export interface TakenSnapshot {
  readonly draft: SnapshotDraft
  /** Groups that have consumers: their positions move on. */
  readonly active: readonly GroupListing[]
  /** Groups without any position: going back to the snapshot leaves them without. */
  readonly empty: readonly string[]
  /** Groups with a commit in an open transaction: the last decided one is saved. */
  readonly unstable: readonly string[]
  /** Share groups whose start offsets the brokers cannot tell: left out. */
  readonly share: readonly string[]
}

/**
 * Reads the positions of groups, and in which partitions of their topics they have none. A group that is named need not have
 * positions, nor exist. Rejects when a group cannot be read, and with GROUP_NOT_FOUND when there is none to save.
 */
export async function takeSnapshot(cluster: Cluster, options: TakeOptions): Promise<TakenSnapshot> {
  const { now, description, signal } = options
  const cancel = signal ? { signal } : {}
  const captured = await captureOffsets(cluster, { ...cancel, now, wanted: nameFilter(options.groups) })
  const [unread] = captured.failed
  if (unread !== undefined) throw unread.error
  const share = new Set(captured.share)
  const names = options.groups.map(parseNamePattern).flatMap(({ literal, text }) => (literal ? [text] : []))
  for (const name of names) if (share.has(name)) throw shareGroup(name)
  const held = new Map(positionsByGroup(captured.file))
  const shared = new Set(
    captured.file.groups.filter(({ type }) => type === 'share').map(({ group }) => group),
  )
  const listed = new Set([...held.keys(), ...captured.empty])
  const unlisted = names.filter((name) => !listed.has(name))
  for (const { group, type, positions } of await fetchUnlisted(cluster, unlisted, cancel)) {
    const present = positions.filter(({ offset }) => offset >= 0n)
    if (present.length > 0) held.set(group, present)
    if (type === 'share') shared.add(group)
  }
  const empty = new Set([...captured.empty, ...unlisted].filter((group) => !held.has(group)))
  if (held.size + empty.size === 0) {
    throw new TidemarkError('GROUP_NOT_FOUND', 'There is no consumer group to take a snapshot of', {
      hint: 'Check the names of --groups and the address of the cluster.',
    })
  }
  const infos = await topicsOf(cluster, [...held.values()].flat(), cancel)
  const partitions = partitionsOf(infos)
  const groups = [...held.keys(), ...empty].sort().map((group) => {
    const positions = held.get(group) ?? []
    return { group, ...shareMark(shared.has(group)), positions, absent: absentFrom(positions, partitions) }
  })
  return {
    draft: {
      created: now,
      description,
      clusterId: cluster.clusterId,
      planHash: undefined,
      topicIds: idsOf(infos),
      groups,
      base: undefined,
      removed: [],
    },
    active: captured.active,
    empty: [...empty].sort(),
    unstable: captured.unstable,
    share: captured.share,
  }
}

/**
 * A listing leaves out what the principal may not see, without a word: a group that is named but not listed is asked for by
 * its name, which a broker refuses.
 */
async function fetchUnlisted(
  cluster: Pick<Cluster, 'fetchPositions'>,
  names: readonly string[],
  cancel: { readonly signal?: AbortSignal },
): Promise<readonly GroupPositions[]> {
  if (names.length === 0) return []
  const { done, failed } = await cluster.fetchPositions(names, cancel)
  const [unread] = failed
  if (unread !== undefined) throw unread.error
  return done
}

/** The topics in which there are positions. */
async function topicsOf(
  cluster: Pick<Cluster, 'topics'>,
  positions: readonly Position[],
  cancel: { readonly signal?: AbortSignal },
): Promise<readonly TopicInfo[]> {
  const names = [...new Set(positions.map(({ topic }) => topic))].sort()
  return names.length === 0 ? [] : await cluster.topics(names, cancel)
}

/** Their partitions, by topic. */
function partitionsOf(topics: readonly TopicInfo[]): ReadonlyMap<string, readonly TopicPartition[]> {
  return new Map(
    topics.map(({ name: topic, partitions }) => [
      topic,
      partitions.map(({ partition }) => ({ topic, partition })).sort((a, b) => a.partition - b.partition),
    ]),
  )
}

function absentFrom(
  positions: readonly Position[],
  partitions: ReadonlyMap<string, readonly TopicPartition[]>,
): readonly TopicPartition[] {
  const held = new Set(positions.map(({ topic, partition }) => place(topic, partition)))
  const topics = [...new Set(positions.map(({ topic }) => topic))]
  return topics
    .flatMap((topic) => partitions.get(topic) ?? [])
    .filter(({ topic, partition }) => !held.has(place(topic, partition)))
}

function shareGroup(group: string): TidemarkError {
  return new TidemarkError(
    'UNSUPPORTED_VERSION',
    `These brokers do not tell the start offsets of share group '${group}'`,
    {
      details: { group },
      hint: 'Kafka 4.2 does; elsewhere leave share groups out.',
    },
  )
}
