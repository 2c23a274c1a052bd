import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { stringify } from 'yaml'
import { type Cluster, connectCluster } from '../../src/kafka/index.ts'
import { RecordWriter } from '../../src/replicate/sync/record-writer.ts'
import { type RunningCli, runCli, startCli } from '../support/cli.ts'
import { allowAlice, type SecuredBroker, startSecuredBroker, users } from '../support/secured-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

/*
 * The rights that docs/security.md names are enough: `alice` has those and no others. Source and target are one broker, the topics of
 * the copy have another prefix.
 */

let broker: SecuredBroker
let admin: Cluster
let folder: Awaited<ReturnType<typeof tempFolder>>
let file: string
let worker: RunningCli | undefined

before(async () => {
  ;[broker, folder] = await Promise.all([startSecuredBroker(), tempFolder('replicate-rights')])
  admin = await connectCluster({ bootstrap: [broker.address('PLAINTEXT')] })
  const topic = (name: string, configs: Record<string, string> = {}) => ({
    ...{ name, partitions: 1, replicationFactor: 1, configs },
  })
  const { failed } = await admin.createTopics([
    topic('shop-orders'),
    topic('control', { 'cleanup.policy': 'compact' }),
    topic('maps'),
  ])
  assert.deepEqual(failed, [])
  await using writer = new RecordWriter(admin, 'shop-orders')
  await writer.write(['a', 'b', 'c'].map((key) => ({ key: Buffer.from(key), value: Buffer.from(key) })))
  const position = { topic: 'shop-orders', partition: 0, offset: 1n, leaderEpoch: -1, metadata: null }
  assert.deepEqual((await admin.commitPositions('shop-billing', [position])).failed, [])
  const module = 'org.apache.kafka.common.security.scram.ScramLoginModule'
  const common = {
    'bootstrap.servers': broker.address('SASLP'),
    'security.protocol': 'SASL_PLAINTEXT',
    'sasl.mechanism': 'SCRAM-SHA-512',
    'sasl.jaas.config': `${module} required username="alice" password="${users.alice}";`,
    'default.api.timeout.ms': '20000',
  }
  file = join(folder.path, 'k2k.yaml')
  await writeFile(
    file,
    stringify({
      name: 'rights',
      features: { offsetMapping: 'enabled' },
      source: { kafka: { common } },
      target: { kafka: { common } },
      coordination: { commit: { topic: 'control' } },
      offsetMapping: { topic: 'maps' },
      replication: [{ source: { topic: ['shop-orders'] } }, { sink: { topic: { prefix: 'copy-' } } }],
      groups: { consumerGroups: ['shop-billing'] },
    }),
  )
})
after(async () => {
  worker?.process.kill('SIGKILL')
  await worker?.ended
  for (const held of [admin, broker, folder]) await held?.[Symbol.asyncDispose]()
})

const allow = (...rights: readonly string[]) => allowAlice(broker, rights)
const operations = (...names: readonly string[]) => names.flatMap((name) => ['--operation', name])
const alice = (...args: readonly string[]) =>
  runCli([...args, '-f', file, '-o', 'json'], { cwd: folder.path })

/** Waits until the copy has come to the end. */
async function copied(): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await delay(200)) {
    const [info] = await admin.topics(['copy-shop-orders'])
    if (info === undefined) continue
    const [at] = await admin.listOffsets([{ topic: 'copy-shop-orders', partition: 0, at: 'latest' }])
    if ((at?.offset ?? 0n) >= 3n) return
  }
  throw new Error(`never copied: ${worker?.output().stderr}`)
}

test('the documented rights are enough to replicate; without them, what is missing is named', async () => {
  const refused = await alice('replicate')
  assert.notEqual(refused.status, 0)
  assert.match(refused.stderr, /AUTHORIZATION_FAILED|TOPIC_NOT_FOUND/)
  await allow(...operations('Describe', 'Read', 'DescribeConfigs'), '--topic', 'shop-orders')
  await allow(
    ...operations('Create', 'Describe', 'DescribeConfigs', 'Alter', 'AlterConfigs', 'Write'),
    ...['--topic', 'copy-', '--resource-pattern-type', 'prefixed'],
  )
  for (const topic of ['control', 'maps']) {
    await allow(...operations('Describe', 'DescribeConfigs', 'Read', 'Write'), '--topic', topic)
  }
  await allow(...operations('Describe', 'Read'), '--group', 'tidemark-rights')
  const prefixed = ['--resource-pattern-type', 'prefixed']
  await allow(...operations('Describe', 'Write'), '--transactional-id', 'tidemark-rights-', ...prefixed)
  await allow(...operations('DescribeConfigs'), '--cluster')
  worker = await startCli(['replicate', '-f', file], { cwd: folder.path })
  await copied()
})

test('the documented rights are enough to keep groups in step', async () => {
  for (const right of ['Describe', 'Read']) {
    const refused = await alice('sync-offsets', '--once')
    assert.equal(refused.status, 2, refused.stderr)
    assert.match(refused.stderr, /AUTHORIZATION_FAILED/)
    assert.match(refused.stderr, new RegExp(`the operation ${right} on group .*tidemark-rights:sync`))
    await allow(...operations(right), '--group', 'tidemark-rights:sync')
  }
  const refused = await alice('sync-offsets', '--once')
  assert.equal(refused.status, 3, refused.stderr)
  assert.match(refused.stderr, /'shop-billing' could not be read: .*the principal has no right to group/)
  assert.doesNotMatch(refused.stdout, /"committed"/)
  await allow(...operations('Describe', 'Read'), '--group', 'shop-billing')
  await allow(...operations('Read'), '--topic', 'copy-', '--resource-pattern-type', 'prefixed')
  const synced = await alice('sync-offsets', '--once')
  assert.equal(synced.status, 0, synced.stderr)
  const [group] = (await admin.fetchPositions(['shop-billing'])).done
  assert.equal(group?.positions.find(({ topic }) => topic === 'copy-shop-orders')?.offset, 1n)
})

test('the same rights are enough for the status and for a fail-over', async () => {
  const status = await alice('replicate', 'status')
  assert.equal(status.status, 0, status.stderr)
  const over = await alice('failover', '--group', 'shop-billing')
  assert.equal(over.status, 0, over.stderr)
  assert.match(over.stdout, /"same"/)
})

test('a right that is missing for a fail-over or a fail-back is named, and nothing is changed', async () => {
  const group = 'shop-returns'
  const at = (topic: string, offset: bigint) => ({
    topic,
    partition: 0,
    offset,
    leaderEpoch: -1,
    metadata: '',
  })
  const positions = async () => {
    const [found] = (await admin.fetchPositions([group])).done
    return new Map(found?.positions.map(({ topic, offset }) => [topic, offset]))
  }
  assert.deepEqual((await admin.commitPositions(group, [at('shop-orders', 2n)])).failed, [])
  const named = (result: Awaited<ReturnType<typeof alice>>, right: 'Describe' | 'Read') => {
    assert.equal(result.status, 2, result.stdout)
    assert.match(result.stderr, /AUTHORIZATION_FAILED/)
    assert.match(result.stderr, new RegExp(`operation ${right} on group .*${group}`))
  }
  named(await alice('failover', '--group', group), 'Describe')
  await allow(...operations('Describe'), '--group', group)
  named(await alice('failover', '--group', group), 'Read')
  assert.deepEqual([...(await positions())], [['shop-orders', 2n]])
  // It was not taken out of the sync: with the right it is handed over, as if nothing had been.
  await allow(...operations('Read'), '--group', group)
  const over = await alice('failover', '--group', group)
  assert.equal(over.status, 0, over.stderr)
  assert.equal((await positions()).get('copy-shop-orders'), 2n)
})
