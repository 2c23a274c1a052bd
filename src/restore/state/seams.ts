/**
 * A place in a target partition where a higher epoch took over: batches of lower epochs stand before it, those of its own and of
 * higher ones from it on. It is durable before anything is sent under its epoch, so a batch on the wrong side arrived after its
 * run had been given up.
 */
export interface Seam {
  readonly epoch: number
  /** Target offset after the last of our records when the epoch was raised. */
  readonly from: bigint
  /** Records of the stream that had landed by then. */
  readonly records: bigint
}

/**
 * The seams with a new one, which lies at or behind all others. Of those at or before `next`, where reading back begins, two are
 * enough: the first, from which on late batches are possible at all, and the last, which holds for all that is read.
 */
export function withSeam(seams: readonly Seam[], seam: Seam, next: bigint): readonly Seam[] {
  const before = seams.filter(({ from }) => from < seam.from)
  const passed = before.filter(({ from }) => from <= next)
  const pending = before.filter(({ from }) => from > next)
  return [...passed.slice(0, 1), ...passed.slice(1).slice(-1), ...pending, seam]
}
