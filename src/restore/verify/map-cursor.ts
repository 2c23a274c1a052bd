import type { PartitionMap } from '../../offsets/index.ts'

/** Looks source offsets up in a map, in rising order: each step costs next to nothing. */
export class MapCursor {
  readonly #runs: Iterator<{ readonly source: bigint; readonly target: bigint; readonly count: number }>
  #source = -1
  #end = -1
  #target = -1
  #done = false

  constructor(map: PartitionMap) {
    this.#runs = map.runs()
  }

  /** Where the record with this source offset is, by the map; undefined when the map does not have it. */
  find(source: number): number | undefined {
    while (!this.#done && source >= this.#end) {
      const step = this.#runs.next()
      if (step.done) {
        this.#done = true
        return undefined
      }
      this.#source = Number(step.value.source)
      this.#target = Number(step.value.target)
      this.#end = this.#source + step.value.count
    }
    if (source < this.#source || source >= this.#end) return undefined
    return this.#target + (source - this.#source)
  }
}
