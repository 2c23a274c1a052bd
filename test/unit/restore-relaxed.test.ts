import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Cluster, TopicConfig, TopicInfo } from '../../src/kafka/index.ts'
import { awaitRelaxed } from '../../src/restore/topics/relaxed-leaders.ts'

/** A topic whose partitions are led by these brokers. */
function topic(name: string, ...leaders: readonly (number | undefined)[]): TopicInfo {
  const partitions = leaders.map((leader, partition) => ({ partition, leader, leaderEpoch: 0 }))
  return { name, partitions } as unknown as TopicInfo
}

function policy(value: string): readonly TopicConfig[] {
  return [{ name: 'cleanup.policy', value, source: 'topic' }]
}

test('each leader is asked until it has the relaxed settings, only of the topics that it leads, and once it has them no more', async () => {
  const asked: [broker: number | undefined, topics: readonly string[]][] = []
  const cluster: Pick<Cluster, 'topicConfigs'> = {
    topicConfigs: async (topics, { broker } = {}) => {
      asked.push([broker, topics])
      const times = asked.filter((one) => one[0] === broker).length
      // The second broker hears of it late, of one topic after the other.
      const late = (name: string) => broker === 2 && times <= (name === 'a' ? 1 : 3)
      return new Map(topics.map((name) => [name, policy(late(name) ? 'compact' : 'delete')]))
    },
  }
  const topics = [topic('a', 1, 2, undefined), topic('b', 2, 2), topic('c', 3)]
  assert.deepEqual(await awaitRelaxed(cluster, topics, new AbortController().signal), [])
  const of = (broker: number) => asked.filter((one) => one[0] === broker).map((one) => one[1])
  assert.deepEqual(of(1), [['a']])
  assert.deepEqual(of(2), [['a', 'b'], ['a', 'b'], ['b'], ['b']])
  assert.deepEqual(of(3), [['c']])
})

test('a leader that cannot be asked fails the topics that it leads, and no others', async () => {
  const cluster: Pick<Cluster, 'topicConfigs'> = {
    topicConfigs: async (topics, { broker } = {}) => {
      if (broker === 2) throw new Error('no right')
      return new Map(topics.map((name) => [name, policy('delete')]))
    },
  }
  const failed = await awaitRelaxed(cluster, [topic('a', 1), topic('b', 1, 2)], new AbortController().signal)
  assert.deepEqual(
    failed.map((one) => one.topic),
    ['b'],
  )
})
