import { damaged } from './damaged.ts'

/** Reads the members of a JSON value that came from outside, each with its type. Throws ARCHIVE_DAMAGED naming object and member. */
export class Fields {
  readonly #value: Readonly<Record<string, unknown>>
  readonly #object: string
  readonly #path: string

  constructor(value: unknown, object: string, path = '') {
    this.#object = object
    this.#path = path
    if (!isRecord(value)) throw damaged(object, `has no members${path && ` at ${path}`}`)
    this.#value = value
  }

  has(name: string): boolean {
    return this.#value[name] !== undefined
  }

  text(name: string): string {
    const value = this.#value[name]
    return typeof value === 'string' ? value : this.#wrong(name, 'a text')
  }

  /** A text; undefined where null stands. */
  optionalText(name: string): string | undefined {
    return this.#value[name] === null ? undefined : this.text(name)
  }

  flag(name: string): boolean {
    const value = this.#value[name]
    return typeof value === 'boolean' ? value : this.#wrong(name, 'true or false')
  }

  /** An integer from 0 to 2^53 − 1. */
  count(name: string): number {
    const value = this.#value[name]
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
      ? value
      : this.#wrong(name, 'a count')
  }

  /** A 64-bit integer, as a number or as text. */
  integer(name: string): bigint {
    return toInteger(this.#value[name]) ?? this.#wrong(name, 'an integer')
  }

  /** An integer that is exact as a number, negative ones included. */
  small(name: string): number {
    const value = this.#value[name]
    return typeof value === 'number' && Number.isSafeInteger(value) ? value : this.#wrong(name, 'an integer')
  }

  list(name: string): readonly unknown[] {
    const value = this.#value[name]
    return Array.isArray(value) ? value : this.#wrong(name, 'a list')
  }

  /** The members of a list as {@link Fields}. */
  rows(name: string): readonly Fields[] {
    const path = this.#at(name)
    return this.list(name).map((row, i) => new Fields(row, this.#object, `${path}[${i}]`))
  }

  /** Like {@link rows}; empty when the member is absent. */
  optionalRows(name: string): readonly Fields[] {
    return this.has(name) ? this.rows(name) : []
  }

  fields(name: string): Fields {
    return new Fields(this.#value[name], this.#object, this.#at(name))
  }

  /** Undefined where null stands. */
  optionalFields(name: string): Fields | undefined {
    return this.#value[name] === null ? undefined : this.fields(name)
  }

  /** An object whose members are all texts. */
  texts(name: string): Readonly<Record<string, string>> {
    const value = this.#value[name]
    if (!isRecord(value)) return this.#wrong(name, 'an object')
    for (const member of Object.values(value)) if (typeof member !== 'string') this.#wrong(name, 'texts')
    return value as Readonly<Record<string, string>>
  }

  /** Members of an object in their order. */
  entries(name: string): readonly (readonly [string, unknown])[] {
    const value = this.#value[name]
    return isRecord(value) ? Object.entries(value) : this.#wrong(name, 'an object')
  }

  /** One of some texts. */
  oneOf<T extends string>(name: string, allowed: readonly T[]): T {
    const value = this.text(name)
    return allowed.find((each) => each === value) ?? this.#wrong(name, `one of ${allowed.join(', ')}`)
  }

  /** SHA-256 in hex. */
  sha256(name: string): string {
    const value = this.text(name)
    return /^[0-9a-f]{64}$/.test(value) ? value : this.#wrong(name, 'a SHA-256')
  }

  /** ARCHIVE_DAMAGED for a member that has the right type and still cannot be. */
  wrong(name: string, what: string): never {
    return this.#wrong(name, what)
  }

  #wrong(name: string, expected: string): never {
    throw damaged(this.#object, `has no valid ${this.#at(name)}: expected ${expected}`)
  }

  #at(name: string): string {
    return this.#path ? `${this.#path}.${name}` : name
  }
}

/** A 64-bit integer from JSON, or undefined for anything else. */
export function toInteger(value: unknown): bigint | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined
  if (typeof value !== 'string' || !/^-?\d{1,19}$/.test(value)) return undefined
  const whole = BigInt(value)
  return BigInt.asIntN(64, whole) === whole ? whole : undefined
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
