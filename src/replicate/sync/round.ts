import { Budget, type Clock, isTidemarkError, type Telemetry, TidemarkError } from '../../base/index.ts'
import type { Cluster, GroupPositions, Position } from '../../kafka/index.ts'
import type { CommitAges } from './commit-ages.ts'
import { decide, type GuardRules, type SyncDecision, type TargetSide } from './decide.ts'
import { commitRecord } from './group-record.ts'
import type { SyncJob } from './job.ts'
import { type DoublyMapped, mappedTopics, PlaceIndex, type SyncPlace } from './places.ts'
import { readTargetGroups, type SourceGroups, type TargetGroups } from './read-groups.ts'
import type { OwnRecord, RecordWriter } from './record-writer.ts'
import type { TargetMemory } from './target-memory.ts'

/** What a round works with. */
export interface RoundParts {
  readonly job: SyncJob
  readonly source: Cluster
  readonly target: Cluster
  readonly memory: TargetMemory
  /** Of the control topic. */
  readonly writer: RecordWriter
  readonly ages: CommitAges
  readonly clock: Clock
  readonly telemetry: Telemetry
  readonly signal: AbortSignal | undefined
  /** Groups that were handed over are taken in all the same: for the last sync of a fail-over. */
  readonly includeHandedOver?: boolean
  /** Decides, and changes nothing; nothing is an error. */
  readonly dryRun?: boolean
}

/** What became of one position. */
export interface PositionOutcome {
  readonly group: string
  /** Of the target. */
  readonly topic: string
  readonly partition: number
  readonly sources: readonly Position[]
  /** The position that the group had on the target. */
  readonly current: bigint | undefined
  readonly decision: SyncDecision
  /** Why a commit that was decided on did not come to be. */
  readonly error: TidemarkError | undefined
}

export interface RoundReport {
  readonly outcomes: readonly PositionOutcome[]
  /** Groups that could not be read on one of the sides. */
  readonly unread: readonly { readonly group: string; readonly error: Error }[]
  /** Partitions that several pipelines copy, of the groups of this round. */
  readonly doublyMapped: readonly (DoublyMapped & { readonly group: string })[]
  readonly mappings: number
}

interface Pending {
  readonly group: string
  readonly place: SyncPlace
  readonly current: Position | undefined
  readonly decision: SyncDecision
}

const commitsAtOnce = 16

/**
 * One round: the positions on the source, the map as it is then, the target's side; a decision for each position; commits, a request for each
 * group. What has to be remembered is durable before the commit that it is about.
 *
 * Everything that can be committed is, before a round ends with an error that the job asks for.
 */
export async function syncRound(found: SourceGroups, parts: RoundParts): Promise<RoundReport> {
  const { source, target, memory, signal, job } = parts
  await memory.refresh(signal)
  const topics = mappedTopics(memory.table, source.clusterId)
  const infos = topics.length === 0 ? [] : await source.topics(topics, signal ? { signal } : {})
  const ids = new Map(infos.map(({ name, id }) => [name, id]))
  const index = new PlaceIndex(memory.table, source.clusterId, ids)
  const wanted = found.groups.flatMap((group) => {
    const places = index.placesOf(group)
    return places.length === 0 ? [] : [{ group, places }]
  })
  const names = wanted.map(({ group }) => group.group)
  const targets = [...new Set(wanted.flatMap(({ places }) => places.map(({ topic }) => topic)))]
  // After the map: then the log ends nowhere before what the map says.
  const side = await readTargetGroups(target, names, targets, signal)
  const doublyMapped = wanted.flatMap(({ group }) =>
    index.doublyMapped(group).map((one) => ({ ...one, group: group.group })),
  )
  const doubtful = new Set(job.onMultipleMappings === 'fail' ? doublyMapped.map(({ group }) => group) : [])
  const pending = wanted
    .filter(({ group }) => !doubtful.has(group.group))
    .flatMap(({ group, places }) => decideGroup(group, places, side, parts))
  const outcomes = parts.dryRun
    ? pending.map((one) => outcomeOf(one, undefined))
    : await commitAll(pending, parts)
  if (job.onMultipleMappings === 'fail' && !parts.dryRun) failForDouble(doublyMapped)
  if (job.onActiveGroup === 'fail' && !parts.dryRun) failForActive(outcomes)
  return {
    outcomes,
    unread: [
      ...found.failed.map(({ item, error }) => ({ group: item, error })),
      ...[...side.failed].map(([group, error]) => ({ group, error })),
    ],
    doublyMapped,
    mappings: index.size,
  }
}

function decideGroup(
  { group }: GroupPositions,
  places: readonly SyncPlace[],
  side: TargetGroups,
  { job, memory, ages, clock, includeHandedOver }: RoundParts,
): Pending[] {
  if (side.failed.has(group)) return []
  const own = new Map(
    (side.positions.get(group)?.positions ?? [])
      .filter(({ offset }) => offset >= 0n)
      .map((position) => [`${position.topic}/${position.partition}`, position]),
  )
  const handedOver = memory.handedOver(group) !== undefined && !includeHandedOver
  const state: TargetSide['group'] = handedOver ? 'handed-over' : side.active.has(group) ? 'active' : 'idle'
  return places.map((place): Pending => {
    const { topic, partition, sources, version } = place
    const current = own.get(`${topic}/${partition}`)
    const log = side.logs.get(topic)?.get(partition)
    if (log === undefined) {
      const detail = 'the target has no such partition'
      const decision = { action: 'skip', cause: 'target-changed', target: undefined, detail } as const
      return { group, place, current, decision }
    }
    const remembered = memory.remembered(group, topic, partition)
    const aging = ages.isAging(ageKey(group, place), clock.now())
    const rules: GuardRules = {
      prefix: job.guardPrefix,
      version,
      versions: job.guarded,
      allowRewind: job.followRewinds || !job.guarded,
      overrideOwn: job.overrideOwn || !job.guarded,
    }
    const decision = decide(sources, { log, current, remembered, group: state, aging }, rules)
    return { group, place, current, decision }
  })
}

async function commitAll(
  pending: readonly Pending[],
  parts: RoundParts,
): Promise<readonly PositionOutcome[]> {
  const { job, memory, writer, ages, clock, target } = parts
  await writer.write(pending.flatMap((one) => toRemember(one, job.name)))
  const slots = new Budget(commitsAtOnce)
  const groups = [...Map.groupBy(pending, ({ group }) => group)]
  const errors = new Map<Pending, TidemarkError>()
  await Promise.all(
    groups.map(([group, entries]) =>
      slots.with(1, async () => {
        const commits = entries.filter(({ decision }) => decision.action === 'commit')
        if (commits.length === 0) return
        if (parts.signal?.aborted) {
          for (const entry of commits) errors.set(entry, notBegun(group))
          return
        }
        for (const [entry, error] of await commitGroup(target, group, commits)) errors.set(entry, error)
        for (const entry of commits) {
          if (!errors.has(entry)) ages.committed(ageKey(group, entry.place), clock.now())
        }
      }),
    ),
  )
  const done = pending.filter((one) => !errors.has(one))
  await writer.write(
    done.flatMap(({ group, place, decision }) => {
      const { topic, partition } = place
      const forgets = decision.action === 'commit' && !decision.remember
      const known = memory.remembered(group, topic, partition) !== undefined
      const key = { pipeline: job.name, group, topic, partition }
      return forgets && known ? [commitRecord(key, undefined)] : []
    }),
  )
  return pending.map((one) => outcomeOf(one, errors.get(one)))
}

/** What must be known of a commit without a guard in its metadata, before it is made. */
function toRemember({ group, place, current, decision }: Pending, pipeline: string): readonly OwnRecord[] {
  if (decision.action !== 'commit' || !decision.remember || decision.cause === 'aging') return []
  const { topic, partition, version } = place
  const next = { offset: decision.target, metadata: decision.metadata }
  const before = current && { offset: current.offset, metadata: current.metadata ?? '' }
  const key = { pipeline, group, topic, partition }
  return [commitRecord(key, { version, commits: before ? [next, before] : [next] })]
}

async function commitGroup(
  target: Cluster,
  group: string,
  entries: readonly Pending[],
): Promise<readonly (readonly [Pending, TidemarkError])[]> {
  const positions = entries.flatMap(({ place: { topic, partition }, decision }): Position[] =>
    decision.action === 'commit'
      ? [{ topic, partition, offset: decision.target, leaderEpoch: -1, metadata: decision.metadata }]
      : [],
  )
  try {
    const { failed } = await target.commitPositions(group, positions)
    const byPlace = new Map(failed.map(({ item, error }) => [`${item.topic}/${item.partition}`, error]))
    return entries.flatMap((entry) => {
      const error = byPlace.get(`${entry.place.topic}/${entry.place.partition}`)
      return error === undefined ? [] : [[entry, asTidemark(error, group)] as const]
    })
  } catch (error) {
    return entries.map((entry) => [entry, asTidemark(error, group)] as const)
  }
}

function outcomeOf(
  { group, place, current, decision }: Pending,
  error: TidemarkError | undefined,
): PositionOutcome {
  return {
    group,
    topic: place.topic,
    partition: place.partition,
    sources: place.sources.flatMap(({ position }) => position ?? []),
    current: current?.offset,
    decision,
    error,
  }
}

/** Throws MAPPING_CONFLICT for the first of them. */
export function failForDouble(found: RoundReport['doublyMapped']): void {
  const [first] = found
  if (first === undefined) return
  const { group, topic, partition, pipelines } = first
  throw new TidemarkError(
    'MAPPING_CONFLICT',
    `The position of '${group}' in ${topic}/${partition} has several mappings: the pipelines ${pipelines.join(', ')} copy the same partition`,
    {
      details: { group, topic, partition, pipelines },
      hint: 'Stop one of the pipelines, or set errorHandling.onMultipleTargetCommittedOffsets to ignore.',
    },
  )
}

function failForActive(outcomes: readonly PositionOutcome[]): void {
  const found = outcomes.find(isBarredByMembers)
  if (found === undefined) return
  const { group, topic, partition } = found
  throw new TidemarkError(
    'GROUP_ACTIVE',
    `Consumer group '${group}' has active members on the target, and a position to be set in ${topic}/${partition}`,
    {
      details: { group, topic, partition },
      hint: 'Stop its consumers on the target, hand it over with `kafka-backup failover`, or set errorHandling.onActiveConsumerGroupCommit to ignore.',
    },
  )
}

/** A commit that was not made, or refused, because the group has members on the target. */
export function isBarredByMembers({ decision, error }: PositionOutcome): boolean {
  return (decision.action === 'skip' && decision.cause === 'active') || error?.code === 'GROUP_ACTIVE'
}

function notBegun(group: string): TidemarkError {
  return new TidemarkError('INTERRUPTED', `Interrupted before the positions of '${group}' were set`, {
    details: { group },
  })
}

function ageKey(group: string, { topic, partition }: SyncPlace): string {
  return `${topic}/${partition} ${group}`
}

function asTidemark(error: unknown, group: string): TidemarkError {
  if (isTidemarkError(error)) return error
  const text = error instanceof Error ? error.message : String(error)
  return new TidemarkError('BROKER_ERROR', `Consumer group '${group}': ${text}`, {
    cause: error,
    details: { group },
  })
}
