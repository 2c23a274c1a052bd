import { TidemarkError } from '../../base/index.ts'
import type { LandedBatch, Recovered, TopicPartition } from '../../kafka/index.ts'
import type { LandedState } from '../state/journal-types.ts'
import type { Seam } from '../state/seams.ts'

export interface RecoveredOptions {
  /** The topic is ours alone. */
  readonly exclusive: boolean
  /** All was sent in transactions. */
  readonly transactions?: boolean
}

/**
 * Checks that what was found can be a prefix of the stream, behind what the journal knows: in order, without a hole, each epoch on
 * its side of the seams, and alone where the topic is ours. Answers with what lies behind what the journal knows. Throws
 * TARGET_CHANGED.
 */
export function checkRecovered(
  place: TopicPartition,
  landed: LandedState,
  recovered: Recovered,
  options: RecoveredOptions,
): readonly LandedBatch[] {
  const report = new Findings(place, options)
  report.checkEnd(landed, recovered.logEnd)
  if (recovered.from > landed.next) {
    throw report.changed(
      `begins at offset ${recovered.from} now, and what had landed from ${landed.next} on can no longer be looked at`,
    )
  }
  if (options.exclusive && recovered.foreign > 0) {
    throw report.changed(
      `was written to by others since the restore stopped: ${recovered.foreign} batches are not its own`,
    )
  }
  const batches = beyond(recovered.batches, landed.next)
  // Transactions that were aborted leave holes in the sequences; and what came late is in none that counts.
  if (options.transactions) return batches
  report.checkSides(landed.seams, batches)
  for (const seam of landed.seams) {
    if (seam.from > landed.next) report.checkCount(landed.next, seam, seam.records - landed.records, batches)
  }
  checkOrder(report, landed, recovered.batches)
  return batches
}

/**
 * From which offset on a partition must be read whose stream has been sent whole, to find batches that have arrived too late; undefined
 * when there are none. Where every offset from its first seam to the last of our records is ours there is no room for one
 * between, and where its log ends there as well, none behind.
 */
export function lateFrom(landed: LandedState, logEnd: bigint | undefined): bigint | undefined {
  const [first] = landed.seams
  if (!first) return undefined
  const { next, records } = landed
  if (next - first.from !== records - first.records) return first.from
  return logEnd === next ? undefined : next
}

/** Checks what was found there. Throws TARGET_CHANGED when a batch stands there that has arrived too late. */
export function checkWhole(
  place: TopicPartition,
  landed: LandedState,
  since: bigint,
  recovered: Recovered,
  options: RecoveredOptions,
): void {
  const report = new Findings(place, options)
  report.checkEnd(landed, recovered.logEnd)
  const batches = beyond(recovered.batches, since)
  report.checkSides(landed.seams, batches)
  // Where the front of the log was deleted meanwhile nothing can be counted.
  if (recovered.from > since) return
  const [first] = landed.seams
  const expected = since === landed.next || !first ? 0n : landed.records - first.records
  const found = count(batches)
  if (found !== expected) {
    throw report.changed(
      `holds ${found} records of this restore from offset ${since} on, and ${expected} were sent: some arrived too late`,
      'late',
    )
  }
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

function checkOrder(report: Findings, landed: LandedState, batches: readonly LandedBatch[]): void {
  let before: LandedBatch | undefined
  for (const batch of batches) {
    const follows = before?.epoch === batch.epoch
    const expected = follows && before ? (before.baseSequence + before.records) & 0x7fff_ffff : 0
    // The journal may know of a higher epoch than that of the last batches before its end.
    const mayStartAnywhere = before === undefined && batch.epoch <= landed.epoch
    const inOrder = before === undefined || batch.epoch >= before.epoch
    if (!inOrder || (!mayStartAnywhere && batch.baseSequence !== expected)) {
      throw report.changed(`holds a batch of this restore at offset ${batch.baseOffset} out of its order`)
    }
    before = batch
  }
}

class Findings {
  readonly #place: { readonly topic: string; readonly partition: number }
  readonly #exclusive: boolean

  constructor({ topic, partition }: TopicPartition, { exclusive }: RecoveredOptions) {
    this.#place = { topic, partition }
    this.#exclusive = exclusive
  }

  changed(what: string, why?: 'late'): TidemarkError {
    const { topic, partition } = this.#place
    const anew = this.#exclusive
      ? 'Delete the topic and restore it anew, under another restore_id'
      : 'Restore it into another topic, under another restore_id'
    const hint =
      why === 'late'
        ? `Records may stand there twice or out of their order. ${anew}, with a longer restore.settle_ms.`
        : `${anew}.`
    return new TidemarkError('TARGET_CHANGED', `Partition ${partition} of ${topic} ${what}`, {
      hint,
      details: this.#place,
    })
  }

  /** Nothing that is known to have landed lies beyond the end of the log. */
  checkEnd(landed: LandedState, logEnd: bigint): void {
    const seam = landed.seams.at(-1)?.from ?? 0n
    const known = seam > landed.next ? seam : landed.next
    if (logEnd < known) throw this.changed(`ends at offset ${logEnd}, and records up to ${known} had landed`)
  }

  /** Each batch stands on its epoch's side of every seam. */
  checkSides(seams: readonly Seam[], batches: readonly LandedBatch[]): void {
    for (const batch of batches) {
      for (const seam of seams) {
        const { baseOffset: at, epoch } = batch
        if (epoch < seam.epoch && at >= seam.from) {
          throw this.changed(
            `holds a batch of this restore at offset ${at} that arrived too late: it was sent under epoch ${epoch}, and from offset ${seam.from} on the restore has sent under epoch ${seam.epoch}`,
            'late',
          )
        }
        if (epoch >= seam.epoch && at < seam.from) {
          throw this.changed(
            `has lost records: a batch of epoch ${epoch} stands at offset ${at}, and up to ${seam.from} those of earlier epochs had landed`,
          )
        }
      }
    }
  }

  /** All that had landed before a seam is still there. */
  checkCount(since: bigint, seam: Seam, expected: bigint, batches: readonly LandedBatch[]): void {
    const found = count(batches.filter(({ baseOffset }) => baseOffset < seam.from))
    if (found !== expected) {
      throw this.changed(
        `holds ${found} records of this restore between offsets ${since} and ${seam.from}, and ${expected} had landed`,
      )
    }
  }
}

function count(batches: readonly LandedBatch[]): bigint {
  return batches.reduce((sum, { records }) => sum + BigInt(records), 0n)
}
