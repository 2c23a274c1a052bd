import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse, stringify } from 'yaml'
import { isTidemarkError, nameFilter } from '../../src/base/index.ts'
import { checkPipeline, loadPipeline, type PipelineProgram } from '../../src/config/index.ts'
import { tempFolder } from '../support/temp-folder.ts'

const files = join(import.meta.dirname, 'config-files')
const mapping = await readFile(join(files, 'k2k-offset-mapping.yaml'), 'utf8')
const pipeline = await readFile(join(files, 'k2k-pipeline.yaml'), 'utf8')
const sources = { env: { DR_SERVERS: 'dr-1:9092,dr-2:9092' }, readText: () => '' }

/** Loads texts as files of one pipeline. */
async function load(texts: readonly string[], program: PipelineProgram = 'sync-offsets') {
  await using folder = await tempFolder('pipeline')
  const names = texts.map((_, i) => join(folder.path, `${i}.yaml`))
  for (const [i, text] of texts.entries()) await writeFile(names[i] ?? '', text)
  return checkPipeline({ files: names, program, sources })
}

async function problemsOf(texts: readonly string[], program: PipelineProgram = 'sync-offsets') {
  const { problems } = await load(texts, program)
  return problems.map(({ key, line, message, hint, code }) => ({ key, line, message, hint, code }))
}

test('the file of the offset mapping program is understood as it stands', async () => {
  const { pipeline } = await load([mapping])
  assert.ok(pipeline?.sync)
  assert.equal(pipeline.replicate, undefined)
  assert.deepEqual(pipeline.sync, {
    name: 'offset-mapping-production',
    source: { ...pipeline.source, bootstrap: ['source-kafka:9092'] },
    target: { ...pipeline.target, bootstrap: ['target-kafka:9093'] },
    workerId: undefined,
    sessionTimeout: 10_000,
    pollInterval: 5000,
    groups: ['~^my-app-.*'],
    guardPrefix: 'k2k_',
    guarded: true,
    followRewinds: false,
    overrideOwn: false,
    mapTopic: {
      name: '__k2k_offset_mappings',
      create: {
        partitions: 6,
        replicationFactor: 3,
        configs: { 'min.insync.replicas': '2', 'cleanup.policy': 'delete', 'retention.ms': '604800000' },
      },
    },
    mapKeeping: { time: 'topic', count: 1000, schedule: 300_000 },
    controlTopic: {
      name: '__k2k_consumer-offsets',
      create: { partitions: 3, replicationFactor: 3, configs: { 'min.insync.replicas': '2' } },
    },
    loadTimeout: 30_000,
    validateTopics: true,
    creationChecks: { attempts: 10, delay: 750 },
    onMultipleMappings: 'fail',
    onActiveGroup: 'fail',
    mm2Alias: undefined,
  })
  assert.deepEqual(pipeline.metrics, {
    prefixes: {
      app: 'k2k.offsetmapping.',
      'source-consumer': 'k2k.consumer.source.',
      'target-consumer': 'k2k.offsetmapping.consumer.control.',
      'target-producer': 'k2k.offsetmapping.producer.',
    },
    listen: undefined,
    topic: {
      name: '__k2k_metrics',
      interval: 30_000,
      create: {
        partitions: 3,
        replicationFactor: 3,
        configs: { 'min.insync.replicas': '2', 'cleanup.policy': 'delete', 'retention.ms': '2592000000' },
      },
    },
    otlp: undefined,
  })
  assert.deepEqual(
    pipeline.notes.map(({ key }) => key),
    ['license'],
  )
})

test('the file of the replicator is understood, and what has no effect is named with the reason', async () => {
  const { pipeline: checked } = await load([pipeline], 'replicate')
  const job = checked?.replicate
  assert.ok(job)
  assert.equal(checked.sync, undefined)
  assert.deepEqual(job.source.bootstrap, ['kafka-1:9092'])
  assert.deepEqual(job.target.bootstrap, ['dr-1:9092', 'dr-2:9092'])
  assert.equal(job.exactlyOnce, false)
  assert.equal(job.replicateHeaders, false)
  assert.deepEqual(job.include, ['~orders-.*'])
  assert.deepEqual(job.rename, { type: 'affix', prefix: 'dr-', suffix: '.copy' })
  assert.equal(job.commitInterval, 2000)
  assert.equal(job.transactionTimeout, 30_000)
  assert.equal(job.fetchMaxBytes, 1_048_576)
  assert.deepEqual(job.excludedConfigs, ['min.insync.replicas'])
  assert.deepEqual(job.controlTopic, { name: '__k2k_consumer-offsets', create: undefined })
  assert.equal(job.mapTopic, undefined)
  assert.deepEqual(
    checked.notes.map(({ key }) => key),
    [
      'license',
      'features.checkKafkaConnectionOnStartup',
      'features.schemaMapping',
      'coordination.commit.batchSize',
      'coordination.assignment.topic',
      'target.kafka.producer.acks',
    ],
  )
  for (const { message } of checked.notes) assert.match(message, /^has no effect: .{10,}/)
})

/** Another value for each key of the two files: it has to show somewhere. */
const otherValues: Readonly<Record<string, unknown>> = {
  name: 'another',
  'features.autoCreateControlTopics': 'disabled',
  'features.applyMappingsGuard': 'disabled',
  'source.kafka.common.bootstrap.servers': 'elsewhere:1',
  'target.kafka.common.bootstrap.servers': 'elsewhere:2',
  'groups.pollInterval': '7 seconds',
  'groups.consumerGroups': ['a', 'b'],
  'groups.offsetGuardPrefix': 'other_',
  'offsetMapping.topic': 'elsewhere',
  'offsetMapping.retention.time': '1 day',
  'offsetMapping.retention.count': 5,
  'offsetMapping.retention.schedule': '1 minute',
  'metrics.prefix.targetConsumer': 'x.',
  'metrics.prefix.targetProducer': 'y.',
  'metrics.prefix.offsetMappingApp': 'z.',
  'metrics.kafka.topic': 'elsewhere',
  'topicCreation.control.common.partitions': 9,
  'topicCreation.control.common.replication': 1,
  'topicCreation.control.common.config.min.insync.replicas': '1',
  'topicCreation.control.offsetMapping.partitions': 9,
  'topicCreation.control.offsetMapping.replication': 1,
  'topicCreation.control.offsetMapping.config.cleanup.policy': 'compact',
  'topicCreation.control.offsetMapping.config.retention.ms': '1',
  'topicCreation.control.metrics.partitions': 9,
  'topicCreation.control.metrics.replication': 1,
  'topicCreation.control.metrics.config.cleanup.policy': 'compact',
  'topicCreation.control.metrics.config.retention.ms': '1',
  'configuration.autoControlTopicCreationCheckDelay': '1 second',
  'configuration.autoControlTopicCreationMaxAttempts': 3,
  'errorHandling.onMultipleTargetCommittedOffsets': 'ignore',
  'errorHandling.onActiveConsumerGroupCommit': 'ignore',
  'features.exactlyOnce': 'enabled',
  'features.keepRecordCreationTimestamp': 'disabled',
  'features.headerReplication': 'enabled',
  'features.autoCreateTopics': 'disabled',
  'features.tracingHeaders': { topic: 'enabled' },
  'features.bidirectionalReplication': 'enabled',
  'features.offsetMapping': 'enabled',
  'source.kafka.consumer.fetch.max.bytes': 2_000_000,
  'target.kafka.producer.transaction.timeout.ms': 20_000,
  'target.kafka.topicPropsExclusionList': [],
  'features.validateControlTopicSettings': 'disabled',
  'coordination.commit.topic': 'elsewhere',
  'coordination.commit.syncTimeout': '7 seconds',
  'coordination.commit.batchTimeout': '1 second',
  'replication[0].source.topic': ['one'],
  'replication[1].sink.topic': 'source',
  'replication[1].sink.partition': 'key',
}

/** Keys whose effect is not in the job of the program that reads the file, and where it is shown. */
const shownElsewhere: Readonly<Record<string, string>> = {
  'source.kafka.consumer.isolation.level': 'any other value is an error, below',
  'replication[0].source.name': 'a label of the original: of no consequence there either',
  'replication[1].sink.name': 'a label of the original: of no consequence there either',
}

for (const [name, text, program] of [
  ['offset mapping', mapping, 'sync-offsets'],
  ['replicator', pipeline, 'replicate'],
] as const) {
  test(`every key of the ${name} file has an effect, or a note with the reason`, async () => {
    const { pipeline: before } = await load([text], program)
    assert.ok(before)
    const keys = leavesOf(parse(text))
    assert.ok(keys.length > 20)
    for (const path of keys) {
      const key = textOf(path)
      if (before.notes.some((note) => key === note.key || key.startsWith(`${note.key}.`))) continue
      if (shownElsewhere[key] !== undefined) continue
      assert.ok(key in otherValues, `no other value for ${key}`)
      const changed = parse(text) as object
      const other = otherValues[key]
      setAt(changed, path, other === valueAt(changed, path) ? flipped(other) : other)
      // Provenance is a header.
      if (key === 'features.bidirectionalReplication') {
        setAt(changed, ['features', 'headerReplication'], 'enabled')
      }
      const { pipeline: after, problems } = await load([stringify(changed)], program)
      assert.ok(after, `${key}: ${JSON.stringify(problems)}`)
      assert.notDeepEqual(after, before, key)
    }
  })
}

test('several files are one: later ones go over earlier ones, key by key; lists as a whole', async () => {
  const base = `${mapping}\nreplication: [{source: {topic: [a, b]}}]`
  const over = 'groups: {pollInterval: 1 second, consumerGroups: [x]}\nreplication: [{source: {topic: [c]}}]'
  const { pipeline } = await load([base, over])
  assert.equal(pipeline?.sync?.pollInterval, 1000)
  assert.deepEqual(pipeline.sync.groups, ['x'])
  assert.equal(pipeline.sync.guardPrefix, 'k2k_')
  const { pipeline: copy } = await load([base, over], 'replicate')
  assert.deepEqual(copy?.replicate?.include, ['c'])
})

test('a mistake is told with its file, its line and the nearest known key', async () => {
  const { problems, error } = await load([mapping, 'groups:\n  pollIntervall: 3 seconds\n'])
  assert.deepEqual(
    problems.map(({ file, line, key, hint }) => [file.endsWith('1.yaml'), line, key, hint]),
    [[true, 2, 'groups.pollIntervall', 'did you mean "pollInterval"?']],
  )
  assert.equal(error?.code, 'CONFIG_UNKNOWN_KEY')
  assert.match(error?.message ?? '', /1\.yaml:2:3: groups\.pollIntervall is not a known key/)
})

test('client properties: unknown ones are errors, meaningless ones are named, those that differ are refused', async () => {
  const text = `
name: p
source: {kafka: {common: {bootstrap.servers: a:1, bootstrap.server: b:1}}}
target:
  kafka:
    common: {bootstrap.servers: 'b:1', linger.ms: 5}
    producer: {security.protocol: SSL, max.request.size: 100}
    admin: {security.protocol: PLAINTEXT}
`
  assert.deepEqual(
    (await problemsOf([text])).map(({ key, line, hint }) => [key, line, hint]),
    [
      ['source.kafka.common."bootstrap.server"', 3, 'did you mean "bootstrap.servers"?'],
      ['target.kafka.admin."security.protocol"', 8, 'put it into common'],
    ],
  )
  const { pipeline } = await load([
    text.replace(', bootstrap.server: b:1', '').replace('    admin: {security.protocol: PLAINTEXT}\n', ''),
  ])
  assert.deepEqual(
    pipeline?.notes.map(({ key, message }) => `${key} ${message}`),
    [
      'target.kafka.common."linger.ms" has no effect: record batches are copied byte for byte',
      'target.kafka.producer."max.request.size" has no effect: there is nothing like it here',
    ],
  )
  assert.equal(pipeline?.target.tls?.verify, true)
})

test('credentials come from client properties, and messages never show them', async () => {
  const secured = (jaas: string) => `
name: p
source: {kafka: {common: {bootstrap.servers: 'a:1'}}}
target:
  kafka:
    common:
      bootstrap.servers: b:1
      security.protocol: SASL_SSL
      sasl.mechanism: SCRAM-SHA-512
      sasl.jaas.config: ${jaas}
`
  const right = `org.apache.kafka.common.security.scram.ScramLoginModule required username="me" password="hidden";`
  const { pipeline } = await load([secured(`'${right}'`)])
  assert.deepEqual(pipeline?.target.sasl, { mechanism: 'SCRAM-SHA-512', username: 'me', password: 'hidden' })
  const [wrong] = await problemsOf([secured(`'${right.replace('required', 'hidden')}'`)])
  assert.equal(wrong?.line, 10)
  assert.doesNotMatch(JSON.stringify(wrong), /password="/)
  const [missing] = await problemsOf([secured(`'${right.replace(' password="hidden"', '')}'`)])
  assert.equal(missing?.key, 'target.kafka.common."sasl.jaas.config"')
})

test('what does not fit together is told before any work', async () => {
  const base = pipeline.replace(/'\$\{env:string:DR_SERVERS\}'/, "'b:1'")
  const keysOf = async (text: string) => (await problemsOf([text], 'replicate')).map(({ key }) => key)
  assert.deepEqual(await keysOf(base.replace(/replication:[\s\S]*$/, '')), ['replication'])
  assert.deepEqual(await keysOf(base.replace('topic: {prefix: dr-, suffix: .copy}', 'topic: all')), [
    'replication',
  ])
  assert.deepEqual(await keysOf(base.replace('read_committed', 'read_uncommitted')), [
    'source.kafka.consumer."isolation.level"',
  ])
  assert.deepEqual(
    await keysOf(base.replace('bidirectionalReplication: disabled', 'bidirectionalReplication: enabled')),
    ['features.headerReplication'],
  )
  assert.deepEqual(
    await keysOf(base.replace('source:\n', 'metrics: {server: {address: nowhere}}\nsource:\n')),
    ['metrics.server.address'],
  )
  assert.deepEqual(await keysOf(base.replace('topic: "orders-.*"', 'topic: "orders-("')), ['replication[0]'])
  const slow = base.replace('exactlyOnce: disabled', 'exactlyOnce: enabled')
  assert.deepEqual(await keysOf(slow.replace('batchTimeout: 2 seconds', 'batchTimeout: 16 seconds')), [
    'coordination.commit.batchTimeout',
  ])
})

test('regular expressions as Java users write them choose the same names', async () => {
  const chosen = async (expression: string, name: string) => {
    const { pipeline } = await load([mapping, stringify({ groups: { consumerGroups: expression } })])
    return nameFilter(pipeline?.sync?.groups ?? [])(name)
  }
  assert.equal(await chosen('^my\\-app\\_[a\\-z]+$', 'my-app_-'), true)
  assert.equal(await chosen('my-app', 'my-app-2'), false)
  assert.equal(await chosen('(?i)MY-.*', 'my-app'), true)
  assert.equal(await chosen('a\\.b', 'axb'), false)
  assert.equal(await chosen('[\\w.]+', 'a.b'), true)
})

/** The collector that a text for `metrics` and variables choose, or what is wrong. */
async function otlpOf(metrics: string, env: Readonly<Record<string, string>> = {}, serves = true) {
  await using folder = await tempFolder('otlp')
  const file = join(folder.path, 'p.yaml')
  const kafka = (name: string) => `${name}: {kafka: {common: {bootstrap.servers: 'a:1'}}}\n`
  await writeFile(file, `name: p\n${kafka('source')}${kafka('target')}${metrics}`)
  const { pipeline, error } = checkPipeline({
    ...{ files: [file], program: 'sync-offsets', serves },
    sources: { env, readText: () => '' },
  })
  return pipeline === undefined ? error.message.replace(`${folder.path}/`, '') : pipeline.metrics.otlp
}

test('a collector is the one of the file, else that of OpenTelemetry’s variables, else none', async () => {
  const [own, all] = ['OTEL_EXPORTER_OTLP_METRICS_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT']
  const urlOf = async (...given: Parameters<typeof otlpOf>) => {
    const found = await otlpOf(...given)
    return typeof found === 'object' ? found.url : found
  }
  const file = (endpoint: string) => `metrics: {otlp: {endpoint: '${endpoint}'}}`
  const variables = { [own]: 'http://m:1/own', [all]: 'http://a:2' }
  assert.equal(await urlOf(''), undefined)
  assert.equal(await urlOf('', { [all]: '', [own]: '' }), undefined)
  assert.equal(await urlOf(file('http://f:4318')), 'http://f:4318/v1/metrics')
  assert.equal(await urlOf(file('https://f/otlp/')), 'https://f/otlp/v1/metrics')
  assert.equal(await urlOf(file('http://f/v1/metrics')), 'http://f/v1/metrics')
  assert.equal(await urlOf(file('http://f:4318'), variables), 'http://f:4318/v1/metrics')
  assert.equal(await urlOf('', variables), 'http://m:1/own')
  assert.equal(await urlOf('', { [all]: 'http://a:2/base' }), 'http://a:2/base/v1/metrics')
  assert.equal(await urlOf('metrics: {otlp: {interval: 5 seconds}}', variables), 'http://m:1/own')
  assert.equal(await urlOf('', { ...variables, OTEL_METRICS_EXPORTER: 'none' }), undefined)
  assert.equal(await urlOf('', { ...variables, OTEL_SDK_DISABLED: 'true' }), undefined)
  assert.equal(await urlOf(file('http://f'), { OTEL_SDK_DISABLED: 'true' }), 'http://f/v1/metrics')
  // Commands that do not run on are not kept from their work by what they do not need.
  assert.equal(await urlOf('', { [all]: 'rubbish' }, false), undefined)
  assert.equal(await urlOf('metrics: {otlp: {interval: 5 seconds}}', {}, false), undefined)
})

test('how often metrics are pushed, and with which headers', async () => {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a:2', OTEL_METRIC_EXPORT_INTERVAL: '5000', TOKEN: 't' }
  const url = 'http://a:2/v1/metrics'
  assert.deepEqual(await otlpOf('', env), { url, headers: {}, interval: 5_000 })
  assert.deepEqual(await otlpOf('', { ...env, OTEL_METRIC_EXPORT_INTERVAL: '' }), {
    ...{ url, headers: {}, interval: 30_000 },
  })
  const given = `metrics: {otlp: {interval: 2 minutes, headers: {X-Key: 'a $\{TOKEN}'}}}`
  assert.deepEqual(await otlpOf(given, env), { url, headers: { 'X-Key': 'a t' }, interval: 120_000 })
})

test('what is wrong with a collector is one sentence, before any work, and shows no secret', async () => {
  const file = (otlp: string) => `metrics:\n  otlp: ${otlp}\n`
  const all = 'OTEL_EXPORTER_OTLP_ENDPOINT'
  const noAddress =
    'is no address of a collector (expected http:// or https:// with host and port, such as http://collector:4318)'
  for (const endpoint of [
    'collector:4318',
    'grpc://c:4317',
    'http://',
    '',
    '/v1/metrics',
    'http://c:99999',
  ]) {
    assert.equal(
      await otlpOf(file(`{endpoint: '${endpoint}'}`)),
      `p.yaml:5:10: metrics.otlp.endpoint ${noAddress}`,
    )
  }
  assert.equal(
    await otlpOf('', { [all]: 'sesame' }),
    `p.yaml:1:1: metrics.otlp.endpoint: ${all} ${noAddress}`,
  )
  assert.match(
    String(
      await otlpOf(file('{interval: 5 seconds}'), { [all]: 'http://a', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }),
    ),
    /OTEL_EXPORTER_OTLP_ENDPOINT is for gRPC, as OTEL_EXPORTER_OTLP_PROTOCOL says; .* or set OTEL_EXPORTER_OTLP_PROTOCOL=http\/protobuf/,
  )
  assert.match(String(await otlpOf(file('{}'))), /metrics\.otlp\.endpoint is missing/)
  const env = { [all]: 'http://a', SESAME: 'line\nbreak sesame' }
  for (const [otlp, expected] of [
    ['{endpoint: "http://me:sesame@c"}', /endpoint has a user or a password in it/],
    ['{headers: {"not a name": sesame}}', /headers\."not a name" is no name of an HTTP header/],
    [`{headers: {a: "$\{SESAME}"}}`, /headers\.a has a character in it/],
    ['{headers: {authorization: 123456}}', /headers\.authorization: expected text, got another value/],
    [
      '{headers: "authorization=sesame"}',
      /otlp\.headers: expected names of headers with their values, got another/,
    ],
    ['{interval: 50 ms}', /otlp\.interval is shorter than 100 ms/],
    ['{intervall: 50 ms}', /did you mean "interval"/],
  ] as const) {
    const said = String(await otlpOf(file(otlp), env))
    assert.match(said, expected)
    assert.doesNotMatch(said, /sesame|123456/)
    assert.equal(said.split('\n').length, 1)
  }
  assert.match(
    String(await otlpOf('', { [all]: 'http://a', OTEL_METRIC_EXPORT_INTERVAL: 'often' })),
    /OTEL_METRIC_EXPORT_INTERVAL is no number of milliseconds/,
  )
})

test('variables for gRPC are said once and keep nothing from starting', async () => {
  await using folder = await tempFolder('otlp-grpc')
  const file = join(folder.path, 'p.yaml')
  const kafka = (name: string) => `${name}: {kafka: {common: {bootstrap.servers: 'a:1'}}}\n`
  await writeFile(file, `name: p\n${kafka('source')}${kafka('target')}`)
  const [own, all] = ['OTEL_EXPORTER_OTLP_METRICS_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL']
  const chosen = (variables: Readonly<Record<string, string>>, serves = true) => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a:4317', ...variables }
    const { notes, metrics } = loadPipeline({
      ...{ files: [file], program: 'sync-offsets', serves },
      sources: { env, readText: () => '' },
    })
    return { notes, url: metrics.otlp?.url }
  }
  const grpc = (key: string) => ({
    notes: [
      {
        key,
        message:
          'is grpc, which is not spoken: metrics are not pushed (http/protobuf would work, with the HTTP port of the collector, mostly 4318)',
      },
    ],
    url: undefined,
  })
  const pushed = { notes: [], url: 'http://a:4317/v1/metrics' }
  assert.deepEqual(chosen({ [all]: 'grpc' }), grpc(all))
  assert.deepEqual(chosen({ [own]: 'grpc', [all]: 'http/protobuf' }), grpc(own))
  assert.deepEqual(chosen({ [own]: '', [all]: 'grpc', OTEL_METRIC_EXPORT_INTERVAL: 'often' }), grpc(all))
  assert.deepEqual(chosen({ [own]: 'http/protobuf', [all]: 'grpc' }), pushed)
  // Nothing is to be said where nothing was to be pushed.
  const none = { notes: [], url: undefined }
  assert.deepEqual(chosen({ [all]: 'grpc', OTEL_METRICS_EXPORTER: 'none' }), none)
  assert.deepEqual(chosen({ [all]: 'grpc', OTEL_EXPORTER_OTLP_ENDPOINT: '' }), none)
  assert.deepEqual(chosen({ [all]: 'grpc' }, false), none)
})

test('a variable that is not set, and a file that is not there, are errors with a code', async () => {
  const [unset] = await problemsOf([pipeline.replace('DR_SERVERS', 'NOT_SET')], 'replicate')
  assert.match(unset?.message ?? '', /NOT_SET is not set/)
  assert.throws(
    () => loadPipeline({ files: ['/nowhere.yaml'], program: 'replicate' }),
    (error) => isTidemarkError(error, 'FILE_NOT_READABLE'),
  )
})

type Path = readonly (string | number)[]

/** Paths of the values of a document; lists of plain values are values. */
function leavesOf(value: unknown, path: Path = []): readonly Path[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'object')) {
    return value.flatMap((item, i) => leavesOf(item, [...path, i]))
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value === null ? [] : [path]
  // A place for a topic name that takes sections too.
  if (path.at(-1) === 'topic') return [path]
  return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, [...path, key]))
}

function textOf(path: Path): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  )
}

/** The other state of a switch. */
function flipped(value: unknown): unknown {
  return value === 'enabled' ? 'disabled' : 'enabled'
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((at, part) => (at as Record<string | number, unknown>)[part], value)
}

function setAt(object: object, path: Path, value: unknown): void {
  const [key = '', ...rest] = path
  const record = object as Record<string | number, unknown>
  if (rest.length === 0) record[key] = value
  else setAt(record[key] as object, rest, value)
}
