import type { Survey } from '../records/index.ts'

/** What is known of a run of whole batches: enough to describe the chunk that they become. */
export interface Piece {
  readonly bytes: Buffer
  readonly survey: Survey
}

/**
 * Small pieces of one partition, copied and kept until they make a chunk that is worth writing. A busy partition never
 * comes here: its responses are chunks already and are written from the memory they were received in.
 */
export class Gatherer {
  #pieces: Piece[] = []
  #size = 0

  /** Bytes held. */
  get size(): number {
    return this.#size
  }

  /** Copies the piece's bytes. */
  add(piece: Piece): void {
    this.#pieces.push({ bytes: Buffer.from(piece.bytes), survey: piece.survey })
    this.#size += piece.bytes.length
  }

  /** Everything held as one piece, or undefined when nothing is; holds nothing afterwards. */
  take(): Piece | undefined {
    const [first] = this.#pieces
    if (!first) return undefined
    const taken = this.#pieces
    this.#pieces = []
    this.#size = 0
    if (taken.length === 1) return first
    return {
      bytes: Buffer.concat(taken.map((piece) => piece.bytes)),
      survey: joined(taken.map((piece) => piece.survey)),
    }
  }
}

function joined(surveys: readonly Survey[]): Survey {
  const sum = (value: (survey: Survey) => number) =>
    surveys.reduce((total, survey) => total + value(survey), 0)
  const maximum = surveys.reduce(
    (top, survey) => (survey.maxTimestamp > top ? survey.maxTimestamp : top),
    -1n,
  )
  return {
    end: sum((s) => s.end),
    batches: sum((s) => s.batches),
    firstOffset: surveys[0]?.firstOffset ?? 0n,
    lastOffset: surveys.at(-1)?.lastOffset ?? -1n,
    records: sum((s) => s.records),
    controlBatches: sum((s) => s.controlBatches),
    maxTimestamp: maximum,
    largestBatch: Math.max(...surveys.map((s) => s.largestBatch)),
    leaderEpoch: surveys.at(-1)?.leaderEpoch ?? -1,
    compressedBatches: sum((s) => s.compressedBatches),
    legacy: surveys.some((s) => s.legacy),
  }
}
