import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { type Clock, noTelemetry, systemClock } from '../../src/base/index.ts'
import { Metrics, startOtlp } from '../../src/server/index.ts'
import { otlpFailure } from '../../src/server/otlp-failure.ts'
import { makeAuthority } from '../support/certificates.ts'
import { freePort } from '../support/free-port.ts'
import { startCollector } from '../support/otlp-collector.ts'
import { tempFolder } from '../support/temp-folder.ts'

// What is tried again is tried within this.
process.env.OTEL_EXPORTER_OTLP_TIMEOUT = '200'

const prefixes = { app: 'a.', 'source-consumer': 'b.', 'target-consumer': 'c.', 'target-producer': 'd.' }

/** Time in which nobody sleeps longer than until the test says so. */
function steppedClock() {
  const sleepers = new Map<number, () => void>()
  const clock: Clock = {
    ...systemClock,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        sleepers.set(ms, resolve)
        signal?.addEventListener('abort', () => reject(signal.reason as Error))
      }),
  }
  return { clock, wake: (ms: number) => sleepers.get(ms)?.() }
}

async function started(url: string, headers: Readonly<Record<string, string>> = {}) {
  const metrics = await Metrics.create(prefixes)
  const lines: string[] = []
  const telemetry = metrics.over({
    ...noTelemetry,
    log: (level, message, fields) => lines.push(`${level} ${message} ${JSON.stringify(fields)}`),
  })
  telemetry.count('replicate_records', 1, { topic: 'orders' })
  const { clock, wake } = steppedClock()
  let asked = 0
  const families = () => {
    asked++
    return metrics.families()
  }
  const push = await startOtlp(
    { url, headers, interval: 60_000, program: 'replicate', pipeline: 'p', families },
    { telemetry, clock },
  )
  /** A push that has been answered, or given up: the next one may begin. */
  const once = async () => {
    const before = asked
    while (asked === before) {
      wake(60_000)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return { push, lines, once, wake, metrics }
}

const answers =
  (status: number, body = '') =>
  (response: ServerResponse) =>
    response.writeHead(status).end(body)

test('a collector that refuses is named once, and once more when it takes metrics again; secrets are never shown', async () => {
  await using collector = await startCollector()
  const url = `${collector.endpoint}/v1/metrics?key=in-the-query`
  const { push, lines, once } = await started(url, { authorization: 'Bearer in-a-header' })
  collector.answer = answers(401, 'not in-a-header')
  for (let i = 0; i < 3; i++) await once()
  collector.answer = answers(200)
  for (let i = 0; i < 3; i++) await once()
  collector.answer = answers(503)
  await push[Symbol.asyncDispose]()
  const place = `${collector.endpoint}/v1/metrics`
  const fields = JSON.stringify({ collector: place })
  const rest = 'everything else goes on, and this is said once'
  assert.deepEqual(lines, [
    `warn Metrics cannot be pushed to ${place}: it answers 401 Unauthorized; ${rest} ${fields}`,
    `info Metrics are pushed to ${place} again ${fields}`,
    `warn Metrics cannot be pushed to ${place}: it asks to be left alone for a while; ${rest} ${fields}`,
  ])
  assert.ok(collector.requests.every(({ headers }) => headers.authorization === 'Bearer in-a-header'))
})

test('the end waits for a collector that does not answer only so long, and says so', async () => {
  await using collector = await startCollector()
  const held: ServerResponse[] = []
  collector.answer = (response) => held.push(response)
  process.env.OTEL_EXPORTER_OTLP_TIMEOUT = '60000'
  const { push, lines, wake } = await started(`${collector.endpoint}/v1/metrics`)
  process.env.OTEL_EXPORTER_OTLP_TIMEOUT = '200'
  const ended = push[Symbol.asyncDispose]()
  while (held.length === 0) await new Promise((resolve) => setImmediate(resolve))
  wake(2_000)
  await ended
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /did not take the last metrics within 2000 ms/)
  for (const response of held) answers(200)(response)
})

test('points that a collector rejects are told, each reason once', async () => {
  await using collector = await startCollector()
  // ExportMetricsServiceResponse{partial_success{rejected_data_points=1, error_message="too old"}}
  const body = Buffer.from('0a0b08011207746f6f206f6c64', 'hex')
  collector.answer = (response) =>
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end(body)
  const { push, lines, once } = await started(`${collector.endpoint}/v1/metrics`)
  await once()
  await once()
  await push[Symbol.asyncDispose]()
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /does not take all metrics: .*too old/)
})

test('what keeps a collector from answering is said in words', async () => {
  const code = (name: string | number, message: string) => Object.assign(new Error(message), { code: name })
  assert.equal(otlpFailure(code(404, 'Not Found')), 'it answers 404 Not Found')
  assert.equal(otlpFailure(code(400, '')), 'it answers 400')
  assert.equal(otlpFailure(code('ECONNREFUSED', '')), 'ECONNREFUSED')
  assert.equal(otlpFailure(code('ECONNREFUSED', 'connect ECONNREFUSED ::1:1')), 'connect ECONNREFUSED ::1:1')
  assert.match(otlpFailure(code('HPE_INVALID_CONSTANT', 'Parse Error: Expected HTTP/')), /port 4318/)
  const { push, lines } = await started(`http://127.0.0.1:${await freePort()}/v1/metrics`)
  await push[Symbol.asyncDispose]()
  assert.match(lines.join('\n'), /^warn Metrics cannot be pushed to .*ECONNREFUSED/)
  assert.equal(lines.length, 1)
})

test('certificates, compression and headers come from the standard variables, where the file says nothing else', async () => {
  const authority = makeAuthority('collectors')
  await using folder = await tempFolder('otlp-tls')
  const file = async (name: string, text: string) => {
    const path = join(folder.path, name)
    await writeFile(path, text)
    return path
  }
  const client = authority.issue('worker')
  await using collector = await startCollector({
    ...authority.issue('collector', ['127.0.0.1']),
    ca: authority.cert,
  })
  const url = `${collector.endpoint}/v1/metrics`
  const stranger = await started(url)
  await stranger.push[Symbol.asyncDispose]()
  assert.match(stranger.lines.join(), /cannot be pushed to https:.*certificate/)
  Object.assign(process.env, {
    OTEL_EXPORTER_OTLP_CERTIFICATE: await file('ca.pem', authority.cert),
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: await file('client.pem', client.cert),
    OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY: await file('client.key', client.key),
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    OTEL_EXPORTER_OTLP_HEADERS: 'all=a,metrics=a,file=a',
    OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'metrics=m,file=m',
    OTEL_EXPORTER_OTLP_TIMEOUT: '10000',
  })
  const { push, lines } = await started(url, { file: 'f' })
  await push[Symbol.asyncDispose]()
  assert.deepEqual(lines, [])
  const [request, ...others] = collector.requests
  assert.deepEqual(others, [])
  const { all, metrics, file: own, 'content-encoding': encoding } = request?.headers ?? {}
  assert.deepEqual([all, metrics, own, encoding], ['a', 'm', 'f', 'gzip'])
  assert.match(gunzipSync(request?.body ?? '').toString('latin1'), /a\.replicate_records/)
})
