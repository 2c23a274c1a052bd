import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { flagSections } from '../../src/cli/kmap/flag-table.ts'
import { helpText } from '../../src/cli/kmap/help-text.ts'
import { parseFlags } from '../../src/cli/kmap/parse-flags.ts'

const usage = (pattern: RegExp) => (error: { code?: string; message: string }) => {
  assert.equal(error.code, 'USAGE')
  assert.match(error.message, pattern)
  return true
}

test('every flag with a value is understood with a blank and with a sign, with one hyphen and with two', async () => {
  for (const { flags } of flagSections) {
    for (const flag of flags) {
      if (!('value' in flag)) continue
      const names = [flag.name, ...('aliases' in flag ? flag.aliases : [])]
      for (const name of names) {
        const forms = [[`-${name}`, 'x=y'], [`-${name}=x=y`], [`--${name}`, 'x=y'], [`--${name}=x=y`]]
        for (const form of forms)
          assert.equal((await parseFlags(form)).text(flag.name), 'x=y', form.join(' '))
      }
    }
  }
})

test('a switch takes a value only behind a sign', async () => {
  assert.equal((await parseFlags(['-topic-sizes'])).has('topic-sizes'), true)
  assert.equal((await parseFlags(['-topic-sizes=true'])).has('topic-sizes'), true)
  assert.equal((await parseFlags(['--topic-sizes=false'])).has('topic-sizes'), false)
  await assert.rejects(parseFlags(['-topic-sizes=maybe']), usage(/neither true nor false/))
  await assert.rejects(parseFlags(['-topic-sizes', 'true']), usage(/"true" is not a flag/))
})

test('the last of a flag given twice counts, and repeated ones are all kept', async () => {
  const flags = await parseFlags(['-brokers', 'a:1', '-brokers=b:2', '-since', 'one', '-since', 'two'])
  assert.equal(flags.text('brokers'), 'b:2')
  assert.deepEqual(flags.texts('since'), ['one', 'two'])
})

test('an empty value is kept: it turns a report off', async () => {
  assert.equal((await parseFlags(['-html', ''])).text('html'), '')
  assert.equal((await parseFlags(['-html='])).text('html'), '')
})

test('mistakes name the flag, and the one that was meant', async () => {
  await assert.rejects(parseFlags(['-brokrs', 'x']), (error: { hint?: string }) => {
    assert.equal(error.hint, 'Did you mean -brokers?')
    return true
  })
  await assert.rejects(parseFlags(['-brokers']), usage(/-brokers needs a value/))
  await assert.rejects(parseFlags(['-save-offsets', '-brokers', 'x']), usage(/-brokers is a flag/))
  await assert.rejects(parseFlags(['offsets.json']), usage(/"offsets.json" is not a flag/))
})

test('the help shows every flag, no line longer than 120 characters', () => {
  const help = helpText()
  for (const { flags } of flagSections)
    for (const { name } of flags) assert.match(help, new RegExp(`^  -${name}\\b`, 'm'))
  for (const line of help.split('\n')) assert.ok(line.length <= 120, line)
})

test('docs/kmap.md names every flag, under each of its names', async () => {
  const page = await readFile(join(import.meta.dirname, '..', '..', 'docs', 'kmap.md'), 'utf8')
  for (const { flags } of flagSections) {
    for (const flag of flags) {
      const names = [flag.name, ...('aliases' in flag ? flag.aliases : [])].filter((name) => name.length > 1)
      for (const name of names) assert.match(page, new RegExp(`[\`( ]-${name}\\b`), name)
    }
  }
})
