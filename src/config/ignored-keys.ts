import * as z from 'zod'
import { keyText, type Path } from './problems.ts'

/** A key of the file that is known and has no effect. */
export interface ConfigNote {
  readonly key: string
  readonly message: string
}

/** Finds the keys that are given and have no effect, in the order of the file. */
export function ignoredKeys(schema: z.core.$ZodType, value: unknown, path: Path = []): readonly ConfigNote[] {
  const inner = unwrapped(schema)
  if (!(inner instanceof z.ZodObject) || typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, entry]) => {
    const property = Object.hasOwn(inner.shape, key) ? inner.shape[key] : undefined
    if (property === undefined || entry === undefined) return []
    const reason = z.globalRegistry.get(property)?.ignored
    const at = [...path, key]
    if (typeof reason === 'string') return [{ key: keyText(at), message: `has no effect: ${reason}` }]
    return ignoredKeys(property, entry, at)
  })
}

function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return unwrapped(schema.unwrap())
  }
  return schema
}
