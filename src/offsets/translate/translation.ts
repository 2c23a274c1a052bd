/** Why source offsets between a position and the record it came to have no record on the target. */
export type AbsenceReason = 'compacted-or-marker' | 'aborted' | 'outside-window' | 'gap'

/** Source offsets that a translation passed over: they existed, or may have, and are not in the copy. */
export interface PassedOver {
  /** First source offset passed over. */
  readonly from: bigint
  /** The source offset at which it went on (exclusive end). */
  readonly to: bigint
  /** What is known of the reasons, each once; empty when nobody was asked. */
  readonly reasons: readonly AbsenceReason[]
}

/** The translated offset lay outside the target's log, which must have changed since the copy. */
export interface OutOfRange {
  /** What the map says. */
  readonly wanted: bigint
  /** The end of the log to which `target` was moved. */
  readonly bound: 'log-start' | 'log-end'
}

interface Found {
  /** Next offset to read on the target; always within its log. */
  readonly target: bigint
  readonly passedOver?: PassedOver
  readonly outOfRange?: OutOfRange
}

/**
 * What a position on the source is on the target.
 *
 * - `exact`: the next record read is the next one that the copy holds
 * - `before-copy`: the position lies before everything that was copied; reading begins with the first record
 * - `ahead-of-copy`: the position lies behind what the copy knew of; reading goes on after the copy
 * - `empty`: nothing was copied; reading begins where the copy would have begun
 * - `floor`: the map does not know every record, and not the one that comes next: reading begins after the last one that it knows to
 *   lie before the position, so that some may be read again and none is skipped
 * - `unmapped`: the map was trimmed and knows nothing that early: there is no safe answer
 */
export type Translation =
  | (Found & { readonly kind: 'exact' | 'before-copy' | 'empty' })
  | (Found & {
      readonly kind: 'ahead-of-copy'
      /** Offsets between what the copy knew of and the position. */
      readonly ahead: bigint
    })
  | (Found & {
      readonly kind: 'floor'
      /** At most this many records are read again. */
      readonly atMost: bigint
    })
  | {
      readonly kind: 'unmapped'
      readonly target: undefined
      /** From here on the map could answer. */
      readonly completeFrom: bigint
    }

export type TranslationKind = Translation['kind']

/** The log of a target partition now. */
export interface LogBounds {
  readonly logStart: bigint
  /** High watermark: the offset that the next record will get. */
  readonly logEnd: bigint
}

/** Says why source offsets [from, to) are not in the copy; see `absenceFromIndex`. */
export type ExplainAbsence = (from: bigint, to: bigint) => readonly AbsenceReason[]

/** Brings an offset into the log, saying so when it had to. */
export function withinLog(
  wanted: bigint,
  log: LogBounds,
): { readonly target: bigint; readonly outOfRange?: OutOfRange } {
  if (wanted > log.logEnd) return { target: log.logEnd, outOfRange: { wanted, bound: 'log-end' } }
  if (wanted < log.logStart) return { target: log.logStart, outOfRange: { wanted, bound: 'log-start' } }
  return { target: wanted }
}
