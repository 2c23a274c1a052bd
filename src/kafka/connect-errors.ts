import { TidemarkError } from '../base/index.ts'

const reachReasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ENOTFOUND: 'the host name cannot be resolved',
  EAI_AGAIN: 'the host name cannot be resolved (the name server did not answer)',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to the network',
  ETIMEDOUT: 'the host did not answer',
  EADDRNOTAVAIL: 'the address cannot be used from here',
  ERR_SOCKET_BAD_PORT: 'the port is not a valid one',
}

const reachHints: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Check that a broker listens at this address and port.',
  ENOTFOUND: 'Check the spelling of the host name, and that it can be resolved on this machine.',
  EAI_AGAIN: 'Check the name server of this machine.',
}

const lostCodes = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ENOTCONN'])

/** What went wrong while a connection was opened, as one sentence with address and cause. */
export function connectFailure(
  address: string,
  secure: boolean,
  cause: unknown,
  timeout: number,
): TidemarkError {
  if (cause instanceof TidemarkError) return cause
  const details = { broker: address }
  if (cause === 'timeout') {
    return new TidemarkError(
      'BROKER_UNREACHABLE',
      `Cannot reach broker ${address}: no answer within ${timeout} ms`,
      {
        retriable: true,
        details,
        hint: secure
          ? 'Check the address, firewalls, and that this listener speaks TLS.'
          : 'Check the address and firewalls between here and the broker.',
      },
    )
  }
  const error = firstOf(cause)
  const code = error.code ?? ''
  const reach = reachReasons[code]
  if (reach !== undefined) {
    return new TidemarkError('BROKER_UNREACHABLE', `Cannot reach broker ${address}: ${reach}`, {
      retriable: code !== 'ERR_SOCKET_BAD_PORT',
      details,
      cause,
      ...(reachHints[code] && { hint: reachHints[code] }),
    })
  }
  return (secure ? tlsFailure(address, error) : undefined) ?? lost(address, error)
}

/**
 * A failed TLS handshake, or an alert that came after it (TLS 1.3 lets the server refuse a client certificate when
 * the client has already finished). Undefined for errors that have nothing to do with TLS.
 */
export function tlsFailure(address: string, error: NodeJS.ErrnoException): TidemarkError | undefined {
  const code = error.code ?? ''
  const options = { details: { broker: address }, cause: error }
  if (lostCodes.has(code)) {
    if (!error.message.includes('secure TLS connection')) return undefined
    return new TidemarkError(
      'BROKER_UNREACHABLE',
      `Cannot reach broker ${address}: the connection was cut during the TLS handshake`,
      {
        ...options,
        retriable: true,
        hint: 'Check that this listener speaks TLS and is not a plaintext one.',
      },
    )
  }
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNSUPPORTED_PROTOCOL/.test(code)) {
    return new TidemarkError('BROKER_UNREACHABLE', `Broker ${address} does not answer in TLS (${code})`, {
      ...options,
      hint: 'This is probably a plaintext listener: switch TLS off, or name the TLS port.',
    })
  }
  if (/ALERT/.test(code)) {
    const alert = code
      .replace(/^ERR_SSL_/, '')
      .replace(/^(TLSV1|TLSV13|SSLV3)_ALERT_/, '')
      .toLowerCase()
    return new TidemarkError(
      'AUTHENTICATION_FAILED',
      `Broker ${address} refused the TLS handshake: ${alert.replaceAll('_', ' ')}`,
      { ...options, hint: 'Check the client certificate and key, and that the broker trusts their issuer.' },
    )
  }
  if (/ALTNAME/.test(code)) {
    return new TidemarkError(
      'AUTHENTICATION_FAILED',
      `The certificate of broker ${address} is for another host name: ${error.message}`,
      { ...options, hint: 'Use a host name that the certificate holds, or set the TLS server name.' },
    )
  }
  if (/CERT_(HAS_EXPIRED|NOT_YET_VALID)/.test(code)) {
    return new TidemarkError(
      'AUTHENTICATION_FAILED',
      `The certificate of broker ${address} is not valid at this time: ${error.message}`,
      { ...options, hint: "The broker needs a new one; or this machine's clock is wrong." },
    )
  }
  if (/CERT|SIGNATURE|ISSUER|CRL/.test(code)) {
    return new TidemarkError(
      'AUTHENTICATION_FAILED',
      // What follows is advice on how to start Node.js.
      `The certificate of broker ${address} is not trusted: ${error.message.replace(/;.*/s, '')}`,
      {
        details: { broker: address },
        hint: 'Name the authority that issued it: ssl_ca_location, ssl.truststore.location, --ssl-ca-location or -tls-ca-cert.',
      },
    )
  }
  if (/^ERR_(SSL|OSSL|TLS)|^EPROTO/.test(code)) {
    return new TidemarkError(
      'AUTHENTICATION_FAILED',
      `The TLS connection to broker ${address} cannot be made: ${inWords(error.message)}`,
      { ...options, hint: 'Check the TLS settings: certificate, key, passphrase and certificate authority.' },
    )
  }
  return undefined
}

/** What OpenSSL says of certificate and key before it has sent anything. */
const ownFiles: readonly (readonly [said: RegExp, meant: string])[] = [
  [/bad decrypt|bad password|maybe wrong password/i, 'the passphrase of the key is wrong or missing'],
  [/key values mismatch/i, 'the key does not belong to the certificate'],
  [/DECODER routines::unsupported/i, 'the key is none, or of a kind that cannot be read'],
  [/PEM routines|no start line|asn1/i, 'certificate, key or authority is damaged'],
]

function inWords(message: string): string {
  return ownFiles.find(([said]) => said.test(message))?.[1] ?? message
}

/** What is said when bytes come that are no Kafka response at all. */
export function foreignBytes(address: string, first: Buffer): TidemarkError {
  const details = { broker: address }
  const tlsRecord = first.length >= 2 && (first[0] ?? 0) >= 0x14 && (first[0] ?? 0) <= 0x17 && first[1] === 3
  if (tlsRecord) {
    return new TidemarkError(
      'BROKER_UNREACHABLE',
      `Broker ${address} answers in TLS, but TLS is not switched on`,
      {
        details,
        hint: 'Switch TLS on, or name the port of a plaintext listener.',
      },
    )
  }
  return new TidemarkError(
    'BROKER_UNREACHABLE',
    `What listens at ${address} does not speak the Kafka protocol`,
    {
      details,
      hint: 'Check host and port.',
    },
  )
}

function lost(address: string, error: NodeJS.ErrnoException): TidemarkError {
  return new TidemarkError(
    'BROKER_UNREACHABLE',
    `Cannot reach broker ${address}: ${error.message || error.code}`,
    {
      retriable: true,
      details: { broker: address },
      cause: error,
    },
  )
}

/** A host with several addresses fails with one error for each: the first tells enough. */
function firstOf(cause: unknown): NodeJS.ErrnoException {
  if (cause instanceof AggregateError && cause.errors.length > 0) return firstOf(cause.errors[0])
  return cause instanceof Error ? cause : new Error(String(cause))
}
