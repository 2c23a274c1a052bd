import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Command } from 'commander'
import { exitStatuses } from '../../src/cli/exit-status.ts'
import { buildProgram } from '../../src/cli/program.ts'
import { Session } from '../../src/cli/session.ts'
import { page, sectionOf, tableCells } from '../support/cli-page.ts'

const program = await buildProgram(new Session(() => {}), () => true)

interface Leaf {
  readonly path: string
  readonly command: Command
}

/** Every command that can be run, subcommands as `restore finish`. */
function leaves(command: Command, path: readonly string[] = []): readonly Leaf[] {
  const inner = command.commands.flatMap((child) => leaves(child, [...path, child.name()]))
  const runs = path.length > 0 && (command.commands.length === 0 || command.options.length > 0)
  return runs ? [{ path: path.join(' '), command }, ...inner] : inner
}

/** Flags of a section's table, and of the groups that it names under "Also:". */
function documentedFlags(path: string): readonly string[] {
  const text = sectionOf(path)
  const also = /^Also: (.*)$/m.exec(text)?.[1] ?? ''
  const all = ['archive flags', 'cluster flags', 'reset flags', 'format flags', 'run flags']
  const groups = all.filter((name) => also.includes(name))
  return [text, ...groups.map(sectionOf)].flatMap((part) => tableCells(part, 'flag'))
}

for (const { path, command } of leaves(program)) {
  test(`docs/cli.md lists exactly the flags of ${path}`, () => {
    assert.deepEqual([...documentedFlags(path)].sort(), command.options.map((option) => option.flags).sort())
  })

  test(`the help of ${path} says what it does and how it ends`, () => {
    let help = ''
    command.configureOutput({
      writeOut: (text) => {
        help += text
      },
    })
    command.outputHelp()
    assert.match(help, /^Usage: kafka-backup /)
    for (const [status, meaning] of exitStatuses)
      assert.ok(help.includes(`${String(status).padEnd(5)}${meaning}`))
    assert.doesNotMatch(help, /undefined|\[object/)
    assert.ok(
      help.split('\n').every((line) => line.length <= 120),
      'lines fit a terminal',
    )
  })
}

test('docs/cli.md has a section for every command and no others', () => {
  const documented = [...page.matchAll(/^## (.+)$/gm)].map((match) => match[1])
  assert.deepEqual(
    documented.filter((title) => title !== 'Flags of several commands').sort(),
    leaves(program)
      .map(({ path }) => path)
      .sort(),
  )
})

test('docs/cli.md lists exactly the exit statuses of the program', () => {
  const rows = [...page.slice(0, page.indexOf('## ')).matchAll(/^\| (\d+) \| (.+) \|$/gm)]
  assert.deepEqual(
    rows.map((row) => [Number(row[1]), row[2]]),
    exitStatuses.map(([status, meaning]) => [status, meaning]),
  )
})

test('the README and the other pages name commands that exist', async () => {
  const known = new Set(['help', ...program.commands.map((command) => command.name())])
  const root = join(import.meta.dirname, '..', '..')
  for (const file of [
    'README.md',
    'docs/restore.md',
    'docs/offsets.md',
    'docs/strategies.md',
    'docs/errors.md',
    'docs/config.md',
  ]) {
    const text = await readFile(join(root, file), 'utf8')
    for (const [, name = ''] of text.matchAll(/(?:npx |`)kafka-backup ([a-z][a-z-]+)/g)) {
      assert.ok(known.has(name), `${file}: kafka-backup ${name}`)
    }
  }
})

test('the commands that the pages show have flags that exist', async () => {
  const known = new Map(leaves(program).map(({ path, command }) => [path, command]))
  const root = join(import.meta.dirname, '..', '..')
  let checked = 0
  for (const file of ['README.md', 'docs/strategies.md', 'docs/offsets.md', 'docs/restore.md']) {
    const text = await readFile(join(root, file), 'utf8')
    for (const [, block = ''] of text.matchAll(/^```(?:bash|sh)\n([\s\S]*?)^```$/gm)) {
      for (const [line] of block.replaceAll(/\\\n\s*/g, '').matchAll(/^(?:npx )?kafka-backup .*$/gm)) {
        const words = line.split(/\s+/).slice(line.startsWith('npx') ? 2 : 1)
        const command = known.get(words.slice(0, 2).join(' ')) ?? known.get(words[0] ?? '')
        assert.ok(command, `${file}: ${line}`)
        const flags = command.options.flatMap(({ short, long }) => [short, long])
        for (const word of words.filter((each) => /^--?[a-z]/.test(each))) {
          assert.ok(flags.includes(word.split('=')[0]), `${file}: ${word} in ${line}`)
          checked++
        }
      }
    }
  }
  assert.ok(checked > 20)
})
