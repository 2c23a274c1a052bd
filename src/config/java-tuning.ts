import type { JavaMeaning } from './java-properties.ts'
import type { Problems } from './problems.ts'

/** Reads the Java client properties that bear on the work itself; what is wrong goes to the problems. */
export class TuningReader {
  readonly #sides: { readonly source: JavaMeaning; readonly target: JavaMeaning; readonly problems: Problems }

  constructor(sides: {
    readonly source: JavaMeaning
    readonly target: JavaMeaning
    readonly problems: Problems
  }) {
    this.#sides = sides
  }

  /** A whole number of at least `least`. */
  number(side: 'source' | 'target', key: string, least: number): number | undefined {
    const given = this.#sides[side].take(key)
    if (given === undefined) return undefined
    const value = /^\d{1,15}$/.test(given.text) ? Number(given.text) : Number.NaN
    if (value >= least) return value
    this.#sides.problems.add(
      given.path,
      `expected a whole number of at least ${least}, got ${JSON.stringify(given.text)}`,
    )
    return undefined
  }

  choice<const Name extends string>(
    side: 'source' | 'target',
    key: string,
    names: readonly Name[],
  ): Name | undefined {
    const given = this.#sides[side].take(key)
    if (given === undefined) return undefined
    const name = names.find((one) => one === given.text.toLowerCase())
    if (name !== undefined) return name
    const shown = names.map((one) => JSON.stringify(one)).join(' or ')
    this.#sides.problems.add(given.path, `expected ${shown}, got ${JSON.stringify(given.text)}`)
    return undefined
  }

  /** A property that may have one value alone, because the work rests on it. */
  only(side: 'source' | 'target', key: string, value: string, why: string): void {
    const given = this.#sides[side].take(key)
    if (given === undefined || given.text.toLowerCase() === value) return
    this.#sides.problems.add(given.path, `can only be ${value}: ${why}`)
  }
}
