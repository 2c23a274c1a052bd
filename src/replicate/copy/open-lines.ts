import { isTidemarkError, TidemarkError } from '../../base/index.ts'
import { PackedTrial, type RecordCursor } from '../../records/index.ts'
import type { PositionEntry } from '../control/position-record.ts'
import { type Route, routeKey } from '../topics/routes.ts'
import { spreadOver, type TargetTopic } from '../topics/target-topics.ts'
import { LineQueue } from './intake.ts'
import type { Line } from './line.ts'
import { LineBook } from './line-book.ts'
import type { BatchWish } from './outgoing.ts'
import { comesFromElsewhere, editsHeaders, ReplicaHeaders } from './record-headers.ts'
import type { ShardContext } from './shard-context.ts'

export interface OpenedLines {
  readonly lines: readonly Line[]
  /** By `routeKey`: these cannot be copied for now. */
  readonly failed: ReadonlyMap<string, TidemarkError>
  /** By `routeKey`: their targets are still being made; each resolves when that has ended, with the error if there was one. */
  readonly pending: ReadonlyMap<string, Promise<unknown>>
  /** What landed after the last position, and may be copied again (at least once). */
  readonly repeated: readonly Repeated[]
}

/** Records of a partition that a worker copied and that no position accounts for. */
export interface Repeated {
  readonly key: string
  /** Source offset from which on it is copied again. */
  readonly from: bigint
  readonly records: number
}

/** Ms in which a target that is there is known to be. */
const readyPatience = 300

interface Candidate {
  readonly key: string
  readonly route: Route
  readonly target: TargetTopic
  readonly position: PositionEntry | undefined
}

/**
 * Makes the lines of source partitions whose positions were read after the fence: target topics are there, books are open, nothing
 * is fetched yet. What stands in the way of one partition does not stand in that of others.
 */
export async function openLines(
  context: ShardContext,
  routes: ReadonlyMap<string, Route>,
  options: {
    /** The partition was there when the shard was begun: it begins where the job says. */
    readonly firstTime: (key: string) => boolean
    /** Called when something has come for a line. */
    readonly arrived: (key: string) => void
    readonly signal: AbortSignal
  },
): Promise<OpenedLines> {
  const failed = new Map<string, TidemarkError>()
  const pending = new Map<string, Promise<unknown>>()
  const prepared = await Promise.all(
    [...routes].map(async ([key, route]): Promise<Candidate[]> => {
      const topic = route.topic.source.name
      const position = context.control.position(topic, route.partition)
      try {
        const ready = context.targets.ready(route.topic, !context.control.hasTopic(topic))
        const target = await Promise.race([ready, clockedOut(context, options.signal)])
        if (target) return [{ key, route, target, position }]
        const settled = ready.then(
          () => undefined,
          (error: unknown) => error,
        )
        pending.set(key, settled)
        return []
      } catch (error) {
        if (!isTidemarkError(error) || options.signal.aborted) throw error
        failed.set(key, error)
        return []
      }
    }),
  )
  const found = prepared.flat()
  const [ends, stable] = await Promise.all([
    targetEnds(context, found, failed, options.signal),
    sourceEnds(context, found, options.signal),
  ])
  const starts = await sourceStarts(context, found, failed, options)
  const candidates = found.filter(({ key }) => !failed.has(key))
  const lines: Line[] = []
  const repeated: Repeated[] = []
  for (const candidate of candidates) {
    const { key, position } = candidate
    try {
      const own = ownEnds(context, candidate, ends)
      if (position) checkTarget(candidate, position, own)
      const line = makeLine(context, candidate, own, starts.get(key) ?? 0n, options)
      line.sourceEnd = stable.get(key)
      lines.push(line)
      const records = position ? landedAfter(position, own) : 0
      if (position && records > 0) repeated.push({ key, from: position.to, records })
    } catch (error) {
      if (!isTidemarkError(error) || error.code === 'INTERNAL') throw error
      failed.set(key, error)
    }
  }
  return { lines, failed, pending, repeated }
}

/** Of the partitions that records of the candidate may go to: other lines of the shard have partitions of the same topic. */
function ownEnds(
  context: ShardContext,
  candidate: Candidate,
  ends: ReadonlyMap<string, ReadonlyMap<number, bigint>>,
): ReadonlyMap<number, bigint> {
  const all = ends.get(candidate.target.name)
  const own = targetPartitions(context, candidate)
  return new Map(
    own.flatMap((partition) => {
      const end = all?.get(partition)
      return end === undefined ? [] : [[partition, end] as const]
    }),
  )
}

/** Records on the target that lie behind what the position accounts for; of a partition that it does not know, all. */
function landedAfter({ targets }: PositionEntry, ends: ReadonlyMap<number, bigint>): number {
  const known = new Map(targets.map(({ partition, end }) => [partition, end]))
  return [...ends].reduce((sum, [partition, end]) => sum + Number(end - (known.get(partition) ?? 0n)), 0)
}

/** What has to be made takes longer than what is there: the others do not wait for it. */
async function clockedOut({ clock }: ShardContext, signal: AbortSignal): Promise<undefined> {
  await clock.sleep(readyPatience, signal)
}

/** Target partitions that records of the candidate may go to. */
function targetPartitions(context: ShardContext, { route, target }: Candidate): number[] {
  const spread = spreadOf(context, route, target)
  if (spread === undefined) return [route.partition]
  return Array.from({ length: spread }, (_, partition) => partition)
}

function spreadOf({ job }: ShardContext, route: Route, target: TargetTopic): number | undefined {
  return spreadOver(job, route.topic.source.partitions.length, target.partitions)
}

/** By target topic and partition. What cannot be told of a topic fails those who want it. */
async function targetEnds(
  context: ShardContext,
  candidates: readonly Candidate[],
  failures: Map<string, TidemarkError>,
  signal: AbortSignal,
): Promise<Map<string, Map<number, bigint>>> {
  const places = new Map<string, { topic: string; partition: number; at: 'latest' }>()
  for (const candidate of candidates) {
    for (const partition of targetPartitions(context, candidate)) {
      const topic = candidate.target.name
      places.set(routeKey(topic, partition), { topic, partition, at: 'latest' })
    }
  }
  const ends = new Map<string, Map<number, bigint>>()
  if (places.size === 0) return ends
  const { done, failed } = await context.target.tryListOffsets([...places.values()], { signal })
  for (const { topic, partition, offset } of done) {
    const own = ends.get(topic) ?? new Map<number, bigint>()
    ends.set(topic, own)
    own.set(partition, offset ?? 0n)
  }
  for (const { item, error } of failed) {
    for (const { key, target } of candidates) if (target.name === item.topic) failures.set(key, known(error))
  }
  return ends
}

/** Last stable offsets: how much there is to copy, before anything of it has come. What cannot be told stays unknown. */
async function sourceEnds(
  { source }: ShardContext,
  candidates: readonly Candidate[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, bigint>> {
  if (candidates.length === 0) return new Map()
  const asked = candidates.map(({ route }) => ({
    topic: route.topic.source.name,
    partition: route.partition,
    at: 'last-stable' as const,
  }))
  const { done } = await source.tryListOffsets(asked, { signal })
  return new Map(done.map(({ topic, partition, offset }) => [routeKey(topic, partition), offset ?? 0n]))
}

/** Where those begin that have no position. */
async function sourceStarts(
  context: ShardContext,
  candidates: readonly Candidate[],
  failures: Map<string, TidemarkError>,
  options: { readonly firstTime: (key: string) => boolean; readonly signal: AbortSignal },
): Promise<Map<string, bigint>> {
  const fresh = candidates.filter(({ position }) => position === undefined)
  if (fresh.length === 0) return new Map()
  const latest = context.job.startAt === 'latest'
  const asked = fresh.map(({ key, route }) => ({
    topic: route.topic.source.name,
    partition: route.partition,
    at: latest && options.firstTime(key) ? ('last-stable' as const) : ('earliest' as const),
  }))
  const { done, failed } = await context.source.tryListOffsets(asked, { signal: options.signal })
  for (const { item, error } of failed) failures.set(routeKey(item.topic, item.partition), known(error))
  return new Map(done.map(({ topic, partition, offset }) => [routeKey(topic, partition), offset ?? 0n]))
}

/** The errors of a cluster have codes; anything else is a defect. */
function known(error: Error): TidemarkError {
  if (isTidemarkError(error)) return error
  throw error
}

/** The target must be the topic that was copied to, and hold all of it. */
function checkTarget(
  { target, route }: Candidate,
  position: PositionEntry,
  ends: ReadonlyMap<number, bigint>,
): void {
  const place = { topic: target.name, partition: route.partition }
  const was = position.targetTopic
  if (was !== target.name) {
    throw changed(place, `${route.topic.source.name} was copied to ${JSON.stringify(was)} before`, {
      hint: 'Put the renaming back, or use another name for the pipeline to copy it from its beginning.',
    })
  }
  if (
    position.targetTopicId !== undefined &&
    target.id !== undefined &&
    position.targetTopicId !== target.id
  ) {
    throw changed(place, 'was deleted and created again')
  }
  for (const { partition, end } of position.targets) {
    const now = ends.get(partition)
    if (now !== undefined && now < end) {
      throw changed({ ...place, partition }, `ends at ${now}, and was copied to up to ${end}`)
    }
  }
}

function changed(
  place: { readonly topic: string; readonly partition: number },
  what: string,
  options: { readonly hint?: string } = {},
): TidemarkError {
  return new TidemarkError('TARGET_CHANGED', `The target topic ${JSON.stringify(place.topic)}: ${what}`, {
    details: place,
    hint:
      options.hint ?? 'Use another name for the pipeline to copy it from its beginning into a fresh topic.',
  })
}

function makeLine(
  context: ShardContext,
  { key, route, target, position }: Candidate,
  ends: ReadonlyMap<number, bigint>,
  start: bigint,
  options: { readonly arrived: (key: string) => void },
): Line {
  const { job, clock } = context
  const { source } = route.topic
  const book = position
    ? LineBook.resume(position)
    : LineBook.begin({
        pipeline: job.name,
        topicId: source.id,
        targetTopic: target.name,
        targetTopicId: target.id,
        start,
        targets: ends,
        now: clock.now(),
      })
  if (position) for (const [partition, end] of ends) book.addTarget(partition, end)
  return {
    route,
    target,
    book,
    queue: new LineQueue(() => options.arrived(key)),
    wish: wishOf(context, route, target),
    topicId: source.id,
    state: 'copying',
    reason: undefined,
    retryAt: 0,
    publishedAt: position ? clock.now() : 0,
    sourceEnd: undefined,
    committed: book.to,
    delay: undefined,
    records: 0,
    bytes: 0,
    pending: { records: 0, bytes: 0, newest: -1 },
  }
}

function wishOf(context: ShardContext, route: Route, target: TargetTopic): BatchWish {
  const { job, totals, slabs: memory } = context
  const headers = editsHeaders(job)
    ? new ReplicaHeaders({
        replicate: job.replicateHeaders,
        tracing: job.tracing,
        pipeline: job.name,
        topic: route.topic.source.name,
        partition: route.partition,
        origin: job.bidirectional ? context.source.clusterId : undefined,
      })
    : undefined
  const foreign = comesFromElsewhere(context.target.clusterId)
  const wanted = (cursor: RecordCursor): boolean => {
    const take = foreign(cursor)
    if (!take) totals.returned++
    return take
  }
  return {
    partition: route.partition,
    spread: spreadOf(context, route, target),
    headers,
    wanted: job.bidirectional ? wanted : undefined,
    limit: target.limit,
    memory,
    trial: new PackedTrial(),
  }
}
