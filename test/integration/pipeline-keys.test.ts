import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { stringify } from 'yaml'
import { type RunningCli, runCli, startCli } from '../support/cli.ts'
import { freePort } from '../support/free-port.ts'
import { type ReplicateLab, startLab } from '../support/replicate-lab.ts'
import { until } from '../support/replicated.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { topicSettings } from '../support/topic-settings.ts'

/* Keys of a pipeline file whose effect only the clusters show, each by the program that heeds it. */

let lab: ReplicateLab
let folder: Awaited<ReturnType<typeof tempFolder>>
const running: RunningCli[] = []

before(async () => {
  ;[lab, folder] = await Promise.all([startLab(), tempFolder('pipeline-keys')])
})
after(async () => {
  for (const { process } of running) process.kill('SIGKILL')
  await Promise.all(running.map(({ ended }) => ended))
  for (const held of [lab, folder]) await held?.[Symbol.asyncDispose]()
})

type Sections = Readonly<Record<string, unknown>>

/** A pipeline file between the two clusters. */
async function fileOf(name: string, sections: Sections): Promise<string> {
  const { source = {}, target = {}, ...others } = sections as Record<string, Record<string, unknown>>
  const cluster = (bootstrap: string, { kafka = {}, ...more }: Record<string, unknown>) => ({
    ...more,
    kafka: { common: { 'bootstrap.servers': bootstrap }, ...(kafka as object) },
  })
  const file = join(folder.path, `${name}.yaml`)
  await writeFile(
    file,
    stringify({
      name,
      source: cluster(lab.source.bootstrap, source),
      target: cluster(lab.target.bootstrap, target),
      coordination: { commit: { topic: `${name}.control` } },
      offsetMapping: { topic: `${name}.map` },
      replication: [{ source: { topic: `${name}-.*` } }],
      configuration: { topicRefreshInterval: '300 milliseconds' },
      ...others,
    }),
  )
  return file
}

async function start(command: 'replicate' | 'sync-offsets', file: string): Promise<RunningCli> {
  const cli = await startCli([command, '-f', file], { cwd: folder.path })
  running.push(cli)
  return cli
}

async function stop(cli: RunningCli): Promise<void> {
  cli.process.kill('SIGTERM')
  const { status, stderr } = await cli.ended
  assert.equal(status, 130, stderr)
}

async function send(topic: string, ...values: readonly string[]): Promise<void> {
  const producer = await lab.java.producer({ 'bootstrap.servers': lab.source.bootstrap })
  const headers = [{ key: 'own', value: 'header' }]
  // Older than the copy, and young enough for any retention.
  const timestamp = BigInt(Date.now() - 60_000)
  producer.send(...values.map((value) => ({ topic, partition: 0, key: value, value, timestamp, headers })))
  await producer.flush()
  await producer.close()
}

/** The records of a topic on the target, when there are so many. */
async function arrived(topic: string, count: number, isolation?: 'read_uncommitted') {
  const read = () =>
    lab.java.read(lab.target.bootstrap, topic, 0, isolation ? { isolation } : {}).catch(() => [])
  await until(
    `${count} records in ${topic}`,
    async () => (await read()).length >= count,
    90,
    async () => running.map((cli) => cli.output().stderr).join('\n'),
  )
  return await read()
}

async function partitionsOf(topic: string): Promise<number> {
  return (await lab.targetAdmin.partitions(topic).catch(() => [])).length
}

const common = { autoCreateControlTopics: 'enabled', offsetMapping: 'enabled' }

test('topicCreation: the pipeline’s own topics and the copies are made as the file says; metrics have their prefixes, at their address and in their topic', async () => {
  const port = await freePort()
  await lab.sourceAdmin.createTopic('made-a', 2, { 'retention.ms': '7200000', 'segment.bytes': '2097152' })
  const file = await fileOf('made', {
    features: common,
    source: { name: 'east' },
    target: { kafka: { topicPropsExclusionList: ['segment.bytes'] } },
    replication: [
      { source: { name: 'in', topic: 'made-.*', exclude: ['made-not'] } },
      { sink: { name: 'out', topic: '{cluster}.{topic}', partition: 'source' } },
    ],
    topicCreation: {
      control: {
        common: { partitions: 3, replication: 1, config: { 'segment.ms': '3600123' } },
        commit: { partitions: 5 },
        offsetMapping: { partitions: 2, config: { 'retention.ms': '86400123' } },
        metrics: { partitions: 4, replication: 1, config: { 'retention.ms': '86400456' } },
      },
      target: { replication: 1, config: { 'max.message.bytes': '2000123' } },
    },
    metrics: {
      prefix: {
        replicator: 'copier.',
        sourceConsumer: 'reading.',
        targetConsumer: 'following.',
        targetProducer: 'writing.',
      },
      kafka: { topic: 'made.metrics', interval: '200 milliseconds' },
      server: { address: `127.0.0.1:${port}` },
    },
  })
  await lab.sourceAdmin.createTopic('made-not', 1)
  const cli = await start('replicate', file)
  await send('made-a', 'one')
  await arrived('east.made-a', 1)
  assert.deepEqual(
    await Promise.all(['made.control', 'made.map', 'made.metrics', 'east.made-a'].map(partitionsOf)),
    [5, 2, 4, 2],
  )
  assert.ok(!(await lab.targetAdmin.topics()).includes('east.made-not'))
  const settings = async (topic: string, ...names: readonly string[]) => {
    const all = await topicSettings(lab.target.bootstrap, topic)
    return names.map((name) => all.get(name))
  }
  assert.deepEqual(await settings('made.control', 'cleanup.policy', 'segment.ms'), ['compact', '3600123'])
  assert.deepEqual(await settings('made.map', 'retention.ms', 'segment.ms'), ['86400123', '3600123'])
  assert.deepEqual(await settings('made.metrics', 'retention.ms', 'segment.ms'), ['86400456', '3600123'])
  assert.deepEqual(await settings('east.made-a', 'retention.ms', 'max.message.bytes'), ['7200000', '2000123'])
  assert.notDeepEqual(await settings('east.made-a', 'segment.bytes'), ['2097152'])

  const wanted = ['copier_replicate_records_total', 'writing_replicate_transactions_total']
  let text = ''
  await until('the metrics are there', async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => undefined)
    text = (await answer?.text()) ?? ''
    return wanted.every((name) => text.includes(`${name}{`))
  })
  assert.doesNotMatch(text, /^k2k_/m)
  await until('they come again and again', async () => {
    const all = [0, 1, 2, 3].map((p) => lab.java.read(lab.target.bootstrap, 'made.metrics', p))
    const records = (await Promise.all(all)).flat().map(({ value }) => value?.toString() ?? '')
    return records.filter((value) => value.includes('"name":"copier.replicate_records"')).length > 2
  })
  await stop(cli)
})

test('features: records get the time of the copy, lose their headers, are traced by what is named; settings are not followed, and no map is published', async () => {
  await lab.sourceAdmin.createTopic('bare-a', 1)
  const file = await fileOf('bare', {
    features: {
      autoCreateControlTopics: 'enabled',
      keepRecordCreationTimestamp: 'disabled',
      headerReplication: 'disabled',
      tracingHeaders: { topic: 'enabled', offset: 'enabled', pipeline: 'enabled', partition: 'disabled' },
      followTopicConfigs: 'disabled',
      offsetMapping: 'disabled',
    },
  })
  const began = BigInt(Date.now())
  const cli = await start('replicate', file)
  await send('bare-a', 'one')
  const [record] = await arrived('bare-a', 1)
  assert.ok((record?.timestamp ?? 0n) >= began)
  assert.deepEqual(
    record?.headers.map(({ key, value }) => `${key}=${value?.toString()}`),
    ['x-tidemark-topic=bare-a', 'x-tidemark-pipeline=bare', 'x-tidemark-offset=0'],
  )
  await lab.sourceAdmin.configure('bare-a', { 'retention.ms': '7200123' })
  await lab.sourceAdmin.createTopic('bare-b', 1)
  // Found by a look that came after the change.
  await send('bare-b', 'two')
  await arrived('bare-b', 1)
  await stop(cli)
  assert.notEqual((await topicSettings(lab.target.bootstrap, 'bare-a')).get('retention.ms'), '7200123')
  const topics = await lab.targetAdmin.topics()
  assert.ok(topics.includes('bare.control') && !topics.includes('bare.map'))
})

test('features.autoCreateTopics: a target topic that is missing is not made, and copied to once it is there', async () => {
  await lab.sourceAdmin.createTopic('given-a', 1)
  await send('given-a', 'one')
  const file = await fileOf('given', { features: { ...common, autoCreateTopics: 'disabled' } })
  const cli = await start('replicate', file)
  await until('it is told', async () => /given-a.*does not exist/.test(cli.output().stderr))
  assert.equal(await partitionsOf('given-a'), 0)
  await stop(cli)
  await lab.targetAdmin.createTopic('given-a', 1)
  const again = await start('replicate', file)
  await arrived('given-a', 1)
  await stop(again)
})

test('features.validateControlTopicSettings: a control topic that loses positions is an error for both programs, unless it is not looked at', async () => {
  await lab.sourceAdmin.createTopic('unfit-a', 1)
  await send('unfit-a', 'one')
  await lab.targetAdmin.createTopic('unfit.control', 1, { 'cleanup.policy': 'delete' })
  const refusing = await fileOf('unfit', { features: common })
  for (const command of [['replicate'], ['sync-offsets', '--once']]) {
    const refused = await runCli([...command, '-f', refusing], { cwd: folder.path })
    assert.equal(refused.status, 2)
    assert.match(refused.stderr, /unfit\.control has cleanup\.policy=delete/)
  }
  const file = await fileOf('unfit', { features: { ...common, validateControlTopicSettings: 'disabled' } })
  const cli = await start('replicate', file)
  await arrived('unfit-a', 1)
  await stop(cli)
})

test('coordination.commit: what has not been committed for batchTimeout is not visible yet, unless batchBytes have come; a stop commits it', async () => {
  await lab.sourceAdmin.createTopic('batch-a', 1)
  const file = await fileOf('batch', {
    features: common,
    target: { kafka: { producer: { 'transaction.timeout.ms': 800_000 } } },
    coordination: { commit: { topic: 'batch.control', batchTimeout: '5 minutes', batchBytes: '64KiB' } },
  })
  const cli = await start('replicate', file)
  await send('batch-a', 'one')
  // After a pause, at once.
  await arrived('batch-a', 1)
  await send('batch-a', 'two')
  await arrived('batch-a', 2, 'read_uncommitted')
  assert.equal((await arrived('batch-a', 1)).length, 1)
  await send('batch-a', 'x'.repeat(100_000))
  await arrived('batch-a', 3)
  await send('batch-a', 'four')
  await arrived('batch-a', 4, 'read_uncommitted')
  assert.equal((await arrived('batch-a', 3)).length, 3)
  await stop(cli)
  assert.equal((await arrived('batch-a', 4)).length, 4)
})

test('coordination.commit.syncTimeout: a transaction that keeps the control topic from being read is waited for so long, and named', async () => {
  await lab.targetAdmin.createTopic('open.control', 1, { 'cleanup.policy': 'compact' })
  await lab.targetAdmin.createTopic('open.map', 1)
  const foreign = await lab.java.producer({
    'bootstrap.servers': lab.target.bootstrap,
    'transactional.id': 'somebody',
  })
  await foreign.begin()
  foreign.send({ topic: 'open.control', partition: 0, key: 'x', value: 'x' })
  await foreign.flush()
  const file = await fileOf('open', {
    coordination: { commit: { topic: 'open.control', syncTimeout: '300 milliseconds' } },
  })
  const cli = await start('sync-offsets', file)
  await until('it is named', async () => /open transaction keeps open\.control\/0/.test(cli.output().stderr))
  await foreign.abort()
  await foreign.close()
  await stop(cli)
})

test('limits: a copy with limits of bytes and records takes its time, and is whole', async () => {
  const count = 60
  for (const [name, limits] of [
    ['records', { recordsPerSecond: 20 }],
    ['bytes', { bytesPerSecond: '20KB' }],
  ] as const) {
    const topic = `${name}-a`
    await lab.sourceAdmin.createTopic(topic, 1)
    const cli = await start('replicate', await fileOf(name, { features: common, limits }))
    await send(topic, 'first')
    await arrived(topic, 1)
    const began = performance.now()
    // A batch each, so that the limit has something to come between.
    const producer = await lab.java.producer({ 'bootstrap.servers': lab.source.bootstrap, 'batch.size': '0' })
    await producer.fill({ topic, partitions: 1, count, size: 1_000 })
    await producer.close()
    assert.equal((await arrived(topic, count + 1)).length, count + 1)
    // All of them may have come in one transaction, which is paid for before the next.
    await send(topic, 'last')
    assert.equal((await arrived(topic, count + 2)).length, count + 2)
    assert.ok(performance.now() - began > 1_000, name)
    await stop(cli)
  }
})

test('session.timeout.ms and workerId: a worker that was killed and comes back by its name has its part at once', async () => {
  await lab.sourceAdmin.createTopic('named-a', 1)
  const file = await fileOf('named', {
    features: common,
    workerId: 'worker-7',
    // Far longer than this test may take: a worker without the name would wait for it.
    target: { kafka: { consumer: { 'session.timeout.ms': 290_000 } } },
  })
  const first = await start('replicate', file)
  await send('named-a', 'one')
  await arrived('named-a', 1)
  first.process.kill('SIGKILL')
  await first.ended
  const second = await start('replicate', file)
  await send('named-a', 'two')
  await arrived('named-a', 2)
  await stop(second)
})

test('groups.pollInterval: positions are looked at that often, and no more', async () => {
  await Promise.all([lab.sourceAdmin.createTopic('poll-a', 1), lab.targetAdmin.createTopic('poll-a', 1)])
  await send('poll-a', 'one', 'two')
  const file = await fileOf('poll', {
    features: common,
    groups: { consumerGroups: ['poll-group'], pollInterval: '1 hour' },
  })
  const copy = await start('replicate', file)
  await arrived('poll-a', 2)
  await lab.sourceAdmin.commit('poll-group', 'poll-a', 0, 1n)
  const sync = await start('sync-offsets', file)
  const position = async () => (await lab.targetAdmin.positions('poll-group'))[0]?.offset
  await until('the first round', async () => (await position()) === 1n)
  await lab.sourceAdmin.commit('poll-group', 'poll-a', 0, 2n)
  await delay(500)
  assert.equal(await position(), 1n)
  await stop(sync)
  const quick = await start(
    'sync-offsets',
    await fileOf('poll', {
      features: common,
      groups: { consumerGroups: ['poll-group'], pollInterval: '50 milliseconds' },
    }),
  )
  await until('the second position', async () => (await position()) === 2n)
  for (const cli of [copy, quick]) await stop(cli)
})
