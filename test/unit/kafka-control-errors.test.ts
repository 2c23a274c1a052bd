import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTidemarkError } from '../../src/base/index.ts'
import { connectCluster, errorFromCode, kafkaCodeOf, parseAddress } from '../../src/kafka/index.ts'
import { startScripted } from '../support/scripted-listener.ts'

test('refused rights name the resource and the operation', () => {
  const topic = errorFromCode(29, { doing: 'read', acl: 'Read', topic: 'a' })
  assert.equal(topic.code, 'AUTHORIZATION_FAILED')
  assert.equal(topic.hint, 'Allow it the operation Read on topic "a".')
  assert.equal(topic.retriable, false)
  const group = errorFromCode(30, { doing: 'read', acl: 'Read', group: 'g' })
  assert.match(group.hint ?? '', /group "g"/)
  const cluster = errorFromCode(31, { doing: 'create', acl: 'Create' })
  assert.match(cluster.hint ?? '', /Create on the cluster/)
  const producer = errorFromCode(53, { doing: 'write', acl: 'Write', transactionalId: 't' })
  assert.match(producer.hint ?? '', /transactional id "t"/)
})

test('codes keep their number and name, and say whether waiting may help', () => {
  const moved = errorFromCode(16, { doing: 'commit' })
  assert.equal(moved.retriable, true)
  assert.equal(kafkaCodeOf(moved), 16)
  assert.equal(moved.details.kafkaError, 'NOT_COORDINATOR')
  assert.equal(errorFromCode(9999, { doing: 'ask' }).details.kafkaError, 'ERROR_9999')
  assert.equal(errorFromCode(68, { doing: 'delete' }).code, 'GROUP_ACTIVE')
  assert.equal(kafkaCodeOf(new Error('other')), undefined)
})

test('addresses are read as users write them', () => {
  assert.deepEqual(parseAddress('kafka-1.example.com:9092'), { host: 'kafka-1.example.com', port: 9092 })
  assert.deepEqual(parseAddress(' SASL_SSL://b1:9093 '), { host: 'b1', port: 9093 })
  assert.deepEqual(parseAddress('[::1]:9092'), { host: '::1', port: 9092 })
  for (const wrong of [
    '',
    'kafka',
    'kafka:',
    ':9092',
    'kafka:0',
    'kafka:70000',
    'http://kafka',
    'a b:1',
    '::1:1',
  ]) {
    assert.throws(
      () => parseAddress(wrong),
      (error) => isTidemarkError(error, 'CONFIG_INVALID'),
      wrong,
    )
  }
})

test('no bootstrap servers at all are a configuration error', async () => {
  await assert.rejects(connectCluster({ bootstrap: [] }), (error) => isTidemarkError(error, 'CONFIG_INVALID'))
})

test('when no address answers, each is named with its cause, soon after the connect timeout', {
  timeout: 10_000,
}, async () => {
  await using silent = await startScripted({})
  const bootstrap = ['127.0.0.1:1', `127.0.0.1:${silent.port}`, 'no-such-host.invalid:9092']
  const error = await connectCluster({ bootstrap, connectTimeout: 4000 }).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(isTidemarkError(error, 'BROKER_UNREACHABLE'))
  assert.match(error.message, /127\.0\.0\.1:1: the connection was refused/)
  assert.match(error.message, new RegExp(`:${silent.port}[^;]*(no answer|did not answer)`))
  assert.match(error.message, /no-such-host\.invalid:9092: the host name cannot be resolved/)
})

test('aborting the search for a cluster rejects with the reason', async () => {
  await using silent = await startScripted({})
  const stop = new AbortController()
  setTimeout(() => stop.abort(new Error('stopped')), 30)
  const searching = connectCluster({ bootstrap: [`127.0.0.1:${silent.port}`] }, { signal: stop.signal })
  await assert.rejects(searching, /stopped/)
})
