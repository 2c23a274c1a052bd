import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Cluster, connectCluster } from '../../src/kafka/index.ts'
import { type CliResult, runCli } from '../support/cli.ts'
import { backupFile, restoreFile } from '../support/job-files.ts'
import { kafkaTool } from '../support/kafka-tools.ts'
import { allowAlice, type SecuredBroker, startSecuredBroker, users } from '../support/secured-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

/*
 * The rights that docs/security.md names are enough: `alice` has those and no others. Source and target are one broker, the topics of
 * the copy have another prefix.
 */

let broker: SecuredBroker
let admin: Cluster
let folder: Awaited<ReturnType<typeof tempFolder>>
let backup: string
let restore: string

before(async () => {
  ;[broker, folder] = await Promise.all([startSecuredBroker(), tempFolder('rights')])
  admin = await connectCluster({ bootstrap: [broker.address('PLAINTEXT')] })
  const topic = { name: 'shop-orders', partitions: 1, replicationFactor: 1, configs: {} }
  assert.deepEqual((await admin.createTopics([topic])).failed, [])
  await kafkaTool('producerPerformance', [
    ...['--topic', 'shop-orders', '--num-records', '500', '--record-size', '100', '--throughput', '-1'],
    ...['--producer-props', `bootstrap.servers=${broker.address('PLAINTEXT')}`],
  ])
  const position = { topic: 'shop-orders', partition: 0, offset: 3n, leaderEpoch: -1, metadata: null }
  assert.deepEqual((await admin.commitPositions('shop-billing', [position])).failed, [])
  const security = { security_protocol: 'SASL_PLAINTEXT', sasl_mechanism: 'SCRAM-SHA-512' }
  const side = { bootstrap: broker.address('SASLP'), backupId: 'rights', path: join(folder.path, 'archive') }
  backup = await backupFile(folder.path, { ...side, topics: ['shop-orders'], source: { security } })
  restore = await restoreFile(folder.path, 'rights', {
    ...side,
    target: { security },
    restore: {
      create_topics: true,
      default_replication_factor: 1,
      include_original_offset_header: true,
      topic_mapping: { 'shop-orders': 'copy-orders' },
      auto_consumer_groups: true,
    },
  })
})
after(async () => {
  for (const held of [admin, broker, folder]) await held?.[Symbol.asyncDispose]()
})

const allow = (...rights: readonly string[]) => allowAlice(broker, rights)

const alice = (...args: readonly string[]): Promise<CliResult> =>
  runCli([...args, '-o', 'json'], { env: { KAFKA_USERNAME: 'alice', KAFKA_PASSWORD: users.alice } })

function succeeds({ status, stdout, stderr }: CliResult) {
  assert.equal(status, 0, stdout + stderr)
  return JSON.parse(stdout)
}

function isRefused({ status, stderr }: CliResult, code: string, right: RegExp): void {
  assert.notEqual(status, 0)
  assert.match(stderr, new RegExp(code))
  assert.match(stderr, right)
}

test('the documented rights are enough for a backup; without them, what is missing is named', async () => {
  await allow('--operation', 'Describe', '--topic', 'shop-orders')
  isRefused(await alice('backup', '-c', backup), 'AUTHORIZATION_FAILED', /Read/)
  await allow('--operation', 'Read', '--operation', 'DescribeConfigs', '--topic', 'shop-orders')
  await allow('--operation', 'Describe', '--group', '*')
  const report = succeeds(await alice('backup', '-c', backup))
  assert.deepEqual([report.records, report.groups, report.notices], [500, 1, []])
})

test('the documented rights are enough for a restore and for its verification', async () => {
  isRefused(await alice('three-phase-restore', '-c', restore), 'AUTHORIZATION_FAILED', /Create|Describe/)
  const prefixed = ['--topic', 'copy-', '--resource-pattern-type', 'prefixed']
  await allow(
    ...['Create', 'Describe', 'DescribeConfigs', 'AlterConfigs', 'Write', 'Read'].flatMap((operation) => [
      '--operation',
      operation,
    ]),
    ...prefixed,
  )
  await allow('--operation', 'DescribeConfigs', '--cluster')
  await allow('--operation', 'Read', '--group', '*')
  const report = succeeds(await alice('three-phase-restore', '-c', restore))
  assert.deepEqual([report.restore.records, report.restore.failed_topics], [500, []])
  const [group] = (await admin.fetchPositions(['shop-billing'])).done
  const position = group?.positions.find(({ topic }) => topic === 'copy-orders')
  assert.deepEqual([position?.partition, position?.offset], [0, 3n])
  assert.equal(succeeds(await alice('verify', '-c', restore)).verified, true)
})

test('the documented rights are enough for the map of a live topic; without them, what is missing is named', async () => {
  const topic = { name: 'scanned', partitions: 1, replicationFactor: 1, configs: {} }
  assert.deepEqual((await admin.createTopics([topic])).failed, [])
  await kafkaTool('producerPerformance', [
    ...['--topic', 'scanned', '--num-records', '5', '--record-size', '100', '--throughput', '-1'],
    ...['--producer-props', `bootstrap.servers=${broker.address('PLAINTEXT')}`],
  ])
  const scan = (name: string) =>
    alice(
      ...['show-offset-mapping', '--bootstrap-servers', broker.address('SASLP'), '--topic', name],
      ...['--security-protocol', 'SASL_PLAINTEXT', '--sasl-mechanism', 'SCRAM-SHA-512'],
      ...['--source-cluster', admin.clusterId],
    )
  isRefused(await scan('scanned'), 'AUTHORIZATION_FAILED', /Describe/)
  await allow('--operation', 'Describe', '--topic', 'scanned')
  isRefused(await scan('scanned'), 'AUTHORIZATION_FAILED', /Read/)
  // Those for `copy-` were given for the restore.
  const map = succeeds(await scan('copy-orders'))
  assert.deepEqual(map.mappings, [
    { partition: 0, source_range: { start: 0, end: 499 }, target_range: { start: 0, end: 499 } },
  ])
})
