/** Records with consecutive source offsets, in the order in which they are sent. */
export interface SourceRun {
  /** Which of the lane's inputs they come from. */
  readonly input: number
  readonly offset: bigint
  readonly count: number
}

/** Gathers source offsets into runs. */
export class RunGatherer {
  #runs: SourceRun[] = []
  #input = 0
  #start = 0
  #count = 0

  add(input: number, offset: number): void {
    if (this.#count > 0 && input === this.#input && offset === this.#start + this.#count) {
      this.#count++
      return
    }
    this.#close()
    this.#input = input
    this.#start = offset
    this.#count = 1
  }

  /** The runs so far; begins anew. */
  take(): readonly SourceRun[] {
    this.#close()
    const runs = this.#runs
    this.#runs = []
    return runs
  }

  #close(): void {
    if (this.#count > 0)
      this.#runs.push({ input: this.#input, offset: BigInt(this.#start), count: this.#count })
    this.#count = 0
  }
}

/** The first `count` records of the runs. */
export function takeFirst(runs: readonly SourceRun[], count: number): readonly SourceRun[] {
  const first: SourceRun[] = []
  let left = count
  for (const run of runs) {
    if (left === 0) break
    const part = Math.min(left, run.count)
    first.push(part === run.count ? run : { input: run.input, offset: run.offset, count: part })
    left -= part
  }
  return first
}
