import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupPartition, probeNames } from '../../src/kafka/coordinator-probe.ts'

test('groups are found in the partition in which Kafka keeps them', () => {
  // Taken from Kafka's own Utils.abs(name.hashCode()) % partitions; the fourth name has the hash Integer.MIN_VALUE.
  const expected: readonly (readonly [string, number, number, number])[] = [
    ['group-0', 2, 48, 298],
    ['tidemark-probe-17', 3, 27, 227],
    ['日本', 3, 47, 47],
    ['polygenelubricants', 0, 0, 0],
    ['', 0, 0, 0],
    ['a-rather-long-name-of-a-consumer-group', 0, 42, 992],
  ]
  for (const [name, ...partitions] of expected) {
    assert.deepEqual(
      [4, 50, 1000].map((count) => groupPartition(name, count)),
      partitions,
      name,
    )
  }
})

test('there is a name to ask with for each partition', () => {
  for (const count of [1, 4, 50, 333]) {
    const names = probeNames(count)
    assert.equal(names.length, count)
    for (const [partition, name] of names.entries()) assert.equal(groupPartition(name, count), partition)
  }
})
