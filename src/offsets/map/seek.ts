/**
 * What a seek looks for: the first record whose source offset, target offset or ordinal is at or after a
 * value.
 */
export const BY_SOURCE = 0
export const BY_TARGET = 1
export const BY_RANK = 2
export type SeekBy = typeof BY_SOURCE | typeof BY_TARGET | typeof BY_RANK

/**
 * Where a seek arrived: `[source, target, rank]` of the record found, relative to the bases. Reused between
 * calls so that a million translations make no garbage here.
 */
export type Arrival = Float64Array
