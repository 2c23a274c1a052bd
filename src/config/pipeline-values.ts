import * as z from 'zod'
import { text } from './values.ts'

/** Kinds of values that pipeline files have beside those of other configuration files. */

/** `enabled` or `disabled`; true and false are understood too. */
export const toggle = () =>
  z
    .union(
      [z.boolean(), z.enum(['enabled', 'disabled', 'true', 'false'])],
      'expected "enabled" or "disabled"',
    )
    .transform((value) => value === true || value === 'true' || value === 'enabled')

/** A regular expression over the whole name, or a list of names, globs and `~regex`. */
export const pattern = (what: string) =>
  z.union([text(), z.array(text())], `expected a regular expression or a list of ${what}`)

/** Java client properties: checked name by name, with what each means here, in `java-properties.ts`. */
export const properties = () =>
  z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]), 'expected Kafka client properties')

export const failOrIgnore = () => z.enum(['fail', 'ignore'], 'expected "fail" or "ignore"')
