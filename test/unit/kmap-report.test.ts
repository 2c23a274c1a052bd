import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClusterReport, ReportedGroup, ReportedTopic } from '../../src/cli/kmap/cluster-report.ts'
import { dotPicture } from '../../src/cli/kmap/dot-picture.ts'
import { htmlReport } from '../../src/cli/kmap/html-report.ts'

const hostile = `<script>alert("1")</script>'\\ &amp; \u0007`

function topic(name: string, change: Partial<ReportedTopic> = {}): ReportedTopic {
  const plain = { internal: false, partitions: 2, replicationFactor: 3, messages: 10n }
  return { name, ...plain, underReplicated: 0, offline: 0, configs: {}, ...change }
}

function group(name: string, reading: ReportedGroup['reading'] = []): ReportedGroup {
  return { name, type: 'consumer', state: 'Empty', members: 0, reading }
}

function report(topics: readonly ReportedTopic[], groups: readonly ReportedGroup[]): ClusterReport {
  const plain = { version: '3.9', partitions: 1, leaders: 1, underReplicated: 0 }
  const brokers = [1, 2, 3].map((id) => ({ id, address: `kafka-${id}:9092`, rack: undefined, ...plain }))
  return { taken: 0, clusterId: 'c', addresses: ['kafka-1:9092'], brokers, topics, groups }
}

test('names are text in the page and in the picture, whatever they hold', () => {
  const one = report(
    [topic('t', { configs: { [hostile]: hostile } })],
    [group(hostile, [{ topic: hostile, partitions: 1, lag: 3n }])],
  )
  const page = htmlReport(one)
  assert.equal(page.match(/<script>/g)?.length, 1, 'its own script alone')
  assert.match(page, /&lt;script&gt;alert\(&quot;1&quot;\)&lt;\/script&gt;&#39;\\ &amp;amp; \\x07/)
  const quoted = dotPicture(one).replaceAll(/"(?:[^"\\]|\\.)*"/g, '')
  assert.doesNotMatch(quoted, /script|"/, 'every name stands in quotes')
})

test('of many things worth a look the worst are shown', () => {
  const single = Array.from({ length: 40 }, (_, i) => topic(`a${i}`, { replicationFactor: 1 }))
  const page = htmlReport(report([...single, topic('z', { offline: 1, underReplicated: 2 })], []))
  const looked = /<section class="warnings">.*?<\/section>/s.exec(page)?.[0] ?? ''
  assert.match(
    looked,
    /<ul><li><code>z<\/code>: 1 partition without a leader<\/li><li><code>z<\/code>: 2 part/,
  )
  assert.match(looked, /<li>and 22 more<\/li>/)
})

test('a lag that is not known is not shown as none', () => {
  const unknown = report([topic('t')], [group('g', [{ topic: 'gone', partitions: 1, lag: undefined }])])
  const page = htmlReport(unknown)
  assert.match(page, /<code>gone<\/code> <small>1 partition, lag not known<\/small>/)
  assert.match(page, /<td class="number none"[^>]*>–<\/td>/)
  assert.match(dotPicture(unknown), /"topic gone" -> "group g" \[label="lag not known"\]/)
  assert.match(
    htmlReport(report([topic('t')], [group('g', [{ topic: 't', partitions: 1, lag: 0n }])])),
    />0<\/td>/,
  )
})

test('a cluster with nothing in it, and one with 500 groups', () => {
  assert.match(htmlReport(report([], [])), /<p class="none">None\.<\/p>/)
  const many = Array.from({ length: 500 }, (_, i) => group(`g${i}`, [{ topic: 't', partitions: 2, lag: 1n }]))
  const page = htmlReport(report([topic('t')], many))
  assert.equal(page.match(/<tr><td>g\d+<\/td>/g)?.length, 500)
  assert.match(page, /aria-label="Filter consumer groups"/)
})
