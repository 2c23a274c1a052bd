import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TopicConfig, TopicInfo } from '../../src/kafka/index.ts'
import { type ReplicateJob, replicateDefaults } from '../../src/replicate/index.ts'
import { routesByShard } from '../../src/replicate/topics/routes.ts'
import { selectTopics } from '../../src/replicate/topics/select-topics.ts'
import { configChanges, targetConfigs } from '../../src/replicate/topics/target-configs.ts'

const clusters = { source: 'A', target: 'B' }

function job(over: Partial<ReplicateJob> = {}): ReplicateJob {
  return {
    ...replicateDefaults,
    name: 'p',
    source: { bootstrap: [] },
    target: { bootstrap: [] },
    include: [],
    ...over,
  }
}

function topic(name: string, partitions = 1, internal = false): TopicInfo {
  const all = Array.from({ length: partitions }, (_, partition) => ({
    partition,
    leader: 1,
    leaderEpoch: 0,
    replicas: [1],
    isr: [1],
  }))
  return { name, id: `id-${name}`, internal, partitions: all }
}

function selected(over: Partial<ReplicateJob>, names: readonly string[], ids = clusters): string[] {
  const topics = names.map((name) => topic(name))
  return selectTopics(job(over), topics, ids).topics.map(({ source, target }) => `${source.name}>${target}`)
}

test('topics are chosen by names, globs and regular expressions; internal ones only when they are named', () => {
  const names = ['orders', 'orders-eu', 'audit', '__hidden', '__k2k_offset_mappings']
  assert.deepEqual(selected({}, names), ['orders>orders', 'orders-eu>orders-eu', 'audit>audit'])
  assert.deepEqual(selected({ include: ['~orders.*'], exclude: ['*-eu'] }, names), ['orders>orders'])
  assert.deepEqual(selected({ include: ['~.*hidden', 'audit'] }, names), ['audit>audit'])
  assert.deepEqual(selected({ include: ['__hidden', '__k2k_offset_mappings'] }, names), ['__hidden>__hidden'])
  const own = selectTopics(job({ include: ['x'] }), [topic('x', 1, true)], clusters)
  assert.deepEqual(own.topics, [])
})

test('names on the target are made by prefix, suffix and template', () => {
  assert.deepEqual(selected({ rename: { type: 'affix', prefix: 'dr.', suffix: '-copy' } }, ['a']), [
    'a>dr.a-copy',
  ])
  const template = ['$', '{cluster}.$', '{pipeline}.$', '{topic}'].join('')
  assert.deepEqual(selected({ rename: { type: 'template', template } }, ['a']), ['a>A.p.a'])
  assert.deepEqual(selected({ rename: { type: 'template', template }, sourceName: 'eu' }, ['a']), [
    'a>eu.p.a',
  ])
})

test('a name that no topic can have, and two topics that would become one, are told apart from those that can be copied', () => {
  const bad = selectTopics(
    job({ rename: { type: 'affix', prefix: 'a b', suffix: '' } }),
    [topic('x')],
    clusters,
  )
  assert.deepEqual(bad.topics, [])
  assert.equal(bad.failed[0]?.code, 'CONFIG_INVALID')
  const both = selectTopics(
    job({ rename: { type: 'template', template: 'one' } }),
    [topic('x'), topic('y')],
    clusters,
  )
  assert.deepEqual(both.topics, [])
  assert.deepEqual(
    both.failed.map(({ details }) => details.topic),
    ['x', 'y'],
  )
})

test('on one cluster no topic is copied to itself, and no copy again', () => {
  const one = { source: 'A', target: 'A' }
  assert.deepEqual(selected({}, ['a'], one), [])
  assert.equal(selectTopics(job(), [topic('a')], one).failed[0]?.code, 'REPLICATION_LOOP')
  const prefixed = { rename: { type: 'affix', prefix: 'p.', suffix: '' } } as const
  assert.deepEqual(selected(prefixed, ['a', 'p.a'], one), ['a>p.a'])
})

test('every partition is in the routes of one shard', () => {
  const { topics } = selectTopics(job(), [topic('a', 5), topic('b', 40)], clusters)
  const keys = [...routesByShard(topics).values()].flatMap((routes) => [...routes.keys()])
  assert.equal(new Set(keys).size, 45)
  assert.equal(keys.length, 45)
})

function config(name: string, value: string, source: TopicConfig['source'] = 'topic'): TopicConfig {
  return { name, value, source }
}

const facts = { known: new Set<string>(), replicationFactor: 2 }

test('settings of the source topic are taken over, but not those that would make the copy another one', () => {
  const source = [
    config('cleanup.policy', 'compact'),
    config('retention.ms', '5', 'inherited'),
    config('message.timestamp.type', 'LogAppendTime'),
    config('leader.replication.throttled.replicas', '0:1'),
    config('remote.storage.enable', 'true'),
    config('min.insync.replicas', '3'),
    config('segment.bytes', '1000000'),
  ]
  const made = targetConfigs(
    job({ excludedConfigs: ['segment.*'], configOverrides: { 'retention.ms': '9' } }),
    source,
    facts,
  )
  assert.equal(made['cleanup.policy'], 'compact')
  assert.equal(made['min.insync.replicas'], '2')
  assert.equal(made['retention.ms'], '9')
  assert.equal(made['message.timestamp.type'], 'CreateTime')
  for (const name of ['leader.replication.throttled.replicas', 'remote.storage.enable', 'segment.bytes']) {
    assert.equal(made[name], undefined)
  }
  const asTarget = targetConfigs(job({ keepTimestamps: false }), source, facts)
  assert.equal(asTarget['message.timestamp.type'], 'LogAppendTime')
})

test('settings that the target does not know are left out', () => {
  const made = targetConfigs(job(), [config('new.thing', '1'), config('retention.ms', '1')], {
    ...facts,
    known: new Set(['retention.ms']),
  })
  assert.deepEqual(made, { 'retention.ms': '1' })
})

test('a changed setting is made, one that the source gave up is taken away, and what is the target’s own stays', () => {
  const target = [config('retention.ms', '5'), config('max.message.bytes', '7'), config('own', '1')]
  assert.deepEqual(configChanges({ 'max.message.bytes': '7' }, { 'retention.ms': '6' }, target), {
    'retention.ms': '6',
    'max.message.bytes': null,
  })
  assert.deepEqual(configChanges(undefined, { 'retention.ms': '5' }, target), {})
})
