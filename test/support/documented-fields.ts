import assert from 'node:assert/strict'
import { plainNumbers } from '../../src/cli/render/machine-formats.ts'
import { sectionOf, tableCells } from './cli-page.ts'

/** Paths of the leaves of a JSON value: `groups[].positions[].offset`. Members named in `whole` are leaves. */
function fieldsOf(value: unknown, whole: readonly string[], path = ''): readonly string[] {
  if (path !== '' && whole.includes(path)) return [path]
  if (Array.isArray(value)) return value.flatMap((item) => fieldsOf(item, whole, `${path}[]`))
  if (typeof value !== 'object' || value === null) return [path]
  return Object.entries(value).flatMap(([key, inner]) =>
    fieldsOf(inner, whole, path === '' ? key : `${path}.${key}`),
  )
}

/** What is documented is what comes, and the other way round. Each sample is one output; together they have every field. */
export function holds(section: string, samples: readonly unknown[], whole: readonly string[] = []): void {
  const found = new Set(
    samples.flatMap((sample) => fieldsOf(JSON.parse(JSON.stringify(plainNumbers(sample))), whole)),
  )
  assert.deepEqual([...found].sort(), [...new Set(tableCells(sectionOf(section), 'JSON field'))].sort())
}
