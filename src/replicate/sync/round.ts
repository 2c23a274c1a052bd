import { type Clock, type Telemetry, TidemarkError } from '../../base/index.ts'
import type { Cluster, GroupPositions, Position } from '../../kafka/index.ts'
import type { CommitAges } from './commit-ages.ts'
import { ageKey, commitAll, type Pending } from './commit-round.ts'
import { decide, type GuardRules, type SyncDecision, type TargetSide } from './decide.ts'
import type { SyncJob } from './job.ts'
import { type DoublyMapped, mappedTopics, PlaceIndex, type SyncPlace } from './places.ts'
import { readTargetGroups, type SourceGroups, type TargetGroups } from './read-groups.ts'
import type { RecordWriter } from './record-writer.ts'
import type { TargetMemory } from './target-memory.ts'
import type { Turn } from './turn-book.ts'

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
  /** Confirmed before anything is changed; undefined = nobody else does such rounds. */
  readonly turn: Turn | undefined
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

/**
 * One round: the positions on the source, the map as it is then, the target's side; a decision for each position; commits, a request for each
 * group. What has to be remembered is durable before the commit that it is about.
 *
 * Everything that can be committed is, before a round ends with an error that the job asks for. Rejects with TURN_TAKEN when the turn is
 * not this program's any more.
 */
export async function syncRound(found: SourceGroups, parts: RoundParts): Promise<RoundReport> {
  const { source, target, memory, signal, job } = parts
  await memory.refresh(signal)
  const topics = mappedTopics(memory.table, source.clusterId)
  const ask = topics.length > 0 && !found.stale
  const infos = ask ? await source.topics(topics, signal ? { signal } : {}) : []
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
  const decideAll = () =>
    wanted
      .filter(({ group }) => !doubtful.has(group.group))
      .flatMap(({ group, places }) => decideGroup(group, places, side, parts))
  let pending = decideAll()
  if (!parts.dryRun && parts.turn && pending.some(({ decision }) => decision.action === 'commit')) {
    await parts.turn.confirm()
    // A group that was handed over while the round was reading is left alone.
    await memory.refreshControl(signal)
    pending = decideAll()
  }
  const outcomes = parts.dryRun
    ? outcomesOf(pending, new Map())
    : outcomesOf(pending, await commitAll(pending, parts))
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

function outcomesOf(
  pending: readonly Pending[],
  errors: ReadonlyMap<Pending, TidemarkError>,
): readonly PositionOutcome[] {
  return pending.map((one) => outcomeOf(one, errors.get(one)))
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
