import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { connectCluster, type Position } from '../../src/kafka/index.ts'
import { startCluster } from '../support/brokers.ts'
import { kafkaTool } from '../support/kafka-tools.ts'

const at = (topic: string, offset: bigint, partition = 0): Position => {
  return { topic, partition, offset, leaderEpoch: -1, metadata: '' }
}
const topic = (name: string, partitions = 1, replicationFactor = 1) => {
  return { name, partitions, replicationFactor, configs: {} }
}

describe('a cluster whose brokers die', { timeout: 240_000 }, () => {
  test('calls outlive a broker that is killed and comes back, and do what they say once', async () => {
    await using brokers = await startCluster({
      apart: true,
      properties: { 'broker.session.timeout.ms': '3000' },
    })
    await using cluster = await connectCluster({ bootstrap: brokers.bootstrap.split(',') })
    await cluster.createTopics([topic('steady', 3)])
    let running = true
    let rounds = 0
    let created = 0
    const asking = (async () => {
      for (; running; rounds++) {
        const offsets = await cluster.listOffsets(
          [0, 1, 2].map((p) => ({ topic: 'steady', partition: p, at: 'latest' })),
        )
        assert.deepEqual(
          offsets.map(({ offset }) => offset),
          [0n, 0n, 0n],
        )
      }
    })()
    const committing = (async () => {
      let position = 0n
      for (; running; position++) {
        const { failed } = await cluster.commitPositions('group', [at('steady', position)])
        assert.deepEqual(failed, [])
        const { done } = await cluster.fetchPositions(['group'])
        assert.equal(done[0]?.positions[0]?.offset, position)
      }
    })()
    const creating = (async () => {
      for (; running; created++) {
        const { failed } = await cluster.createTopics([topic(`made-${created}`)])
        assert.deepEqual(failed, [], 'a topic created by a lost request counts as created')
      }
    })()
    const all = Promise.all([asking, committing, creating])
    all.catch(() => {
      running = false
    })
    for (let kill = 0; kill < 3; kill++) {
      await delay(700)
      await brokers.broker(1).kill()
      await delay(200)
      await brokers.broker(1).start()
    }
    const before = rounds
    while (running && rounds < before + 10) await delay(50)
    running = false
    await all
    const names = (await cluster.topics()).map(({ name }) => name).filter((name) => name.startsWith('made-'))
    assert.equal(names.length, created)
    const { done, failed } = await cluster.deleteTopics(names)
    assert.deepEqual([done.length, failed], [created, []])
  })

  test('no group is missed while its coordinator is being replaced', async () => {
    await using brokers = await startCluster({ apart: true, brokers: 3 })
    await using cluster = await connectCluster({ bootstrap: brokers.bootstrap.split(',') })
    await cluster.createTopics([topic('shared', 6, 3)])
    const groups = Array.from({ length: 60 }, (_, i) => `group-${i}`)
    const position = (i: number, generation: number) => at('shared', BigInt(generation * 1000 + i), i % 6)
    const commit = async (generation: number) => {
      const outcomes = await Promise.all(
        groups.map((group, i) => cluster.commitPositions(group, [position(i, generation)])),
      )
      assert.deepEqual(
        outcomes.flatMap(({ failed }) => failed),
        [],
      )
    }
    const look = async (generation: number) => {
      const listed = (await cluster.listGroups()).map(({ group }) => group)
      const missing = groups.filter((group) => !listed.includes(group))
      assert.deepEqual(missing, [], 'every group is listed')
      const { done, failed } = await cluster.fetchPositions(groups)
      assert.deepEqual(failed, [])
      const found = new Map(done.map((fetched) => [fetched.group, fetched.positions]))
      for (const [i, group] of groups.entries()) {
        assert.deepEqual(
          found.get(group)?.map(({ topic, partition, offset }) => ({ topic, partition, offset })),
          [{ topic: 'shared', partition: i % 6, offset: position(i, generation).offset }],
          'the newest acknowledged position is told',
        )
      }
      const ends = await cluster.listOffsets(
        [0, 1, 2, 3, 4, 5].map((partition) => ({ topic: 'shared', partition, at: 'latest' })),
      )
      assert.equal(ends.length, 6)
    }
    await commit(0)
    await look(0)
    for (const id of [1, 2, 3]) {
      // The commits are acknowledged a moment before the broker dies: the next leader must know them.
      await commit(id)
      await brokers.broker(id).kill()
      for (let i = 0; i < 3; i++) await look(id)
      await brokers.broker(id).start()
      await look(id)
      // The next one may only go when this one has caught up.
      for (;;) {
        const infos = await cluster.topics(['shared', '__consumer_offsets'])
        if (infos.every((info) => info.partitions.every((partition) => partition.isr.length === 3))) break
        await delay(200)
      }
    }
  })
})

test('a quota on changes of topics makes creating slow, not wrong', { timeout: 120_000 }, async () => {
  await using brokers = await startCluster()
  await using cluster = await connectCluster({ bootstrap: brokers.bootstrap.split(',') })
  await kafkaTool('configs', [
    ...['--bootstrap-server', brokers.bootstrap, '--alter', '--entity-type', 'clients', '--entity-default'],
    ...['--add-config', 'controller_mutation_rate=10'],
  ])
  for (let part = 0; part < 3; part++) {
    const wanted = Array.from({ length: 10 }, (_, i) => topic(`quota-${part}-${i}`, 5))
    const { done, failed } = await cluster.createTopics(wanted)
    assert.deepEqual([done.length, failed], [10, []])
  }
})
