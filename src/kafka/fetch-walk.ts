import { batchEnd, header } from '../records/index.ts'
import type { TopicPartition } from './types.ts'

/** From `from` on a partition's batches were appended by the leader of `epoch`. */
export interface EpochStart {
  readonly epoch: number
  readonly from: bigint
}

/** The whole batches at the start of some bytes. */
export interface Walked {
  /** The byte after the last batch that counts. */
  readonly end: number
  /** Offset after the last batch that counts; `fromOffset` when there is none. */
  readonly nextOffset: bigint
  /** Base offset of the first whole batch, whether it counts or not; undefined when there is none. */
  readonly firstBase: bigint | undefined
  /** Leader epoch of the last batch that counts, −1 for none. */
  readonly leaderEpoch: number
  /** Where the leader epoch changed, in order. */
  readonly epochs: readonly EpochStart[]
  /** A batch at or beyond `stop` has been met: nothing more is wanted. */
  readonly beyondStop: boolean
}

const noEpochs: readonly EpochStart[] = Object.freeze([])

/**
 * Walks the batch headers in [`start`, `end`): from where to fetch next, and by which leaders the batches were appended.
 * A batch counts when it begins before `stop`; one that begins before and ends after it counts whole. `lastEpoch` is
 * the leader epoch before the first batch. Throws RECORD_CORRUPT for bytes that cannot be batches.
 */
export function walkBatches(
  buffer: Buffer,
  start: number,
  end: number,
  fromOffset: bigint,
  stop: bigint | undefined,
  lastEpoch: number,
  place: TopicPartition,
): Walked {
  const limit = stop === undefined ? Number.POSITIVE_INFINITY : Number(stop)
  let epoch = lastEpoch
  let epochs: EpochStart[] | undefined
  let last = -1
  let at = start
  let beyondStop = false
  for (;;) {
    const next = batchEnd(buffer, at, end, { topic: place.topic, partition: place.partition })
    if (next === undefined) break
    if (header.baseOffsetNumber(buffer, at) >= limit) {
      beyondStop = true
      break
    }
    // Formats 0 and 1 have no leader epoch.
    const itsEpoch = header.magic(buffer, at) === 2 ? header.leaderEpoch(buffer, at) : -1
    if (itsEpoch > epoch) {
      epochs ??= []
      epochs.push({ epoch: itsEpoch, from: header.baseOffset(buffer, at) })
      epoch = itsEpoch
    }
    last = at
    at = next
  }
  const first = at > start || beyondStop ? header.baseOffset(buffer, start) : undefined
  const nextOffset = last < 0 ? fromOffset : offsetAfter(buffer, last)
  return {
    end: at,
    nextOffset,
    firstBase: first,
    leaderEpoch: epoch,
    epochs: epochs ?? noEpochs,
    beyondStop,
  }
}

/** A message of format 0 or 1 stands at its own offset, a compressed set of them at the offset of its last. */
function offsetAfter(buffer: Buffer, at: number): bigint {
  return header.magic(buffer, at) === 2 ? header.nextOffset(buffer, at) : header.baseOffset(buffer, at) + 1n
}
