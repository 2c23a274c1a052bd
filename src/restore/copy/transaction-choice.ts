/** Which transactions of one source partition a window takes. */
export class TransactionChoice {
  /** For each producer, where its transactions end in this partition (marker offsets, rising) and whether each is taken. */
  readonly #ends: ReadonlyMap<bigint, readonly TransactionEnd[]>

  constructor(ends: ReadonlyMap<bigint, readonly TransactionEnd[]>) {
    this.#ends = ends
  }

  /**
   * Whether the transaction of the batch at this offset is taken; undefined when its marker is not in the archive (the cleaner
   * has removed it): then its records go by their own times.
   */
  takes(producerId: bigint, offset: number): boolean | undefined {
    const ends = this.#ends.get(producerId)
    if (!ends) return undefined
    let low = 0
    let high = ends.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((ends[middle] as TransactionEnd).marker > offset) high = middle
      else low = middle + 1
    }
    return ends[low]?.taken
  }
}

export interface TransactionEnd {
  /** Offset of the marker. */
  readonly marker: number
  taken: boolean
}
