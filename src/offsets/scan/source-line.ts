import { MapBuilder } from '../map/map-builder.ts'
import type { MapIdentity, PartitionMap } from '../map/partition-map.ts'

/**
 * The records of one source partition in one target partition, as they are come upon.
 *
 * Only a record whose source offset is beyond all before it goes into the map. So, whatever order they lie in and however often
 * they were copied, the first record of the map at or after a position is the first of them all: nothing is skipped.
 */
export class SourceLine {
  readonly #builder: MapBuilder
  /** The run that is being extended. Numbers, exact below 2^53: nothing is made for a record. */
  #source = 0
  #target = 0
  #count = 0
  #nextSource = 0
  #nextTarget = 0
  /** Where the copy may begin on the target at the earliest. */
  readonly #logStart: bigint
  /** Records that may belong to the copy, and of which it is not known, lie before one of the map. */
  floor = false

  constructor(identity: MapIdentity, logStart: bigint) {
    this.#builder = new MapBuilder(identity)
    this.#logStart = logStart
  }

  /** Source offset after the last record of the map. */
  get nextSource(): number {
    return this.#nextSource
  }

  /** Takes a record, in the order of the target; false for one that is not beyond those before it. */
  add(source: number, target: number): boolean {
    if (source < this.#nextSource) return false
    if (source !== this.#nextSource || target !== this.#nextTarget) {
      this.#flush()
      this.#source = source
      this.#target = target
    }
    this.#count++
    this.#nextSource = source + 1
    this.#nextTarget = target + 1
    return true
  }

  /**
   * Whether a record at these offsets may follow the last one with nothing between them but records of the copy in their order: a
   * copy holds no more records than there were offsets.
   */
  mayFollow(source: number, target: number): boolean {
    return this.#nextTarget === 0 || target - this.#nextTarget <= source - this.#nextSource
  }

  /** The map. `sourceEnd`: after the last source offset that any target partition holds. */
  seal(sourceEnd: number): PartitionMap {
    this.#flush()
    return this.#builder.seal({ sourceEnd: BigInt(sourceEnd), copyStart: this.#logStart, floor: this.floor })
  }

  #flush(): void {
    if (this.#count > 0) this.#builder.append(BigInt(this.#source), BigInt(this.#target), this.#count)
    this.#count = 0
  }
}
