import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nearest } from '../../src/base/index.ts'
import { parseBytes, parseDuration, parseInstant } from '../../src/config/index.ts'

test('durations are read with and without units, and added up', () => {
  assert.equal(parseDuration(250), 250)
  assert.equal(parseDuration('250'), 250)
  assert.equal(parseDuration(30, 1000), 30_000)
  assert.equal(parseDuration('500ms'), 500)
  assert.equal(parseDuration('1.5s'), 1500)
  assert.equal(parseDuration('5 minutes'), 300_000)
  assert.equal(parseDuration('750 milliseconds'), 750)
  assert.equal(parseDuration('1d12h'), 129_600_000)
  assert.equal(parseDuration('30d'), 2_592_000_000)
  assert.equal(parseDuration('PT1H'), 3_600_000)
  assert.equal(parseDuration('P1DT12H30M1.5S'), 131_401_500)
  assert.equal(parseDuration('p2w'), 1_209_600_000)
})

test('what is no duration is refused, not guessed', () => {
  for (const text of [
    '',
    'soon',
    '5 parsecs',
    '-5s',
    '1e99 days',
    's',
    '5s later',
    'NaN',
    'P',
    'PT',
    'P1M',
    'P1Y',
    'PT1',
    'P1H',
    '-PT1H',
  ]) {
    assert.equal(parseDuration(text), undefined, text)
  }
  assert.equal(parseDuration(-1), undefined)
  assert.equal(parseDuration(Number.NaN), undefined)
})

test('byte sizes know decimal and binary units', () => {
  assert.equal(parseBytes(1024), 1024)
  assert.equal(parseBytes('1024'), 1024)
  assert.equal(parseBytes('64MiB'), 64 * 1024 * 1024)
  assert.equal(parseBytes('64 mb'), 64_000_000)
  assert.equal(parseBytes('1.5GB'), 1_500_000_000)
  assert.equal(parseBytes('8k'), 8192)
  for (const text of ['', 'lots', '5 pounds', '-5', '5MiBs']) assert.equal(parseBytes(text), undefined, text)
})

test('moments are epoch milliseconds or ISO 8601, in UTC unless a zone is given', () => {
  const noon = BigInt(Date.UTC(2024, 11, 1, 12))
  assert.equal(parseInstant(Number(noon)), noon)
  assert.equal(parseInstant(String(noon)), noon)
  assert.equal(parseInstant('2024-12-01T12:00:00Z'), noon)
  assert.equal(parseInstant('2024-12-01 12:00'), noon)
  assert.equal(parseInstant('2024-12-01T13:00:00+01:00'), noon)
  assert.equal(parseInstant('2024-12-01T13:00:00+0100'), noon)
  assert.equal(parseInstant('2024-12-01T13:00:00+01'), noon)
  assert.equal(parseInstant('2024-12-01T12:00:00.250'), noon + 250n)
  assert.equal(parseInstant('2024-12-01'), BigInt(Date.UTC(2024, 11, 1)))
})

test('moments that do not exist are refused', () => {
  for (const text of ['', 'yesterday', '2024-02-30', '2024-13-01', '2024-12-01T25:00:00Z', '12/01/2024']) {
    assert.equal(parseInstant(text), undefined, text)
  }
  assert.equal(parseInstant(-1), undefined)
  assert.equal(parseInstant(1.5), undefined)
})

test('the nearest name is offered only when it is near', () => {
  const names = ['include', 'exclude', 'topic_mapping', 'bootstrap_servers']
  assert.equal(nearest('inculde', names), 'include')
  assert.equal(nearest('topicMapping', names), 'topic_mapping')
  assert.equal(nearest('bootstrap-server', names), 'bootstrap_servers')
  assert.equal(nearest('completely_different', names), undefined)
})
