import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { stringify } from 'yaml'
import { noTelemetry, systemClock } from '../../src/base/index.ts'
import { Metrics, startOtlp } from '../../src/server/index.ts'
import { runCli, startCli } from '../support/cli.ts'
import { freePort } from '../support/free-port.ts'
import { decodeOtlp, type OtlpPoint, startCollector } from '../support/otlp-collector.ts'
import { type ReplicateLab, startLab } from '../support/replicate-lab.ts'
import { until, untilCopied } from '../support/replicated.ts'
import { tempFolder } from '../support/temp-folder.ts'

/* Metrics pushed to a collector, read by the classes that OpenTelemetry publishes for its protocol. */

let lab: ReplicateLab
let folder: Awaited<ReturnType<typeof tempFolder>>

before(async () => {
  ;[lab, folder] = await Promise.all([startLab(), tempFolder('metrics-otlp')])
})
after(async () => {
  for (const held of [lab, folder]) await held?.[Symbol.asyncDispose]()
})

const counter = 'sum monotonic AGGREGATION_TEMPORALITY_CUMULATIVE'

/** Prometheus' text as numbers by name and labels; names as they come out of a collector that hands the same metric to Prometheus. */
function scraped(text: string): ReadonlyMap<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const [, name = '', labels = '', value] = /^([^{ ]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
      return [`${name} ${labels.replaceAll('"', '').split(',').sort().join(',')}`, Number(value)]
    }),
  )
}

function asPrometheus({ name, kind, attributes }: OtlpPoint): string {
  return `${name.replaceAll('.', '_')}${kind === 'gauge' ? '' : '_total'} ${attributes}`
}

function numbersOf(points: readonly OtlpPoint[]): ReadonlyMap<string, number> {
  return new Map(points.map((point) => [asPrometheus(point), point.value]))
}

/** Without what was never counted: a scrape shows it as 0, a push leaves it out. */
function counted(numbers: ReadonlyMap<string, number>, pushed: ReadonlyMap<string, number>) {
  return new Map([...numbers].filter(([name, value]) => value !== 0 || pushed.has(name)))
}

async function pipeline(name: string, more: object): Promise<string> {
  const file = join(folder.path, `${name}.yaml`)
  const cluster = (bootstrap: string) => ({ kafka: { common: { 'bootstrap.servers': bootstrap } } })
  await writeFile(
    file,
    stringify({
      name,
      features: { autoCreateControlTopics: 'enabled', offsetMapping: 'enabled' },
      source: cluster(lab.source.bootstrap),
      target: cluster(lab.target.bootstrap),
      coordination: { commit: { topic: `${name}.control` } },
      offsetMapping: { topic: `${name}.map` },
      replication: [{ source: { topic: `${name}-.*` } }],
      ...more,
    }),
  )
  return file
}

async function fill(topic: string, count: number): Promise<void> {
  const producer = await lab.java.producer({ 'bootstrap.servers': lab.source.bootstrap })
  await producer.fill({ topic, partitions: 1, count, size: 30 })
  await producer.close()
}

test('counters are monotonic sums since the start, gauges are gauges, and all of them are the numbers that are scraped', async () => {
  await using collector = await startCollector()
  const metrics = await Metrics.create({
    ...{ app: 'k2k.', 'source-consumer': 'k2k.consumer.source.' },
    ...{ 'target-consumer': 'k2k.consumer.', 'target-producer': 'k2k.producer.' },
  })
  const telemetry = metrics.over(noTelemetry)
  const began = BigInt(Date.now()) * 1_000_000n
  const push = await startOtlp(
    {
      ...{ url: `${collector.endpoint}/v1/metrics`, headers: {}, interval: 20, program: 'replicate' },
      ...{ pipeline: 'dr', families: () => metrics.families() },
    },
    { telemetry, clock: systemClock },
  )
  telemetry.count('replicate_records', 5, { topic: 'orders' })
  telemetry.count('replicate_bytes', 2 ** 52, { topic: 'orders' })
  telemetry.count('replicate_map_runs', 7)
  telemetry.gauge('replicate_lag_records', 12, { topic: 'orders', partition: '3' })
  telemetry.gauge('sync_round_seconds', 0.25)
  await until('a push', async () => collector.requests.length > 0)
  telemetry.count('replicate_records', 37, { topic: 'orders' })
  telemetry.count('replicate_records', 1, { topic: 'payments' })
  telemetry.gauge('replicate_lag_records', 3, { topic: 'orders', partition: '3' })
  await push[Symbol.asyncDispose]()
  await push[Symbol.asyncDispose]()
  const sent = collector.requests.length
  assert.ok(collector.requests.every(({ path }) => path === '/v1/metrics'))
  assert.ok(collector.requests.every(({ headers }) => headers['content-type'] === 'application/x-protobuf'))
  const points = await decodeOtlp(collector.requests)
  const last = points.filter(({ request }) => request === sent - 1)
  const numbers = numbersOf(last)
  assert.deepEqual(counted(scraped(await metrics.text()), numbers), numbers)
  assert.equal(numbers.size, 6)
  assert.equal(numbers.get('k2k_replicate_bytes_total topic=orders'), 2 ** 52)
  for (const { name, kind, valueKind, start, time, unit, description } of points) {
    const counts = !/lag_records|round_seconds/.test(name)
    assert.deepEqual([kind, valueKind], counts ? [counter, 'AS_INT'] : ['gauge', 'AS_DOUBLE'], name)
    assert.ok(start >= began && time >= start, name)
    assert.deepEqual([unit, description !== ''], ['', true])
  }
  assert.equal(new Set(points.map(({ start }) => start)).size, 1)
  const records = points.filter(
    ({ name, attributes }) => name === 'k2k.replicate_records' && attributes === 'topic=orders',
  )
  const steps = records.map(({ value }) => value)
  assert.deepEqual([steps[0], steps.at(-1)], [5, 42])
  assert.deepEqual(
    steps,
    [...steps].sort((a, b) => a - b),
  )
  assert.deepEqual([...new Set(points.map(({ scope }) => scope))], ['tidemark'])
  const [resource, ...others] = new Set(points.map((point) => point.resource))
  assert.deepEqual(others, [])
  assert.match(
    resource ?? '',
    /^service\.instance\.id=\S+:\d+,service\.name=tidemark-replicate,service\.version=[\d.]+,tidemark\.pipeline=dr$/,
  )
})

test('replicate pushes what its file says, with headers that nobody else sees, and once more when it is stopped', async () => {
  await using collector = await startCollector()
  const port = await freePort()
  await lab.sourceAdmin.createTopic('pushed-a', 1)
  await fill('pushed-a', 40)
  const file = await pipeline('pushed', {
    metrics: {
      prefix: { replicator: 'copier.' },
      server: { address: `127.0.0.1:${port}` },
      // Only the end of the program pushes.
      otlp: {
        ...{ endpoint: collector.endpoint, interval: '1 hour' },
        headers: { Authorization: `Bearer $\{TOKEN}` },
      },
    },
  })
  const cli = await startCli(['replicate', '-f', file, '--log-level', 'debug'], {
    env: { TOKEN: 'open-sesame', OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=blue%20one,authorization=no' },
  })
  await untilCopied(lab, 'pushed-a', 1)
  let text = ''
  await until('it is counted', async () => {
    text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    return /copier_replicate_records_total\{topic="pushed-a"\} 40$/m.test(text)
  })
  assert.equal(collector.requests.length, 0)
  cli.process.kill('SIGTERM')
  const { status, stderr, stdout } = await cli.ended
  assert.equal(status, 130, stderr)
  assert.equal(collector.requests.length, 1)
  assert.equal(collector.requests[0]?.headers.authorization, 'Bearer open-sesame')
  assert.equal(collector.requests[0]?.headers['x-tenant'], 'blue one')
  assert.doesNotMatch(stderr + stdout, /sesame|Bearer/)
  const points = await decodeOtlp(collector.requests)
  const [before, now] = [scraped(text), numbersOf(points)]
  for (const name of [
    'copier_replicate_records_total topic=pushed-a',
    'copier_replicate_bytes_total topic=pushed-a',
  ]) {
    assert.equal(now.get(name), before.get(name), name)
  }
  assert.ok((now.get('k2k_offsetmapping_producer_replicate_transactions_total outcome=committed') ?? 0) > 0)
  assert.match(points[0]?.resource ?? '', /tidemark\.pipeline=pushed/)
})

test('sync-offsets pushes where the variables say, under their names', async () => {
  await using collector = await startCollector()
  const file = await pipeline('synced', {})
  await lab.targetAdmin.createTopic('synced.map', 1)
  const { status, stderr } = await runCli(['sync-offsets', '--once', '-f', file], {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.endpoint}/otlp/`,
      OTEL_EXPORTER_OTLP_HEADERS: 'api-key=hidden',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      OTEL_SERVICE_NAME: 'groups',
    },
  })
  assert.equal(status, 0, stderr)
  assert.doesNotMatch(stderr, /hidden/)
  assert.deepEqual(
    collector.requests.map(({ path, headers }) => [path, headers['api-key']]),
    [['/otlp/v1/metrics', 'hidden']],
  )
  const points = await decodeOtlp(collector.requests)
  assert.equal(numbersOf(points).get('k2k_offsetmapping_sync_rounds_total '), 1)
  assert.match(points[0]?.resource ?? '', /deployment\.environment\.name=test.*service\.name=groups/)
})

test('a collector that does not answer, and one that is not there, keep nothing from being copied, and are named once', async () => {
  await using collector = await startCollector()
  collector.answer = undefined
  const nowhere = await freePort()
  for (const [name, endpoint] of [
    ['silent', collector.endpoint],
    ['nowhere', `http://127.0.0.1:${nowhere}`],
  ] as const) {
    await lab.sourceAdmin.createTopic(`${name}-a`, 1)
    await fill(`${name}-a`, 10)
    const file = await pipeline(name, { metrics: { otlp: { endpoint, interval: '100 ms' } } })
    const cli = await startCli(['replicate', '-f', file], { env: { OTEL_EXPORTER_OTLP_TIMEOUT: '300' } })
    const said = () => cli.output().stderr.match(/Metrics cannot be pushed to \S+: .*/g) ?? []
    await until('it is said', async () => said().length > 0)
    await fill(`${name}-a`, 10)
    await untilCopied(lab, `${name}-a`, 1)
    cli.process.kill('SIGTERM')
    const { status, stderr } = await cli.ended
    assert.equal(status, 130, stderr)
    assert.equal(said().length, 1, stderr)
    assert.match(said()[0] ?? '', name === 'silent' ? /timed out/ : /ECONNREFUSED/)
    assert.equal((await lab.java.read(lab.target.bootstrap, `${name}-a`, 0)).length, 20)
  }
})
