import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createServer } from 'node:tls'
import { isTidemarkError } from '../../src/base/index.ts'
import { connectCluster, type TlsOptions } from '../../src/kafka/index.ts'
import { type Certificate, makeAuthority } from '../support/certificates.ts'

const authority = makeAuthority('authority')

/** What a client says that cannot get through the handshake with a server of this certificate. */
async function refusal(server: Certificate, tls: TlsOptions): Promise<string> {
  const listener = createServer({ ...server })
  listener.on('tlsClientError', () => {})
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  try {
    const { port } = listener.address() as AddressInfo
    const bootstrap = [`127.0.0.1:${port}`]
    const error = await connectCluster({ bootstrap, tls, connectTimeout: 10_000 }).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    assert.ok(isTidemarkError(error, 'AUTHENTICATION_FAILED'), String(error))
    const text = `${error.message}\n${error.hint}`
    assert.doesNotMatch(text, /Node\.js|secret/)
    return text
  } finally {
    listener.close()
  }
}

const good = authority.issue('broker', ['127.0.0.1'])

test('a certificate of the broker that has expired is not taken for one of a foreign authority', async () => {
  const expired = authority.issue('broker', ['127.0.0.1'], -3_600_000)
  assert.match(
    await refusal(expired, { ca: authority.cert }),
    /not valid at this time: certificate has expired\n.*clock/,
  )
})

test('a certificate of another authority, or for another host, is refused with what to do', async () => {
  assert.match(
    await refusal(makeAuthority('foreign').issue('broker', ['127.0.0.1']), { ca: authority.cert }),
    /is not trusted: unable to verify the first certificate\n.*ssl_ca_location.*-tls-ca-cert/,
  )
  assert.match(
    await refusal(authority.issue('broker', ['elsewhere']), { ca: authority.cert }),
    /is for another host name/,
  )
})

test('what is wrong with certificate and key of the client is said in words', async () => {
  const { cert, key } = authority.issue('client')
  const tls = { ca: authority.cert, cert }
  const locked = createPrivateKey(key)
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'key-secret' })
    .toString()
  const cases: readonly (readonly [TlsOptions, RegExp])[] = [
    [{ ...tls, key: authority.issue('other').key }, /the key does not belong to the certificate/],
    [{ ...tls, key: locked, passphrase: 'wrong-secret' }, /the passphrase of the key is wrong or missing/],
    [{ ...tls, key: locked }, /the passphrase of the key is wrong or missing/],
    [{ ...tls, key: cert }, /the key is none, or of a kind that cannot be read/],
    [{ ...tls, cert: cert.slice(0, 200), key }, /certificate, key or authority is damaged/],
  ]
  for (const [given, pattern] of cases) assert.match(await refusal(good, given), pattern)
})
