import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { isTidemarkError } from '../../src/base/index.ts'
import { connectCluster } from '../../src/kafka/index.ts'
import { startCluster } from '../support/brokers.ts'

const steady = { name: 'steady', partitions: 1, replicationFactor: 1, configs: {} }

describe('a cluster whose brokers die', { timeout: 240_000 }, () => {
  test('a broker that hangs is given up, and the call goes on when it wakes', async () => {
    await using brokers = await startCluster({ apart: true })
    await using cluster = await connectCluster({
      bootstrap: brokers.bootstrap.split(','),
      connectTimeout: 2000,
    })
    await cluster.createTopics([steady])
    brokers.broker(1).process?.signal('SIGSTOP')
    const asking = cluster.topics(['steady'])
    asking.catch(() => {})
    await delay(5000)
    brokers.broker(1).process?.signal('SIGCONT')
    assert.equal((await asking)[0]?.name, 'steady')
  })

  test('a broker that stays away ends the call after the delivery timeout, with its address', async () => {
    const brokers = await startCluster({ apart: true })
    await using _stop = brokers
    await using cluster = await connectCluster({
      bootstrap: brokers.bootstrap.split(','),
      deliveryTimeout: 1500,
    })
    await brokers.broker(1).kill()
    await assert.rejects(
      cluster.listGroups(),
      (error) => isTidemarkError(error, 'BROKER_UNREACHABLE') && error.message.includes(brokers.bootstrap),
    )
    const { failed } = await cluster.fetchPositions(['a', 'b'])
    assert.deepEqual(failed.map(({ item }) => item).sort(), ['a', 'b'])
  })
})

test('another cluster that answers at one of the addresses is not taken for this one', {
  timeout: 120_000,
}, async () => {
  await using one = await startCluster({ apart: true })
  await using two = await startCluster({ version: '3.9.1' })
  await using cluster = await connectCluster({ bootstrap: [one.bootstrap] })
  await using both = await connectCluster({ bootstrap: [one.bootstrap, two.bootstrap] })
  assert.equal(both.clusterId, cluster.clusterId)
  await one.broker(1).kill()
  await assert.rejects(both.topics(), (error) => isTidemarkError(error, 'SOURCE_MISMATCH'))
})
