import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkConfig, configJsonSchema } from '../../src/config/index.ts'
import { tempFolder } from '../support/temp-folder.ts'

const page = await readFile(join(import.meta.dirname, '..', '..', 'docs', 'config.md'), 'utf8')

interface Row {
  readonly key: string
  readonly fallback: string
  readonly meaning: string
}

/** Rows of the page's tables of keys. */
function documented(): readonly Row[] {
  return page
    .slice(page.indexOf('## Top level'))
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => {
      const [key = '', , fallback = '', meaning = ''] = line.split(/(?<!\\)\|/).slice(1, -1)
      return {
        key: key.trim().slice(1, -1),
        fallback: fallback.trim(),
        meaning: meaning.trim().replaceAll('\\|', '|'),
      }
    })
}

type Schema = Readonly<Record<string, unknown>>

/** Every key of the schema; `target` has the keys of `source`. */
function known(schema: Schema, path: string): readonly Row[] {
  const alternatives = (schema.anyOf ?? schema.oneOf) as readonly Schema[] | undefined
  if (alternatives !== undefined) return alternatives.flatMap((one) => known(one, path))
  const properties = (schema.properties ?? {}) as Readonly<Record<string, Schema>>
  if (path === 'target' || /start_offset$/.test(path)) return []
  return Object.entries(properties).flatMap(([name, inner]) => {
    const key = path === '' ? name : `${path}.${name}`
    const fallback = inner.default
    const shown = typeof fallback === 'object' ? JSON.stringify(fallback) : String(fallback)
    return [
      {
        key,
        fallback: fallback === undefined ? '' : `\`${shown}\``,
        meaning: String(inner.description ?? ''),
      },
      ...known(inner, key),
    ]
  })
}

const sorted = (rows: readonly Row[]) =>
  [...new Set(rows.map(({ key, fallback, meaning }) => `${key} | ${fallback} | ${meaning}`))].sort()

test('docs/config.md lists exactly the keys of the schema, with their defaults and meanings', () => {
  assert.deepEqual(sorted(documented()), sorted(known(configJsonSchema(), '')))
})

test('every key has a meaning', () => {
  for (const { key, meaning } of known(configJsonSchema(), '')) {
    if (key !== 'storage.backend') assert.ok(meaning.length > 3, key)
  }
})

test('the JSON Schema is plain JSON and refuses unknown keys', () => {
  const schema = JSON.parse(JSON.stringify(configJsonSchema())) as Schema
  assert.equal(schema.$schema, 'https://json-schema.org/draft/2020-12/schema')
  assert.equal(schema.additionalProperties, false)
})

test('the files that README and documents show are right as they stand', async () => {
  await using folder = await tempFolder('examples')
  const root = join(import.meta.dirname, '..', '..')
  let checked = 0
  for (const name of ['README.md', 'docs/config.md', 'docs/cli.md', 'docs/offsets.md', 'docs/restore.md']) {
    const text = await readFile(join(root, name), 'utf8')
    for (const [, block = ''] of text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)) {
      if (!/^mode:/m.test(block)) continue
      const file = join(folder.path, `${checked}.yaml`)
      await writeFile(file, block)
      const sources = { env: { DR_SERVERS: 'kafka-dr:9092' }, readText: () => 'secret' }
      const { problems, config } = checkConfig({ file, sources, needs: 'by-mode' })
      assert.deepEqual(problems, [], `${name}:\n${block}`)
      assert.deepEqual(config.notes, [], `${name}:\n${block}`)
      checked++
    }
  }
  assert.ok(checked >= 4, 'examples were found')
})
