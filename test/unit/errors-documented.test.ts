import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ErrorCode, errorCodes, TidemarkError } from '../../src/base/index.ts'
import { exitStatuses } from '../../src/cli/exit-status.ts'
import { errorObject, errorText, placeText } from '../../src/cli/render/error-text.ts'

const page = await readFile(join(import.meta.dirname, '..', '..', 'docs', 'errors.md'), 'utf8')

/** Rows of the page's tables whose first cell has the form asked for. */
function rows(first: RegExp): readonly (readonly string[])[] {
  return page
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
    .filter(([cell = '']) => first.test(cell))
}

test('docs/errors.md lists exactly the codes of the program, with their exit status and meaning', () => {
  const documented = rows(/^`[A-Z_]+`$/).map(([code = '', exit, meaning]) => [
    code.slice(1, -1),
    exit,
    meaning,
  ])
  const known = Object.entries(errorCodes).map(([code, { exit, meaning }]) => [code, String(exit), meaning])
  assert.deepEqual(documented.sort(), known.sort())
})

test('docs/errors.md says for every code what to do', () => {
  for (const [code, , , advice = ''] of rows(/^`[A-Z_]+`$/)) assert.ok(advice.length > 10, code)
})

test('docs/errors.md lists exactly the exit statuses of the program', () => {
  assert.deepEqual(
    rows(/^\d+$/).map(([status, meaning]) => [Number(status), meaning]),
    exitStatuses.map(([status, meaning]) => [status, meaning]),
  )
})

test('every code ends with a documented exit status', () => {
  const statuses = new Set<number>(exitStatuses.map(([status]) => status))
  for (const code of Object.keys(errorCodes) as ErrorCode[])
    assert.ok(statuses.has(errorCodes[code].exit), code)
})

test('an error is shown with sentence, code, place, cause and hint, without control characters', () => {
  const error = new TidemarkError('OFFSET_OUT_OF_RANGE', 'Offset 9 is out of range\u001b[2J', {
    details: { group: 'g', topic: 't', partition: 0, offset: 9n },
    hint: 'Do this.',
    cause: new Error('because'),
  })
  assert.equal(
    errorText(error, false),
    'Error: Offset 9 is out of range\\x1b[2J [OFFSET_OUT_OF_RANGE] at g/t/0@9\n  cause: because\n  hint: Do this.\n',
  )
  assert.equal(placeText({ broker: 'b:1', object: 'o' }), 'b:1 o')
})

test('the JSON form keeps offsets exact beyond 2^53', () => {
  const error = new TidemarkError('OFFSET_OUT_OF_RANGE', 'x', { details: { offset: 2n ** 60n, other: 5n } })
  assert.deepEqual(errorObject(error), {
    error: {
      code: 'OFFSET_OUT_OF_RANGE',
      exit: 4,
      message: 'x',
      hint: null,
      cause: null,
      details: { offset: '1152921504606846976', other: 5 },
    },
  })
})
