import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import { csvText, jsonText, yamlText } from '../../src/cli/render/machine-formats.ts'
import { bytesText, countText, durationText, plural, timeText } from '../../src/cli/render/quantities.ts'
import { fieldLines, printable, tableLines } from '../../src/cli/render/table.ts'

test('offsets are JSON numbers up to 2^53 and text beyond, in every machine format', async () => {
  const value = { small: 5n, edge: 2n ** 53n - 1n, large: 2n ** 53n + 1n, list: [1n] }
  const plain = { small: 5, edge: 9_007_199_254_740_991, large: '9007199254740993', list: [1] }
  assert.deepEqual(JSON.parse(jsonText(value)), plain)
  assert.deepEqual(parse(await yamlText(value)), plain)
})

test('YAML keeps texts texts, whatever they look like', async () => {
  const value = { a: '007', b: 'yes', c: 'null', d: '1.0', e: 'a: b', f: '9007199254740993' }
  assert.deepEqual(parse(await yamlText(value)), value)
  assert.deepEqual(parse(await yamlText(value), { version: '1.1' }), value)
})

test('CSV quotes what needs quotes', () => {
  assert.equal(
    csvText(
      ['a', 'b'],
      [
        ['x,y', 1n],
        ['say "hi"', undefined],
        ['two\nlines', null],
      ],
    ),
    'a,b\n"x,y",1\n"say ""hi""",\n"two\nlines",\n',
  )
})

test('tables are as wide as their cells, numbers to the right where wanted, without trailing spaces', () => {
  assert.deepEqual(
    tableLines(
      [{ title: 'Topic' }, { title: 'N', numeric: true }, { title: 'Action' }],
      [
        ['orders', '7', 'SET'],
        ['p', '1234', ''],
      ],
    ),
    ['Topic      N  Action', 'orders     7  SET', 'p       1234'],
  )
  assert.deepEqual(
    fieldLines([
      ['a', '1'],
      ['long', '2'],
    ]),
    ['a     1', 'long  2'],
  )
})

test('control characters in names never reach a terminal', () => {
  assert.equal(printable('a\u001b[31mb\n\u0007'), 'a\\x1b[31mb\\x0a\\x07')
})

test('quantities read well', () => {
  assert.equal(countText(1_234_567n), '1,234,567')
  assert.deepEqual([plural(1, 'topic'), plural(0, 'topic')], ['1 topic', '0 topics'])
  assert.deepEqual(
    [bytesText(0), bytesText(1023), bytesText(1536), bytesText(5 * 1024 ** 4)],
    ['0 B', '1023 B', '1.5 KiB', '5.0 TiB'],
  )
  assert.deepEqual(
    [durationText(12), durationText(12_345), durationText(245_000), durationText(7_800_000)],
    ['12 ms', '12.3 s', '4 min 05 s', '2 h 10 min'],
  )
  assert.deepEqual([timeText(0), timeText(undefined), timeText(-1n)], ['1970-01-01T00:00:00Z', '-', '-'])
})
