import { Budget, type Clock, TidemarkError } from '../../base/index.ts'
import { type Cluster, type LandedBatch, PositionReader, recoverWith } from '../../kafka/index.ts'
import type { JournalTopic, LandedState } from '../state/journal-types.ts'
import type { LaneState } from '../state/lane-state.ts'
import { checkRecovered } from './check-recovered.ts'

/** Partitions that are looked at at the same time. */
const LOOKS_AT_ONCE = 64
/** Ms until what stands in the way of reading back counts as a failure. */
const PATIENCE = 300_000

export interface ReadBackInput {
  readonly cluster: Cluster
  /** Lanes that are not done. */
  readonly lanes: readonly LaneState[]
  readonly topic: (target: string) => JournalTopic | undefined
  readonly settleMs: number
  /** All was sent in transactions, and none is open any more: only what was committed counts. */
  readonly transactions: boolean
  readonly clock: Clock
  readonly signal: AbortSignal
}

export interface ReadBack {
  /** What was found, by lane and place of the output. */
  readonly found: ReadonlyMap<string, readonly (readonly LandedBatch[])[]>
  /** Topics whose log is not what the restore left, by name. */
  readonly failed: ReadonlyMap<string, TidemarkError>
}

/**
 * Finds out which batches of an earlier run have landed behind what the journal knows. First all logs are looked at, twice, the
 * settle time apart: where nothing stands behind the journalled end, nothing has landed, and most partitions need no more.
 */
export async function readBack(input: ReadBackInput): Promise<ReadBack> {
  const { cluster, lanes, clock, signal } = input
  await using reader = new PositionReader(cluster)
  const places = new Budget(LOOKS_AT_ONCE)
  const looks = lanes.flatMap((lane) =>
    lane.lane.outputs.map((partition, output) => ({
      lane,
      output,
      place: { topic: lane.lane.target, partition },
      landed: lane.landed[output] as LandedState,
    })),
  )
  const failed = new Map<string, TidemarkError>()
  const trueEnds = () =>
    Promise.all(
      looks.map((look) =>
        places.with(1, () => reader.trueEnd(look.place, signal).catch(() => undefined), signal),
      ),
    )
  const settleMs = input.transactions ? 0 : input.settleMs
  const before = await trueEnds()
  await clock.sleep(settleMs, signal)
  const after = await trueEnds()
  const found = new Map<string, (readonly LandedBatch[])[]>()
  await Promise.all(
    looks.map(async (look, i) => {
      const { lane, output, place, landed } = look
      const first = before[i]
      const last = after[i]
      const settled = first !== undefined && last !== undefined && first.end === last.end
      let batches: readonly LandedBatch[] = []
      try {
        // Behind a seam that lies further on, records are known to be there.
        const reached = landed.seams.at(-1)?.from ?? landed.next
        if (!settled || last.end !== landed.next || reached > landed.next) {
          const recovered = await places.with(
            1,
            () =>
              recoverWith(reader, place, {
                producerId: landed.producerId,
                since: landed.next,
                settleMs: settled ? 0 : settleMs,
                ...(input.transactions && { isolation: 'read_committed' as const }),
                patience: PATIENCE,
                signal,
              }),
            signal,
          )
          batches = checkRecovered(place, landed, recovered, {
            exclusive: input.topic(place.topic)?.exclusive ?? false,
            transactions: input.transactions,
          })
        }
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof TidemarkError)) throw error
        failed.set(place.topic, error)
      }
      const ofLane = found.get(lane.lane.key) ?? lane.lane.outputs.map(() => [])
      ofLane[output] = batches
      found.set(lane.lane.key, ofLane)
    }),
  )
  return { found, failed }
}
