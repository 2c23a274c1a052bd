import * as header from '../batch-header.ts'
import { BatchJoiner } from '../batch-joiner.ts'
import { type CodecName, codecName } from '../codecs.ts'
import { isQuick, type QuickCodec, unpack } from '../packing.ts'
import { packBatch } from './pack-batch.ts'
import { PackedTrial } from './packed-trial.ts'
import type { RecodedBatch } from './recode-batch.ts'
import type { SlabPart, SlabPool } from './slab-pool.ts'
import type { SourceRun } from './source-runs.ts'

/** Batches of more bytes than this, or that decompress to more, go out as they are: joining them would save little. */
const SMALL = 64 << 10
/** Bytes of a joined batch before compression, at most; as much as a slab gives in one piece. */
const JOINED = 256 << 10

/** Offsets and times of joined records may take a few bytes more than they did: memory for what is known to come. */
const ROOM = 1.25
const ROOM_BYTES = 1 << 10
/** What cannot be compressed grows by it: so much is left free below the target's limit, and in the piece of a slab. */
const GROWTH = 1 / 64
const GROWTH_BYTES = 64

/** Several batches as one, without a producer and without a CRC: both are written when it is sent. */
export interface JoinedBatch {
  readonly buffer: Buffer
  readonly start: number
  readonly end: number
  readonly records: number
  readonly runs: readonly SourceRun[]
  /** Gives its memory back. */
  readonly release: () => void
}

export interface JoinOptions {
  /** Bytes of what there is to join, where that is known. */
  readonly expected?: number
  /** Where others have joined batches of the same source before: what they have learned. */
  readonly trial?: PackedTrial
}

/**
 * Joins consecutive small batches of one input into larger ones. Those of a quick codec are decompressed, and compressed again as one; in a
 * joined batch all have the same codec. Those of gzip are left alone: compressing costs several times what a broker saves.
 */
export class JoinedBatches {
  readonly #slabs: SlabPool
  readonly #limit: number
  readonly #size: number
  readonly #packedSize: number
  readonly #trial: PackedTrial
  readonly #joiner = new BatchJoiner()
  #codec: QuickCodec | 'none' = 'none'
  #part: SlabPart | undefined
  /** Bytes of compressed batches that were taken as they are; undefined when others are among them. */
  #replaced: number | undefined
  #lastBytes = 0
  #runs: SourceRun[] = []
  #start = 0
  #next = 0

  /** `limit`: bytes of the largest batch that the target takes. */
  constructor(slabs: SlabPool, limit: number, options: JoinOptions = {}) {
    const { expected = JOINED, trial = new PackedTrial() } = options
    this.#slabs = slabs
    this.#limit = limit
    this.#size = Math.min(limit, JOINED, Math.ceil(expected * ROOM) + ROOM_BYTES)
    const most = Math.min(limit, JOINED)
    this.#packedSize = Math.max(header.HEADER_SIZE, most - Math.ceil(most * GROWTH) - GROWTH_BYTES)
    this.#trial = trial
  }

  /** Compressed batches that are built anew may come uncompressed, up to so many bytes: see `recodeBatch`. */
  get loose(): number {
    return Math.min(SMALL, this.#packedSize)
  }

  /**
   * Takes a copy of the batch at `at`, which may go out as it is. Answers false where it does not belong to the others: then what
   * was gathered is to be sent first, and the batch may be tried again.
   */
  add(buffer: Buffer, at: number): boolean {
    const bytes = header.size(buffer, at)
    if (bytes > SMALL) return false
    const codec = codecName(header.codec(buffer, at))
    if (codec === 'none') {
      if (!this.#begin(codec) || !this.#joiner.add(buffer, at)) return false
    } else if (!isQuick(codec) || !this.#addPacked(buffer, at, bytes, codec)) return false
    this.#note(header.baseOffsetNumber(buffer, at), header.recordsCount(buffer, at))
    return true
  }

  /** The same for a batch that was built anew; see {@link loose}. */
  addBuilt({ bytes, codec, runs }: Pick<RecodedBatch, 'bytes' | 'codec' | 'runs'>): boolean {
    if (bytes.length > SMALL || !joins(codec) || header.codec(bytes, 0) !== header.codecId.none) return false
    if (!this.#begin(codec) || !this.#joiner.add(bytes, 0)) return false
    this.#replaced = undefined
    for (const { offset, count } of runs) this.#note(Number(offset), count)
    return true
  }

  /** What was gathered, as one batch; undefined when there is nothing. */
  take(): JoinedBatch | undefined {
    const records = this.#joiner.count
    const part = this.#part
    const codec = this.#codec
    this.#part = undefined
    if (part === undefined) return undefined
    const joined = this.#joiner.finish()
    if (joined === undefined) {
      part.release()
      return undefined
    }
    this.#closeRun()
    const runs = this.#runs
    this.#runs = []
    if (codec === 'none') return whole(joined, records, runs, part.release)
    const packed = packBatch(joined, codec, this.#slabs, this.#limit)
    part.release()
    if (this.#replaced !== undefined) this.#trial.weigh(packed.bytes.length, this.#replaced)
    return whole(packed.bytes, records, runs, packed.release)
  }

  #addPacked(buffer: Buffer, at: number, bytes: number, codec: QuickCodec): boolean {
    const joiner = this.#joiner
    // What follows is mostly as large as what came before: so it need not be decompressed to see that it does not fit.
    if (joiner.count > 0 && (codec !== this.#codec || joiner.room < this.#lastBytes)) return false
    const most = Math.min(SMALL, this.#trial.most(codec, bytes - header.HEADER_SIZE))
    if (most === 0 || !this.#begin(codec)) return false
    const records = unpack(codec, buffer.subarray(at + header.HEADER_SIZE, at + bytes), most)
    if (records === undefined || !joiner.addRecords(buffer, at, records)) {
      // It may be that only the room is too little: then another try will show.
      if (records === undefined || joiner.count === 0) this.#trial.refused()
      return false
    }
    this.#trial.taken()
    if (joiner.count === header.recordsCount(buffer, at)) this.#replaced = 0
    if (this.#replaced !== undefined) this.#replaced += bytes
    this.#lastBytes = records.length
    return true
  }

  /** Makes ready for a batch of this codec; false when it does not belong to those that were gathered. */
  #begin(codec: QuickCodec | 'none'): boolean {
    if (this.#joiner.count > 0) return codec === this.#codec
    if (this.#part !== undefined && codec !== this.#codec) {
      this.#part.release()
      this.#part = undefined
    }
    this.#codec = codec
    if (this.#part === undefined) {
      const isPacked = codec !== 'none'
      this.#part = isPacked ? this.#slabs.borrow() : this.#slabs.take(this.#size)
      this.#joiner.begin(isPacked ? this.#part.bytes.subarray(0, this.#packedSize) : this.#part.bytes)
    }
    return true
  }

  /** Takes note of consecutive source offsets. */
  #note(first: number, count: number): void {
    if (first !== this.#next) this.#closeRun()
    if (this.#start === this.#next) this.#start = first
    this.#next = first + count
  }

  #closeRun(): void {
    if (this.#next > this.#start)
      this.#runs.push({ input: 0, offset: BigInt(this.#start), count: this.#next - this.#start })
    this.#start = this.#next
  }
}

function joins(codec: CodecName): codec is QuickCodec | 'none' {
  return codec === 'none' || isQuick(codec)
}

function whole(
  buffer: Buffer,
  records: number,
  runs: readonly SourceRun[],
  release: () => void,
): JoinedBatch {
  return { buffer, start: 0, end: buffer.length, records, runs, release }
}
