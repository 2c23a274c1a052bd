import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { stringify } from 'yaml'
import { checkConfig } from '../../src/config/index.ts'
import { tempFolder } from '../support/temp-folder.ts'

const sources = { env: {}, readText: () => '' }

async function check(section: unknown) {
  await using folder = await tempFolder('offset-reset')
  const file = join(folder.path, 'reset.yaml')
  await writeFile(file, stringify({ target: { bootstrap_servers: ['kafka:9092'] }, offset_reset: section }))
  const { config, problems } = checkConfig({ file, sources, needs: ['target'] })
  return { section: config.offsetReset, problems: problems.map(({ message }) => message) }
}

test('the sections of the guides are taken as they stand', async () => {
  const sections = [
    { strategy: 'header-based', source_cluster: 'prod-us-east-1' },
    { strategy: 'timestamp', timestamp: 1_701_234_567_890 },
    { strategy: 'earliest' },
    { strategy: 'latest' },
    { strategy: 'offset', offset: 100 },
    { strategy: 'from-mapping', mapping_file: '/path/to/offset-mapping.json' },
    { strategy: 'header-based', scan_all_partitions: true },
    { strategy: 'header-based', parallel_consumers: 10, sample_rate: 1.0, timeout_secs: 3600 },
    { strategy: 'header-based', source_cluster: 'c', groups: ['order-processor', 'payment-processor'] },
    { strategy: 'timestamp', timestamp: 1_701_421_200_000, groups: ['order-processor'] },
    { strategy: 'header-based', topic_mapping: { orders: 'restored-orders', payments: 'restored-payments' } },
  ]
  for (const given of sections) {
    const { section, problems } = await check(given)
    assert.deepEqual(problems, [], JSON.stringify(given))
    assert.equal(section.strategy, given.strategy)
  }
})

test('values may be given for places, shifts have a sign, durations are words or ISO 8601', async () => {
  const { section, problems } = await check({
    timestamp: { orders: '2024-12-01T10:00:00Z', 'billing/payments:0': 5 },
    offset: { '*': 3, 'orders:1': '9007199254740993' },
    shift: '-100',
    duration: 'PT1H',
    groups: 'a, b',
    topics: 'orders:0,payments',
    positions_file: 'one.json',
  })
  assert.deepEqual(problems, [])
  assert.deepEqual(section.timestamp, { orders: 1_733_047_200_000n, 'billing/payments:0': 5n })
  assert.deepEqual(section.offset, { '*': 3n, 'orders:1': 9_007_199_254_740_993n })
  assert.deepEqual([section.shift, section.duration], [-100n, 3_600_000])
  assert.deepEqual(
    [section.groups, section.topics, section.positions_file],
    [['a', 'b'], ['orders:0', 'payments'], ['one.json']],
  )
})

test('what cannot be meant is refused, each with what was expected', async () => {
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [{ strategy: 'nearest' }, /one of "header-based"/],
    [{ timestamp: 'yesterday' }, /a time .*or times by topic/],
    [{ timestamp: { orders: 'yesterday' } }, /a time/],
    [{ offset: -1 }, /an offset .*or offsets by topic/],
    [{ shift: 1.5 }, /a whole number such as/],
    [{ duration: 'P1M' }, /a duration/],
    [{ sample_rate: 0 }, /above 0 and at most 1/],
    [{ sample_rate: 1.1 }, /above 0 and at most 1/],
    [{ sample_rate: 0.5, scan_all_partitions: true }, /excludes scan_all_partitions/],
    [{ parallel_consumers: 0 }, /a whole number from 1/],
    [{ positions_from: 'topic' }, /"backup", "source", "file", "target"/],
    [{ groups: ['~('] }, /not a regular expression/],
    [{ topic_mapping: { 'a-*': 'b' } }, /prefix rule/],
  ]
  for (const [section, message] of wrong) {
    const { problems } = await check(section)
    assert.match(problems.join('\n'), message, JSON.stringify(section))
  }
})
