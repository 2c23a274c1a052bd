import { Budget, TidemarkError } from '../../base/index.ts'
import { type Cluster, PositionReader, recoverWith } from '../../kafka/index.ts'
import type { LandedState } from '../state/journal-types.ts'
import type { LaneState } from '../state/lane-state.ts'
import { checkWhole, lateFrom } from './check-recovered.ts'

/** Partitions that are looked at at the same time. */
const LOOKS_AT_ONCE = 64
/** Ms until what stands in the way of looking counts as a failure. */
const PATIENCE = 300_000

export interface LateInput {
  readonly cluster: Cluster
  /** Lanes whose stream has been sent whole. */
  readonly lanes: readonly LaneState[]
  /** Whether a topic is ours alone. */
  readonly exclusive: (target: string) => boolean
  readonly signal: AbortSignal
}

/**
 * Looks for batches of earlier epochs that have arrived since the epoch was raised, in the partitions where it was: behind the last
 * of our records, and, in topics that others write to as well, between them. Mostly the end of the log tells that there are
 * none ({@link lateFrom}); else batch headers do. Answers with the topics that hold such a batch, or could not be looked at.
 */
export async function findLate(input: LateInput): Promise<ReadonlyMap<string, TidemarkError>> {
  const { cluster, lanes, signal } = input
  await using reader = new PositionReader(cluster)
  const places = new Budget(LOOKS_AT_ONCE)
  const failed = new Map<string, TidemarkError>()
  const looks = lanes.flatMap(({ lane, landed }) =>
    lane.outputs.map((partition, i) => ({ topic: lane.target, partition, landed: landed[i] })),
  )
  const look = async (topic: string, partition: number, landed: LandedState) => {
    const place = { topic, partition }
    const end = await reader.trueEnd(place, signal).catch(() => undefined)
    const since = lateFrom(landed, end?.end)
    if (since === undefined) return
    const { producerId } = landed
    const found = await recoverWith(reader, place, {
      producerId,
      since,
      settleMs: 0,
      patience: PATIENCE,
      signal,
    })
    checkWhole(place, landed, since, found, { exclusive: input.exclusive(topic) })
  }
  await Promise.all(
    looks.map(async ({ topic, partition, landed }) => {
      if (!landed || landed.seams.length === 0) return
      try {
        await places.with(1, () => look(topic, partition, landed), signal)
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof TidemarkError)) throw error
        failed.set(topic, error)
      }
    }),
  )
  return failed
}
