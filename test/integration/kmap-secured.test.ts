import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { type Cluster, connectCluster } from '../../src/kafka/index.ts'
import { runCli } from '../support/cli.ts'
import { runKmap, runProcess } from '../support/kmap.ts'
import { allowAlice, type SecuredBroker, startSecuredBroker, users } from '../support/secured-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { toolWrapper } from '../support/tool-wrapper.ts'

const run = promisify(execFile)

/** Passwords that must never be seen in any output. */
const secrets = [users.admin, users.alice, 'store-secret', 'key-secret']

describe('kmap and client.properties on a secured broker', { timeout: 300_000 }, () => {
  let broker: SecuredBroker
  let admin: Cluster
  let folder: Awaited<ReturnType<typeof tempFolder>>
  before(async () => {
    ;[broker, folder] = await Promise.all([startSecuredBroker(), tempFolder('kmap secured')])
    admin = await connectCluster({ bootstrap: [broker.address('PLAINTEXT')] })
    const topic = { name: 'orders', partitions: 2, replicationFactor: 1, configs: {} }
    assert.deepEqual((await admin.createTopics([topic])).failed, [])
    const position = { topic: 'orders', partition: 1, offset: 0n, leaderEpoch: -1, metadata: null }
    assert.deepEqual((await admin.commitPositions('billing', [position])).failed, [])
    await makeStores()
  })
  after(async () => {
    for (const held of [admin, broker, folder]) await held?.[Symbol.asyncDispose]()
  })

  const file = (name: string) => join(folder.path, name)

  /** The same certificates in every kind of store that Java's own tool makes. */
  async function makeStores(): Promise<void> {
    const client = broker.authority.issue('admin')
    await writeFile(file('ca.pem'), broker.authority.cert)
    await writeFile(file('cert.pem'), client.cert)
    await writeFile(file('key.pem'), client.key)
    await writeFile(file('both.pem'), client.key + client.cert)
    await run('openssl', [
      ...[
        'pkcs8',
        '-topk8',
        '-in',
        file('key.pem'),
        '-out',
        file('locked.pem'),
        '-passout',
        'pass:key-secret',
      ],
    ])
    await appendFile(file('locked.pem'), client.cert)
    const keytool = (...args: readonly string[]) => run('keytool', args)
    await run('openssl', [
      ...['pkcs12', '-export', '-in', file('cert.pem'), '-inkey', file('key.pem'), '-name', 'me'],
      ...['-certfile', file('ca.pem'), '-out', file('key.p12'), '-passout', 'pass:store-secret'],
    ])
    for (const [type, name] of [
      ['PKCS12', 'trust.p12'],
      ['JKS', 'trust.jks'],
    ] as const) {
      await keytool(
        ...['-importcert', '-noprompt', '-alias', 'ca', '-file', file('ca.pem'), '-keystore', file(name)],
        ...['-storetype', type, '-storepass', 'store-secret'],
      )
    }
    await keytool(
      ...['-importkeystore', '-srckeystore', file('key.p12'), '-srcstorepass', 'store-secret'],
      ...['-destkeystore', file('key.jks'), '-deststoretype', 'JKS', '-deststorepass', 'store-secret'],
      ...['-srcalias', 'me', '-destkeypass', 'key-secret'],
    )
  }

  const saving = ['-save-offsets', 'out.json', '-output=', '-html=']
  const kmap = (...args: readonly string[]) => runKmap(args, { cwd: folder.path })

  async function succeeds(...args: readonly string[]): Promise<void> {
    const { status, stdout, stderr } = await kmap(...args, ...saving)
    assert.equal(status, 0, stdout + stderr)
    const saved = JSON.parse(await readFile(file('out.json'), 'utf8'))
    assert.deepEqual(
      saved.consumer_groups.map(({ group }: { group: string }) => group),
      ['billing'],
    )
    for (const secret of secrets) assert.ok(!(stdout + stderr).includes(secret), 'a password was shown')
  }

  async function properties(name: string, lines: readonly string[]): Promise<readonly string[]> {
    await writeFile(file(name), `${lines.join('\n')}\n`)
    return ['-command-config', file(name)]
  }

  const module = { PLAIN: 'plain.PlainLoginModule', SCRAM: 'scram.ScramLoginModule' }
  const jaas = (kind: keyof typeof module, password: string = users.admin) =>
    `sasl.jaas.config=org.apache.kafka.common.security.${module[kind]} required \\\n  username="admin" \\\n  password="${password}";`

  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    const login = ['-sasl-mechanism', mechanism, '-sasl-username', 'admin', '-sasl-password', users.admin]
    const kind = mechanism === 'PLAIN' ? 'PLAIN' : 'SCRAM'

    test(`${mechanism} by flags, over TCP and over TLS`, async () => {
      await succeeds('-brokers', broker.address('SASLP'), '-security-protocol', 'SASL_PLAINTEXT', ...login)
      await succeeds(
        ...[
          '-brokers',
          broker.address('SASLS'),
          '-security-protocol=SASL_SSL',
          ...login,
          '-tls-ca',
          'ca.pem',
        ],
      )
    })

    test(`${mechanism} by client.properties, over TCP and over TLS`, async () => {
      const plain = ['security.protocol=SASL_PLAINTEXT', `sasl.mechanism=${mechanism}`, jaas(kind)]
      await succeeds('-brokers', broker.address('SASLP'), ...(await properties('p.properties', plain)))
      const tls = [
        `bootstrap.servers=${broker.address('SASLS')}`,
        'security.protocol=SASL_SSL',
        `sasl.mechanism=${mechanism}`,
        jaas(kind),
        'ssl.truststore.type=PEM',
        `ssl.truststore.location=${file('ca.pem')}`,
      ]
      await succeeds(...(await properties('t.properties', tls)))
    })
  }

  test('a user without a protocol means SASL, and a certificate TLS', async () => {
    const login = ['-sasl-username', 'admin', '-sasl-password', users.admin]
    await succeeds('-brokers', broker.address('SASLP'), ...login)
    await succeeds('-brokers', broker.address('SASLS'), ...login, '-tls-ca-cert', 'ca.pem')
    await succeeds('-brokers', broker.address('SASLS'), ...login, '-tls-skip-verify')
  })

  test('OAUTHBEARER by client.properties: a token for trials, and one in a file', async () => {
    const head = [
      'security.protocol=SASL_PLAINTEXT',
      'sasl.mechanism=OAUTHBEARER',
      'sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required \\',
    ]
    const made = await properties('o.properties', [...head, '  unsecuredLoginStringClaim_sub="admin";'])
    await succeeds('-brokers', broker.address('SASLP'), ...made)
    const { unsecuredToken } = await import('../support/secured-broker.ts')
    await writeFile(file('token'), unsecuredToken('admin'))
    const read = await properties('f.properties', [
      ...head,
      '  ;',
      `sasl.oauthbearer.token.endpoint.url=file://${encodeURI(file('token'))}`,
    ])
    await succeeds('-brokers', broker.address('SASLP'), ...read)
  })

  test('mTLS by flags in both spellings', async () => {
    const brokers = ['-brokers', broker.address('MTLS'), '-security-protocol', 'SSL']
    await succeeds(...brokers, '-tls-cert', 'cert.pem', '-tls-key', 'key.pem', '-tls-ca', 'ca.pem')
    await succeeds(
      ...[...brokers, '-tls-client-cert=cert.pem', '-tls-client-key=key.pem', '-tls-ca-cert=ca.pem'],
    )
  })

  const stores: readonly (readonly [name: string, lines: () => Promise<readonly string[]>])[] = [
    [
      'PEM files',
      async () => [
        'ssl.truststore.type=PEM',
        `ssl.truststore.location=${file('ca.pem')}`,
        'ssl.keystore.type=PEM',
        `ssl.keystore.location=${file('both.pem')}`,
      ],
    ],
    [
      'PEM files and a key with a passphrase',
      async () => [
        'ssl.truststore.type=PEM',
        `ssl.truststore.location=${file('ca.pem')}`,
        'ssl.keystore.type=PEM',
        `ssl.keystore.location=${file('locked.pem')}`,
        'ssl.key.password=key-secret',
      ],
    ],
    [
      'PEM inline',
      async () => {
        const inline = async (name: string) =>
          (await readFile(file(name), 'utf8')).trim().replaceAll('\n', ' \\\n')
        return [
          'ssl.truststore.type=PEM',
          `ssl.truststore.certificates=${await inline('ca.pem')}`,
          'ssl.keystore.type=PEM',
          `ssl.keystore.certificate.chain=${await inline('cert.pem')}`,
          `ssl.keystore.key=${await inline('key.pem')}`,
        ]
      },
    ],
    [
      'PKCS#12 stores',
      async () => [
        `ssl.truststore.location=${file('trust.p12')}`,
        'ssl.truststore.password=store-secret',
        'ssl.keystore.type=PKCS12',
        `ssl.keystore.location=${file('key.p12')}`,
        'ssl.keystore.password=store-secret',
      ],
    ],
    [
      'JKS stores',
      async () => [
        `ssl.keystore.location=${file('key.jks')}`,
        'ssl.keystore.password=store-secret',
        'ssl.key.password=key-secret',
        `ssl.truststore.location=${file('trust.jks')}`,
        'ssl.truststore.password=store-secret',
      ],
    ],
  ]
  for (const [name, lines] of stores) {
    test(`mTLS by client.properties with ${name}`, async () => {
      const flags = await properties('m.properties', ['security.protocol=SSL', ...(await lines())])
      await succeeds('-brokers', broker.address('MTLS'), ...flags)
    })
  }

  test('wrong passwords are refused in words, and shown nowhere', async () => {
    const wrong = await properties('w.properties', [
      'security.protocol=SASL_PLAINTEXT',
      'sasl.mechanism=PLAIN',
      jaas('PLAIN', 'wrong-secret'),
    ])
    const login = await kmap('-brokers', broker.address('SASLP'), ...wrong, ...saving)
    assert.equal(login.status, 2)
    assert.match(login.stderr, /\[AUTHENTICATION_FAILED\]/)
    const store = await properties('s.properties', [
      'security.protocol=SSL',
      `ssl.truststore.location=${file('trust.p12')}`,
      'ssl.truststore.password=wrong-secret',
    ])
    const trust = await kmap('-brokers', broker.address('MTLS'), ...store, ...saving)
    assert.equal(trust.status, 2)
    assert.match(
      trust.stderr,
      /trust\.p12 \(ssl\.truststore\.location\) cannot be used: the password is wrong/,
    )
    for (const { stdout, stderr } of [login, trust]) assert.doesNotMatch(stdout + stderr, /wrong-secret/)
  })

  test('a client certificate that has expired is refused by the broker, in words', async () => {
    const expired = broker.authority.issue('admin', [], -3_600_000)
    await writeFile(file('old.pem'), expired.cert)
    await writeFile(file('old.key'), expired.key)
    const flags = ['-tls-cert', 'old.pem', '-tls-key', 'old.key', '-tls-ca', 'ca.pem']
    const { status, stderr } = await kmap('-brokers', broker.address('MTLS'), ...flags, ...saving)
    assert.equal(status, 2, stderr)
    assert.match(stderr, /refused the TLS handshake.*\[AUTHENTICATION_FAILED\]/)
  })

  test('a host name that is not in the certificate is refused, unless the check is turned off', async () => {
    const lines = [
      'security.protocol=SASL_SSL',
      'sasl.mechanism=PLAIN',
      jaas('PLAIN'),
      'ssl.truststore.type=PEM',
      `ssl.truststore.location=${file('ca.pem')}`,
    ]
    const port = broker.address('SASLS').split(':')[1]
    // The same address by a name that the certificate does not hold.
    const brokers = ['-brokers', `127.1:${port}`]
    const strict = await kmap(...brokers, ...(await properties('h.properties', lines)), ...saving)
    assert.equal(strict.status, 2, strict.stdout + strict.stderr)
    assert.match(strict.stderr, /AUTHENTICATION_FAILED/)
    const loose = [...lines, 'ssl.endpoint.identification.algorithm=']
    await succeeds(...brokers, ...(await properties('h.properties', loose)))
  })

  test('kafka-backup takes the same file', async () => {
    await properties('b.properties', [
      'security.protocol=SASL_PLAINTEXT',
      'sasl.mechanism=PLAIN',
      jaas('PLAIN'),
      'group.id=g',
    ])
    await succeeds('-brokers', broker.address('SASLP'), '-command-config', file('b.properties'))
    const dry = await kmap(
      ...[
        '-brokers',
        broker.address('SASLP'),
        '-command-config',
        'b.properties',
        '-restore-offsets',
        'out.json',
      ],
      ...['-dry-run', '-restore-report', 'plan.json'],
    )
    assert.equal(dry.status, 0, dry.stderr)
    const applied = await runCli(
      [
        ...['offset-reset', 'execute', '--plan', file('plan.json'), '--no-snapshot', '-o', 'json'],
        ...['--bootstrap-servers', broker.address('SASLP'), '--command-config', file('b.properties')],
      ],
      { cwd: folder.path },
    )
    assert.equal(applied.status, 0, applied.stderr)
    assert.deepEqual(JSON.parse(applied.stdout).counts.kept, 1)
  })

  test('positions that may not be read are not taken for gone: a differential file leaves them as they are', async () => {
    await succeeds('-brokers', broker.address('PLAINTEXT'))
    const login = ['-sasl-username', 'alice', '-sasl-password', users.alice]
    const since = ['-save-offsets', 'since.json', '-since', 'out.json', '-output=', '-html=']
    const blind = await kmap('-brokers', broker.address('SASLP'), ...login, ...since)
    assert.equal(blind.status, 3, blind.stdout + blind.stderr)
    assert.match(blind.stderr, /The positions of group billing could not be read: .*Describe/)
    const saved = JSON.parse(await readFile(file('since.json'), 'utf8'))
    assert.deepEqual([saved.consumer_groups, saved.removed], [[], []])
    const named = await kmap('-brokers', broker.address('SASLP'), ...login, ...saving, '-groups', 'billing')
    assert.equal(named.status, 2, named.stdout + named.stderr)
    assert.match(named.stderr, /AUTHORIZATION_FAILED/)
  })

  test('the documented rights are enough to save, report and restore; without them, what is missing is named', async () => {
    const allow = (...rights: readonly string[]) => allowAlice(broker, rights)
    const alice = [
      '-brokers',
      broker.address('SASLP'),
      '-sasl-username',
      'alice',
      '-sasl-password',
      users.alice,
    ]
    await allow('--operation', 'Describe', '--group', '*', '--operation', 'Describe', '--topic', '*')
    const saving = await kmap(...alice, '-save-offsets', 'alice.json', '-output=', '-html=')
    assert.equal(saving.status, 0, saving.stderr)
    const poor = await kmap(...alice, '-output', 'alice-report.json', '-html=')
    assert.equal(poor.status, 3, poor.stderr)
    assert.match(poor.stderr, /The settings of the topics could not be read: .*DescribeConfigs/)
    const restore = [...alice, '-restore-offsets', 'alice.json', '-no-snapshot', '-to-datetime', '0']
    await allow('--operation', 'DescribeConfigs', '--topic', '*')
    const rich = await kmap(...alice, '-output', 'alice-report.json', '-html=')
    assert.equal(rich.status, 0, rich.stderr)
    const far = { topic: 'orders', partition: 0, offset: 0n, leaderEpoch: -1, metadata: 'moves' }
    const text = await readFile(file('alice.json'), 'utf8')
    await writeFile(file('alice.json'), text.replace('"partition": 1', '"partition": 0'))
    assert.deepEqual((await admin.commitPositions('billing', [far])).failed, [])
    const refused = await kmap(...restore)
    assert.equal(refused.status, 3, refused.stdout + refused.stderr)
    assert.match(refused.stderr, /Read/)
    await allow('--operation', 'Read', '--group', '*', '--operation', 'Read', '--topic', '*')
    const restored = await kmap(...restore)
    assert.equal(restored.status, 0, restored.stderr)
    const sizes = await kmap(...alice, '-topic-sizes')
    assert.equal(sizes.status, 1, sizes.stderr)
    await allow('--operation', 'Describe', '--cluster')
    assert.equal((await kmap(...alice, '-topic-sizes')).status, 0)
  })

  test("the restore script works with Kafka's tool and a client.properties", async () => {
    await properties('c.properties', [
      'security.protocol=SASL_PLAINTEXT',
      'sasl.mechanism=SCRAM-SHA-256',
      jaas('SCRAM'),
    ])
    await succeeds('-brokers', broker.address('SASLP'), '-command-config', 'c.properties')
    await kmap('-offsets-from', 'out.json', '-restore-offsets-script', 'restore.sh')
    const saved = JSON.parse(await readFile(file('out.json'), 'utf8'))
    const positions = Object.values<unknown[]>(saved.consumer_groups[0].topics).flat().length
    assert.ok(positions > 0)
    const script = file('restore.sh')
    // As the documentation says: uncomment and set.
    const text = await readFile(script, 'utf8')
    const line = '# COMMAND_CONFIG="--command-config /path/to/client.properties"'
    assert.ok(text.includes(line))
    await writeFile(script, text.replace(line, `COMMAND_CONFIG="--command-config ${file('c.properties')}"`))
    const { status, stdout } = await runProcess(script, [], {
      cwd: folder.path,
      env: { KAFKA_CONSUMER_GROUPS: await toolWrapper(folder.path, 'groups') },
    })
    assert.equal(status, 0, stdout)
    assert.match(stdout, new RegExp(`Positions: ${positions} set, 0 failed`))
  })
})
