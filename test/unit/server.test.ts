import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { isTidemarkError, noTelemetry } from '../../src/base/index.ts'
import { Health, Metrics, metricCatalogue, startServer } from '../../src/server/index.ts'

const prefixes = {
  app: 'k2k.offsetmapping.',
  'source-consumer': 'k2k.consumer.source.',
  'target-consumer': 'k2k.offsetmapping.consumer.control.',
  'target-producer': 'k2k.offsetmapping.producer.',
}

async function served(parts: readonly string[] = ['copy']) {
  const metrics = await Metrics.create(prefixes)
  const health = new Health(parts)
  const server = await startServer({ host: '127.0.0.1', port: 0 }, { metrics, health })
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method })
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      text: await response.text(),
    }
  }
  return { metrics, health, server, get }
}

test('what the rooms count is scraped under the prefix of its part', async () => {
  const { metrics, server, get } = await served()
  await using _ = server
  const lines: string[] = []
  const telemetry = metrics.over({
    ...noTelemetry,
    log: (level, message) => lines.push(`${level} ${message}`),
  })
  telemetry.count('positions_committed', 2, { cause: 'moved' })
  telemetry.count('positions_committed', 3, { cause: 'moved' })
  telemetry.gauge('groups_seen', 7)
  telemetry.gauge('replicate_lag_records', 12, { topic: 'orders', partition: '3' })
  telemetry.count('mapping_records_read', 4)
  telemetry.count('not_in_the_catalogue', 1)
  telemetry.log('error', 'it failed', { code: 'REQUEST_TIMEOUT' })
  telemetry.log('info', 'no matter')
  const { status, type, text } = await get('/metrics')
  assert.equal(status, 200)
  assert.match(type ?? '', /^text\/plain/)
  assert.match(text, /^k2k_offsetmapping_producer_positions_committed_total\{cause="moved"\} 5$/m)
  assert.match(text, /^k2k_offsetmapping_groups_seen 7$/m)
  assert.match(text, /^k2k_offsetmapping_replicate_lag_records\{topic="orders",partition="3"\} 12$/m)
  assert.match(text, /^k2k_offsetmapping_consumer_control_mapping_records_read_total 4$/m)
  assert.match(text, /^k2k_offsetmapping_errors_total\{code="REQUEST_TIMEOUT"\} 1$/m)
  assert.doesNotMatch(text, /not_in_the_catalogue/)
  assert.deepEqual(lines, ['error it failed', 'info no matter'])
  assert.deepEqual(
    metrics.samples().find(({ name }) => name.endsWith('positions_committed')),
    {
      name: 'k2k.offsetmapping.producer.positions_committed',
      kind: 'counter',
      labels: { cause: 'moved' },
      value: 5,
    },
  )
})

test('a program is alive at once, and ready when every part of it is', async () => {
  const { health, server, get } = await served(['copy', 'group sync'])
  await using _ = server
  assert.equal((await get('/healthz')).status, 200)
  const before = await get('/readyz')
  assert.equal(before.status, 503)
  assert.deepEqual(JSON.parse(before.text), {
    ready: false,
    waiting: { copy: 'starting', 'group sync': 'starting' },
  })
  health.ready('copy')
  health.unready('group sync', 'the source does not answer')
  assert.deepEqual(JSON.parse((await get('/readyz')).text).waiting, {
    'group sync': 'the source does not answer',
  })
  health.ready('group sync')
  assert.equal((await get('/readyz')).status, 200)
})

test('other paths and methods are told apart', async () => {
  const { server, get } = await served()
  await using _ = server
  assert.equal((await get('/')).status, 404)
  assert.equal((await get('/metrics', 'POST')).status, 405)
  assert.equal((await get('/metrics', 'HEAD')).text, '')
})

test('an address that is taken is a configuration error', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  const { port } = taken.address() as { port: number }
  const metrics = await Metrics.create(prefixes)
  const health = new Health([])
  await assert.rejects(startServer({ host: '127.0.0.1', port }, { metrics, health }), (error) =>
    isTidemarkError(error, 'CONFIG_INVALID'),
  )
  taken.close()
})

test('docs/replication.md lists exactly the metrics of the program', async () => {
  const page = await readFile(join(import.meta.dirname, '..', '..', 'docs', 'replication.md'), 'utf8')
  const section = page.slice(page.indexOf('### Metrics'))
  const rows = section
    .slice(section.indexOf('| metric |'), section.indexOf('\n## '))
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    )
  assert.deepEqual(
    rows.sort(),
    metricCatalogue
      .map(({ name, kind, component, labels, help }) => [name, kind, component, labels.join(', '), help])
      .sort(),
  )
})
