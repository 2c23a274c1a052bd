import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { TidemarkError } from '../../src/base/index.ts'
import { type Cluster, connectCluster, type Position } from '../../src/kafka/index.ts'
import { startCluster, type TestCluster } from '../support/brokers.ts'

/** More than one batch of the offsets topic takes: three requests, the whole and its halves. */
const count = 400

describe('the permit for commits', { timeout: 240_000 }, () => {
  let brokers: TestCluster
  let cluster: Cluster

  const positions = Array.from({ length: count }, (_, partition): Position => {
    return { topic: 'wide', partition, offset: 3n, leaderEpoch: -1, metadata: 'm'.repeat(4096) }
  })

  before(async () => {
    brokers = await startCluster({})
    cluster = await connectCluster({ bootstrap: [brokers.bootstrap] }, {})
    await cluster.createTopics([{ name: 'wide', partitions: count, replicationFactor: 1, configs: {} }])
    // From here on their coordinator answers at the first attempt, so that what is asked can be counted.
    for (const group of ['split', 'lost']) await cluster.commitPositions(group, positions.slice(0, 1))
  })
  after(async () => {
    await cluster?.[Symbol.asyncDispose]()
    await brokers?.[Symbol.asyncDispose]()
  })

  const committed = async (group: string) =>
    (await cluster.fetchPositions([group])).done[0]?.positions.length ?? 0

  test('is asked before each part of a commit that is too large', async () => {
    let asked = 0
    const permit = async () => {
      asked++
    }
    const { failed } = await cluster.commitPositions('split', positions, { permit })
    assert.deepEqual(failed, [])
    assert.equal(asked, 3)
    assert.equal(await committed('split'), count)
  })

  test('what is refused to the second half is not sent, and the first half is done', async () => {
    const refusal = new TidemarkError('TURN_TAKEN', 'Another has the turn')
    let asked = 0
    const permit = async () => {
      if (++asked === 3) throw refusal
    }
    const { done, failed } = await cluster.commitPositions('lost', positions, { permit })
    assert.deepEqual(done, positions.slice(0, count / 2))
    assert.deepEqual(
      failed,
      positions.slice(count / 2).map((item) => ({ item, error: refusal })),
    )
    assert.equal(await committed('lost'), count / 2)
  })

  test('what is refused from the start sends nothing', async () => {
    const refusal = new TidemarkError('TURN_TAKEN', 'Another has the turn')
    const { done, failed } = await cluster.commitPositions('never', positions, {
      permit: () => Promise.reject(refusal),
    })
    assert.deepEqual(done, [])
    assert.equal(failed.length, count)
    assert.equal(await committed('never'), 0)
  })
})
