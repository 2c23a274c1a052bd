import { fileReason } from '../base/index.ts'
import type { ClusterOptions, SaslOptions, TlsOptions } from '../kafka/index.ts'
import type { ClusterSection } from './cluster-schema.ts'
import type { ExpandSources } from './expand.ts'
import type { ConfigNote } from './ignored-keys.ts'
import { type TokenSource, tokenProvider } from './oauth-token.ts'
import { keyText, type Path, type Problems } from './problems.ts'
import { splitList } from './values.ts'

export interface ClusterContext {
  readonly problems: Problems
  readonly sources: ExpandSources
  readonly notes: ConfigNote[]
  /** `source` or `target`. */
  readonly path: Path
}

type Security = ClusterSection['security']

/** The options of one cluster; what is wrong or missing goes to the problems. Secrets may come from `KAFKA_…` variables. */
export function clusterOptions(section: ClusterSection, context: ClusterContext): ClusterOptions {
  const { security, connection } = section
  const encrypted = security.security_protocol.endsWith('SSL')
  const authenticated = security.security_protocol.startsWith('SASL_')
  if (!encrypted) noteUnused(security, 'ssl_', context)
  if (!authenticated) noteUnused(security, 'sasl_', context)
  const tls = encrypted ? tlsOptions(security, context) : undefined
  const sasl = authenticated ? saslOptions(security, context) : undefined
  return {
    bootstrap: bootstrapServers(section, context),
    clientId: connection.client_id,
    ...(connection.rack !== undefined && { rack: connection.rack }),
    ...(tls !== undefined && { tls }),
    ...(sasl !== undefined && { sasl }),
    connectTimeout: connection.connect_timeout,
    deliveryTimeout: connection.delivery_timeout,
    connectionsPerBroker: connection.connections_per_broker,
  }
}

function bootstrapServers(section: ClusterSection, context: ClusterContext): readonly string[] {
  const path = [...context.path, 'bootstrap_servers']
  // An item may hold several, when it came from a variable.
  const given = section.bootstrap_servers ?? [context.sources.env.KAFKA_BOOTSTRAP_SERVERS ?? '']
  const servers = given.flatMap(splitList)
  if (servers.length === 0) {
    context.problems.add(path, 'is missing: expected a list of host:port', {
      hint: 'or set KAFKA_BOOTSTRAP_SERVERS',
    })
  }
  for (const server of servers) {
    const [, port] = /^(?:\[[0-9a-fA-F:.%\w]+\]|[^\s:/[\]]+):(\d{1,5})$/.exec(server) ?? []
    if (port === undefined || Number(port) < 1 || Number(port) > 65_535) {
      context.problems.add(path, `expected host:port, got ${JSON.stringify(server)}`)
    }
  }
  return servers
}

function tlsOptions(security: Security, context: ClusterContext): TlsOptions {
  const ca = pem(
    security.ssl_ca_location ?? context.sources.env.KAFKA_SSL_CA_CERT,
    'ssl_ca_location',
    context,
  )
  const cert = pem(security.ssl_certificate_location, 'ssl_certificate_location', context)
  const key = pem(security.ssl_key_location, 'ssl_key_location', context)
  if (cert !== undefined && security.ssl_key_location === undefined && !cert.includes('PRIVATE KEY')) {
    context.problems.add(
      securityPath(context, 'ssl_key_location'),
      'is missing: a client certificate needs its key',
    )
  }
  if (key !== undefined && cert === undefined) {
    context.problems.add(
      securityPath(context, 'ssl_certificate_location'),
      'is missing: a client key needs its certificate',
    )
  }
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert, key: key ?? cert }),
    ...(security.ssl_key_password !== undefined && { passphrase: security.ssl_key_password }),
    verify: security.ssl_verify,
    ...(!security.ssl_verify_hostname && { verifyHostname: false }),
    ...(security.ssl_server_name !== undefined && { serverName: security.ssl_server_name }),
  }
}

/** PEM text, given as such or as the path of a file. */
function pem(given: string | undefined, key: string, context: ClusterContext): string | undefined {
  if (given === undefined || given === '') return undefined
  if (given.includes('-----BEGIN')) return given
  const path = securityPath(context, key)
  let text: string
  try {
    text = context.sources.readText(given)
  } catch (cause) {
    context.problems.add(path, `the file ${given} cannot be read: ${fileReason(cause)}`, {
      code: 'FILE_NOT_READABLE',
    })
    return undefined
  }
  if (text.includes('-----BEGIN')) return text
  context.problems.add(path, `the file ${given} is not in PEM format`, {
    hint: 'convert a Java keystore with `keytool -exportcert -rfc` or `openssl pkcs12`',
  })
  return undefined
}

function saslOptions(security: Security, context: ClusterContext): SaslOptions | undefined {
  const mechanism = security.sasl_mechanism
  const path = securityPath(context, 'sasl_mechanism')
  if (mechanism === undefined) {
    context.problems.add(path, `is missing: ${security.security_protocol} needs one`, {
      hint: 'PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER',
    })
    return undefined
  }
  if (mechanism === 'GSSAPI') {
    context.problems.add(path, 'GSSAPI (Kerberos) is not supported', {
      hint: 'use SCRAM, OAUTHBEARER or mTLS on another listener',
    })
    return undefined
  }
  if (mechanism === 'OAUTHBEARER') return bearer(security, context)
  const username = security.sasl_username ?? context.sources.env.KAFKA_USERNAME
  const password = security.sasl_password ?? context.sources.env.KAFKA_PASSWORD
  if (username === undefined) {
    context.problems.add(securityPath(context, 'sasl_username'), 'is missing', {
      hint: 'or set KAFKA_USERNAME',
    })
  }
  if (password === undefined) {
    context.problems.add(securityPath(context, 'sasl_password'), 'is missing', {
      hint: 'or set KAFKA_PASSWORD',
    })
  }
  return username === undefined || password === undefined ? undefined : { mechanism, username, password }
}

function bearer(security: Security, context: ClusterContext): SaslOptions | undefined {
  const source = tokenSource(security)
  if (source === undefined) {
    context.problems.add(
      securityPath(context, 'sasl_oauth_token'),
      'is missing: OAUTHBEARER needs sasl_oauth_token, sasl_oauth_token_file, or sasl_oauth_token_endpoint with client id and secret',
    )
    return undefined
  }
  return {
    mechanism: 'OAUTHBEARER',
    token: tokenProvider(source, context.sources),
    ...(security.sasl_oauth_extensions !== undefined && { extensions: security.sasl_oauth_extensions }),
  }
}

function tokenSource(security: Security): TokenSource | undefined {
  if (security.sasl_oauth_token !== undefined) return { type: 'fixed', token: security.sasl_oauth_token }
  if (security.sasl_oauth_token_file !== undefined)
    return { type: 'file', path: security.sasl_oauth_token_file }
  const { sasl_oauth_token_endpoint: url, sasl_oauth_client_id: clientId } = security
  const clientSecret = security.sasl_oauth_client_secret
  if (url === undefined || clientId === undefined || clientSecret === undefined) return undefined
  return { type: 'endpoint', url, clientId, clientSecret, scope: security.sasl_oauth_scope }
}

function noteUnused(security: Security, prefix: string, context: ClusterContext): void {
  for (const [key, value] of Object.entries(security)) {
    if (!key.startsWith(prefix) || typeof value === 'boolean' || value === undefined) continue
    context.notes.push({
      key: keyText(securityPath(context, key)),
      message: `has no effect: security_protocol is ${security.security_protocol}`,
    })
  }
}

function securityPath(context: ClusterContext, key: string): Path {
  return [...context.path, 'security', key]
}
