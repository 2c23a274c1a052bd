import assert from 'node:assert/strict'
import { test } from 'node:test'
import { topicNames } from '../../src/cli/reset/topic-names.ts'

test('a topic that has its name from a rule is known as one of the target, whatever the rule', async () => {
  const names = await topicNames(
    [
      { type: 'exact', from: 'orders', to: 'restored-orders' },
      { type: 'exact', from: 'same', to: 'same' },
      { type: 'prefix', from: 'eu-', to: 'dr-' },
      { type: 'regex', from: 'audit-(.*)', to: '$1-audit' },
    ],
    ['audit-log', 'orders'],
  )
  const renamed = (topic: string) => [topic, names.targetTopic(topic), names.renamed(topic)]
  assert.deepEqual(renamed('orders'), ['orders', 'restored-orders', false])
  assert.deepEqual(renamed('restored-orders'), ['restored-orders', 'restored-orders', true])
  assert.deepEqual(renamed('same'), ['same', 'same', false])
  assert.deepEqual(renamed('eu-payments'), ['eu-payments', 'dr-payments', false])
  assert.deepEqual(renamed('dr-payments'), ['dr-payments', 'dr-payments', true])
  assert.deepEqual(renamed('log-audit'), ['log-audit', 'log-audit', true])
  assert.deepEqual(renamed('other-audit'), ['other-audit', 'other-audit', false])
})

test('with a rule for every topic those of the target are told from those of the source', async () => {
  const { renamed } = await topicNames([{ type: 'prefix', from: '', to: 'dr-' }], [])
  assert.deepEqual(['orders', 'dr-orders'].map(renamed), [false, true])
  const none = await topicNames([], ['orders'])
  assert.equal(none.renamed('orders'), false)
})
