import type { ErrorDetails } from '../../base/index.ts'
import { TidemarkError } from '../../base/index.ts'
import { batchInRange, header, needsRecode, type TimeRange } from '../../records/index.ts'
import type { TransactionChoice } from './transaction-choice.ts'

/** What a lane wants of the batches of one of its inputs. */
export interface BatchWish {
  /** By record time. */
  readonly range: TimeRange | undefined
  /** By transaction; records outside transactions go by their times. */
  readonly transactions: TransactionChoice | undefined
  /** Headers are edited: no batch goes out as it is. */
  readonly editsHeaders: boolean
  /** Largest batch that the target takes, in bytes. */
  readonly limit: number
  readonly place: ErrorDetails
}

/** What becomes of a batch. `whole` means that all of its records are wanted whatever their time. */
export type Verdict = 'skip' | 'raw' | 'recode' | 'recode-whole'

/**
 * Judges the batch [`at`, `end`) by its header; its records are walked only where a time range cuts the batch. Only
 * source offsets in [`from`, `to`) are wanted. Throws RECORD_CORRUPT.
 */
export function judgeBatch(
  buffer: Buffer,
  at: number,
  end: number,
  from: number,
  to: number,
  wish: BatchWish,
): Verdict {
  const reason = needsRecode(buffer, at)
  if (reason === 'control') return 'skip'
  if (reason === 'legacy') throw legacy(wish.place)
  if (header.recordsCount(buffer, at) === 0) return 'skip'
  const first = header.baseOffsetNumber(buffer, at)
  const next = header.nextOffsetNumber(buffer, at)
  if (next <= from || first >= to) return 'skip'
  let ranged = wish.range
  if (wish.transactions && header.isTransactional(buffer, at)) {
    const taken = wish.transactions.takes(header.producerId(buffer, at), first)
    if (taken === false) return 'skip'
    if (taken === true) ranged = undefined
  }
  const part = ranged ? batchInRange(ranged, buffer, at) : 'all'
  if (part === 'none') return 'skip'
  if (part === 'some') return 'recode'
  const raw =
    reason === undefined && !wish.editsHeaders && first >= from && next <= to && end - at <= wish.limit
  return raw ? 'raw' : 'recode-whole'
}

function legacy(place: ErrorDetails): TidemarkError {
  return new TidemarkError(
    'ARCHIVE_DAMAGED',
    `The archive holds a message of an old format in ${place.topic}-${place.partition}, which a backup never writes`,
    { hint: 'Run kafka-backup validate --deep on the backup.', details: place },
  )
}
