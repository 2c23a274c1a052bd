import type { QuickCodec } from '../packing.ts'

/**
 * Bytes that compression may have taken off a batch which is decompressed and compressed again to be joined. A broker spends some 100 µs on
 * each batch; so may we. What does not compress costs us little, and each byte that compression takes off 4 ns with snappy, up to 15 with
 * lz4 and 22 with zstd.
 */
const mostSaved: Readonly<Record<QuickCodec, number>> = Object.freeze({
  lz4: 8 << 10,
  snappy: 24 << 10,
  zstd: 4 << 10,
})
/** Joined batches may be larger than what they replace by a thirtieth, and by so many bytes where they are small: frames differ. */
const TOLERANCE = 0.03
const TOLERANCE_BYTES = 512
/** After refusals in a row, so many batches are passed over at most before another is tried. */
const MOST_PASSED = 64

/** Whether compressed batches of one source partition are worth joining: learns from those that were tried. */
export class PackedTrial {
  #grown = false
  #refusals = 0
  #passing = 0

  /**
   * Bytes that a compressed batch with this many bytes of data may decompress to: 0 when it is not worth a try. A batch that was refused
   * is asked about once more, when those before it have been sent.
   */
  most(codec: QuickCodec, packed: number): number {
    if (this.#grown) return 0
    if (this.#passing > 0) {
      this.#passing--
      return 0
    }
    return packed + mostSaved[codec]
  }

  /** It gave more, or is not as the format says. Each refusal in a row makes the next try later. */
  refused(): void {
    this.#passing = 2 * this.#refusals + 1
    this.#refusals = Math.min(2 * this.#refusals + 1, MOST_PASSED)
  }

  taken(): void {
    this.#refusals = 0
  }

  /**
   * A joined batch has so many bytes, and those that it replaces had so many together. Where a producer has compressed harder than we do,
   * the target would grow: then no more is joined.
   */
  weigh(joined: number, replaced: number): void {
    if (joined > replaced + Math.max(replaced * TOLERANCE, TOLERANCE_BYTES)) this.#grown = true
  }
}
