import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readClientProperties } from '../../src/config/client-properties.ts'
import { parseJaas } from '../../src/config/client-properties-jaas.ts'
import { parseProperties } from '../../src/config/client-properties-text.ts'
import { loadConfig } from '../../src/config/index.ts'

/** What a file means: its values by their place in the configuration, and the keys without effect. */
function meaning(text: string, files: Readonly<Record<string, string>> = {}) {
  const { overrides, notes } = readClientProperties('client.properties', 'target', (path) => {
    const found = path === 'client.properties' ? text : files[path]
    if (found === undefined) throw Object.assign(new Error('no'), { code: 'ENOENT' })
    return Buffer.from(found)
  })
  return {
    values: Object.fromEntries(overrides.map(({ path, value }) => [path.slice(1).join('.'), value])),
    notes: notes.map(({ key, message }) => `${key} ${message}`),
  }
}

function failure(work: () => unknown): {
  readonly code: string
  readonly message: string
  readonly hint?: string
} {
  try {
    work()
  } catch (error) {
    return error as { code: string; message: string; hint?: string }
  }
  assert.fail('nothing was thrown')
}

test('properties are read as Java reads them', () => {
  const text = [
    '# comment',
    '  ! another',
    'plain=value',
    'colon: value',
    'blank value with = sign',
    ' indented\t=\tvalue',
    'continued=one\\',
    '    two\\\\\\',
    '  three',
    'even=\\\\',
    'key\\ with\\=signs=1',
    'unicode=\\u00e9\\t\\z',
    'empty=',
    'bare',
    'twice=1',
    'twice=2',
    'last=no line end\\',
  ].join('\r\n')
  assert.deepEqual(Object.fromEntries(parseProperties(text)), {
    plain: 'value',
    colon: 'value',
    blank: 'value with = sign',
    indented: 'value',
    continued: 'onetwo\\three',
    even: '\\',
    'key with=signs': '1',
    unicode: 'é\tz',
    empty: '',
    bare: '',
    twice: '2',
    last: 'no line end',
  })
})

test('a login module is read with its options, whatever is in the quotes', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (username, password) => {
      const quoted = (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
      const text = `org.apache.kafka.common.security.plain.PlainLoginModule required\n username=${quoted(username)}\tpassword=${quoted(password)} ;`
      const entry = parseJaas(text)
      assert.equal(entry?.module, 'PlainLoginModule')
      assert.deepEqual([entry?.options.get('username'), entry?.options.get('password')], [username, password])
    }),
  )
})

test('what is no login module is refused without being repeated', () => {
  for (const jaas of [
    'x.PlainLoginModule required username="u" password="hunter2"',
    'x.PlainLoginModule required username="u" password="hunter2;',
    'x.PlainLoginModule username="u" password="hunter2";',
    'x.PlainLoginModule required username="u" password "hunter2";',
    'x.PlainLoginModule required password="hunter2"; y.Other required;',
  ]) {
    const error = failure(() =>
      meaning(`security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.jaas.config=${jaas}`),
    )
    assert.equal(error.code, 'CONFIG_INVALID')
    assert.match(error.message, /^client\.properties: sasl\.jaas\.config is not of the form/)
    assert.doesNotMatch(JSON.stringify(error) + error.message + error.hint, /hunter2/)
  }
})

test('the documented file for SCRAM means user, password and protocol', () => {
  const { values, notes } = meaning(`security.protocol=SASL_SSL
sasl.mechanism=SCRAM-SHA-256
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\
  username="admin" \\
  password="secret";
`)
  assert.deepEqual(values, {
    'security.security_protocol': 'SASL_SSL',
    'security.sasl_mechanism': 'SCRAM-SHA-256',
    'security.sasl_username': 'admin',
    'security.sasl_password': 'secret',
  })
  assert.deepEqual(notes, [])
})

test('keys without a meaning here are named, never with their values', () => {
  const { notes } = meaning('group.id=g\nsasl.jaas.config=hunter2\nssl.key.password=hunter2\nmetrics=x\n')
  assert.deepEqual(notes, [
    'group.id of client.properties has no effect here',
    'sasl.jaas.config of client.properties has no effect: security.protocol is PLAINTEXT',
    'ssl.key.password of client.properties has no effect: security.protocol is PLAINTEXT',
    'metrics of client.properties has no effect here',
  ])
})

test('PEM comes inline and from files', () => {
  const pem = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----'
  const inline = meaning(
    `security.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.certificates=${pem.replaceAll('\n', ' \\\n')}\nssl.endpoint.identification.algorithm=\n`,
  )
  assert.match(String(inline.values['security.ssl_ca_location']), /^-----BEGIN CERTIFICATE-----\nx\n-----END/)
  assert.equal(inline.values['security.ssl_verify_hostname'], false)
  const files = meaning(
    'security.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.location=ca.pem\nssl.keystore.type=PEM\nssl.keystore.location=me.pem\nssl.key.password=p\n',
    { 'ca.pem': pem, 'me.pem': pem },
  )
  assert.equal(files.values['security.ssl_ca_location'], pem)
  assert.equal(files.values['security.ssl_certificate_location'], pem)
  assert.equal(files.values['security.ssl_key_password'], 'p')
})

test('a store that is missing or of a kind that cannot be read says what to do', () => {
  const text = 'security.protocol=SSL\nssl.truststore.location=trust.jks\nssl.truststore.password=hunter2\n'
  assert.match(failure(() => meaning(text)).message, /trust\.jks cannot be read: there is no such file/)
  const error = failure(() => meaning(text, { 'trust.jks': 'rubbish' }))
  assert.equal(error.code, 'FILE_NOT_READABLE')
  assert.match(
    error.message,
    /trust\.jks \(ssl\.truststore\.location\) cannot be used: it is neither PKCS#12 nor JKS/,
  )
  assert.match(String(error.hint), /keytool -importkeystore/)
  assert.doesNotMatch(error.message + error.hint, /hunter2/)
})

test('tokens: a file, an endpoint, and one without a signature for trials', () => {
  const head = 'security.protocol=SASL_SSL\nsasl.mechanism=OAUTHBEARER\n'
  const module =
    'sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required'
  const file = meaning(
    `${head}${module} extension_logicalCluster="lkc-1";\nsasl.oauthbearer.token.endpoint.url=file:///run/token\n`,
  )
  assert.equal(file.values['security.sasl_oauth_token_file'], '/run/token')
  assert.deepEqual(file.values['security.sasl_oauth_extensions'], { logicalCluster: 'lkc-1' })
  const endpoint = meaning(
    `${head}${module} clientId="id" clientSecret="s" scope="kafka";\nsasl.oauthbearer.token.endpoint.url=https://login/token\n`,
  )
  assert.equal(endpoint.values['security.sasl_oauth_token_endpoint'], 'https://login/token')
  assert.equal(endpoint.values['security.sasl_oauth_client_secret'], 's')
  const trial = meaning(
    `${head}${module} unsecuredLoginStringClaim_sub="alice" unsecuredLoginListClaim_scope=" a b";\n`,
  )
  const [, payload = ''] = String(trial.values['security.sasl_oauth_token']).split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
  assert.equal(claims.sub, 'alice')
  assert.deepEqual(claims.scope, ['a', 'b'])
})

test('Kerberos, the default of Java clients, is refused in words', () => {
  const text = 'bootstrap.servers=k:9092\nsecurity.protocol=SASL_PLAINTEXT\n'
  const { overrides } = readClientProperties('client.properties', 'target', () => Buffer.from(text))
  assert.match(
    failure(() => loadConfig({ overrides, needs: ['target'] })).message,
    /GSSAPI \(Kerberos\) is not supported/,
  )
})
