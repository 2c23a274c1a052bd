import { readFileSync } from 'node:fs'
import { TidemarkError } from '../base/index.ts'
import { parseJaas } from './client-properties-jaas.ts'
import { StoreUnreadable } from './client-properties-pkcs12.ts'
import { identityFromStore, trustedFromStore, wrappedPem } from './client-properties-stores.ts'
import { parseProperties } from './client-properties-text.ts'
import type { ConfigNote } from './ignored-keys.ts'
import type { Override } from './overrides.ts'

/** Reads the files that properties name; throws what `readFileSync` throws. */
export type ReadBytes = (path: string) => Buffer

/** What a `client.properties` means. */
export interface ClientProperties {
  /** Values for a cluster section of the configuration. */
  readonly overrides: readonly Override[]
  /** Keys that have no effect here, and why: to be shown. */
  readonly notes: readonly ConfigNote[]
}

/**
 * Reads a file for Kafka's own Java clients (`--command-config`). Throws FILE_NOT_READABLE for it and for the stores that it
 * names, CONFIG_INVALID for what cannot be understood; messages name keys, never values.
 */
export function readClientProperties(
  file: string,
  section: 'source' | 'target' = 'target',
  read: ReadBytes = (path) => readFileSync(path),
): ClientProperties {
  return clientProperties(file, parseProperties(bytesOf(read, file).toString('utf8')), section, read)
}

/** The same for properties that were read already; `place` names where they stand. */
export function clientProperties(
  place: string,
  given: ReadonlyMap<string, string>,
  section: 'source' | 'target',
  read: ReadBytes,
): ClientProperties {
  const properties = new Properties(place, given, read)
  const values: [key: string, path: readonly string[], value: unknown][] = []
  const put = (key: string, path: readonly string[], value: unknown) => {
    if (value !== undefined && value !== '') values.push([key, path, value])
  }
  put('bootstrap.servers', ['bootstrap_servers'], properties.text('bootstrap.servers'))
  put('client.id', ['connection', 'client_id'], properties.text('client.id'))
  put('client.rack', ['connection', 'rack'], properties.text('client.rack'))
  const patience = properties.text('default.api.timeout.ms')
  put('default.api.timeout.ms', ['connection', 'delivery_timeout'], patience)
  const protocol = properties.text('security.protocol')?.toUpperCase()
  put('security.protocol', ['security', 'security_protocol'], protocol)
  if (protocol?.startsWith('SASL_')) {
    for (const [key, name, value] of saslValues(properties)) put(key, ['security', name], value)
  } else properties.leave(/^sasl\./, `security.protocol is ${protocol ?? 'PLAINTEXT'}`)
  if (protocol?.endsWith('SSL')) {
    for (const [key, name, value] of tlsValues(properties)) put(key, ['security', name], value)
  } else properties.leave(/^ssl\./, `security.protocol is ${protocol ?? 'PLAINTEXT'}`)
  return {
    overrides: values.map(([key, path, value]) => ({
      path: [section, ...path],
      value,
      flag: `${place}: ${key}`,
    })),
    notes: properties.unused(),
  }
}

type Value = readonly [key: string, name: string, value: unknown]

function saslValues(properties: Properties): readonly Value[] {
  const mechanism = properties.text('sasl.mechanism')?.toUpperCase() ?? 'GSSAPI'
  const chosen: Value = ['sasl.mechanism', 'sasl_mechanism', mechanism]
  const key = 'sasl.jaas.config'
  const text = properties.text(key)
  if (text === undefined || mechanism === 'GSSAPI') return [chosen]
  const jaas = parseJaas(text)
  if (jaas === undefined) {
    throw properties.wrong(
      key,
      'is not of the form: package.LoginModule required name="value" name="value";',
      'The line ends with a semicolon, and values stand in quotes.',
    )
  }
  const { options } = jaas
  if (options.get('tokenauth') === 'true') {
    throw properties.wrong(
      key,
      'asks for a delegation token, which is not supported',
      'Use user and password.',
    )
  }
  if (mechanism !== 'OAUTHBEARER') {
    return [
      chosen,
      [key, 'sasl_username', options.get('username')],
      [key, 'sasl_password', options.get('password')],
    ]
  }
  return [chosen, ...bearerValues(properties, options)]
}

/** In the order of Kafka: a token file or endpoint, else a token without a signature, made here. */
function bearerValues(properties: Properties, options: ReadonlyMap<string, string>): readonly Value[] {
  const extensions = [...options].flatMap(([name, value]) =>
    name.startsWith('extension_') ? [[name.slice('extension_'.length), value] as const] : [],
  )
  // Which class fetches the token follows from the other keys.
  properties.text('sasl.login.callback.handler.class')
  const key = 'sasl.oauthbearer.token.endpoint.url'
  const endpoint = properties.text(key)
  const jaas = 'sasl.jaas.config'
  const extra: Value[] =
    extensions.length === 0 ? [] : [[jaas, 'sasl_oauth_extensions', Object.fromEntries(extensions)]]
  if (endpoint?.startsWith('file:')) return [[key, 'sasl_oauth_token_file', filePath(endpoint)], ...extra]
  if (endpoint !== undefined) {
    const id = properties.text('sasl.oauthbearer.client.credentials.client.id') ?? options.get('clientId')
    const secret =
      properties.text('sasl.oauthbearer.client.credentials.client.secret') ?? options.get('clientSecret')
    return [
      [key, 'sasl_oauth_token_endpoint', endpoint],
      [jaas, 'sasl_oauth_client_id', id],
      [jaas, 'sasl_oauth_client_secret', secret],
      [jaas, 'sasl_oauth_scope', properties.text('sasl.oauthbearer.scope') ?? options.get('scope')],
      ...extra,
    ]
  }
  const claims = [...options].filter(([name]) => name.startsWith('unsecuredLogin'))
  if (claims.length === 0) return extra
  return [[jaas, 'sasl_oauth_token', unsecuredToken(new Map(claims))], ...extra]
}

/** A token without a signature (RFC 7515, algorithm none), as Kafka's own client makes it for trials. */
function unsecuredToken(options: ReadonlyMap<string, string>): string {
  const now = Math.floor(Date.now() / 1000)
  const lifetime = Number(options.get('unsecuredLoginLifetimeSeconds') ?? 3600)
  const payload: Record<string, unknown> = { iat: now, exp: now + (lifetime > 0 ? lifetime : 3600) }
  for (const [name, value] of options) {
    const [, type, claim = ''] = /^unsecuredLogin(String|Number|List)Claim_(.+)$/.exec(name) ?? []
    if (type === 'String') payload[claim] = value
    else if (type === 'Number') payload[claim] = Number(value)
    // The first character separates the items.
    else if (type === 'List') payload[claim] = value.slice(1).split(value.slice(0, 1))
  }
  const part = (object: object) => Buffer.from(JSON.stringify(object)).toString('base64url')
  return `${part({ alg: 'none' })}.${part(payload)}.`
}

function tlsValues(properties: Properties): readonly Value[] {
  const values: Value[] = []
  const certificates = wrappedPem(properties.text('ssl.truststore.certificates'))
  const trust = properties.store('truststore')
  if (certificates !== undefined)
    values.push(['ssl.truststore.certificates', 'ssl_ca_location', certificates])
  else if (trust !== undefined) {
    const pem = trust.pem ? trust.text() : trust.open(() => trustedFromStore(trust.bytes(), trust.password))
    values.push([trust.key, 'ssl_ca_location', pem])
  }
  const keyPassword = properties.text('ssl.key.password')
  const inlineKey = wrappedPem(properties.text('ssl.keystore.key'))
  const chain = wrappedPem(properties.text('ssl.keystore.certificate.chain'))
  const own = properties.store('keystore')
  if (inlineKey !== undefined || chain !== undefined) {
    values.push(['ssl.keystore.certificate.chain', 'ssl_certificate_location', chain])
    values.push(['ssl.keystore.key', 'ssl_key_location', inlineKey])
    values.push(['ssl.key.password', 'ssl_key_password', keyPassword])
  } else if (own?.pem) {
    // One file with key and certificates.
    values.push([own.key, 'ssl_certificate_location', own.text()], [own.key, 'ssl_key_location', own.text()])
    values.push(['ssl.key.password', 'ssl_key_password', keyPassword])
  } else if (own !== undefined) {
    const identity = own.open(() => identityFromStore(own.bytes(), own.password, keyPassword))
    values.push([own.key, 'ssl_certificate_location', identity.cert])
    values.push([own.key, 'ssl_key_location', identity.key])
  }
  const check = properties.text('ssl.endpoint.identification.algorithm')
  if (check === '') values.push(['ssl.endpoint.identification.algorithm', 'ssl_verify_hostname', false])
  return values
}

/** A store named by `ssl.<name>.location`. */
interface NamedStore {
  readonly key: string
  readonly pem: boolean
  readonly password: string | undefined
  readonly bytes: () => Buffer
  readonly text: () => string
  /** Turns what the reading of a store throws into an error that names the key and says what to do. */
  readonly open: <T>(work: () => T) => T
}

/** The properties of a file, which remember what was asked for. */
class Properties {
  readonly #file: string
  readonly #values: ReadonlyMap<string, string>
  readonly #read: ReadBytes
  readonly #asked = new Set<string>()
  readonly #left: [pattern: RegExp, why: string][] = []

  constructor(file: string, values: ReadonlyMap<string, string>, read: ReadBytes) {
    this.#file = file
    this.#values = values
    this.#read = read
  }

  text(key: string): string | undefined {
    this.#asked.add(key)
    return this.#values.get(key)?.trim()
  }

  /** Keys of this form have no effect, for a reason. */
  leave(pattern: RegExp, why: string): void {
    this.#left.push([pattern, why])
  }

  unused(): readonly ConfigNote[] {
    return [...this.#values.keys()]
      .filter((key) => !this.#asked.has(key))
      .map((key) => {
        const why = this.#left.find(([pattern]) => pattern.test(key))?.[1]
        const message = `of ${this.#file} has no effect${why === undefined ? ' here' : `: ${why}`}`
        return { key, message }
      })
  }

  wrong(key: string, message: string, hint: string): TidemarkError {
    return new TidemarkError('CONFIG_INVALID', `${this.#file}: ${key} ${message}`, { hint })
  }

  store(name: 'truststore' | 'keystore'): NamedStore | undefined {
    const key = `ssl.${name}.location`
    const path = this.text(key)
    const type = this.text(`ssl.${name}.type`)?.toUpperCase()
    // A password is taken as it is, blanks included.
    this.#asked.add(`ssl.${name}.password`)
    const password = this.#values.get(`ssl.${name}.password`)
    if (path === undefined || path === '') return undefined
    const bytes = bytesOf(this.#read, path)
    const text = bytes.toString('utf8')
    return {
      key,
      pem: type === 'PEM' || text.includes('-----BEGIN'),
      password,
      bytes: () => bytes,
      text: () => text,
      open: (work) => {
        try {
          return work()
        } catch (error) {
          if (!(error instanceof StoreUnreadable)) throw error
          throw new TidemarkError('FILE_NOT_READABLE', `${path} (${key}) cannot be used: ${error.message}`, {
            cause: error,
            hint: `Convert it: keytool -importkeystore -srckeystore ${path} -destkeystore store.p12 -deststoretype PKCS12, or to PEM and ssl.${name}.type=PEM.`,
          })
        }
      },
    }
  }
}

function bytesOf(read: ReadBytes, path: string): Buffer {
  try {
    return read(path)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    const why = code === 'ENOENT' ? 'there is no such file' : (code ?? 'unreadable')
    throw new TidemarkError('FILE_NOT_READABLE', `The file ${path} cannot be read: ${why}`, { cause })
  }
}

function filePath(url: string): string {
  return decodeURIComponent(URL.parse(url)?.pathname ?? url.slice('file:'.length))
}
