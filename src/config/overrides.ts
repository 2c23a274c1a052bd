import type { Path } from './problems.ts'

/** A value from the command line that takes the place of the file's. */
export interface Override {
  readonly path: readonly string[]
  readonly value: unknown
  /** The flag, for messages. */
  readonly flag: string
}

/** The document with the overrides in it; what the overrides do not touch is shared, nothing is changed. */
export function applyOverrides(document: unknown, overrides: readonly Override[]): unknown {
  return overrides.reduce((value, { path, value: wanted }) => withValue(value, path, wanted), document)
}

/** The flag that set the value at the path or something around it: the last one, which counts. */
export function overriding(overrides: readonly Override[], path: Path): string | undefined {
  return overrides.findLast((override) => override.path.every((part, index) => path[index] === part))?.flag
}

function withValue(value: unknown, [key, ...rest]: readonly string[], wanted: unknown): unknown {
  if (key === undefined) return wanted
  const object = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
  return { ...object, [key]: withValue((object as Record<string, unknown>)[key], rest, wanted) }
}
