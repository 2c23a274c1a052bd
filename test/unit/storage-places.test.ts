import assert from 'node:assert/strict'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { isTidemarkError } from '../../src/base/index.ts'
import { openStore, parseStoreUrl } from '../../src/storage/index.ts'

test('places are read as users write them', () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ['/data/backups', { backend: 'filesystem', path: '/data/backups' }],
    ['./backups/', { backend: 'filesystem', path: resolve('backups') }],
    ['backups', { backend: 'filesystem', path: resolve('backups') }],
    ['~/backups', { backend: 'filesystem', path: join(homedir(), 'backups') }],
    ['/odd name/100%/a?b#c', { backend: 'filesystem', path: '/odd name/100%/a?b#c' }],
    ['file:///data/my%20backups', { backend: 'filesystem', path: '/data/my backups' }],
    ['memory://', { backend: 'memory', name: '' }],
    ['memory://name/with/parts', { backend: 'memory', name: 'name/with/parts' }],
    ['s3://bucket', { backend: 's3', bucket: 'bucket' }],
    ['s3://bucket/', { backend: 's3', bucket: 'bucket' }],
    ['s3://my.bucket/a/b%20c/', { backend: 's3', bucket: 'my.bucket', prefix: 'a/b c' }],
    [
      's3://b/p?region=eu-west-1&endpoint=http://127.0.0.1:9000&path_style=false&allow_http',
      {
        backend: 's3',
        bucket: 'b',
        prefix: 'p',
        region: 'eu-west-1',
        endpoint: 'http://127.0.0.1:9000',
        pathStyle: false,
        allowHttp: true,
      },
    ],
    ['gs://bucket/x', { backend: 'gcs' }],
    ['azure://container', { backend: 'azure' }],
  ]
  for (const [text, spec] of cases) assert.deepEqual(parseStoreUrl(text), spec, text)
})

test('what is no place is refused in one sentence with a hint', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /empty/],
    ['ftp://host/x', /no storage of the kind ftp/],
    ['s3://', /no bucket|understood/],
    ['s3:///prefix', /no bucket|understood/],
    ['s3://bucket/a/../../b?regoin=x', /unknown option "regoin"/],
    ['s3://bucket?path_style=maybe', /path_style.*"maybe"/],
    ['s3://bucket/%zz', /no escape/],
    ['file://otherhost/x', /this machine/],
  ]
  for (const [text, message] of cases) {
    assert.throws(
      () => parseStoreUrl(text),
      (error) =>
        isTidemarkError(error, 'CONFIG_INVALID') && message.test(error.message) && error.hint !== undefined,
      text,
    )
  }
})

test('keys and secrets in a URL are refused and not repeated', () => {
  for (const text of [
    's3://AKIAEXAMPLE:hunter2@bucket/x',
    's3://bucket/x?access_key=AKIAEXAMPLE&secret_key=hunter2',
    's3://bucket/x?secret_key=hunter2',
  ]) {
    assert.throws(
      () => parseStoreUrl(text),
      (error) =>
        isTidemarkError(error, 'CONFIG_INVALID') &&
        !/hunter2|AKIAEXAMPLE/.test(JSON.stringify(error) + error.message),
    )
  }
})

test('stores that cannot be opened are named with those that can', async () => {
  for (const place of ['az://container', 'gs://bucket']) {
    await assert.rejects(openStore(place), (error) => {
      return isTidemarkError(error, 'STORAGE_UNSUPPORTED') && /filesystem.*s3.*memory/.test(error.hint ?? '')
    })
  }
})

test('an S3 endpoint and keys that make no sense are refused before anything is sent', async () => {
  const wrong = [
    { endpoint: 'http://user:hunter2@host' },
    { endpoint: 'http://' },
    { endpoint: 'not a url' },
    { accessKeyId: 'only-one' },
    { secretAccessKey: 'hunter2' },
  ]
  for (const options of wrong) {
    await assert.rejects(
      openStore({ backend: 's3', bucket: 'b', ...options }),
      (error) => isTidemarkError(error, 'CONFIG_INVALID') && !/hunter2/.test(error.message),
      JSON.stringify(options),
    )
  }
  await assert.rejects(openStore({ backend: 's3', bucket: 'b', prefix: 'a/../b' }), {
    code: 'STORAGE_KEY_INVALID',
  })
})

test('a store says where it is, without secrets', async () => {
  await using folder = await openStore('/tmp/some/../where')
  assert.equal(folder.url, '/tmp/where')
  const keys = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'hunter2' }
  await using bucket = await openStore({
    backend: 's3',
    bucket: 'b',
    prefix: '/p/',
    endpoint: 'localhost:9000',
    ...keys,
  })
  assert.equal(bucket.url, 's3://b/p?endpoint=https://localhost:9000')
})
