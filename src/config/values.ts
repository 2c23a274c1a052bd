import * as z from 'zod'
import { parseBytes, parseDuration, parseInstant } from './quantities.ts'

/**
 * Kinds of values in configuration files. Each says in words what it expects; numbers and booleans may also come as text,
 * because `${VARIABLES}` do.
 */

/** Any text. */
export const text = () => z.string('expected text')

/** Name of a backup or a restore: a part of object keys. */
export const id = () =>
  text().regex(
    /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/,
    'expected 1 to 128 letters, digits, dots, hyphens and underscores, not beginning with a dot or a hyphen',
  )

/** True or false. */
export const flag = () =>
  z
    .union([z.boolean(), z.enum(['true', 'false'])], 'expected true or false')
    .transform((value) => value === true || value === 'true')

/** A whole number within bounds (inclusive). */
export const integer = (min: number, max = Number.MAX_SAFE_INTEGER) =>
  parsed(
    max === Number.MAX_SAFE_INTEGER
      ? `a whole number of at least ${min}`
      : `a whole number from ${min} to ${max}`,
    (input) => {
      const number =
        typeof input === 'number' ? input : /^-?\d+$/.test(input.trim()) ? Number(input) : Number.NaN
      return Number.isSafeInteger(number) && number >= min && number <= max ? number : undefined
    },
  )

/** A part of the whole: above 0, at most 1. */
export const share = () =>
  parsed('a number above 0 and at most 1', (input) => {
    const number = Number(input)
    return number > 0 && number <= 1 ? number : undefined
  })

/** A whole number with its sign. */
export const signed = () =>
  wideParsed('a whole number such as 10 or -5', (input) =>
    /^[+-]?\d{1,18}$/.test(String(input).trim()) ? BigInt(String(input).trim().replace('+', '')) : undefined,
  )

/** One value, or values by the names of what they are for. `what` is expected, in words for both. */
export const byName = <Value extends z.ZodType>(value: Value, what: string) =>
  z.union([value, z.record(z.string(), value)], `expected ${what}`)

/** A duration in ms; a bare number counts in `bareUnit` ms. */
export const duration = (bareUnit = 1) =>
  parsed(
    `a duration: a number of ${bareUnit === 1 ? 'milliseconds' : 'seconds'}, or text such as "500ms", "30s", "1d12h"`,
    (input) => parseDuration(input, bareUnit),
  )

/** A number of bytes of at least `min`. */
export const bytes = (min = 1) =>
  parsed(`a number of bytes of at least ${min}, bare or such as "64MiB", "1.5GB"`, (input) => {
    const value = parseBytes(input)
    return value !== undefined && value >= min ? value : undefined
  })

const wide = () => z.union([z.number(), z.string(), z.bigint()])

/** A moment in ms since the epoch. */
export const instant = () =>
  wideParsed('a time: milliseconds since 1970 or ISO 8601 such as "2024-12-01T10:00:00Z"', parseInstant)

/** A log offset. */
export const offset = () =>
  wideParsed('an offset: a whole number of at least 0', (input) => {
    const value = /^\d{1,19}$/.test(String(input).trim()) ? BigInt(input) : -1n
    return value >= 0n && value < 2n ** 63n ? value : undefined
  })

/** One of the canonical names, or of their aliases. */
export function choice<const Name extends string>(
  names: readonly Name[],
  aliases: Readonly<Record<string, NoInfer<Name>>> = {},
) {
  const all = [...names, ...Object.keys(aliases)] as [string, ...string[]]
  const shown = names.map((name) => `"${name}"`).join(names.length === 2 ? ' or ' : ', ')
  return z
    .enum(all, names.length === 2 ? `expected ${shown}` : `expected one of ${shown}`)
    .transform((name) => (aliases[name] ?? name) as Name)
}

/** A list; a single text is split at commas, so that one variable can hold all of it. */
export const textList = (what = 'a list of texts') =>
  z.union([z.array(text()), z.string()], `expected ${what}`).transform(splitList)

/** A list of whole numbers of at least 0. */
export const numberList = () => z.array(integer(0), 'expected a list of whole numbers')

/** A key that is known, means nothing here, and is named in a note. */
export const ignored = (reason: string) =>
  z
    .unknown()
    .optional()
    .meta({ description: `Accepted, no effect: ${reason}.`, ignored: reason })

/** `a, b` → `['a', 'b']`; a list stays as it is. */
export function splitList(input: string | readonly string[]): readonly string[] {
  if (typeof input !== 'string') return input
  return input
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function parsed<Out>(what: string, parse: (input: string | number) => Out | undefined) {
  return z.union([z.number(), z.string()], `expected ${what}`).transform((input, context): Out => {
    const value = parse(input)
    if (value !== undefined) return value
    context.issues.push({ code: 'custom', message: `expected ${what}`, input })
    return z.NEVER
  })
}

function wideParsed<Out>(what: string, parse: (input: string | number | bigint) => Out | undefined) {
  return z.union(wide().options, `expected ${what}`).transform((input, context): Out => {
    const value = parse(input)
    if (value !== undefined) return value
    context.issues.push({ code: 'custom', message: `expected ${what}`, input })
    return z.NEVER
  })
}
