import type * as z from 'zod'
import { nearest } from '../base/index.ts'
import { keyText, type Path, type Problems } from './problems.ts'
import { configJsonSchema } from './root-schema.ts'

type Issue = z.core.$ZodIssue

/** Keys whose values are never shown. */
const secretKey = /password|secret|token|key|credential|webhook|jaas|otlp\.headers/i

export interface IssueContext {
  readonly problems: Problems
  /** The document that was checked, for showing what came instead. */
  readonly value: unknown
  /** Whether the value at a path came from the environment or a file. */
  readonly expanded: (path: Path) => boolean
  /** JSON Schema of the file, for the keys that are near a mistake. @default that of configuration files */
  readonly schema?: Record<string, unknown>
}

/** Turns what zod found into problems in the user's words. */
export function reportIssues(issues: readonly Issue[], context: IssueContext): void {
  for (const issue of issues) reportIssue(issue, issue.path, context)
}

function reportIssue(issue: Issue, at: readonly PropertyKey[], context: IssueContext): void {
  const path = at.map((part) => (typeof part === 'number' ? part : String(part)))
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) reportUnknownKey(path, key, context)
    return
  }
  if (issue.code === 'invalid_union') {
    const deeper = issue.errors.find((errors) => errors.some(goesDeeper))
    if (deeper !== undefined) {
      for (const inner of deeper) reportIssue(inner, [...at, ...inner.path], context)
      return
    }
  }
  const input = valueAt(context.value, path)
  if (input === undefined) {
    if (context.problems.touches(path)) return
    context.problems.add(path, `is missing: ${issue.message}`)
    return
  }
  const shown = secretKey.test(keyText(path)) || context.expanded(path) ? 'another value' : describe(input)
  const hint = hintFor(issue, input, path)
  context.problems.add(path, `${issue.message}, got ${shown}`, hint === undefined ? {} : { hint })
}

/** An alternative of a union that was meant: it failed inside, not as a whole. */
function goesDeeper(issue: Issue): boolean {
  return issue.path.length > 0 || issue.code === 'unrecognized_keys'
}

function reportUnknownKey(path: Path, key: string, context: IssueContext): void {
  const schema = context.schema ?? configJsonSchema()
  const known = keysAt(schema, path, context)
  const near = nearest(key, known)
  const elsewhere = near === undefined ? placesOf(schema, key)[0] : undefined
  const hint =
    near !== undefined
      ? `did you mean ${JSON.stringify(near)}?`
      : elsewhere !== undefined
        ? `it belongs to ${elsewhere}`
        : known.length > 0 && known.length <= 12
          ? `known here: ${known.join(', ')}`
          : undefined
  context.problems.add([...path, key], 'is not a known key', {
    code: 'CONFIG_UNKNOWN_KEY',
    ...(hint !== undefined && { hint }),
  })
}

function hintFor(issue: Issue, input: unknown, path: Path): string | undefined {
  if (typeof input === 'string' && issue.code === 'invalid_value' && !secretKey.test(keyText(path))) {
    const near = nearest(input, issue.values.map(String))
    return near === undefined ? undefined : `did you mean ${JSON.stringify(near)}?`
  }
  const scalar = typeof input === 'number' || typeof input === 'boolean' || typeof input === 'bigint'
  return issue.message === 'expected text' && scalar ? 'put it in quotes' : undefined
}

function describe(input: unknown): string {
  if (input === null) return 'nothing'
  if (Array.isArray(input)) return 'a list'
  if (typeof input === 'object') return 'a section'
  if (typeof input === 'string')
    return input.length > 80 ? `${JSON.stringify(input.slice(0, 77))}…` : JSON.stringify(input)
  return String(input)
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (at, part) =>
      typeof at === 'object' && at !== null ? (at as Record<string | number, unknown>)[part] : undefined,
    value,
  )
}

type Schema = Record<string, unknown>

/** Names of the keys that are known at a path of the schema; of all alternatives of a union, the chosen backend's only. */
function keysAt(root: Schema, path: Path, context: IssueContext): readonly string[] {
  const backend = valueAt(context.value, [...path, 'backend'])
  let at: Schema[] = [root]
  for (const part of path) at = at.flatMap(alternatives).flatMap((schema) => child(schema, part))
  const all = at.flatMap(alternatives)
  const chosen = all.filter((schema) => constOf(schema, 'backend') === backend && backend !== undefined)
  return [
    ...new Set((chosen.length > 0 ? chosen : all).flatMap((schema) => Object.keys(propertiesOf(schema)))),
  ]
}

function child(schema: Schema, part: string | number): Schema[] {
  if (typeof part === 'number') return isSchema(schema.items) ? [schema.items] : []
  const property = propertiesOf(schema)[part]
  if (property !== undefined) return [property]
  return isSchema(schema.additionalProperties) ? [schema.additionalProperties] : []
}

/** Sections that know the key, as text. */
function placesOf(schema: Schema, key: string, path: readonly string[] = []): readonly string[] {
  return alternatives(schema).flatMap((one) =>
    Object.entries(propertiesOf(one)).flatMap(([name, inner]) => [
      ...(name === key ? [path.length === 0 ? 'the top level' : path.join('.')] : []),
      ...placesOf(inner, key, [...path, name]),
    ]),
  )
}

function alternatives(schema: Schema): Schema[] {
  const any = schema.anyOf ?? schema.oneOf
  return Array.isArray(any) ? any.filter(isSchema).flatMap(alternatives) : [schema]
}

function propertiesOf(schema: Schema): Record<string, Schema> {
  return isSchema(schema.properties) ? (schema.properties as Record<string, Schema>) : {}
}

function constOf(schema: Schema, key: string): unknown {
  return propertiesOf(schema)[key]?.const
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
