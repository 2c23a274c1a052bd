import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { isTidemarkError, noTelemetry } from '../../src/base/index.ts'
import {
  type Cluster,
  connectCluster,
  isTopicExists,
  kafkaCodeOf,
  type Position,
} from '../../src/kafka/index.ts'
import { startCluster, type TestCluster } from '../support/brokers.ts'
import { type KafkaVersion, kafkaVersions } from '../support/kafka-jars.ts'
import { kafkaTool } from '../support/kafka-tools.ts'

/** The highest versions that Kafka 2.1 offers of the requests that are made here; −1: it has no such request. */
const kafka21 = new Map([
  ...([
    [2, 4],
    [3, 7],
    [8, 6],
    [9, 5],
    [10, 2],
    [15, 2],
    [16, 2],
    [19, 3],
    [20, 3],
    [21, 1],
  ] as const),
  ...([
    [22, 1],
    [32, 2],
    [33, 1],
    [37, 1],
    [42, 1],
    [44, -1],
    [47, -1],
    [61, -1],
    [69, -1],
    [77, -1],
    [89, -1],
  ] as const),
])

let names = 0
const unique = (name: string) => `${name}-${++names}`

for (const version of kafkaVersions) {
  describe(`a cluster of Kafka ${version}`, { timeout: 240_000 }, () => {
    let brokers: TestCluster
    before(async () => {
      brokers = await startCluster({ version })
    })
    after(async () => {
      await brokers?.[Symbol.asyncDispose]()
    })
    for (const old of [false, true]) {
      describe(old ? 'spoken to like Kafka 2.1' : 'spoken to in its newest versions', () => {
        let cluster: Cluster
        before(async () => {
          const context = old ? { versionCeiling: kafka21 } : {}
          cluster = await connectCluster({ bootstrap: [brokers.bootstrap], deliveryTimeout: 60_000 }, context)
        })
        after(async () => {
          await cluster?.[Symbol.asyncDispose]()
        })
        controlTests(version, old, () => ({ cluster, brokers }))
      })
    }
  })
}

function controlTests(
  version: KafkaVersion,
  old: boolean,
  here: () => { readonly cluster: Cluster; readonly brokers: TestCluster },
): void {
  const tool = (name: Parameters<typeof kafkaTool>[0], ...args: string[]) =>
    kafkaTool(name, ['--bootstrap-server', here().brokers.bootstrap, ...args], { version })

  const makeTopic = async (partitions = 1, configs: Record<string, string> = {}) => {
    const name = unique('topic')
    const { done, failed } = await here().cluster.createTopics([
      { name, partitions, replicationFactor: undefined, configs },
    ])
    assert.deepEqual(failed, [])
    assert.equal(done[0]?.partitions.length, partitions)
    return name
  }
  const write = (topic: string, ...lines: string[]) =>
    kafkaTool('consoleProducer', ['--bootstrap-server', here().brokers.bootstrap, '--topic', topic], {
      input: lines.map((line) => `${line}\n`).join(''),
    })

  test('tells cluster id and brokers', async () => {
    const { cluster, brokers } = here()
    assert.equal(cluster.clusterId, brokers.clusterId)
    const rack = 'rack1'
    assert.deepEqual(await cluster.brokers(), [
      { id: 1, host: '127.0.0.1', port: brokers.broker(1).port, rack },
    ])
  })

  test('creates topics as asked, and each that cannot be created fails alone', async () => {
    const { cluster } = here()
    const good = {
      name: unique('topic'),
      partitions: 3,
      replicationFactor: 1,
      configs: { 'retention.ms': '9' },
    }
    const taken = await makeTopic()
    const outcome = await cluster.createTopics([
      good,
      { name: taken, partitions: 1, replicationFactor: 1, configs: {} },
      { name: 'no name', partitions: 1, replicationFactor: 1, configs: {} },
      { name: unique('topic'), partitions: 1, replicationFactor: 7, configs: {} },
      { name: unique('topic'), partitions: 1, replicationFactor: 1, configs: { bogus: '1' } },
    ])
    assert.deepEqual(
      outcome.done.map(({ name, partitions, internal }) => [name, partitions.length, internal]),
      [[good.name, 3, false]],
    )
    assert.deepEqual(outcome.failed.map(({ error }) => kafkaCodeOf(error)).sort(), [17, 36, 38, 40].sort())
    assert.ok(outcome.failed.some(({ item, error }) => item.name === taken && isTopicExists(error)))
    const described = await tool('topics', '--describe', '--topic', good.name)
    assert.match(described, /PartitionCount:\s*3/)
    assert.match(described, /retention\.ms=9/)
  })

  test('a creation that is only checked creates nothing', async () => {
    const { cluster } = here()
    const name = unique('topic')
    const wanted = { name, partitions: 2, replicationFactor: undefined, configs: {} }
    const outcome = await cluster.createTopics([wanted, { ...wanted, name: 'no name' }], {
      validateOnly: true,
    })
    assert.equal(outcome.done[0]?.name, name)
    assert.equal(outcome.failed[0]?.item.name, 'no name')
    assert.deepEqual(await cluster.topics([name]), [])
  })

  test('lists topics with ids and leaders, and leaves missing ones out', async () => {
    const { cluster } = here()
    const name = await makeTopic(2)
    const [topic, ...others] = await cluster.topics([name, 'missing', 'not a name'])
    assert.deepEqual(others, [])
    assert.deepEqual(topic?.partitions, [
      { partition: 0, leader: 1, leaderEpoch: 0, replicas: [1], isr: [1] },
      { partition: 1, leader: 1, leaderEpoch: 0, replicas: [1], isr: [1] },
    ])
    if (old) assert.equal(topic?.id, undefined)
    else assert.match(topic?.id ?? '', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    assert.ok((await cluster.topics()).some((listed) => listed.name === name))
  })

  test('a topic made again under its name has another id', { skip: old }, async () => {
    const { cluster } = here()
    const name = await makeTopic()
    const [before] = await cluster.topics([name])
    const { done } = await cluster.deleteTopics([name])
    assert.deepEqual(done, [name])
    assert.deepEqual(await cluster.topics([name]), [])
    await cluster.createTopics([{ name, partitions: 1, replicationFactor: 1, configs: {} }])
    const [now] = await cluster.topics([name])
    assert.ok(before?.id && now?.id && before.id !== now.id)
  })

  test('adds partitions', async () => {
    const { cluster } = here()
    const name = await makeTopic(1)
    await cluster.createPartitions(name, 4)
    assert.equal((await cluster.topics([name]))[0]?.partitions.length, 4)
    await assert.rejects(cluster.createPartitions(name, 2), (e) => isTidemarkError(e, 'CONFIG_INVALID'))
    await assert.rejects(cluster.createPartitions('missing', 2), (e) => isTidemarkError(e, 'TOPIC_NOT_FOUND'))
  })

  test('deletes topics, and a missing one fails alone', async () => {
    const { cluster } = here()
    const name = await makeTopic()
    const outcome = await cluster.deleteTopics([name, 'missing'])
    assert.deepEqual(outcome.done, [name])
    assert.deepEqual(
      outcome.failed.map(({ item, error }) => [item, isTidemarkError(error, 'TOPIC_NOT_FOUND')]),
      [['missing', true]],
    )
  })

  test('lists offsets by name and by time, many questions about one partition at once', async () => {
    const { cluster } = here()
    const topic = await makeTopic(2)
    const before = BigInt(Date.now())
    await write(topic, 'one', 'two', 'three')
    const written = await cluster.listOffsets([0, 1].map((partition) => ({ topic, partition, at: 'latest' })))
    const partition = written.findIndex(({ offset }) => offset === 3n)
    const other = 1 - partition
    assert.ok(partition >= 0, 'one partition took all three records')
    const asked = [
      { topic, partition, at: 'earliest' },
      { topic, partition, at: 'latest' },
      { topic, partition, at: 'last-stable' },
      { topic, partition, at: { timestamp: before } },
      { topic, partition, at: { timestamp: -5n } },
      { topic, partition, at: { timestamp: before + 3_600_000n } },
      { topic, partition: other, at: 'latest' },
    ] as const
    const answers = await cluster.listOffsets(asked)
    assert.deepEqual(
      answers.map(({ offset }) => offset),
      [0n, 3n, 3n, 0n, 0n, undefined, 0n],
    )
    assert.deepEqual(
      answers.map((answer) => answer.partition),
      asked.map((question) => question.partition),
    )
    const newest = cluster.listOffsets([{ topic, partition, at: 'max-timestamp' }])
    if (old) await assert.rejects(newest, (error) => isTidemarkError(error, 'UNSUPPORTED_VERSION'))
    else assert.ok(((await newest)[0]?.offset ?? -1n) >= 0n)
  })

  test('offsets of a partition that does not exist are TOPIC_NOT_FOUND with the place', async () => {
    const { cluster } = here()
    const topic = await makeTopic()
    for (const missing of [
      { topic, partition: 9 },
      { topic: 'missing', partition: 0 },
    ]) {
      await assert.rejects(
        cluster.listOffsets([
          { topic, partition: 0, at: 'latest' },
          { ...missing, at: 'latest' },
        ]),
        (error) =>
          isTidemarkError(error, 'TOPIC_NOT_FOUND') &&
          error.details.topic === missing.topic &&
          error.details.partition === missing.partition,
      )
    }
  })

  test('deletes records', async () => {
    const { cluster } = here()
    const topic = await makeTopic()
    await write(topic, 'a', 'b', 'c')
    await cluster.deleteRecords([{ topic, partition: 0, offset: 2n }])
    const [start] = await cluster.listOffsets([{ topic, partition: 0, at: 'earliest' }])
    assert.equal(start?.offset, 2n)
    await assert.rejects(cluster.deleteRecords([{ topic, partition: 0, offset: 99n }]), (error) =>
      isTidemarkError(error, 'OFFSET_OUT_OF_RANGE'),
    )
  })

  test('tells configs set on the topic from inherited ones', async () => {
    const { cluster } = here()
    const topic = await makeTopic(1, { 'cleanup.policy': 'compact', 'segment.bytes': '2000000' })
    const configs = await cluster.topicConfigs([topic, 'missing'])
    assert.deepEqual([...configs.keys()], [topic])
    const set = configs.get(topic)?.filter(({ source }) => source === 'topic')
    assert.deepEqual(Object.fromEntries(set?.map(({ name, value }) => [name, value]) ?? []), {
      'cleanup.policy': 'compact',
      'segment.bytes': '2000000',
    })
    const inherited = configs.get(topic)?.find(({ name }) => name === 'retention.ms')
    assert.deepEqual(inherited, { name: 'retention.ms', value: '604800000', source: 'inherited' })
    const known = await cluster.knownTopicConfigs()
    assert.ok(known.has('retention.ms') && known.has('max.message.bytes') && !known.has('bogus'))
  })

  test('changes configs, and each that is refused fails alone', async () => {
    const { cluster } = here()
    const topic = await makeTopic(1, { 'segment.bytes': '2000000', 'flush.ms': '7' })
    const outcome = await cluster.alterTopicConfigs(topic, {
      'retention.ms': '77',
      'segment.bytes': null,
      'cleanup.policy': 'nonsense',
      bogus: '1',
    })
    assert.deepEqual([...outcome.done].sort(), ['retention.ms', 'segment.bytes'])
    assert.deepEqual(outcome.failed.map(({ item }) => item).sort(), ['bogus', 'cleanup.policy'])
    // Changed at the controller; the broker that is asked hears of it a moment later.
    let described = ''
    while (!/retention\.ms=77/.test(described))
      described = await tool('topics', '--describe', '--topic', topic)
    assert.match(described, /flush\.ms=7/)
    assert.doesNotMatch(described, /segment\.bytes=2000000/)
    const missing = await cluster.alterTopicConfigs('missing', { 'retention.ms': '1', 'flush.ms': '1' })
    assert.deepEqual(
      missing.failed.map(({ error }) => isTidemarkError(error, 'TOPIC_NOT_FOUND')),
      [true, true],
    )
  })

  test('commits positions that Kafka shows, and reads them back with their metadata', async () => {
    const { cluster } = here()
    const topic = await makeTopic(4)
    const group = unique('group')
    const at = (partition: number, offset: bigint, metadata: string | null, leaderEpoch = -1): Position => {
      return { topic, partition, offset, leaderEpoch, metadata }
    }
    const good = [at(0, 5n, 'état\u0000😀"'), at(1, 0n, '', 0), at(2, 2n ** 40n, 'x'.repeat(4096))]
    const tooLong = at(3, 1n, 'x'.repeat(4097))
    const missing = { ...at(0, 1n, 'x'), topic: 'missing' }
    const outcome = await cluster.commitPositions(group, [...good, tooLong, missing])
    assert.deepEqual(outcome.done, good)
    assert.deepEqual(
      outcome.failed.map(({ item, error }) => [item, kafkaCodeOf(error)]),
      [
        [tooLong, 12],
        [missing, 3],
      ],
    )
    const fetched = await cluster.fetchPositions([group, 'nobody'])
    assert.deepEqual(fetched.failed, [])
    const [ours, nobody] = [group, 'nobody'].map((name) => fetched.done.find((got) => got.group === name))
    assert.deepEqual(
      ours?.positions.toSorted((a, b) => a.partition - b.partition),
      good,
    )
    assert.deepEqual(ours?.unstable, [])
    assert.deepEqual(nobody?.positions, [])
    const shown = await tool('groups', '--describe', '--group', group, '--offsets')
    assert.match(shown, new RegExp(`${topic}\\s+0\\s+5\\s`))
    assert.match(shown, new RegExp(`${topic}\\s+2\\s+${2n ** 40n}\\s`))
  })

  test('metadata that is null is kept by the broker as empty', async () => {
    const { cluster } = here()
    const topic = await makeTopic()
    const group = unique('group')
    const { failed } = await cluster.commitPositions(group, [
      { topic, partition: 0, offset: 1n, leaderEpoch: -1, metadata: null },
    ])
    assert.deepEqual(failed, [])
    assert.equal((await cluster.fetchPositions([group])).done[0]?.positions[0]?.metadata, '')
  })

  test('a commit too large for the offsets topic is made in parts', async () => {
    const { cluster } = here()
    const topic = await makeTopic(400)
    const group = unique('group')
    const positions = Array.from({ length: 400 }, (_, partition): Position => {
      return { topic, partition, offset: 3n, leaderEpoch: -1, metadata: 'm'.repeat(4096) }
    })
    const outcome = await cluster.commitPositions(group, positions)
    assert.deepEqual(outcome.failed.slice(0, 1), [])
    const fetched = await cluster.fetchPositions([group])
    assert.equal(fetched.done[0]?.positions.length, 400)
  })

  test('deletes positions and groups, and what is missing fails alone', async () => {
    const { cluster } = here()
    const topic = await makeTopic(2)
    const group = unique('group')
    const position = (partition: number) => ({ topic, partition, offset: 1n, leaderEpoch: -1, metadata: '' })
    await cluster.commitPositions(group, [position(0), position(1)])
    const deleted = await cluster.deletePositions(group, [{ topic, partition: 1 }])
    if (old) assert.ok(isTidemarkError(deleted.failed[0]?.error, 'UNSUPPORTED_VERSION'))
    else {
      assert.equal(deleted.done.length, 1)
      assert.deepEqual((await cluster.fetchPositions([group])).done[0]?.positions, [position(0)])
    }
    const outcome = await cluster.deleteGroups([group, 'missing'])
    assert.deepEqual(outcome.done, [group])
    assert.ok(isTidemarkError(outcome.failed[0]?.error, 'GROUP_NOT_FOUND'))
    assert.ok(!(await cluster.listGroups()).some((listing) => listing.group === group))
  })

  test('lists and describes groups that have only positions, and tells which are missing', async () => {
    const { cluster } = here()
    const topic = await makeTopic()
    const group = unique('group')
    await cluster.commitPositions(group, [{ topic, partition: 0, offset: 1n, leaderEpoch: -1, metadata: '' }])
    const listing = (await cluster.listGroups()).find((listed) => listed.group === group)
    assert.deepEqual(listing, { group, type: 'classic', state: old ? 'Unknown' : 'Empty', protocolType: '' })
    const missing = { group: 'missing', type: 'unknown', state: '', protocolType: '' } as const
    const outcome = await cluster.describeGroups([...(listing ? [listing] : []), missing])
    assert.deepEqual(outcome.done, [
      { group, type: 'classic', state: 'Empty', protocolType: '', members: [] },
    ])
    assert.deepEqual(
      outcome.failed.map(({ item, error }) => [item, isTidemarkError(error, 'GROUP_NOT_FOUND')]),
      [['missing', true]],
    )
  })

  test('hands out producer ids, and a transactional id with its epoch raised', async () => {
    const { cluster } = here()
    const [one, two] = [await cluster.initProducerId(), await cluster.initProducerId()]
    assert.notEqual(one.producerId, two.producerId)
    assert.equal(one.epoch, 0)
    const id = unique('transaction')
    const first = await cluster.initProducerId({ id, timeoutMs: 30_000 })
    const second = await cluster.initProducerId({ id, timeoutMs: 30_000 })
    assert.deepEqual(second, { producerId: first.producerId, epoch: first.epoch + 1 })
    assert.equal(await cluster.transactionCoordinator(id), 1)
    const forever = cluster.initProducerId({ id, timeoutMs: 2 ** 31 - 1 })
    await assert.rejects(forever, (error) => kafkaCodeOf(error) === 50)
  })

  test('a connection for the data plane is open, knows versions, and closes twice without harm', async () => {
    const { cluster } = here()
    const connection = await cluster.connect(1)
    assert.equal(connection.fresh, true)
    assert.ok((connection.versionFor(1, 4, 17) ?? -1) >= 4)
    connection.close()
    connection.close()
    assert.equal(connection.open, false)
    await assert.rejects(cluster.connect(99), (error) => isTidemarkError(error, 'BROKER_UNREACHABLE'))
  })

  test('a closed cluster and an aborted signal end calls', async () => {
    const { brokers } = here()
    const closed = await connectCluster({ bootstrap: [brokers.bootstrap] })
    await closed[Symbol.asyncDispose]()
    await closed[Symbol.asyncDispose]()
    await assert.rejects(closed.topics(), (error) => isTidemarkError(error, 'CONNECTION_LOST'))
    const stop = new AbortController()
    const context = { signal: stop.signal, telemetry: noTelemetry }
    await using cluster = await connectCluster({ bootstrap: [brokers.bootstrap] }, context)
    stop.abort(new Error('stopped'))
    await assert.rejects(cluster.listGroups(), /stopped/)
    await assert.rejects(
      cluster.commitPositions('g', []).then(() => cluster.topics()),
      /stopped/,
    )
  })
}
