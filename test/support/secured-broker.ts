import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startCluster, type TestCluster } from './brokers.ts'
import { type Authority, makeAuthority } from './certificates.ts'
import { kafkaTool } from './kafka-tools.ts'
import { tempFolder } from './temp-folder.ts'

/** One broker with every way to authenticate. Users: see {@link users}. */
export interface SecuredBroker extends AsyncDisposable {
  readonly cluster: TestCluster
  readonly authority: Authority
  /** `host:port` of a listener. */
  address(listener: 'PLAINTEXT' | 'SASLP' | 'SASLS' | 'MTLS'): string
}

/** `admin` may do everything; `alice` what ACLs allow. The plain listener's clients may do everything, too. */
export const users = {
  admin: 'admin-secret',
  alice: 'alice-secret',
} as const

/** An unsecured OAUTHBEARER token (RFC 7515, algorithm none) as Kafka's default validator takes it. */
export function unsecuredToken(subject: string, expiresIn = 3600): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const now = Math.floor(Date.now() / 1000)
  return `${part({ alg: 'none' })}.${part({ sub: subject, iat: now - 60, exp: now + expiresIn })}.`
}

/** Starts it: SASL over plain TCP and over TLS (PLAIN, SCRAM, OAUTHBEARER), TLS with client certificates, ACLs. */
export async function startSecuredBroker(
  properties: Readonly<Record<string, string>> = {},
): Promise<SecuredBroker> {
  const folder = await tempFolder('certificates')
  const authority = makeAuthority('test-authority')
  const broker = authority.issue('broker', ['localhost', '127.0.0.1'])
  await mkdir(folder.path, { recursive: true })
  const keystore = join(folder.path, 'broker.pem')
  const truststore = join(folder.path, 'authority.pem')
  await writeFile(keystore, broker.key + broker.cert)
  await writeFile(truststore, authority.cert)
  const plain = Object.entries(users).map(([name, password]) => `user_${name}="${password}"`)
  const jaas = {
    plain: `org.apache.kafka.common.security.plain.PlainLoginModule required ${plain.join(' ')};`,
    'scram-sha-256': 'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    'scram-sha-512': 'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    oauthbearer:
      'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";',
  }
  const logins = ['saslp', 'sasls'].flatMap((listener) =>
    Object.entries(jaas).map(([mechanism, module]) => [
      `listener.name.${listener}.${mechanism}.sasl.jaas.config`,
      module,
    ]),
  )
  const scram = Object.entries(users).flatMap(([name, password]) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].map((mechanism) => `${mechanism}=[name=${name},password=${password}]`),
  )
  const cluster = await startCluster({
    listeners: [
      { name: 'SASLP', security: 'SASL_PLAINTEXT' },
      { name: 'SASLS', security: 'SASL_SSL', host: 'localhost' },
      { name: 'MTLS', security: 'SSL', host: 'localhost' },
    ],
    scram,
    properties: {
      'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': keystore,
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': truststore,
      'listener.name.mtls.ssl.client.auth': 'required',
      'ssl.principal.mapping.rules': 'RULE:^CN=([^,]+).*$/$1/,DEFAULT',
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS;User:admin',
      ...Object.fromEntries(logins),
      ...properties,
    },
  })
  return {
    cluster,
    authority,
    address(listener) {
      const host = listener === 'SASLS' || listener === 'MTLS' ? 'localhost' : '127.0.0.1'
      return `${host}:${cluster.broker(1).portOf(listener)}`
    },
    async [Symbol.asyncDispose]() {
      await cluster[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

/** Gives `alice` rights, written as the arguments of Kafka's own tool. */
export async function allowAlice(broker: SecuredBroker, rights: readonly string[]): Promise<void> {
  const at = ['--bootstrap-server', broker.address('PLAINTEXT')]
  const added = entries(
    await kafkaTool('acls', [...at, '--add', '--allow-principal', 'User:alice', ...rights]),
  )
  assert.ok(added.length > 0, 'the tool tells what it adds')
  // Until the broker has seen it: the addition is answered by the controller.
  for (;;) {
    const seen = new Set(entries(await kafkaTool('acls', [...at, '--list'])))
    if (added.every((entry) => seen.has(entry))) return
    await delay(50)
  }
}

/** What the tool prints that was added, or is there: each right with its resource. */
function entries(printed: string): string[] {
  let resource = ''
  return printed.split('\n').flatMap((line) => {
    resource = /for resource `(.*)`/.exec(line)?.[1] ?? resource
    const entry = /\(principal=.*\)/.exec(line)?.[0]
    return entry === undefined ? [] : [`${resource} ${entry}`]
  })
}
