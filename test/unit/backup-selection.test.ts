import assert from 'node:assert/strict'
import { test } from 'node:test'
import { selectTopics } from '../../src/backup/selection.ts'
import { isTidemarkError } from '../../src/base/index.ts'

const topic = (name: string, internal = false) => ({ name, id: undefined, internal, partitions: [] })
const existing = ['orders', 'orders-dlq', 'payments', '__k2k_map']
  .map((name) => topic(name))
  .concat(topic('__consumer_offsets', true))
const rules = {
  include: [],
  exclude: [],
  includeInternal: false,
  internalTopics: [],
  onMissingTopic: 'fail',
} as const
const names = (given: Partial<Parameters<typeof selectTopics>[0]>) =>
  selectTopics({ ...rules, ...given }, existing).topics.map((chosen) => chosen.name)

test('without rules every topic that is not internal is taken', () => {
  assert.deepEqual(names({}), ['orders', 'orders-dlq', 'payments'])
})

test('topics are chosen by name, glob and regular expression, and left out likewise', () => {
  assert.deepEqual(names({ include: ['orders*'] }), ['orders', 'orders-dlq'])
  assert.deepEqual(names({ include: ['~(orders|payments)'] }), ['orders', 'payments'])
  assert.deepEqual(names({ include: ['*'], exclude: ['*-dlq'] }), ['orders', 'payments'])
})

test('internal topics are taken when named exactly or asked for', () => {
  assert.deepEqual(names({ include: ['*', '__consumer_offsets'] }), [
    'orders',
    'orders-dlq',
    'payments',
    '__consumer_offsets',
  ])
  assert.deepEqual(names({ includeInternal: true, internalTopics: ['__k2k*'] }), [
    'orders',
    'orders-dlq',
    'payments',
    '__k2k_map',
  ])
  assert.equal(names({ includeInternal: true }).length, 5)
})

test('a topic named exactly that does not exist is an error, or a notice', () => {
  assert.throws(
    () => names({ include: ['orders', 'nope'] }),
    (error) => isTidemarkError(error, 'TOPIC_NOT_FOUND') && error.message.includes("'nope'"),
  )
  const selection = selectTopics({ ...rules, include: ['nope', 'gone*'], onMissingTopic: 'warn' }, existing)
  assert.deepEqual(selection.notices, [{ type: 'topic-missing', topic: 'nope' }])
})
