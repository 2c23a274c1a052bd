import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkConfig, type LoadOptions } from '../../src/config/index.ts'

const sources = {
  env: { BACKUP_USER: 'backup', BACKUP_PASSWORD: 'hunter2', AWS_KEY: 'AKIA', AWS_SECRET: 's3cr3t' },
  readText: (path: string) => `-----BEGIN ${path}-----`,
}

/** Files as users of the Rust tool have them. They are checked as they stand. */
function check(name: string, options: Partial<LoadOptions> = {}) {
  const file = join(import.meta.dirname, 'config-files', name)
  const { config, problems } = checkConfig({ file, sources, needs: 'by-mode', ...options })
  assert.deepEqual(problems, [])
  return config
}

test('a backup file with every key gives the job that it describes', () => {
  const config = check('backup-every-key.yaml', { mode: 'backup' })
  const { source, ...job } = config.backup ?? assert.fail('no job')
  assert.deepEqual(job, {
    backupId: 'production-backup-001',
    include: ['orders', 'payments-*', 'audit.?'],
    exclude: ['*-dlq'],
    includeInternal: true,
    internalTopics: ['__transaction_state'],
    onMissingTopic: 'warn',
    startAt: { type: 'earliest' },
    continuous: false,
    pollInterval: 100,
    isolation: 'read_committed',
    codec: 'zstd',
    level: 3,
    objectBytes: 67_108_864,
    commitInterval: 15_000,
    commitBytes: 1024 ** 3,
    captureGroups: true,
    requireTopicConfigs: true,
    captureTopicConfigs: true,
    sourceName: 'prod-us-east-1',
    strict: false,
    memory: 48 * 1024 * 1024,
    fetchMaxBytes: 12_582_912,
  })
  assert.deepEqual(source.bootstrap, ['broker-1.prod.example:9093', 'broker-2.prod.example:9093'])
  assert.deepEqual(source.sasl, { mechanism: 'SCRAM-SHA-256', username: 'backup', password: 'hunter2' })
  assert.deepEqual(source.tls, {
    ca: '-----BEGIN /etc/kafka/ca.pem-----',
    cert: '-----BEGIN /etc/kafka/client.pem-----',
    key: '-----BEGIN /etc/kafka/client.key-----',
    verify: true,
  })
  assert.equal(source.connectionsPerBroker, 8)
  assert.deepEqual(config.storage, {
    backend: 's3',
    bucket: 'kafka-backups',
    prefix: 'production',
    region: 'eu-west-1',
    endpoint: 'http://minio.internal:9000',
    pathStyle: true,
    allowHttp: true,
    accessKeyId: 'AKIA',
    secretAccessKey: 's3cr3t',
  })
  assert.equal(config.shutdownGrace, 20_000)
  const noted = new Set(config.notes.map((note) => note.key))
  for (const key of ['backup.segment_max_records', 'backup.retention.max_age', 'metrics.port', 'logging']) {
    assert.ok(noted.has(key), key)
  }
})

test('a restore file with every key gives the job that it describes', () => {
  const config = check('restore-every-key.yaml', { mode: 'restore' })
  const { target, ...job } = config.restore ?? assert.fail('no job')
  assert.deepEqual(target.bootstrap, ['kafka-dr:9092'])
  assert.deepEqual(job, {
    backupId: 'production-backup-001',
    restoreId: 'dr-drill-7',
    include: ['orders', '~pay.*'],
    exclude: [],
    topicRules: [
      { type: 'exact', from: 'orders', to: 'production-orders' },
      { type: 'exact', from: 'payments', to: 'production-payments' },
    ],
    sourcePartitions: [0, 1],
    partitionMapping: { 0: 1, 1: 0 },
    window: { start: 1_701_388_800_000n, end: 1_701_410_400_000n, mode: 'record' },
    createTopics: true,
    replicationFactor: 3,
    configOverrides: { 'retention.ms': '604800000', 'min.insync.replicas': '2' },
    restoreConfigs: true,
    existingTopicConfigs: 'apply',
    unsupportedConfigs: 'fail',
    applyRetention: 'wait',
    repartitioning: {
      'production-orders': { strategy: 'murmur2', partitions: 12 },
      'production-payments': { strategy: 'murmur2', partitions: 6 },
    },
    append: false,
    purgeTopics: false,
    addOffsetHeaders: true,
    stripOffsetHeaders: false,
    sourceName: undefined,
    delivery: 'idempotent',
    rateLimitBytes: 104_857_600,
    rateLimitRecords: 50_000,
    produceBatchBytes: 1_048_576,
    dryRun: false,
    dryRunCheckObjects: true,
    settleMs: 10_000,
    memory: 48 * 1024 * 1024,
    stateFolder: undefined,
    groups: { type: 'named', names: ['order-processor', 'payment-service'] },
  })
  assert.equal(config.offsetReport, '/tmp/offset-report.json')
})

test('a three-phase file of the documents is taken as it stands', () => {
  const config = check('three-phase.yaml', { mode: 'restore', setsPositions: true })
  assert.deepEqual(config.restore?.groups, {
    type: 'named',
    names: ['order-processor', 'payment-service', 'analytics-consumer'],
  })
  assert.equal(config.restore?.addOffsetHeaders, true)
  const {
    strategy,
    scan_all_partitions: all,
    sample_rate: part,
    timeout_secs: ms,
    topicRules,
  } = config.offsetReset
  assert.deepEqual([strategy, all, part, ms], ['header-based', true, 1, 3_600_000])
  assert.deepEqual(topicRules, [{ type: 'exact', from: 'orders', to: 'restored-orders' }])
})

test('a validation file is taken as it stands, and every key of it without effect is named', () => {
  const config = check('validation.yaml')
  assert.deepEqual(config.storage, { backend: 'azure' })
  assert.equal(config.target?.bootstrap[0], 'kafka-dr:9092')
  for (const key of ['checks.custom_webhooks', 'evidence.signing.enabled', 'triggered_by']) {
    assert.ok(
      config.notes.some((note) => note.key === key),
      key,
    )
  }
})

test('no note repeats a secret of the file', () => {
  const notes = JSON.stringify(['backup-every-key.yaml', 'validation.yaml'].map((name) => check(name).notes))
  assert.doesNotMatch(notes, /hunter2|s3cr3t|hooks\.slack/)
})
