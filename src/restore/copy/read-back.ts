import { Budget, type Clock, TidemarkError } from '../../base/index.ts'
import {
  type Cluster,
  type LandedBatch,
  PositionReader,
  type Recovered,
  recoverWith,
} from '../../kafka/index.ts'
import type { JournalTopic, LandedState } from '../state/journal-types.ts'
import type { LaneState } from '../state/lane-state.ts'

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
        if (!settled || last.end !== landed.next) {
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
          checkRecovered(place, landed, recovered, {
            exclusive: input.topic(place.topic)?.exclusive ?? false,
            transactions: input.transactions,
          })
          batches = beyond(recovered.batches, landed.next)
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

/**
 * What of the batches lies behind what the journal knows. It may have been written in the middle of a batch: a run that goes on
 * passes over what has landed record by record.
 */
export function beyond(batches: readonly LandedBatch[], next: bigint): readonly LandedBatch[] {
  return batches.map((batch) =>
    batch.baseOffset >= next
      ? batch
      : { ...batch, baseOffset: next, records: Number(batch.lastOffset - next) + 1 },
  )
}

/**
 * Checks that what was found can be a prefix of the stream, behind what the journal knows: in order, without a hole, and
 * alone where the topic is ours. Throws TARGET_CHANGED.
 */
export function checkRecovered(
  place: { readonly topic: string; readonly partition: number },
  landed: LandedState,
  recovered: Recovered,
  options: { readonly exclusive: boolean; readonly transactions?: boolean },
): void {
  const changed = (what: string) =>
    new TidemarkError('TARGET_CHANGED', `Partition ${place.partition} of ${place.topic} ${what}`, {
      hint: 'Delete the topic and restore it anew, under another restore_id.',
      details: place,
    })
  if (recovered.logEnd < landed.next) {
    throw changed(
      `ends at offset ${recovered.logEnd}, and records up to ${landed.next} had been acknowledged`,
    )
  }
  if (options.exclusive && recovered.foreign > 0) {
    throw changed(
      `was written to by others since the restore stopped: ${recovered.foreign} batches are not its own`,
    )
  }
  // Transactions that were aborted leave holes in the sequences.
  if (options.transactions) return
  let before: LandedBatch | undefined
  for (const batch of recovered.batches) {
    const follows = before?.epoch === batch.epoch
    const expected = follows && before ? (before.baseSequence + before.records) & 0x7fff_ffff : 0
    // The journal may know of a higher epoch than that of the last batches before its end.
    const mayStartAnywhere = before === undefined && batch.epoch <= landed.epoch
    const inOrder = before === undefined || batch.epoch >= before.epoch
    if (!inOrder || (!mayStartAnywhere && batch.baseSequence !== expected)) {
      throw changed(`holds a batch of this restore at offset ${batch.baseOffset} out of its order`)
    }
    before = batch
  }
}
