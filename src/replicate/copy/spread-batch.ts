import { type ErrorDetails, invariant } from '../../base/index.ts'
import {
  BatchBuilder,
  codecName,
  header,
  partitionForKey,
  type RecodedBatch,
  RecordCursor,
  type RecordEditor,
  RunGatherer,
  type SlabPool,
  tooLarge,
} from '../../records/index.ts'

export interface SpreadOptions {
  /** Partitions of the target. */
  readonly partitions: number
  /** Where records without a key go. */
  readonly keyless: number
  /** Records with source offsets below are left out. */
  readonly from: bigint
  readonly headers: RecordEditor | undefined
  readonly wanted: ((cursor: RecordCursor) => boolean) | undefined
  /** Largest batch in bytes, compressed. */
  readonly limit: number
  readonly place: ErrorDetails
  readonly memory: Pick<SlabPool, 'take'>
}

/** A batch for one target partition. */
export interface SpreadBatch extends RecodedBatch {
  readonly partition: number
}

interface Pile {
  readonly builder: BatchBuilder
  readonly runs: RunGatherer
  last: number
}

/**
 * Deals the records of a v2 data batch out to the target's partitions by key, as Java's producer would. Within each partition they
 * keep their order; batches keep the codec. Throws RECORD_TOO_LARGE for a record that does not fit alone, and RECORD_CORRUPT.
 */
export function spreadBatch(buffer: Buffer, at: number, options: SpreadOptions): SpreadBatch[] {
  const { partitions, keyless, headers, wanted, limit, place, memory } = options
  const codec = codecName(header.codec(buffer, at))
  invariant(codec !== undefined, 'a batch with an unknown codec cannot be walked', place)
  const cursor = new RecordCursor(buffer, at, { place })
  const base = header.baseOffsetNumber(buffer, at)
  const from = Number(options.from)
  const piles = new Map<number, Pile>()
  const done: SpreadBatch[] = []
  const finish = (partition: number, pile: Pile) => {
    // Within the limit before compression, so within it afterwards: what would grow stays as it is.
    const built = pile.builder.finish(codec, memory, limit)
    if (built.bytes.length > limit) throw tooLarge(BigInt(pile.last), built.bytes.length, limit, place)
    done.push({ ...built, codec, partition, runs: pile.runs.take() })
  }
  while (cursor.next()) {
    const offset = base + cursor.offsetDelta
    if (offset < from || (wanted && !wanted(cursor))) continue
    const partition = partitionForKey(cursor.key(), partitions) ?? keyless % partitions
    let pile = piles.get(partition)
    if (!pile) {
      pile = { builder: new BatchBuilder({ initialBytes: 4 << 10 }), runs: new RunGatherer(), last: offset }
      piles.set(partition, pile)
    }
    const time = cursor.timestampNumber
    const length = headers?.edit(cursor, offset, Number.isSafeInteger(time) ? time : cursor.timestamp) ?? 0
    if (!pile.builder.add(cursor, limit, headers?.bytes, length)) {
      finish(partition, pile)
      pile.builder.add(cursor, limit, headers?.bytes, length)
    }
    pile.last = offset
    pile.runs.add(0, offset)
  }
  for (const [partition, pile] of piles) finish(partition, pile)
  return done
}
