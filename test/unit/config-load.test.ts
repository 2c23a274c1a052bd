import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isTidemarkError } from '../../src/base/index.ts'
import { checkConfig, type LoadOptions, loadConfig, problemText } from '../../src/config/index.ts'
import { tempFolder } from '../support/temp-folder.ts'

const noEnvironment = { env: {}, readText: () => '' }

/** Checks a text as a file. */
async function check(text: string, options: Partial<LoadOptions> = {}) {
  await using folder = await tempFolder('config')
  const file = join(folder.path, 'c.yaml')
  await writeFile(file, text)
  const { config, problems } = checkConfig({ sources: noEnvironment, needs: 'by-mode', ...options, file })
  return { config, problems, lines: problems.map((problem) => problemText(problem, 'c.yaml')) }
}

const backup = `mode: backup
backup_id: nightly
source:
  bootstrap_servers: [kafka:9092]
storage:
  backend: filesystem
  path: /data
`
const restore = backup.replace('mode: backup', 'mode: restore').replace('source:', 'target:')

test('a small backup file gives a job with the defaults', async () => {
  const { config, lines } = await check(backup)
  assert.deepEqual(lines, [])
  assert.equal(config.backup?.backupId, 'nightly')
  assert.deepEqual(config.backup?.source.bootstrap, ['kafka:9092'])
  assert.equal(config.backup?.codec, 'auto')
  assert.equal(config.backup?.isolation, 'read_committed')
  assert.equal(config.backup?.captureGroups, true)
  assert.deepEqual(config.backup?.startAt, { type: 'earliest' })
  assert.deepEqual(config.storage, { backend: 'filesystem', path: '/data' })
  assert.ok(Object.isFrozen(config) && Object.isFrozen(config.backup?.source))
})

test('all mistakes of a file are reported in one go, in the order of the file', async () => {
  const { lines } = await check(`mode: backup
backup_id: 7
source:
  topcis: {include: [a]}
  security: {security_protocol: ssl}
storage:
  backend: s3
  buckt: x
backup:
  continuous: maybe
  segment_max_bytes: lots
  topic_mapping: {a: b}
`)
  assert.deepEqual(lines, [
    'c.yaml:2:1: backup_id: expected text, got 7 (put it in quotes)',
    'c.yaml:4:3: source.topcis is not a known key (did you mean "topics"?)',
    'c.yaml:5:14: source.security.security_protocol: expected one of "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL", got "ssl" (did you mean "SSL"?)',
    'c.yaml:6:1: storage.bucket is missing: expected text',
    'c.yaml:8:3: storage.buckt is not a known key (did you mean "bucket"?)',
    'c.yaml:10:3: backup.continuous: expected true or false, got "maybe"',
    'c.yaml:11:3: backup.segment_max_bytes: expected a number of bytes of at least 1024, bare or such as "64MiB", "1.5GB", got "lots"',
    'c.yaml:12:3: backup.topic_mapping is not a known key (it belongs to restore)',
  ])
})

test('a mistake in one section does not hide what does not fit together in another', async () => {
  const { lines } = await check(`${restore}restore:
  time_window_start: 2024-12-02T00:00:00Z
  time_window_end: 1733011200000
metrics: {prot: 1}
`)
  assert.deepEqual(lines, [
    'c.yaml:10:3: restore.time_window_end is before time_window_start: 2024-12-01T00:00:00.000Z < 2024-12-02T00:00:00.000Z',
    'c.yaml:11:11: metrics.prot is not a known key (did you mean "port"?)',
  ])
})

test('an unknown key alone is CONFIG_UNKNOWN_KEY, mixed mistakes are CONFIG_INVALID', async () => {
  await using folder = await tempFolder('config')
  const file = join(folder.path, 'c.yaml')
  const codeOf = async (text: string) => {
    await writeFile(file, text)
    try {
      loadConfig({ file, sources: noEnvironment })
    } catch (error) {
      return isTidemarkError(error) ? error.code : error
    }
    return undefined
  }
  assert.equal(await codeOf(`${backup}bakcup: {}`), 'CONFIG_UNKNOWN_KEY')
  assert.equal(await codeOf(`${backup}bakcup: {}\nbackup: {continuous: 7}`), 'CONFIG_INVALID')
})

test('missing sections are named with what they are for', async () => {
  const { lines } = await check('mode: restore')
  assert.equal(lines.length, 3)
  assert.match(lines.join('\n'), /c\.yaml:1:1: backup_id is missing/)
  assert.match(lines.join('\n'), /target is missing \(the cluster to write to/)
  assert.match(lines.join('\n'), /storage is missing/)
})

test('an empty file is told what it lacks', async () => {
  const { lines } = await check('')
  assert.deepEqual(lines, ['c.yaml: mode is missing: expected "backup" or "restore"'])
})

test('a file that is not YAML is reported once, at the place, without follow-up noise', async () => {
  const { lines } = await check('mode: backup\n  source: [')
  assert.ok(lines.length >= 1)
  assert.ok(
    lines.every((line) => line.includes('is not YAML')),
    lines.join('\n'),
  )
})

test('a file for the other mode is refused', async () => {
  const { lines } = await check(backup, { mode: 'restore' })
  assert.deepEqual(lines, ['c.yaml:1:1: mode is backup, but the command needs a file for restore'])
})

test('no secret is ever shown', async () => {
  const sources = { env: { SECRET: 'hunter2' }, readText: () => '' }
  const { lines } = await check(
    backup.replace(
      '[kafka:9092]',
      `[kafka:9092]\n  security: {security_protocol: SASL_SSL, sasl_mechanism: PLAN, sasl_username: u, sasl_password: [hunter2], ssl_verify: "\${SECRET}"}`,
    ),
    { sources },
  )
  assert.equal(lines.length, 3)
  assert.doesNotMatch(lines.join('\n'), /hunter2/)
})

test('credentials and brokers come from the environment when the file does not give them', async () => {
  const env = {
    KAFKA_BOOTSTRAP_SERVERS: 'one:1,two:2',
    KAFKA_USERNAME: 'user',
    KAFKA_PASSWORD: 'secret',
    KAFKA_SSL_CA_CERT: '/ca.pem',
  }
  const readText = (path: string) => (path === '/ca.pem' ? '-----BEGIN CERTIFICATE-----' : '')
  const text = backup.replace(
    'bootstrap_servers: [kafka:9092]',
    'security: {security_protocol: SASL_SSL, sasl_mechanism: SCRAM-SHA512}',
  )
  const { config, lines } = await check(text, { sources: { env, readText } })
  assert.deepEqual(lines, [])
  assert.deepEqual(config.source?.bootstrap, ['one:1', 'two:2'])
  assert.deepEqual(config.source?.sasl, { mechanism: 'SCRAM-SHA-512', username: 'user', password: 'secret' })
  assert.equal(config.source?.tls?.ca, '-----BEGIN CERTIFICATE-----')
})

test('numbers and booleans may come from variables', async () => {
  const sources = { env: { MAX: '1048576', ON: 'true' }, readText: () => '' }
  const { config, lines } = await check(
    `${backup}backup: {segment_max_bytes: "\${MAX}", continuous: \${ON}}`,
    { sources },
  )
  assert.deepEqual(lines, [])
  assert.equal(config.backup?.objectBytes, 1_048_576)
  assert.equal(config.backup?.continuous, true)
})

test('where a backup starts can be an offset for each partition, or a time', async () => {
  const specific = await check(
    `${backup}backup: {start_offset: {specific: {orders: {0: 9007199254740993, "1": 5}}}}`,
  )
  assert.deepEqual(specific.lines, [])
  assert.deepEqual(specific.config.backup?.startAt, {
    type: 'specific',
    offsets: { orders: { 0: 9_007_199_254_740_993n, 1: 5n } },
  })
  const timed = await check(`${backup}backup: {start_offset: {timestamp: 2024-12-01}}`)
  assert.deepEqual(timed.config.backup?.startAt, { type: 'timestamp', timestamp: 1_733_011_200_000n })
  const wrong = await check(`${backup}backup: {start_offset: {specific: {orders: {0: -5}}}}`)
  assert.match(wrong.lines[0] ?? '', /start_offset\.specific\.orders\."0": expected an offset/)
})

test('topic_mapping knows exact names, prefixes and regular expressions; exact ones come first', async () => {
  const { config, lines } = await check(`${restore}restore:
  topic_mapping:
    'shop-*': 'dr-*'
    '~log\\.(.*)': 'archive.$1'
    orders: restored-orders
`)
  assert.deepEqual(lines, [])
  assert.deepEqual(config.restore?.topicRules, [
    { type: 'exact', from: 'orders', to: 'restored-orders' },
    { type: 'prefix', from: 'shop-', to: 'dr-' },
    { type: 'regex', from: 'log\\.(.*)', to: 'archive.$1' },
  ])
  const wrong = await check(`${restore}restore: {topic_mapping: {'a-*': b, c: 'd e', '~(': x}}`)
  assert.equal(wrong.lines.length, 3)
})

test('positions: restore sets them when told to, three-phase-restore unless told not to', async () => {
  const groupsOf = async (section: string, setsPositions: boolean) =>
    (await check(`${restore}restore: ${section}`, { setsPositions })).config.restore?.groups
  assert.deepEqual(await groupsOf('{consumer_groups: [g]}', false), { type: 'none' })
  assert.deepEqual(await groupsOf('{consumer_groups: [g], reset_consumer_offsets: true}', false), {
    type: 'named',
    names: ['g'],
  })
  assert.deepEqual(await groupsOf('{consumer_groups: [g]}', true), { type: 'named', names: ['g'] })
  assert.deepEqual(await groupsOf('{}', true), { type: 'all' })
  assert.deepEqual(await groupsOf('{auto_consumer_groups: true, reset_consumer_offsets: true}', false), {
    type: 'all',
  })
  assert.deepEqual(await groupsOf('{auto_consumer_groups: false}', true), { type: 'none' })
  assert.deepEqual(await groupsOf('{consumer_group_strategy: skip, consumer_groups: [g]}', true), {
    type: 'none',
  })
})

test('keys without effect are named in notes', async () => {
  const { config, lines } = await check(`${backup}backup:
  include_offset_headers: true
  circuit_breaker: {enabled: true}
  retention: {max_age: 30d}
offset_storage: {backend: sqlite, db_path: ./offsets.db}
logging: {level: debug}
`)
  assert.deepEqual(lines, [])
  assert.deepEqual(
    config.notes.map((note) => note.key),
    [
      'backup.include_offset_headers',
      'backup.circuit_breaker.enabled',
      'backup.retention.max_age',
      'offset_storage.backend',
      'offset_storage.db_path',
      'logging',
    ],
  )
})

test('flags stand above the file, and mistakes in them name the flag', async () => {
  const override = (value: string) => ({
    overrides: [{ path: ['source', 'bootstrap_servers'], value, flag: '--bootstrap-servers' }],
  })
  const { config } = await check(backup, override('other:1'))
  assert.deepEqual(config.source?.bootstrap, ['other:1'])
  const { lines } = await check(backup, override('other'))
  assert.deepEqual(lines, ['--bootstrap-servers: expected host:port, got "other"'])
})

test('what cannot be done is refused, not passed over', async () => {
  const kerberos = await check(
    backup.replace(
      '[kafka:9092]',
      '[kafka:9092]\n  security: {security_protocol: SASL_SSL, sasl_mechanism: GSSAPI}',
    ),
  )
  assert.match(kerberos.lines[0] ?? '', /GSSAPI \(Kerberos\) is not supported/)
  const schemas = await check(`${restore}restore: {rewrite_schema_ids: true}`)
  assert.match(schemas.lines[0] ?? '', /rewrite_schema_ids is not supported/)
  const both = await check(`${backup}backup: {continuous: true, stop_at_current_offsets: true}`)
  assert.match(both.lines[0] ?? '', /stop_at_current_offsets excludes continuous/)
})
