import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { checkConfig, configJsonSchema, problemText } from '../../src/config/index.ts'
import { type TempFolder, tempFolder } from '../support/temp-folder.ts'

let folder: TempFolder
before(async () => {
  folder = await tempFolder('rubbish')
})
after(async () => {
  await folder[Symbol.asyncDispose]()
})

const sources = { env: { SECRET: 'hunter2' }, readText: () => 'hunter2' }

/** Checks a text as a file; whatever it is, the answer is a list of problems. */
function check(text: string): readonly string[] {
  const file = join(folder.path, 'c.yaml')
  writeFileSync(file, text)
  const { problems } = checkConfig({ file, sources, needs: 'by-mode' })
  return problems.map((problem) => problemText(problem, 'c.yaml'))
}

/** Every key that the schema knows, whatever it belongs to. */
function keys(schema: unknown, found = new Set<string>()): Set<string> {
  if (typeof schema !== 'object' || schema === null) return found
  for (const [name, inner] of Object.entries(schema)) {
    if (name === 'properties') for (const key of Object.keys(inner as object)) found.add(key)
    keys(inner, found)
  }
  return found
}

const key = fc.constantFrom(...keys(configJsonSchema()), '<<', '__proto__', 'constructor', '')
const scalar = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.double(),
  fc.bigInt(),
  fc.boolean(),
  fc.constantFrom(
    null,
    `\${SECRET}`,
    `\${file:/x}`,
    '${',
    '~(',
    '*',
    'backup',
    'restore',
    's3',
    'specific',
    'SASL_SSL',
    'PLAIN',
  ),
)
const { document } = fc.letrec((tie) => ({
  document: fc.oneof(
    { maxDepth: 5 },
    scalar,
    fc.array(tie('document'), { maxLength: 4 }),
    fc
      .array(fc.tuple(key, tie('document')), { maxLength: 8 })
      .map((entries) => new Map(entries as [string, unknown][])),
  ),
}))

test('any document made of the keys that there are is answered with problems, never with a crash', () => {
  fc.assert(
    fc.property(document, (value) => {
      const lines = check(stringify(value))
      assert.ok(lines.length > 0 || value instanceof Map)
      for (const line of lines) assert.doesNotMatch(line, /undefined|\[object|hunter2/)
    }),
    { numRuns: 500 },
  )
})

test('any text is answered with problems, never with a crash', () => {
  const piece = fc.constantFrom(
    'mode: backup',
    '\n',
    '  ',
    '- ',
    '{',
    '}',
    '[',
    ']',
    ': ',
    '&a ',
    '*a',
    '<<: *a',
    '? ',
    '|',
    '>',
    '"',
    "'",
    '#',
    '${A',
    '$${',
    '!!binary x',
    '%',
    '---',
    '\t',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.array(piece).map((parts) => parts.join('')),
      ),
      (text) => {
        assert.ok(check(text).length > 0)
      },
    ),
    { numRuns: 500 },
  )
})

test('keys that JavaScript gives every object are unknown keys like others', () => {
  const lines = check(
    'mode: backup\n__proto__: {continuous: true}\nconstructor: 1\nbackup: {hasOwnProperty: 1}',
  )
  for (const name of ['__proto__', 'constructor', 'backup.hasOwnProperty']) {
    assert.ok(
      lines.some((line) => line.includes(`${name} is not a known key`)),
      `${name}: ${lines.join('\n')}`,
    )
  }
})
