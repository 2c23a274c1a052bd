import type { Cluster, Failure, GroupListing, GroupPositions, Position } from '../../kafka/index.ts'
import { unknownShareGroups } from '../groups/unknown-share-groups.ts'
import { place } from '../plan/planner.ts'
import { shareMark } from '../share-mark.ts'
import type { OffsetsFile, SavedGroup, SavedPosition } from './offsets-file.ts'
import { type RecordTime, recordTimes } from './record-times.ts'

export interface CaptureOptions {
  readonly signal?: AbortSignal
  /** Ms since the epoch. */
  readonly now: number
  /** Which groups. @default all */
  readonly wanted?: (group: string) => boolean
  /** Names that are asked for although a listing leaves them out, as it does with what the principal may not describe. */
  readonly named?: readonly string[]
  /** Look up the time of the record at each position: one read for each. @default false */
  readonly times?: boolean
}

/** Positions as they are now, and what there is to know about them. */
export interface CapturedOffsets {
  readonly file: OffsetsFile
  /** Groups that have consumers: their positions move on. */
  readonly active: readonly GroupListing[]
  /** Groups without any position: not in the file. */
  readonly empty: readonly string[]
  /** Share groups whose start offsets the brokers cannot tell: not in the file. */
  readonly share: readonly string[]
  /** Groups with a position in a transaction that was still open: the last decided one is saved. */
  readonly unstable: readonly string[]
  readonly failed: readonly Failure<string>[]
  /** Why the ends of logs could not be read: then no lag is known. */
  readonly unmeasured: Error | undefined
  /** Why times of records could not be looked up. */
  readonly untimed: readonly Error[]
}

/**
 * Reads the positions of every group of a cluster, whatever its type and state, with lag and metadata. Positions of topics that
 * exist no more are kept, without a lag.
 */
export async function captureOffsets(cluster: Cluster, options: CaptureOptions): Promise<CapturedOffsets> {
  const wanted = options.wanted ?? (() => true)
  const cancel = options.signal ? { signal: options.signal } : {}
  const listed = (await cluster.listGroups()).filter(({ group }) => wanted(group))
  const present = new Set(listed.map(({ group }) => group))
  const names = [...new Set([...present, ...(options.named ?? []).filter(wanted)])]
  const fetched = names.length === 0 ? noGroups : await cluster.fetchPositions(names, cancel)
  const found = fetched.done.map((group) => ({
    ...group,
    positions: group.positions.filter(({ offset }) => offset >= 0n),
  }))
  const held = found.filter(({ positions }) => positions.length > 0)
  const share = await unknownShareGroups(cluster, listed, held)
  const unknown = new Set(share)
  const positions = held.flatMap((group) => group.positions)
  const { ends, failed: unmeasured } = await logEnds(cluster, positions, cancel)
  const isThere = ({ topic, partition }: Position) => ends.has(place(topic, partition))
  const { timeOf, failed: untimed } = options.times
    ? await recordTimes(cluster, positions.filter(isThere), cancel)
    : noTimes
  const lagOf = ({ topic, partition, offset }: Position) => {
    const end = ends.get(place(topic, partition))
    return end === undefined ? undefined : end > offset ? end - offset : 0n
  }
  const groups = held.map((group) => savedGroup(group, options.now, lagOf, timeOf))
  const holding = new Set(held.map(({ group }) => group))
  return {
    file: {
      taken: options.now,
      cluster: cluster.options.bootstrap.join(','),
      groups: groups.sort((a, b) => (a.group < b.group ? -1 : 1)),
      base: undefined,
      removed: [],
    },
    active: listed.filter(({ group, state }) => holding.has(group) && !/^(empty|dead)$/i.test(state)),
    empty: found
      .map(({ group }) => group)
      .filter((group) => present.has(group) && !holding.has(group) && !unknown.has(group)),
    share,
    unstable: held.filter((group) => group.unstable.length > 0).map(({ group }) => group),
    failed: fetched.failed,
    unmeasured,
    untimed,
  }
}

const noGroups = { done: [], failed: [] }
const noTimes = { timeOf: (() => undefined) satisfies RecordTime, failed: [] }

/** Where the logs end in which there are positions. Partitions without a leader are not waited for. */
async function logEnds(
  cluster: Cluster,
  positions: readonly Position[],
  cancel: { readonly signal?: AbortSignal },
): Promise<{ readonly ends: ReadonlyMap<string, bigint>; readonly failed: Error | undefined }> {
  const ends = new Map<string, bigint>()
  if (positions.length === 0) return { ends, failed: undefined }
  const wanted = new Set(positions.map(({ topic, partition }) => place(topic, partition)))
  try {
    const topics = await cluster.topics([...new Set(positions.map(({ topic }) => topic))], cancel)
    const asked = topics.flatMap(({ name: topic, partitions }) =>
      partitions
        .filter(({ partition, leader }) => leader !== undefined && wanted.has(place(topic, partition)))
        .map(({ partition }) => ({ topic, partition, at: 'latest' as const })),
    )
    for (const { topic, partition, offset } of await cluster.listOffsets(asked, cancel)) {
      if (offset !== undefined) ends.set(place(topic, partition), offset)
    }
    return { ends, failed: undefined }
  } catch (error) {
    cancel.signal?.throwIfAborted()
    return { ends, failed: error instanceof Error ? error : new Error(String(error)) }
  }
}

function savedGroup(
  { group, type, positions }: GroupPositions,
  taken: number,
  lagOf: (position: Position) => bigint | undefined,
  timeOf: RecordTime,
): SavedGroup {
  const byTopic = Map.groupBy(positions, ({ topic }) => topic)
  const topics = [...byTopic.keys()].sort().map((topic): [string, readonly SavedPosition[]] => [
    topic,
    (byTopic.get(topic) ?? [])
      .map((position) => ({
        partition: position.partition,
        offset: position.offset,
        leaderEpoch: position.leaderEpoch >= 0 ? position.leaderEpoch : undefined,
        metadata: position.metadata,
        timestamp: timeOf(position),
        lag: lagOf(position),
      }))
      .sort((a, b) => a.partition - b.partition),
  ])
  return { group, ...shareMark(type === 'share'), taken, topics: new Map(topics) }
}
