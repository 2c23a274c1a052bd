import { Budget, type Clock, isTidemarkError, TidemarkError } from '../../base/index.ts'
import type { Cluster, Position } from '../../kafka/index.ts'
import type { CommitAges } from './commit-ages.ts'
import type { SyncDecision } from './decide.ts'
import { GroupPermits } from './group-permit.ts'
import { commitRecord } from './group-record.ts'
import type { SyncPlace } from './places.ts'
import type { OwnRecord, RecordWriter } from './record-writer.ts'
import type { TargetMemory } from './target-memory.ts'
import type { Turn } from './turn-book.ts'

/** A position that was decided. */
export interface Pending {
  readonly group: string
  readonly place: SyncPlace
  readonly current: Position | undefined
  readonly decision: SyncDecision
}

export interface CommitParts {
  readonly job: { readonly name: string }
  readonly target: Cluster
  readonly memory: TargetMemory
  /** Of the control topic. */
  readonly writer: RecordWriter
  readonly ages: CommitAges
  readonly clock: Clock
  readonly signal: AbortSignal | undefined
  /** Undefined: nobody else does such rounds. */
  readonly turn: Turn | undefined
}

const commitsAtOnce = 16

/**
 * Makes the commits that were decided on, a request for each group; what has to be remembered is durable before. Answers those that
 * did not come to be, and why. Rejects with TURN_TAKEN when the turn is lost: what has not been sent by then never is.
 */
export async function commitAll(
  pending: readonly Pending[],
  parts: CommitParts,
): Promise<ReadonlyMap<Pending, TidemarkError>> {
  const { job, memory, writer, ages, clock, target, turn } = parts
  const permit = turn && (() => turn.permit())
  const permits = turn && new GroupPermits(turn, memory, clock)
  await writer.write(
    pending.flatMap((one) => toRemember(one, job.name, clock.now())),
    permit,
  )
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
        for (const [entry, error] of await commitGroup(
          target,
          group,
          commits,
          permits && (() => permits.of(group)),
        ))
          errors.set(entry, error)
        for (const entry of commits) {
          if (!errors.has(entry)) ages.committed(ageKey(group, entry.place), clock.now())
        }
      }),
    ),
  )
  for (const error of errors.values()) if (error.code === 'TURN_TAKEN') throw error
  const done = pending.filter((one) => !errors.has(one))
  await writer.write(
    done.flatMap(({ group, place, decision }) => {
      const { topic, partition } = place
      const forgets = decision.action === 'commit' && !decision.remember
      const known = memory.remembered(group, topic, partition) !== undefined
      const key = { pipeline: job.name, group, topic, partition }
      return forgets && known ? [commitRecord(key, undefined, clock.now())] : []
    }),
    permit,
  )
  return errors
}

/** What must be known of a commit without a guard in its metadata, before it is made. */
function toRemember(
  { group, place, current, decision }: Pending,
  pipeline: string,
  now: number,
): readonly OwnRecord[] {
  if (decision.action !== 'commit' || !decision.remember || decision.cause === 'aging') return []
  const { topic, partition, version } = place
  const next = { offset: decision.target, metadata: decision.metadata }
  const before = current && { offset: current.offset, metadata: current.metadata ?? '' }
  const key = { pipeline, group, topic, partition }
  return [commitRecord(key, { version, commits: before ? [next, before] : [next] }, now)]
}

async function commitGroup(
  target: Cluster,
  group: string,
  entries: readonly Pending[],
  permit: (() => Promise<void>) | undefined,
): Promise<readonly (readonly [Pending, TidemarkError])[]> {
  const positions = entries.flatMap(({ place: { topic, partition }, decision }): Position[] =>
    decision.action === 'commit'
      ? [{ topic, partition, offset: decision.target, leaderEpoch: -1, metadata: decision.metadata }]
      : [],
  )
  try {
    const { failed } = await target.commitPositions(group, positions, permit ? { permit } : {})
    const byPlace = new Map(failed.map(({ item, error }) => [`${item.topic}/${item.partition}`, error]))
    return entries.flatMap((entry) => {
      const error = byPlace.get(`${entry.place.topic}/${entry.place.partition}`)
      return error === undefined ? [] : [[entry, asTidemark(error, group)] as const]
    })
  } catch (error) {
    return entries.map((entry) => [entry, asTidemark(error, group)] as const)
  }
}

function notBegun(group: string): TidemarkError {
  return new TidemarkError('INTERRUPTED', `Interrupted before the positions of '${group}' were set`, {
    details: { group },
  })
}

/** Under which a commit's age is kept. */
export function ageKey(group: string, { topic, partition }: SyncPlace): string {
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
