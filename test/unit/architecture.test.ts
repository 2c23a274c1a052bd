import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'

/** Which rooms a room may import; `docs/architecture.md` explains the storeys. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  records: ['base'],
  kafka: ['base', 'records'],
  storage: ['base'],
  archive: ['base', 'records', 'storage'],
  offsets: ['base', 'records', 'kafka', 'archive'],
  backup: ['base', 'records', 'kafka', 'storage', 'archive', 'offsets'],
  restore: ['base', 'records', 'kafka', 'storage', 'archive', 'offsets'],
  replicate: ['base', 'records', 'kafka', 'storage', 'archive', 'offsets'],
  config: ['base'],
  server: ['base'],
  operator: [
    'base',
    'records',
    'kafka',
    'storage',
    'archive',
    'offsets',
    'backup',
    'restore',
    'replicate',
    'config',
    'server',
  ],
  cli: [
    'base',
    'records',
    'kafka',
    'storage',
    'archive',
    'offsets',
    'backup',
    'restore',
    'replicate',
    'config',
    'server',
  ],
}

/** Rooms from which `config` may take types, and types alone. */
const typesOnly: Readonly<Record<string, readonly string[]>> = {
  config: ['records', 'kafka', 'storage', 'archive', 'offsets', 'backup', 'restore', 'replicate'],
}

const source = new URL('../../src/', import.meta.url).pathname

test('rooms import only what lies below them, and only through the door of the room', async () => {
  const wrong: string[] = []
  for (const file of await sources()) {
    const room = file.split('/')[0] ?? ''
    for (const { path, isType } of imports(await readFile(join(source, file), 'utf8'))) {
      const target = normalize(join(dirname(file), path))
      const other = target.split('/')[0] ?? ''
      if (other === room) continue
      const allowed = mayImport[room]?.includes(other) || (isType && typesOnly[room]?.includes(other))
      if (!allowed) wrong.push(`${file} imports ${target}`)
      else if (target !== `${other}/index.ts`)
        wrong.push(`${file} reaches past the door of ${other}: ${target}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('every room is in the table and has a door that opens with a page', async () => {
  for (const entry of await readdir(source, { withFileTypes: true })) {
    if (!entry.isDirectory() || (await readdir(join(source, entry.name))).length === 0) continue
    assert.ok(mayImport[entry.name], `${entry.name} is missing in the table`)
    const door = await readFile(
      join(source, entry.name, entry.name === 'cli' ? 'main.ts' : 'index.ts'),
      'utf8',
    )
    assert.match(door, /^(#!.*\n)?\/\*\*/, `the door of ${entry.name} does not open with a page`)
  }
})

test('nobody but the command line ends the process', async () => {
  for (const file of await sources()) {
    if (file.startsWith('cli/')) continue
    const text = await readFile(join(source, file), 'utf8')
    assert.doesNotMatch(text, /process\.exit\b/, `${file} ends the process`)
  }
})

test('libraries that few runs need are loaded when they are asked for', async () => {
  const doors = ['server/prometheus-library.ts', 'server/otlp-sender.ts', 'server/otlp-data.ts']
  const loads =
    /^(?:import|export) (?!type )[^'"(]*from '(?:@opentelemetry\/|prom-client|\.\/prometheus-library|\.\/otlp-sender)/m
  const found: string[] = []
  for (const file of await sources()) {
    if (loads.test(await readFile(join(source, file), 'utf8'))) found.push(file)
  }
  assert.deepEqual(found.sort(), doors.sort())
})

async function sources(): Promise<string[]> {
  const all = await readdir(source, { recursive: true })
  return all.filter((file) => file.endsWith('.ts'))
}

function imports(text: string): { path: string; isType: boolean }[] {
  const found: { path: string; isType: boolean }[] = []
  for (const match of text.matchAll(
    /(?:^|\n)\s*(?:import|export)\s+(type\s+)?([^;'"]*?)\s*from\s*'(\.[^']+)'/g,
  )) {
    const names = match[2] ?? ''
    const allTypes =
      /^\{[^}]*\}$/.test(names) &&
      names
        .slice(1, -1)
        .split(',')
        .every((n) => n.trim() === '' || n.trim().startsWith('type '))
    found.push({ path: match[3] ?? '', isType: Boolean(match[1]) || allTypes })
  }
  for (const match of text.matchAll(/\bimport\(\s*'(\.[^']+)'\s*\)/g))
    found.push({ path: match[1] ?? '', isType: false })
  return found
}
