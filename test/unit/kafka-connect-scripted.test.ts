import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { isTidemarkError, type TidemarkError } from '../../src/base/index.ts'
import { BrokerConnection } from '../../src/kafka/broker-connection.ts'
import type { TlsOptions } from '../../src/kafka/types.ts'
import { makeAuthority } from '../support/certificates.ts'
import { emptyVersions, type ScriptedRequest, startScripted } from '../support/scripted-listener.ts'

const options = { clientId: 'test', connectTimeout: 5000 }
const authority = makeAuthority('authority')
const certificate = authority.issue('broker', ['localhost', '127.0.0.1'])
const apiVersions = 18
const some = { apiKey: 1, apiVersion: 0, flexible: false, body: [] }

async function refused(work: Promise<unknown>): Promise<TidemarkError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(isTidemarkError(error), `expected an error of ours, got ${error}`)
  return error
}

/** A listener that answers version requests itself and leaves the rest to the script. */
function answering(onRequest: (request: ScriptedRequest) => void, secure = false) {
  return startScripted({
    ...(secure && { certificate }),
    onRequest: (request) =>
      request.apiKey === apiVersions ? request.respond(emptyVersions) : onRequest(request),
  })
}

for (const secure of [false, true]) {
  const tls: { readonly tls?: TlsOptions } = secure ? { tls: { ca: authority.cert } } : {}
  describe(secure ? 'over TLS' : 'over plain TCP', () => {
    test('large responses land in the memory that the caller gives, small ones between them are whole', async () => {
      const body = Buffer.alloc(9 << 20)
      for (let i = 0; i < body.length; i += 4) body.writeUInt32BE((i * 2654435761) >>> 0, i)
      await using listener = await answering(({ apiVersion, respond }) => {
        respond(apiVersion === 1 ? body : Buffer.from('small'))
      }, secure)
      await using connection = await BrokerConnection.connect(listener, { ...options, ...tls })
      const memory = Buffer.alloc(10 << 20)
      for (let round = 0; round < 4; round++) {
        memory.fill(0)
        const sizes: number[] = []
        const into = (size: number) => {
          sizes.push(size)
          return memory
        }
        const [before, large, after] = await Promise.all([
          connection.exchange(some),
          connection.exchange({ ...some, apiVersion: 1, into }),
          connection.exchange(some),
        ])
        assert.deepEqual(sizes, [body.length + 4])
        assert.equal(large.buffer, memory.buffer)
        assert.equal(digest(large.subarray(4)), digest(body))
        assert.equal(before.toString('utf8', 4), 'small')
        assert.equal(after.toString('utf8', 4), 'small')
      }
    })

    test('a late request closes the connection and names what may have happened', async () => {
      await using listener = await answering(() => {}, secure)
      await using connection = await BrokerConnection.connect(listener, { ...options, ...tls })
      const [late, other] = await Promise.all([
        refused(connection.exchange({ ...some, timeout: 50 })),
        refused(connection.exchange(some)),
      ])
      assert.equal(late.code, 'REQUEST_TIMEOUT')
      assert.equal(late.details.outcome, 'unknown')
      assert.equal(other.code, 'CONNECTION_LOST')
      assert.equal(other.details.outcome, 'unknown')
      assert.equal(connection.open, false)
      const after = await refused(connection.exchange(some))
      assert.equal(after.code, 'CONNECTION_LOST')
      assert.equal(after.details.outcome, 'not-sent')
      assert.ok(late.retriable && other.retriable && after.retriable)
    })

    test('a connection cut within a response rejects what is in flight', async () => {
      await using listener = await answering(({ socket, correlationId }) => {
        const part = Buffer.alloc(200_000)
        part.writeInt32BE(1_000_000, 0)
        part.writeInt32BE(correlationId, 4)
        socket.write(part, () => socket.destroy())
      }, secure)
      await using connection = await BrokerConnection.connect(listener, { ...options, ...tls })
      const [first, second] = await Promise.all([
        refused(connection.exchange(some)),
        refused(connection.exchange(some)),
      ])
      for (const error of [first, second]) {
        assert.equal(error.code, 'CONNECTION_LOST')
        assert.equal(error.details.outcome, 'unknown')
      }
    })
  })
}

test('an answer to a request that was not made closes the connection', async () => {
  await using listener = await answering(({ socket }) => {
    socket.write(Buffer.from('0000000800000bad00000000', 'hex'))
  })
  await using connection = await BrokerConnection.connect(listener, options)
  const error = await refused(connection.exchange(some))
  assert.ok(isTidemarkError(error.cause, 'PROTOCOL_ERROR'))
  assert.equal(connection.open, false)
})

test('memory that is too small is not written beyond its end', async () => {
  await using listener = await answering(({ respond }) => respond(Buffer.alloc(1000)))
  await using connection = await BrokerConnection.connect(listener, options)
  const error = await refused(connection.exchange({ ...some, into: () => Buffer.alloc(10) }))
  assert.ok(isTidemarkError(error.cause, 'INTERNAL'))
})

test('a listener that speaks another protocol is named as such', async () => {
  await using web = await startScripted({
    onConnect: (socket) => socket.write('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'),
  })
  const error = await refused(BrokerConnection.connect(web, options))
  assert.equal(error.code, 'BROKER_UNREACHABLE')
  assert.match(error.message, /does not speak the Kafka protocol/)
})

test('a TLS alert on a plain connection says that TLS must be switched on', async () => {
  await using listener = await startScripted({
    onConnect: (socket) => socket.end(Buffer.from('15030300020228', 'hex')),
  })
  const error = await refused(BrokerConnection.connect(listener, options))
  assert.equal(error.code, 'BROKER_UNREACHABLE')
  assert.match(error.message, /answers in TLS/)
})

test('a TLS connection to a plain listener says so', async () => {
  await using listener = await startScripted({ onConnect: (socket) => socket.write('plain text') })
  const error = await refused(BrokerConnection.connect(listener, { ...options, tls: {} }))
  assert.equal(error.code, 'BROKER_UNREACHABLE')
  assert.match(`${error.message} ${error.hint}`, /plaintext/)
})

test('a listener that is silent is given up after the connect timeout', async () => {
  await using listener = await startScripted({})
  const error = await refused(BrokerConnection.connect(listener, { ...options, connectTimeout: 100 }))
  assert.equal(error.code, 'BROKER_UNREACHABLE')
  assert.match(error.message, /did not answer within \d+ ms/)
})

test('a listener that closes at once is unreachable, with a hint what may be wrong', async () => {
  await using listener = await startScripted({ onConnect: (socket) => socket.destroy() })
  const error = await refused(BrokerConnection.connect(listener, options))
  assert.equal(error.code, 'BROKER_UNREACHABLE')
  assert.ok(error.hint)
})

test('a certificate from another authority is refused, unless verification is switched off', async () => {
  await using listener = await answering(() => {}, true)
  const foreign = { ca: makeAuthority('other').cert }
  const error = await refused(BrokerConnection.connect(listener, { ...options, tls: foreign }))
  assert.equal(error.code, 'AUTHENTICATION_FAILED')
  assert.match(error.message, /not trusted/)
  await using open = await BrokerConnection.connect(listener, { ...options, tls: { verify: false } })
  assert.equal(open.open, true)
})

test('a certificate for another host name is refused, unless that name is expected', async () => {
  const other = authority.issue('broker', ['elsewhere.example'])
  await using listener = await startScripted({
    certificate: other,
    onRequest: (request) => request.respond(emptyVersions),
  })
  const trusted = { ca: authority.cert }
  const error = await refused(BrokerConnection.connect(listener, { ...options, tls: trusted }))
  assert.equal(error.code, 'AUTHENTICATION_FAILED')
  assert.match(error.message, /another host name/)
  const named = { ...trusted, serverName: 'elsewhere.example' }
  await using open = await BrokerConnection.connect(listener, { ...options, tls: named })
  assert.equal(open.open, true)
})

test('aborting while connecting rejects with the reason and leaves no connection', async () => {
  await using listener = await startScripted({})
  const stop = new AbortController()
  const connecting = BrokerConnection.connect(listener, options, stop.signal)
  setTimeout(() => stop.abort(new Error('stopped')), 20)
  await assert.rejects(connecting, /stopped/)
})

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
