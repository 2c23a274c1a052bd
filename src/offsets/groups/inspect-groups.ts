import { type NamePattern, TidemarkError } from '../../base/index.ts'
import type {
  Cluster,
  Failure,
  GroupDescription,
  GroupListing,
  GroupPositions,
  Position,
} from '../../kafka/index.ts'
import { type RecordTime, recordTimes } from '../file/record-times.ts'
import { place } from '../plan/planner.ts'
import { type KnownLogs, knownLogs } from './log-bounds.ts'

export interface InspectOptions {
  readonly signal?: AbortSignal
  /** Which groups; none = all. */
  readonly groups: readonly NamePattern[]
  /** States, in whatever case; none = all. */
  readonly states: readonly string[]
  /** Read the records at the positions and the newest ones, for the lag in time. @default false */
  readonly times?: boolean
}

/** A group in a partition: its position and where that lies in the log. Undefined = not known, or there is none. */
export interface InspectedPosition {
  readonly topic: string
  readonly partition: number
  /** Next offset to read; undefined where the group has no position, though it has some in the topic. */
  readonly position: bigint | undefined
  readonly metadata: string | null
  readonly logStart: bigint | undefined
  readonly logEnd: bigint | undefined
  /** Offsets from the position, or from the log start where that is behind it, to the log end. */
  readonly lag: bigint | undefined
  /** Ms between the times of the record at the position and of the newest record. */
  readonly timeLag: bigint | undefined
  /** The position is not before the log start and not beyond the log end. */
  readonly inRange: boolean | undefined
}

export interface InspectedGroup extends GroupDescription {
  /** By topic and partition. */
  readonly positions: readonly InspectedPosition[]
}

/** Groups of a cluster as they are now. */
export interface InspectedCluster {
  readonly clusterId: string
  /** Addresses that were asked for. */
  readonly bootstrap: readonly string[]
  /** By name. */
  readonly groups: readonly InspectedGroup[]
  /** Groups that could not be read. */
  readonly failed: readonly Failure<string>[]
  /** Why bounds of logs are missing. */
  readonly unmeasured: readonly Error[]
  /** Why times are missing. */
  readonly untimed: readonly Error[]
}

/**
 * Groups of every type with state, members, positions and lag. A group that is named one by one and is not listed is asked for by
 * its name: brokers leave out what the principal may not describe. One that does not exist is not in the answer.
 */
export async function inspectGroups(cluster: Cluster, options: InspectOptions): Promise<InspectedCluster> {
  const cancel = options.signal ? { signal: options.signal } : {}
  const described = await chosenGroups(cluster, options)
  const states = new Set(options.states.map((state) => state.toLowerCase()))
  const chosen = described.done.filter(({ state }) => states.size === 0 || states.has(state.toLowerCase()))
  const names = chosen.map(({ group }) => group)
  const fetched = names.length === 0 ? { done: [], failed: [] } : await cluster.fetchPositions(names, cancel)
  const positions = new Map(fetched.done.map((group) => [group.group, held(group)]))
  const all = [...positions.values()].flat()
  const logs = await knownLogs(cluster, [...new Set(all.map(({ topic }) => topic))], cancel)
  const { timeOf, failed: untimed } = options.times ? await timesOf(cluster, all, logs, cancel) : noTimes
  const unread = new Set(fetched.failed.map(({ item }) => item))
  return {
    clusterId: cluster.clusterId,
    bootstrap: cluster.options.bootstrap,
    groups: chosen
      .filter(({ group }) => !unread.has(group))
      .map((group) => ({ ...group, positions: inspected(positions.get(group.group) ?? [], logs, timeOf) }))
      .sort((a, b) => (a.group < b.group ? -1 : 1)),
    failed: [...described.failed, ...fetched.failed],
    unmeasured: logs.failed,
    untimed,
  }
}

const noTimes = { timeOf: (() => undefined) satisfies RecordTime, failed: [] }

async function chosenGroups(cluster: Cluster, { groups: patterns }: InspectOptions) {
  const listed = (await cluster.listGroups()).filter(
    ({ group }) => patterns.length === 0 || patterns.some((pattern) => pattern.matches(group)),
  )
  const known = new Set(listed.map(({ group }) => group))
  const unlisted = patterns
    .filter(({ literal, text }) => literal && !known.has(text))
    .map(({ text: group }): GroupListing => ({ group, type: 'unknown', state: '', protocolType: '' }))
  const { done, failed } = await cluster.describeGroups([...listed, ...unlisted])
  return {
    done,
    failed: failed.filter(
      ({ error }) => !(error instanceof TidemarkError && error.code === 'GROUP_NOT_FOUND'),
    ),
  }
}

function held({ positions }: GroupPositions): readonly Position[] {
  return positions.filter(({ offset }) => offset >= 0n)
}

/** Times of records at positions that lag, and of the newest records of those partitions. */
async function timesOf(
  cluster: Cluster,
  positions: readonly Position[],
  { bounds }: KnownLogs,
  cancel: { readonly signal?: AbortSignal },
): Promise<{ readonly timeOf: RecordTime; readonly failed: readonly Error[] }> {
  const asked = positions.flatMap(({ topic, partition, offset }) => {
    const log = bounds.get(topic)?.get(partition)
    if (log === undefined || offset >= log.logEnd) return []
    return [
      { topic, partition, offset },
      { topic, partition, offset: log.logEnd },
    ]
  })
  return asked.length === 0 ? noTimes : await recordTimes(cluster, asked, cancel)
}

/** Every partition of the topics in which there are positions, and those whose topics are not there any more. */
function inspected(
  positions: readonly Position[],
  { bounds, partitions }: KnownLogs,
  timeOf: RecordTime,
): readonly InspectedPosition[] {
  const byPlace = new Map(positions.map((one) => [place(one.topic, one.partition), one]))
  const topics = [...new Set(positions.map(({ topic }) => topic))].sort()
  return topics.flatMap((topic) => {
    const own = positions.filter((one) => one.topic === topic).map(({ partition }) => partition)
    const every = [...new Set([...(partitions.get(topic) ?? []), ...own])].sort((a, b) => a - b)
    return every.map((partition): InspectedPosition => {
      const position = byPlace.get(place(topic, partition))
      const offset = position?.offset
      const log = bounds.get(topic)?.get(partition)
      const base = { topic, partition, position: offset, metadata: position?.metadata ?? null }
      if (log === undefined || offset === undefined) {
        const bounds = { logStart: log?.logStart, logEnd: log?.logEnd }
        return { ...base, ...bounds, lag: undefined, timeLag: undefined, inRange: undefined }
      }
      const { logStart, logEnd } = log
      const from = offset < logStart ? logStart : offset
      const lag = from < logEnd ? logEnd - from : 0n
      return {
        ...base,
        logStart,
        logEnd,
        lag,
        timeLag: lag === 0n ? 0n : timeBetween(topic, partition, offset, logEnd, timeOf),
        inRange: offset >= logStart && offset <= logEnd,
      }
    })
  })
}

/** Records may be out of order: one at a position that is younger than all is not behind. */
function timeBetween(
  topic: string,
  partition: number,
  position: bigint,
  logEnd: bigint,
  timeOf: RecordTime,
): bigint | undefined {
  const [at, newest] = [position, logEnd].map((offset) => timeOf({ topic, partition, offset }))
  if (at === undefined || newest === undefined) return undefined
  return newest > at ? newest - at : 0n
}
