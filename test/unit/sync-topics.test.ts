import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTidemarkError, systemClock } from '../../src/base/index.ts'
import type { Cluster } from '../../src/kafka/index.ts'
import { ensureTopic } from '../../src/replicate/sync/control-topics.ts'

/** A cluster that makes a topic at once, and shows it only when it has been looked for so many times since: no broker can be told to. */
function slowToShow(looks: number): Cluster {
  let made = false
  let left = looks
  const asked: Pick<Cluster, 'topics' | 'brokers' | 'createTopics'> = {
    topics: async () =>
      made && left-- <= 0 ? [{ name: 'metrics', id: undefined, internal: false, partitions: [] }] : [],
    brokers: async () => [],
    createTopics: async () => {
      made = true
      return { done: [], failed: [] }
    },
  }
  return asked as Cluster
}

test('a topic that was made is looked for as often as it is to be, with the pause that it is to have in between', async () => {
  const topic = { name: 'metrics', create: { partitions: 1, replicationFactor: undefined, configs: {} } }
  const slept: number[] = []
  const clock = { ...systemClock, now: systemClock.now, sleep: async (ms: number) => void slept.push(ms) }
  const checks = { attempts: 3, delay: 123 }
  await ensureTopic(slowToShow(2), topic, { checks, clock })
  assert.deepEqual(slept, [123, 123])
  await assert.rejects(
    ensureTopic(slowToShow(3), topic, { checks, clock }),
    (error) => isTidemarkError(error, 'TOPIC_NOT_FOUND') && /still not there/.test(error.message),
  )
})
