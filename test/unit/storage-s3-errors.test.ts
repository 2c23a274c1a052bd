import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { isTidemarkError } from '../../src/base/index.ts'
import { s3Error } from '../../src/storage/s3-errors.ts'

function failure(
  name: string,
  status: number | undefined,
  more: Readonly<Record<string, unknown>> = {},
): Error {
  return Object.assign(new Error(`text of ${name}`), {
    name,
    ...(status !== undefined && { $metadata: { httpStatusCode: status } }),
    ...more,
  })
}

function verdict(error: Error, writes = true) {
  const mapped = s3Error(error, { doing: 'write a/b', key: 'a/b', url: 's3://bucket/p', writes })
  assert.ok(isTidemarkError(mapped))
  assert.equal(mapped.details.object, 'a/b')
  return { code: mapped.code, retriable: mapped.retriable, unknown: mapped.details.outcome === 'unknown' }
}

test('what S3 and the SDK say is given as our codes, and whether to try again', () => {
  const denied = { code: 'STORAGE_DENIED', retriable: false, unknown: false }
  const passing = { code: 'STORAGE_UNAVAILABLE', retriable: true, unknown: true }
  const unsent = { code: 'STORAGE_UNAVAILABLE', retriable: true, unknown: false }
  const cases: readonly (readonly [Error, object])[] = [
    [failure('NoSuchKey', 404), { code: 'STORAGE_NOT_FOUND', retriable: false, unknown: false }],
    [failure('NotFound', 404), { code: 'STORAGE_NOT_FOUND', retriable: false, unknown: false }],
    [failure('NoSuchBucket', 404), { code: 'STORAGE_NOT_FOUND', retriable: false, unknown: false }],
    [failure('AccessDenied', 403), denied],
    [failure('InvalidAccessKeyId', 403), denied],
    [failure('SignatureDoesNotMatch', 403), denied],
    [failure('403', 403), denied],
    [failure('CredentialsProviderError', undefined), denied],
    [failure('SlowDown', 503), passing],
    [failure('InternalError', 500), passing],
    [failure('BadGateway', 502), passing],
    [failure('TooManyRequests', 429), unsent],
    [failure('TimeoutError', undefined), passing],
    [failure('Error', undefined, { code: 'ECONNRESET' }), passing],
    [failure('TimeoutError', undefined, { code: 'EPIPE' }), passing],
    [failure('Error', undefined, { code: 'ECONNREFUSED' }), unsent],
    [failure('Error', undefined, { code: 'ENOTFOUND' }), unsent],
    [failure('Error', undefined, { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }), denied],
    [failure('NotImplemented', 501), { code: 'STORAGE_UNSUPPORTED', retriable: false, unknown: false }],
    [failure('InsufficientStorage', 507), { code: 'STORAGE_FULL', retriable: false, unknown: false }],
    [failure('KeyTooLongError', 400), { code: 'STORAGE_KEY_INVALID', retriable: false, unknown: false }],
    [failure('PermanentRedirect', 301), { code: 'CONFIG_INVALID', retriable: false, unknown: false }],
    [failure('XAmzContentSHA256Mismatch', 400), passing],
    [failure('SomethingElse', 400), { code: 'STORAGE_UNAVAILABLE', retriable: false, unknown: false }],
  ]
  for (const [error, want] of cases) assert.deepEqual(verdict(error), want, error.name)
  assert.deepEqual(verdict(failure('SlowDown', 503), false), unsent)
})

test('nothing of the request is kept in an error: no header, signature or key', () => {
  const secret = 'AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE Signature=feedface'
  const error = failure('SignatureDoesNotMatch', 403, {
    $response: { headers: { authorization: secret } },
    AWSAccessKeyId: 'AKIAEXAMPLE',
    StringToSign: secret,
    SignatureProvided: 'feedface',
  })
  const mapped = s3Error(error, { doing: 'write a', key: 'a', url: 's3://bucket/', writes: true })
  assert.doesNotMatch(inspect(mapped, { depth: 20, showHidden: true }), /AKIAEXAMPLE|feedface/)
})

test('what is no error of the store is passed on as it is', () => {
  const call = { doing: 'write a', key: 'a', url: 's3://bucket/', writes: true }
  for (const thrown of ['text', undefined, 42]) assert.equal(s3Error(thrown, call), thrown)
})
