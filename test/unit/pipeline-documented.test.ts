import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkPipeline, pipelineJsonSchema } from '../../src/config/index.ts'
import { tempFolder } from '../support/temp-folder.ts'

const page = await readFile(join(import.meta.dirname, '..', '..', 'docs', 'pipeline.md'), 'utf8')

type Schema = Readonly<Record<string, unknown>>

/** Every key of the schema; items of lists have the keys of the list. */
function known(schema: Schema, path: string): readonly string[] {
  const alternatives = (schema.anyOf ?? schema.oneOf) as readonly Schema[] | undefined
  if (alternatives !== undefined) return alternatives.flatMap((one) => known(one, path))
  if (typeof schema.items === 'object') return known(schema.items as Schema, path)
  const properties = (schema.properties ?? {}) as Readonly<Record<string, Schema>>
  return Object.entries(properties).flatMap(([name, inner]) => {
    const key = path === '' ? name : `${path}.${name}`
    const fallback = inner.default
    const shown = fallback === undefined || typeof fallback === 'object' ? '' : `\`${fallback}\``
    return [`${key} | ${shown} | ${inner.description ?? ''}`, ...known(inner, key)]
  })
}

test('docs/pipeline.md lists exactly the keys of the schema, with their defaults and meanings', () => {
  const documented = page
    .slice(page.indexOf('## Keys'))
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => {
      const [key = '', fallback = '', meaning = ''] = line.split(/(?<!\\)\|/).slice(1, -1)
      return `${key.trim().slice(1, -1)} | ${fallback.trim()} | ${meaning.trim()}`
    })
  const keys = [...new Set(known(pipelineJsonSchema(), ''))]
  assert.deepEqual(documented.sort(), keys.sort())
  for (const key of keys) assert.ok((key.split(' | ')[2] ?? '').length > 3, key)
})

test('the files that docs/pipeline.md shows are right as they stand, for both programs', async () => {
  await using folder = await tempFolder('pipelines')
  const sources = { env: { SOURCE_PASSWORD: 'secret' }, readText: () => '' }
  let checked = 0
  for (const [, block = ''] of page.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)) {
    const file = join(folder.path, `${checked++}.yaml`)
    await writeFile(file, block)
    for (const program of ['replicate', 'sync-offsets'] as const) {
      const { problems, pipeline } = checkPipeline({ files: [file], program, sources })
      assert.deepEqual(problems, [], block)
      assert.deepEqual(pipeline?.notes, [], block)
    }
  }
  assert.ok(checked > 0)
})
