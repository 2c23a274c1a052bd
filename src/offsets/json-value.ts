import { TidemarkError } from '../base/index.ts'

/** An offset as JSON holds it: a number while doubles are exact, text beyond. */
export function offsetToJson(offset: bigint): number | string {
  return offset <= BigInt(Number.MAX_SAFE_INTEGER) && offset >= -BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(offset)
    : String(offset)
}

/**
 * A value out of a JSON file that somebody may have written by hand. Each reader throws FILE_NOT_READABLE
 * that names the file and the place, what was expected and what came.
 */
export class JsonValue {
  readonly #value: unknown
  readonly #file: string
  readonly #hint: string | undefined
  readonly path: string

  constructor(value: unknown, file: string, path = '', hint?: string) {
    this.#value = value
    this.#file = file
    this.#hint = hint
    this.path = path
  }

  /** Parses a file's text. `hint`: what to do about a file that is not as it should be. */
  static parse(text: string, file: string, hint?: string): JsonValue {
    try {
      return new JsonValue(JSON.parse(text), file, '', hint)
    } catch (cause) {
      throw new TidemarkError(
        'FILE_NOT_READABLE',
        `${file} is not JSON: ${oneLine((cause as Error).message)}`,
        {
          cause,
          ...(hint !== undefined && { hint }),
        },
      )
    }
  }

  get present(): boolean {
    return this.#value !== undefined && this.#value !== null
  }

  get isList(): boolean {
    return Array.isArray(this.#value)
  }

  get isText(): boolean {
    return typeof this.#value === 'string'
  }

  get isNull(): boolean {
    return this.#value === null
  }

  /** A member of an object. */
  at(key: string): JsonValue {
    if (typeof this.#value !== 'object' || this.#value === null || this.isList) throw this.wrong('an object')
    const value: unknown = Object.hasOwn(this.#value, key)
      ? (this.#value as Readonly<Record<string, unknown>>)[key]
      : undefined
    return new JsonValue(value, this.#file, this.path === '' ? key : `${this.path}.${key}`, this.#hint)
  }

  /** The members of a list. */
  list(): readonly JsonValue[] {
    if (!Array.isArray(this.#value)) throw this.wrong('a list')
    return this.#value.map((value, i) => new JsonValue(value, this.#file, `${this.path}[${i}]`, this.#hint))
  }

  /** The members of an object, in their order. */
  members(): readonly (readonly [name: string, value: JsonValue])[] {
    if (typeof this.#value !== 'object' || this.#value === null || this.isList) throw this.wrong('an object')
    return Object.keys(this.#value).map((name) => [name, this.at(name)])
  }

  text(): string {
    if (typeof this.#value !== 'string') throw this.wrong('text')
    return this.#value
  }

  textOr<T>(otherwise: T): string | T {
    return this.present ? this.text() : otherwise
  }

  /** One of the given words. */
  word<T extends string>(words: readonly T[]): T {
    const found = words.find((word) => word === this.#value)
    if (found === undefined) throw this.wrong(`one of ${words.join(', ')}`)
    return found
  }

  flagOr<T>(otherwise: T): boolean | T {
    if (!this.present) return otherwise
    if (typeof this.#value !== 'boolean') throw this.wrong('true or false')
    return this.#value
  }

  /** A whole number from 0 on that a partition, a count or a time can be. */
  count(): number {
    const value = this.#value
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
      throw this.wrong('a whole number')
    return value
  }

  /**
   * An offset: a whole number from `least` on, or text of digits. A number that JSON cannot carry exactly is
   * refused.
   */
  offset(least = 0n): bigint {
    const value = this.#value
    if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
      throw this.wrong('an offset beyond 2^53 as text, since a JSON number cannot hold it exactly')
    }
    const offset =
      typeof value === 'number' && Number.isSafeInteger(value)
        ? BigInt(value)
        : typeof value === 'string' && /^-?\d{1,19}$/.test(value)
          ? BigInt(value)
          : undefined
    if (offset === undefined || offset < least || offset > 0x7fffffffffffffffn) throw this.wrong('an offset')
    return offset
  }

  offsetOr<T>(otherwise: T, least = 0n): bigint | T {
    return this.present ? this.offset(least) : otherwise
  }

  /** Throws for another version of a format than the one that is read. */
  version(known: number): void {
    const found = this.count()
    if (found === known) return
    throw new TidemarkError(
      'FILE_NOT_READABLE',
      `${this.#file} is of version ${found}, and this program reads version ${known}`,
      { hint: 'Use the version of the program that wrote it, or a newer one.' },
    )
  }

  /** The error for this place. */
  wrong(expected: string): TidemarkError {
    const came = this.#value === undefined ? 'nothing' : shorten(JSON.stringify(this.#value))
    return new TidemarkError(
      'FILE_NOT_READABLE',
      `${this.#file}: ${this.path || 'the file'} should be ${expected}, but is ${came}`,
      this.#hint === undefined ? {} : { hint: this.#hint },
    )
  }
}

/** The parser repeats what it has read, with its line breaks. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ')
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}
