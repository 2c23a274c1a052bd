import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTidemarkError } from '../../src/base/index.ts'
import { scanOptions, topicMappingOf } from '../../src/cli/flags/scan-flags.ts'

const usage = (error: unknown) => isTidemarkError(error, 'USAGE')

test('the flags of a scan are taken as they are meant, and nothing else', () => {
  assert.deepEqual(scanOptions({}), {})
  assert.deepEqual(
    scanOptions({ scanAllPartitions: true, parallelConsumers: '4', sampleRate: '0.25', timeoutSecs: '1.5' }),
    { scanAllPartitions: true, parallel: 4, sampleRate: 0.25, timeoutMs: 1500 },
  )
  for (const sampleRate of ['1', '1.0', '.5', '0.001']) {
    assert.equal(scanOptions({ sampleRate }).sampleRate, Number(sampleRate))
  }
  for (const sampleRate of ['0', '0.0', '1.1', '2', '-0.5', '10%', '', 'all', '1e-3']) {
    assert.throws(() => scanOptions({ sampleRate }), usage, sampleRate)
  }
  for (const parallelConsumers of ['0', '-1', '1.5', 'many', '']) {
    assert.throws(() => scanOptions({ parallelConsumers }), usage, parallelConsumers)
  }
  for (const timeoutSecs of ['0', '0.0', '-1', '1h', '']) {
    assert.throws(() => scanOptions({ timeoutSecs }), usage, timeoutSecs)
  }
})

test('a topic mapping names each topic once on either side', () => {
  assert.deepEqual([...topicMappingOf(undefined)], [])
  assert.deepEqual(
    [...topicMappingOf('a=b,c.d=e-f')],
    [
      ['a', 'b'],
      ['c.d', 'e-f'],
    ],
  )
  for (const text of ['a', '=b', 'a=', 'a=b=c', 'a=b,', 'a=b,a=c', 'a=c,b=c', '']) {
    assert.throws(() => topicMappingOf(text), usage, text)
  }
})
