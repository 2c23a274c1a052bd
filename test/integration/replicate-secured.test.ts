import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { stringify } from 'yaml'
import { startCluster, type TestCluster } from '../support/brokers.ts'
import { type RunningCli, runCli, startCli } from '../support/cli.ts'
import { JavaAdmin } from '../support/java-admin.ts'
import { type JavaClient, startJavaClient } from '../support/java-client.ts'
import { until } from '../support/replicated.ts'
import { type SecuredBroker, startSecuredBroker, users } from '../support/secured-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

/* From a broker of Kafka 3.9 to one that is reached over TLS, with a password or with a certificate, and back. */

let old: TestCluster
let secured: SecuredBroker
let java: JavaClient
let folder: Awaited<ReturnType<typeof tempFolder>>
const running: RunningCli[] = []

before(async () => {
  ;[old, secured, java, folder] = await Promise.all([
    startCluster({ version: '3.9.1' }),
    startSecuredBroker(),
    startJavaClient(),
    tempFolder('replicate-secured'),
  ])
})
after(async () => {
  for (const { process } of running) process.kill('SIGKILL')
  await Promise.all(running.map(({ ended }) => ended))
  for (const held of [java, old, secured, folder]) await held?.[Symbol.asyncDispose]()
})

async function client(side: 'plain' | 'password' | 'certificate'): Promise<Record<string, string>> {
  if (side === 'plain') return { 'bootstrap.servers': old.bootstrap }
  const trust = join(folder.path, 'authority.pem')
  await writeFile(trust, secured.authority.cert)
  const tls = { 'ssl.truststore.type': 'PEM', 'ssl.truststore.location': trust }
  if (side === 'password') {
    const module = 'org.apache.kafka.common.security.scram.ScramLoginModule'
    return {
      'bootstrap.servers': secured.address('SASLS'),
      'security.protocol': 'SASL_SSL',
      'sasl.mechanism': 'SCRAM-SHA-256',
      'sasl.jaas.config': `${module} required username="admin" password="${users.admin}";`,
      ...tls,
    }
  }
  const { cert, key } = secured.authority.issue('admin')
  const store = join(folder.path, 'client.pem')
  await writeFile(store, `${key}${cert}`)
  return {
    'bootstrap.servers': secured.address('MTLS'),
    'security.protocol': 'SSL',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': store,
    ...tls,
  }
}

for (const [name, from, to] of [
  ['out', 'plain', 'password'],
  ['home', 'certificate', 'plain'],
] as const) {
  test(`copy, sync and fail-over from ${from} to ${to}`, async () => {
    const bootstrap = (side: typeof from | typeof to) =>
      side === 'plain' ? old.bootstrap : secured.address('PLAINTEXT')
    const [source, target] = [new JavaAdmin(java, bootstrap(from)), new JavaAdmin(java, bootstrap(to))]
    const [topic, group] = [`${name}-a`, `${name}-group`]
    await source.createTopic(topic, 1)
    const transactional = { 'bootstrap.servers': bootstrap(from), 'transactional.id': name }
    const producer = await java.producer(transactional)
    for (const end of ['commit', 'abort', 'commit'] as const) {
      await producer.begin()
      await producer.fill({ topic, partitions: 1, count: 5, size: 20 })
      await producer[end]()
    }
    await producer.close()
    // 0–4, a marker, five that were aborted and their marker, 12–16.
    await source.commit(group, topic, 0, 13n)
    const file = join(folder.path, `${name}.yaml`)
    await writeFile(
      file,
      stringify({
        name,
        features: { offsetMapping: 'enabled', autoCreateControlTopics: 'enabled' },
        source: { kafka: { common: await client(from) } },
        target: { kafka: { common: await client(to) } },
        replication: [{ source: { topic: [topic] } }],
        groups: { consumerGroups: [group], pollInterval: '200 milliseconds' },
      }),
    )
    for (const command of ['replicate', 'sync-offsets']) {
      running.push(await startCli([command, '-f', file], { cwd: folder.path }))
    }
    const position = async () => (await target.positions(group).catch(() => []))[0]?.offset
    const said = async () => running.map((cli) => cli.output().stderr)
    await until('the group stands on the target', async () => (await position()) !== undefined, 90, said)
    const [next] = await java.read(bootstrap(to), topic, 0, { from: (await position()) ?? 0n, max: 1 })
    assert.equal(next?.key?.toString(), '0-1')
    const over = await runCli(['failover', '--group', group, '-f', file, '-o', 'json'], { cwd: folder.path })
    assert.equal(over.status, 0, over.stderr)
    assert.match(over.stdout, /"proof": "same"/)
    for (const cli of running.splice(0)) {
      cli.process.kill('SIGTERM')
      const { status, stderr } = await cli.ended
      assert.equal(status, 130, stderr)
    }
  })
}
