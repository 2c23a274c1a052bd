import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { isTidemarkError, type TidemarkError } from '../../src/base/index.ts'
import { BrokerConnection, type Cluster, type ClusterOptions, connectCluster } from '../../src/kafka/index.ts'
import { makeAuthority } from '../support/certificates.ts'
import { kafkaTool } from '../support/kafka-tools.ts'
import { type SecuredBroker, startSecuredBroker, unsecuredToken, users } from '../support/secured-broker.ts'

type Login = Omit<ClusterOptions, 'bootstrap'>

async function failure(work: Promise<unknown>): Promise<TidemarkError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(isTidemarkError(error), `expected an error of ours, got ${error}`)
  return error
}

describe('a broker with every way to authenticate', { timeout: 180_000 }, () => {
  let broker: SecuredBroker
  let admin: Cluster
  before(async () => {
    broker = await startSecuredBroker({ 'listener.name.saslp.connections.max.reauth.ms': '4000' })
    admin = await connectCluster({ bootstrap: [broker.address('PLAINTEXT')] })
    const topic = (name: string) => ({ name, partitions: 1, replicationFactor: 1, configs: {} })
    const created = await admin.createTopics([topic('open'), topic('secret')])
    assert.deepEqual(created.failed, [])
    await kafkaTool('acls', [
      ...['--bootstrap-server', broker.address('PLAINTEXT'), '--add', '--allow-principal', 'User:alice'],
      ...['--operation', 'Read', '--topic', 'open'],
    ])
  })
  after(async () => {
    await admin?.[Symbol.asyncDispose]()
    await broker?.[Symbol.asyncDispose]()
  })

  const connect = (listener: Parameters<SecuredBroker['address']>[0], login: Login) =>
    connectCluster({ bootstrap: [broker.address(listener)], connectTimeout: 8000, ...login })
  const password = (
    mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512',
    secret: string = users.alice,
  ) => ({
    mechanism,
    username: 'alice',
    password: secret,
  })
  const token = (text: string) => ({ mechanism: 'OAUTHBEARER' as const, token: async () => text })

  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const) {
    for (const listener of ['SASLP', 'SASLS'] as const) {
      test(`${mechanism} over ${listener === 'SASLP' ? 'plain TCP' : 'TLS'} lets a user in with its own rights`, async () => {
        const sasl = mechanism === 'OAUTHBEARER' ? token(unsecuredToken('alice')) : password(mechanism)
        const tls = listener === 'SASLS' ? { tls: { ca: broker.authority.cert } } : {}
        await using cluster = await connect(listener, { sasl, ...tls })
        assert.equal(cluster.clusterId, admin.clusterId)
        assert.deepEqual(
          (await cluster.topics()).map(({ name }) => name),
          ['open'],
        )
      })
    }
  }

  test('a client certificate lets its owner in', async () => {
    const { cert, key } = broker.authority.issue('alice')
    await using cluster = await connect('MTLS', { tls: { ca: broker.authority.cert, cert, key } })
    assert.deepEqual(
      (await cluster.topics()).map(({ name }) => name),
      ['open'],
    )
  })

  const refusals: readonly (readonly [string, Parameters<SecuredBroker['address']>[0], () => Login])[] = [
    ['a wrong password (PLAIN)', 'SASLP', () => ({ sasl: password('PLAIN', 'wrong') })],
    ['a wrong password (SCRAM)', 'SASLP', () => ({ sasl: password('SCRAM-SHA-512', 'wrong') })],
    [
      'an unknown user (SCRAM)',
      'SASLP',
      () => ({ sasl: { ...password('SCRAM-SHA-256'), username: 'nobody' } }),
    ],
    ['an expired token', 'SASLP', () => ({ sasl: token(unsecuredToken('alice', -3600)) })],
    ['a token that is none', 'SASLP', () => ({ sasl: token('nonsense') })],
    ['SASL on a listener without it', 'PLAINTEXT', () => ({ sasl: password('PLAIN') })],
    [
      'a client certificate of a foreign authority',
      'MTLS',
      () => ({ tls: { ca: broker.authority.cert, ...makeAuthority('foreign').issue('alice') } }),
    ],
    ['no client certificate', 'MTLS', () => ({ tls: { ca: broker.authority.cert } })],
    ['a broker certificate that is not trusted', 'SASLS', () => ({ tls: {}, sasl: password('PLAIN') })],
  ]
  for (const [title, listener, login] of refusals) {
    test(`${title} is AUTHENTICATION_FAILED and names the address`, async () => {
      const error = await failure(connect(listener, login()))
      assert.equal(error.code, 'AUTHENTICATION_FAILED', error.message)
      assert.ok(error.message.includes(broker.address(listener).replace(/^.*:/, ':')), error.message)
      assert.ok(!JSON.stringify([error.message, error.hint, error.details]).includes('secret'))
    })
  }

  test('a token provider that fails is AUTHENTICATION_FAILED with its reason', async () => {
    const sasl = {
      mechanism: 'OAUTHBEARER' as const,
      token: () => Promise.reject(new Error('the identity provider is down')),
    }
    const error = await failure(connect('SASLP', { sasl, connectTimeout: 1000 }))
    assert.equal(error.code, 'AUTHENTICATION_FAILED')
    assert.match(error.message, /identity provider is down/)
  })

  test('a plain client on a TLS listener, and the other way round, are told apart from a dead broker', async () => {
    const plain = await failure(connect('MTLS', { connectTimeout: 2000 }))
    assert.equal(plain.code, 'BROKER_UNREACHABLE')
    assert.match(`${plain.message} ${plain.hint}`, /TLS/)
    const tls = await failure(connect('PLAINTEXT', { tls: {}, connectTimeout: 2000 }))
    assert.equal(tls.code, 'BROKER_UNREACHABLE')
    assert.match(`${tls.message} ${tls.hint}`, /TLS.*plaintext/s)
  })

  test('no credentials on a listener that wants them is said to be that', async () => {
    const error = await failure(connect('SASLP', { connectTimeout: 2000 }))
    assert.match(`${error.message} ${error.hint}`, /SASL credentials/)
  })

  test('missing rights name the resource and the operation to allow', async () => {
    await using alice = await connect('SASLS', {
      tls: { ca: broker.authority.cert },
      sasl: password('SCRAM-SHA-256'),
    })
    const secret = await failure(alice.topics(['secret']))
    assert.equal(secret.code, 'AUTHORIZATION_FAILED')
    assert.match(`${secret.message} ${secret.hint}`, /topic "secret".*Describe/s)
    const configs = await failure(alice.topicConfigs(['open']))
    assert.match(`${configs.code} ${configs.hint}`, /AUTHORIZATION_FAILED.*DescribeConfigs on topic "open"/)
    const positions = await alice.fetchPositions(['group-of-bob'])
    assert.equal(positions.failed[0]?.item, 'group-of-bob')
    assert.match(String(positions.failed[0]?.error), /group "group-of-bob"/)
    const created = await alice.createTopics([
      { name: 'mine', partitions: 1, replicationFactor: 1, configs: {} },
    ])
    assert.ok(isTidemarkError(created.failed[0]?.error, 'AUTHORIZATION_FAILED'))
    const end = await alice.listOffsets([{ topic: 'open', partition: 0, at: 'latest' }])
    assert.equal(end[0]?.offset, 0n)
  })

  test('connections are replaced before their session ends, and requests do not notice', async () => {
    let asked = 0
    const sasl = {
      mechanism: 'OAUTHBEARER' as const,
      token: async () => {
        asked++
        return unsecuredToken('alice')
      },
    }
    await using cluster = await connect('SASLP', { sasl })
    const [first] = await cluster.brokers()
    assert.ok(first)
    const connection = await cluster.connect(first.id)
    assert.ok(connection instanceof BrokerConnection)
    assert.ok(connection.fresh && (connection.expiresAt ?? 0) > performance.now())
    const end = performance.now() + 9000
    while (performance.now() < end) {
      const [latest] = await cluster.listOffsets([{ topic: 'open', partition: 0, at: 'latest' }])
      assert.equal(latest?.offset, 0n)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    assert.ok(asked >= 4, `the token was asked for ${asked} times`)
    assert.equal(connection.fresh, false)
    connection.close()
  })
})
