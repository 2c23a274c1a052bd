import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readYaml } from '../../src/config/yaml-source.ts'

const sources = {
  env: { SERVERS: 'a:9092,b:9092', EMPTY: '', INJECT: 'x\nmode: restore', NUMBER: '42' },
  readText: (path: string) => {
    if (path === '/run/secrets/password') return 'hunter2\n'
    throw Object.assign(new Error('no'), { code: 'ENOENT' })
  },
}
const read = (text: string) => readYaml(text, sources)

test('variables and files are expanded, and a last line break of a file is dropped', () => {
  const yaml = read(
    `a: \${SERVERS}\nb: "x-\${NUMBER}-y"\nc: \${file:/run/secrets/password}\nd: \${NOWHERE:-fallback}\ne: \${EMPTY:-other}`,
  )
  assert.deepEqual(yaml.value, { a: 'a:9092,b:9092', b: 'x-42-y', c: 'hunter2', d: 'fallback', e: 'other' })
  assert.deepEqual(yaml.problems, [])
})

test(`a literal \${ is written $\${`, () => {
  assert.deepEqual(read(`a: "$\${HOME}"`).value, { a: `\${HOME}` })
})

test('expansions need no quotes inside brackets and braces', () => {
  const yaml = read(`a: [\${SERVERS}, \${file:/run/secrets/password}]\nb: {c: \${NOWHERE:-x, y: [z]}, d: 1}`)
  assert.deepEqual(yaml.problems, [])
  assert.deepEqual(yaml.value, { a: ['a:9092,b:9092', 'hunter2'], b: { c: 'x, y: [z]', d: 1 } })
})

test('what a variable holds never changes the structure of the document', () => {
  assert.deepEqual(read(`mode: \${INJECT}`).value, { mode: 'x\nmode: restore' })
})

test('a variable that is not set is a problem with its line, and names no value', () => {
  const [problem] = read(`mode: backup\nbackup_id: \${NOT_SET}`).problems
  assert.equal(problem?.line, 2)
  assert.equal(problem?.key, 'backup_id')
  assert.match(problem?.message ?? '', /NOT_SET is not set/)
})

test('a file that cannot be read is a problem', () => {
  const [problem] = read(`a: \${file:/nowhere}`).problems
  assert.equal(problem?.code, 'FILE_NOT_READABLE')
  assert.match(problem?.message ?? '', /\/nowhere cannot be read: there is no such file/)
})

test('places of nested keys and list items are found', () => {
  const yaml = read('source:\n  topics:\n    include:\n      - a\n      - b\n')
  assert.deepEqual(yaml.locate(['source', 'topics', 'include', 1]), { line: 5, column: 9 })
  assert.deepEqual(yaml.locate(['source', 'topics']), { line: 2, column: 3 })
  assert.deepEqual(yaml.locate(['source', 'missing']), { line: 1, column: 1 })
})

test('broken YAML is reported with line and column', () => {
  const [problem] = read('a: [1, 2\nb: 3').problems
  assert.ok(problem !== undefined)
  assert.equal(problem.line, 2)
  assert.match(problem.message, /is not YAML/)
})

test('duplicate keys are refused', () => {
  const [problem] = read('a: 1\na: 2').problems
  assert.equal(problem?.line, 2)
})

test('anchors and merge keys work; the own key wins over the merged, the first merged over the second', () => {
  const yaml = read('x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  <<: [*x, *y]\n  a: 3')
  assert.deepEqual((yaml.value as { readonly z: unknown }).z, { a: 3, b: 1, c: 2 })
})

test('a bomb of aliases is refused instead of filling the memory', () => {
  const levels = Array.from(
    { length: 12 },
    (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(', ')}]`,
  )
  const yaml = read(`l0: &l0 [x]\n${levels.join('\n')}`)
  assert.ok(yaml.problems.length > 0)
})

test('offsets beyond 2^53 keep every digit', () => {
  assert.deepEqual(read('a: 9223372036854775807').value, { a: 9_223_372_036_854_775_807n })
})

test('a key without a value is a key that is not given', () => {
  assert.deepEqual(read('a:\nb: ~').value, { a: undefined, b: undefined })
})
