import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { splitPatterns } from '../../src/cli/flags/name-list.ts'
import { checkTogether } from '../../src/cli/kmap/check-flags.ts'
import { parseFlags } from '../../src/cli/kmap/parse-flags.ts'
import { chosenGroups, groupChoice } from '../../src/cli/kmap/saved-files.ts'
import { readTextFile, writeTextFile } from '../../src/cli/text-file.ts'
import { offsetsFromJson } from '../../src/offsets/index.ts'
import { tempFolder } from '../support/temp-folder.ts'

const code = (wanted: string, pattern: RegExp) => (error: { code?: string; message: string }) => {
  assert.equal(error.code, wanted, error.message)
  assert.match(error.message, pattern)
  return true
}

test('a value that names nothing is refused, never taken for all; expressions keep their commas', () => {
  for (const value of ['', ' ', ',', ' , ,'])
    assert.throws(() => splitPatterns(['a', value], '--groups'), code('USAGE', /--groups names nothing/))
  assert.deepEqual(splitPatterns(['a, b,', '~x{1,2}'], '--groups'), ['a', 'b', '~x{1,2}'])
  assert.deepEqual(splitPatterns([], '--groups'), [])
})

test('flags of which one would have no effect, or would write over what another one names, are refused', async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['-dry-run', /-dry-run goes with -restore-offsets/],
    ['-restore-offsets a -save-offsets b', /-restore-offsets and -save-offsets are two jobs/],
    ['-restore-offsets a -restore-offsets-script b', /are two jobs/],
    ['-restore-offsets a -topic-sizes', /-restore-offsets and -topic-sizes are two jobs/],
    ['-restore-offsets a -offsets-from b', /-restore-offsets and -offsets-from are two jobs/],
    ['-topic-sizes -save-offsets b', /-topic-sizes and -save-offsets are two jobs/],
    ['-topic-sizes -offsets-from b -restore-offsets-script c', /-topic-sizes and -offsets-from are two jobs/],
    ['-topic-sizes -groups g', /-groups goes with/],
    ['-groups g', /-groups goes with/],
    ['-offsets-from a', /-offsets-from goes with -restore-offsets-script/],
    [
      '-offsets-from a -restore-offsets-script b -save-offsets c',
      /-offsets-from and -save-offsets are two jobs/,
    ],
    ['-offsets-from a -restore-offsets-script b -html c', /-offsets-from and -html are two jobs/],
    ['-since a', /-since goes with -save-offsets/],
    ['-timestamps', /-timestamps goes with -save-offsets/],
    ['-topic-list a', /-topic-list goes with -topic-sizes/],
    ['-restore-offsets a -by-timestamp -to-datetime 1', /exclude each other/],
    ['-restore-offsets a -no-snapshot -snapshot-path b', /exclude each other/],
    ['-save-offsets=', /-save-offsets is empty/],
    ['-restore-offsets=', /-restore-offsets is empty/],
    ['-save-offsets a -since=', /-since is empty/],
    ['-brokers=', /-brokers is empty/],
    ['-save-offsets a -restore-offsets-script ./a', /are the same file/],
    ['-save-offsets a -since a', /-save-offsets and -since are the same file/],
    ['-save-offsets kafka-cluster-info.json', /-save-offsets and -output are the same file/],
    ['-output a -html a', /are the same file/],
    ['-restore-offsets a -restore-report a', /are the same file/],
  ]
  for (const [line, pattern] of cases) {
    const flags = await parseFlags(line.split(' '))
    assert.throws(() => checkTogether(flags), code('USAGE', pattern), line)
  }
  const fine = [
    '',
    '-output= -html=',
    '-save-offsets a -groups g -since b -timestamps -html a.html',
    '-restore-offsets-script a -groups g',
    '-offsets-from a -restore-offsets-script b -groups g',
    '-restore-offsets a -dry-run -restore-report b -groups g',
    '-topic-sizes=false -dry-run=false',
    '-output /dev/null -html /dev/null',
  ]
  for (const line of fine) checkTogether(await parseFlags(line.split(' ').filter((word) => word !== '')))
})

const file = (groups: readonly string[]) =>
  offsetsFromJson(
    JSON.stringify({
      timestamp: '2026-01-20T15:30:04Z',
      consumer_groups: groups.map((group) => ({ group, topics: { t: [{ partition: 0, offset: 1 }] } })),
    }),
    'f',
  ).file

test('groups of a file that are named and not in it are an error, also beside others that are', async () => {
  const choose = async (...patterns: readonly string[]) =>
    chosenGroups(file(['a', 'b']), await groupChoice(patterns), 'f.json').groups.map(({ group }) => group)
  assert.deepEqual(await choose(), ['a', 'b'])
  assert.deepEqual(await choose('~[bc]'), ['b'])
  await assert.rejects(choose('a,x'), code('GROUP_NOT_FOUND', /'x' is not in f\.json/))
  await assert.rejects(choose('x*'), code('GROUP_NOT_FOUND', /No group in f\.json matches x\*/))
  await assert.rejects(choose(''), code('USAGE', /names nothing/))
  await assert.rejects(choose('~['), code('CONFIG_INVALID', /not a regular expression/))
})

test('a topic that stands twice in a group is refused: the first of its positions would be lost', () => {
  const text = (topics: string) =>
    `{"timestamp":"2026-01-20T15:30:04Z","consumer_groups":[{"group":"a\\"b","topics":{${topics}}},{"group":"c","topics":{}}]}`
  const twice = '"t": [{"partition":0,"offset":1}], "u": [], "\\u0074" : [{"partition":1,"offset":2}]'
  assert.throws(
    () => offsetsFromJson(text(twice), 'f.json'),
    code('FILE_NOT_READABLE', /f\.json: "t" stands twice/),
  )
  offsetsFromJson(text('"t": [{"partition":0,"offset":1},{"partition":1,"offset":1}], "T": []'), 'f.json')
})

test('what is no JSON is said in one line', () => {
  assert.throws(
    () => offsetsFromJson('{\n "a": 1,\n}', 'f.json'),
    (error: Error) => {
      assert.doesNotMatch(error.message, /\n/)
      return true
    },
  )
})

test('files of other systems are read: a byte order mark, UTF-16, line ends', async () => {
  await using folder = await tempFolder('text files')
  const text = '{"größe": 1}\r\n'
  const utf16 = Buffer.from(`\ufeff${text}`, 'utf16le')
  const forms = {
    plain: Buffer.from(text),
    bom: Buffer.from(`\ufeff${text}`),
    little: utf16,
    big: Buffer.from(utf16).swap16(),
  }
  for (const [name, bytes] of Object.entries(forms)) {
    await writeFile(join(folder.path, name), bytes)
    assert.equal(await readTextFile(join(folder.path, name)), text, name)
  }
})

test('a file that cannot be written says why in words, and leaves nothing beside it', async () => {
  await using folder = await tempFolder('text files')
  await mkdir(join(folder.path, 'is a folder'))
  const write = (name: string) => writeTextFile(join(folder.path, name), ['text'])
  await assert.rejects(write('is a folder'), code('FILE_NOT_READABLE', /cannot be written: it is a folder$/))
  await assert.rejects(write('none/x'), code('FILE_NOT_READABLE', /there is no such file or folder$/))
  await assert.rejects(
    readTextFile(join(folder.path, 'is a folder')),
    code('FILE_NOT_READABLE', /it is a folder$/),
  )
  // What a killed process of the same number has left behind is not in the way.
  await writeFile(join(folder.path, `good.${process.pid}.tmp`), 'half')
  await write('good')
  assert.equal(await readFile(join(folder.path, 'good'), 'utf8'), 'text')
  assert.deepEqual((await readdir(folder.path)).sort(), ['good', `good.${process.pid}.tmp`, 'is a folder'])
  assert.equal((await stat(join(folder.path, 'good'))).mode & 0o777, 0o644)
})
