import { isTidemarkError, TidemarkError } from '../base/index.ts'
import type { BrokerConnection } from './broker-connection.ts'
import {
  saslAuthenticateV1,
  saslAuthenticateV2,
  saslHandshakeV1,
  saslOAuthBearer,
  saslPlain,
  saslScramSha,
} from './client-library.ts'
import type { SaslOptions } from './types.ts'

const saslAuthenticateKey = 36
/** Share of a session's life after which a connection is to be replaced. */
const usableShare = 0.8
const errors = { unsupportedMechanism: 33, illegalState: 34 }

/**
 * Runs the SASL exchange on a fresh connection. Resolves with the time (ms, monotonic) when the connection should be
 * replaced because its session ends, or undefined. Rejects with AUTHENTICATION_FAILED when the broker refuses the
 * credentials; what is refused is named, never a secret.
 */
export async function authenticate(
  connection: BrokerConnection,
  sasl: SaslOptions,
  timeLeft: () => number,
): Promise<number | undefined> {
  const handshake = await connection.call(saslHandshakeV1.api, [sasl.mechanism], timeLeft())
  if (handshake.errorCode !== 0) {
    throw refused(connection, sasl, handshakeReason(handshake.errorCode ?? 0, handshake.mechanisms ?? []))
  }
  const started = performance.now()
  let session: { readonly sessionLifetimeMs: bigint; readonly authBytes?: Buffer }
  try {
    session = await untilClosed(connection, exchange(connection, sasl, timeLeft()))
  } catch (error) {
    if (isTidemarkError(error)) throw error
    throw refused(connection, sasl, reasonOf(error), error)
  }
  // A refused token is answered without an error code: its challenge holds why, and the next request would fail.
  if (sasl.mechanism === 'OAUTHBEARER' && session.authBytes && session.authBytes.length > 0) {
    throw refused(connection, sasl, session.authBytes.toString('utf8').slice(0, 300))
  }
  const lifetime = Number(session.sessionLifetimeMs)
  return lifetime > 0 ? started + lifetime * usableShare : undefined
}

/** A broker that answers nonsense makes the client's exchange throw inside its callback, and the connection close. */
async function untilClosed<T>(connection: BrokerConnection, work: Promise<T>): Promise<T> {
  const { promise: closed, reject } = Promise.withResolvers<never>()
  const forget = connection.onClose(reject)
  try {
    return await Promise.race([work, closed])
  } finally {
    forget()
  }
}

async function exchange(connection: BrokerConnection, sasl: SaslOptions, timeout: number) {
  const version = connection.versionFor(saslAuthenticateKey, 1, 2) ?? 1
  const api = (version === 2 ? saslAuthenticateV2 : saslAuthenticateV1).api
  const client = connection.asClient(timeout)
  switch (sasl.mechanism) {
    case 'PLAIN':
      return saslPlain.authenticate(api, client, sasl.username, sasl.password)
    case 'SCRAM-SHA-256':
    case 'SCRAM-SHA-512':
      return saslScramSha.authenticate(
        api,
        client,
        sasl.mechanism === 'SCRAM-SHA-256' ? 'SHA-256' : 'SHA-512',
        sasl.username,
        sasl.password,
      )
    case 'OAUTHBEARER': {
      const token = await tokenFrom(connection, sasl.token, timeout)
      return saslOAuthBearer.authenticate(api, client, token, sasl.extensions ?? {})
    }
  }
}

/** That no token can be had may pass: whoever issues them may be back in a moment. */
async function tokenFrom(
  connection: BrokerConnection,
  provider: () => Promise<string>,
  timeout: number,
): Promise<string> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => reject(new Error(`it did not come within ${Math.round(timeout)} ms`)),
    timeout,
  )
  try {
    return await Promise.race([provider(), late])
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new TidemarkError(
      'AUTHENTICATION_FAILED',
      `No token could be had for broker ${connection.address}: ${reason}`,
      {
        cause,
        retriable: true,
        details: { broker: connection.address, mechanism: 'OAUTHBEARER' },
      },
    )
  } finally {
    clearTimeout(timer)
  }
}

function handshakeReason(code: number, mechanisms: readonly string[]): string {
  if (code === errors.unsupportedMechanism) {
    return `the mechanism is not switched on there (it offers ${mechanisms.join(', ') || 'none'})`
  }
  if (code === errors.illegalState) return 'this listener does not take SASL'
  return `the handshake failed with error ${code}`
}

function refused(
  connection: BrokerConnection,
  sasl: SaslOptions,
  reason: string,
  cause?: unknown,
): TidemarkError {
  const who = sasl.mechanism === 'OAUTHBEARER' ? 'the token' : `user ${JSON.stringify(sasl.username)}`
  return new TidemarkError(
    'AUTHENTICATION_FAILED',
    `Broker ${connection.address} refused ${who} (${sasl.mechanism}): ${reason}`,
    {
      cause,
      details: { broker: connection.address, mechanism: sasl.mechanism },
      hint: 'Check mechanism and credentials, and that this listener takes them.',
    },
  )
}

/** The innermost message of the client library's nested errors: the broker's own words where it sent any. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  if (error instanceof Error && error.cause instanceof Error) return reasonOf(error.cause)
  return error instanceof Error ? error.message : String(error)
}
