import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { addOffsetsToTxnV3, Consumer, endTxnV3, txnOffsetCommitV3 } from '@platformatic/kafka'
import { isTidemarkError, noTelemetry } from '../../src/base/index.ts'
import { type Cluster, connectCluster, type GroupDescription, type Position } from '../../src/kafka/index.ts'
import { startCluster, type TestCluster } from '../support/brokers.ts'
import { runKafkaTool } from '../support/kafka-tools.ts'

describe('groups of a cluster', { timeout: 180_000 }, () => {
  let brokers: TestCluster
  let cluster: Cluster
  let names = 0
  const requests = new Map<string, number>()
  const telemetry = {
    ...noTelemetry,
    count(name: string, by: number, labels: Readonly<Record<string, string>> = {}) {
      const api = labels.api ?? ''
      if (name === 'kafka_requests') requests.set(api, (requests.get(api) ?? 0) + by)
    },
  }
  before(async () => {
    brokers = await startCluster()
    cluster = await connectCluster({ bootstrap: [brokers.bootstrap] }, { telemetry })
  })
  after(async () => {
    await cluster?.[Symbol.asyncDispose]()
    await brokers?.[Symbol.asyncDispose]()
  })

  const makeTopic = async (partitions = 1) => {
    const name = `topic-${++names}`
    const { failed } = await cluster.createTopics([{ name, partitions, replicationFactor: 1, configs: {} }])
    assert.deepEqual(failed, [])
    return name
  }
  const at = (topic: string, offset: bigint, partition = 0): Position => {
    return { topic, partition, offset, leaderEpoch: -1, metadata: '' }
  }

  /** Waits until a group has a member that it shows as stable. */
  async function described(group: string): Promise<GroupDescription> {
    for (;;) {
      const listings = (await cluster.listGroups()).filter((listing) => listing.group === group)
      const { done } = await cluster.describeGroups(listings)
      const [found] = done
      if (found?.state === 'Stable' && found.members.length > 0) return found
      await delay(100)
    }
  }

  for (const protocol of ['classic', 'consumer'] as const) {
    test(`a running group of the ${protocol} protocol shows its members, and is not changed`, async () => {
      const topic = await makeTopic()
      const group = `running-${protocol}`
      const consumer = new Consumer({
        groupId: group,
        clientId: `app-${protocol}`,
        bootstrapBrokers: [brokers.bootstrap],
        groupProtocol: protocol,
      })
      try {
        const stream = await consumer.consume({ topics: [topic] })
        stream.on('error', () => {})
        const found = await described(group)
        assert.equal(found.type, protocol)
        assert.equal(found.protocolType, 'consumer')
        assert.deepEqual(
          found.members.map(({ clientId, host }) => [clientId, host]),
          [[`app-${protocol}`, '127.0.0.1']],
        )
        const listing = { ...found, type: protocol === 'classic' ? 'consumer' : 'classic' } as const
        const { done } = await cluster.describeGroups([listing])
        assert.equal(done[0]?.type, protocol, 'a group is found whatever type it had when it was listed')
        const committed = await cluster.commitPositions(group, [at(topic, 1n)])
        assert.ok(
          isTidemarkError(committed.failed[0]?.error, 'GROUP_ACTIVE'),
          String(committed.failed[0]?.error),
        )
        const deleted = await cluster.deleteGroups([group])
        assert.ok(isTidemarkError(deleted.failed[0]?.error, 'GROUP_ACTIVE'))
        const removed = await cluster.deletePositions(group, [{ topic, partition: 0 }])
        assert.ok(isTidemarkError(removed.failed[0]?.error, 'GROUP_ACTIVE'))
      } finally {
        await consumer.close(true)
      }
    })

    test(`a stopped group of the ${protocol} protocol takes positions from outside`, async () => {
      const topic = await makeTopic()
      const group = `stopped-${protocol}`
      const consumer = new Consumer({
        groupId: group,
        clientId: 'app',
        bootstrapBrokers: [brokers.bootstrap],
        groupProtocol: protocol,
      })
      const stream = await consumer.consume({ topics: [topic] })
      stream.on('error', () => {})
      await described(group)
      await consumer.close(true)
      for (;;) {
        const { failed } = await cluster.commitPositions(group, [at(topic, 42n)])
        if (failed.length === 0) break
        assert.ok(isTidemarkError(failed[0]?.error, 'GROUP_ACTIVE'), String(failed[0]?.error))
        await delay(100)
      }
      const fetched = await cluster.fetchPositions([group])
      assert.deepEqual(fetched.done, [{ group, positions: [at(topic, 42n)], unstable: [] }])
    })
  }

  test('a share group is listed and described as one', async () => {
    const topic = await makeTopic()
    const stop = new AbortController()
    const consumer = runKafkaTool(
      'consoleShareConsumer',
      ['--bootstrap-server', brokers.bootstrap, '--topic', topic, '--group', 'sharing'],
      { signal: stop.signal },
    ).catch(() => undefined)
    try {
      const found = await described('sharing')
      assert.equal(found.type, 'share')
      assert.equal(found.members.length, 1)
    } finally {
      stop.abort()
      await consumer
    }
  })

  /** A transaction that has committed a position for a group and is still open. */
  async function openCommit(group: string, position: Position) {
    const id = `transaction-${++names}`
    const { producerId, epoch } = await cluster.initProducerId({ id, timeoutMs: 60_000 })
    const connection = await cluster.connect(1)
    await connection.call(addOffsetsToTxnV3.api, [id, producerId, epoch, group])
    const { topic, partition, offset } = position
    const request = {
      name: topic,
      partitions: [
        {
          partitionIndex: partition,
          committedOffset: offset,
          committedLeaderEpoch: -1,
          committedMetadata: '',
        },
      ],
    }
    for (;;) {
      const response = await connection.call(txnOffsetCommitV3.api, [
        ...([id, group, producerId, epoch, -1, '', null, [request]] as const),
      ] as never)
      const answer = response as { topics: { partitions: { errorCode: number }[] }[] }
      if (answer.topics[0]?.partitions[0]?.errorCode === 0) break
      await delay(50)
    }
    return {
      async end(commit: boolean) {
        await connection.call(endTxnV3.api, [id, producerId, epoch, commit])
        connection.close()
      },
    }
  }

  test('a commit within a transaction is waited for', async () => {
    const topic = await makeTopic()
    await cluster.commitPositions('patient', [at(topic, 1n)])
    const transaction = await openCommit('patient', at(topic, 2n))
    const fetching = cluster.fetchPositions(['patient'])
    await delay(300)
    await transaction.end(true)
    assert.deepEqual((await fetching).done, [{ group: 'patient', positions: [at(topic, 2n)], unstable: [] }])
  })

  test('a transaction that stays open does not hold up for ever: the last decided position is given and marked', async () => {
    const topic = await makeTopic(2)
    await cluster.commitPositions('blocked', [at(topic, 1n), at(topic, 7n, 1)])
    await cluster.commitPositions('free', [at(topic, 3n)])
    const transaction = await openCommit('blocked', at(topic, 2n))
    const { done, failed } = await cluster.fetchPositions(['blocked', 'free'])
    await transaction.end(false)
    assert.deepEqual(failed, [])
    const blocked = done.find(({ group }) => group === 'blocked')
    assert.deepEqual(blocked?.unstable, [{ topic, partition: 0 }])
    assert.deepEqual(
      blocked?.positions.toSorted((a, b) => a.partition - b.partition),
      [at(topic, 1n), at(topic, 7n, 1)],
    )
    assert.deepEqual(done.find(({ group }) => group === 'free')?.unstable, [])
  })

  test('positions of 5,000 groups need a few dozen requests', async () => {
    const topic = await makeTopic(3)
    const groups = Array.from({ length: 5000 }, (_, i) => `many-${i}`)
    for (let from = 0; from < groups.length; from += 250) {
      const part = groups.slice(from, from + 250)
      const outcomes = await Promise.all(
        part.map((group, i) => cluster.commitPositions(group, [at(topic, BigInt(from + i), (from + i) % 3)])),
      )
      assert.deepEqual(outcomes.flatMap(({ failed }) => failed).slice(0, 1), [])
    }
    await using fresh = await connectCluster({ bootstrap: [brokers.bootstrap] }, { telemetry })
    requests.clear()
    const listed = (await fresh.listGroups()).filter(({ group }) => group.startsWith('many-'))
    const { done, failed } = await fresh.fetchPositions(groups)
    const { done: states } = await fresh.describeGroups(listed)
    assert.equal(listed.length, 5000)
    assert.equal(states.length, 5000)
    assert.deepEqual(failed, [])
    const byGroup = new Map(done.map((fetched) => [fetched.group, fetched.positions]))
    for (const [i, group] of groups.entries()) {
      assert.deepEqual(byGroup.get(group), [at(topic, BigInt(i), i % 3)])
    }
    // 200 groups in a request, 1,000 keys in a look-up; what proves that coordinators are settled does not grow with them.
    const sent = (api: string) => requests.get(api) ?? 0
    assert.equal(sent('OffsetFetch'), 25)
    assert.equal(sent('FindCoordinator'), 5)
    assert.ok(sent('DescribeGroups') <= 25 + 2, `${sent('DescribeGroups')} requests to describe`)
    assert.ok(
      sent('Metadata') + sent('ListOffsets') + sent('ListGroups') <= 12,
      JSON.stringify([...requests]),
    )
  })
})
