import type { BackupPlace } from '../place.ts'

/** The objects of a backup as listed; what is accounted for is taken out. */
export class Inventory {
  readonly #place: BackupPlace
  readonly #sizes: Map<string, number>

  private constructor(place: BackupPlace, sizes: Map<string, number>) {
    this.#place = place
    this.#sizes = sizes
  }

  static async of(place: BackupPlace, call: { readonly signal?: AbortSignal }): Promise<Inventory> {
    const sizes = new Map<string, number>()
    for await (const { key, size } of place.list('', call)) sizes.set(key, size)
    return new Inventory(place, sizes)
  }

  get objects(): number {
    return this.#sizes.size
  }

  keys(prefix: string): readonly string[] {
    return [...this.#sizes.keys()].filter((key) => key.startsWith(prefix))
  }

  /** Size of an object, which counts as accounted for from then on. Asks the store for one that was made after the listing. */
  async take(key: string, call: { readonly signal?: AbortSignal }): Promise<number | undefined> {
    const listed = this.#sizes.get(key)
    if (listed === undefined) return (await this.#place.store.head(this.#place.full(key), call))?.size
    this.#sizes.delete(key)
    return listed
  }

  /** What nothing accounts for. */
  rest(): Iterable<readonly [string, number]> {
    return this.#sizes
  }
}
