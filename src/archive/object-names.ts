import { invariant } from '../base/index.ts'
import { dataKey, objectForms } from './keys.ts'

/** Keys of data objects by row. */
export interface ObjectNames {
  key(row: number): string
}

/** Keys in the order in which they were first used. */
export class ListedNames implements ObjectNames {
  readonly #keys: string[] = []
  readonly #rows = new Map<string, number>()

  row(key: string): number {
    const known = this.#rows.get(key)
    if (known !== undefined) return known
    this.#rows.set(key, this.#keys.length)
    return this.#keys.push(key) - 1
  }

  key(row: number): string {
    const key = this.#keys[row]
    invariant(key !== undefined, 'an object without a name')
    return key
  }
}

/** Keys of one generation's objects as an index holds them: put together when asked for. */
export class ColumnNames implements ObjectNames {
  readonly #topic: string
  readonly #runs: readonly string[]
  readonly #columns: NameColumns
  #last: { readonly row: number; readonly key: string } | undefined

  constructor(topic: string, runs: readonly string[], columns: NameColumns) {
    this.#topic = topic
    this.#runs = runs
    this.#columns = columns
  }

  key(row: number): string {
    // Neighbouring chunks mostly share an object.
    if (this.#last?.row !== row) this.#last = { row, key: this.#make(row) }
    return this.#last.key
  }

  #make(row: number): string {
    const { form, run, number, partition, first } = this.#columns
    const kind = objectForms[form[row] ?? -1]
    const maker = this.#runs[run[row] ?? -1]
    invariant(kind !== undefined && maker !== undefined, 'an object without a name')
    const made = { run: maker, number: number[row] ?? 0 }
    if (kind === 'pack') return dataKey({ form: kind, ...made })
    return dataKey({
      form: kind,
      ...made,
      topic: this.#topic,
      partition: partition[row] ?? 0,
      first: first[row] ?? 0n,
    })
  }
}

export interface NameColumns {
  readonly form: Uint8Array
  readonly run: Uint32Array
  readonly number: Uint32Array
  readonly partition: Uint32Array
  readonly first: BigInt64Array
}
