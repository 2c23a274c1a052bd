import { type ErrorCode, isTidemarkError, TidemarkError } from '../base/index.ts'
import { keyInvalid } from './keys.ts'
import { notFound } from './store-errors.ts'

/** What a failed request was about. */
export interface S3Call {
  /** Reads like `write orders/0/x.log`. */
  readonly doing: string
  readonly key: string
  /** The store, for messages. */
  readonly url: string
  /** The request changes something: without an answer it is not known whether it did. */
  readonly writes: boolean
}

interface Verdict {
  readonly code: ErrorCode
  readonly says: string
  readonly retriable?: boolean
  readonly hint?: string
}

const credentialsHint =
  'Check access key, secret key and their rights (list, get, put, delete) on the bucket and prefix; a missing right to list makes absent objects look forbidden.'
const regionHint = 'Set the region of the bucket: region in the configuration or URL, or AWS_REGION.'
const clockHint = 'Set the clock of this machine; the server refuses requests that seem minutes old.'
const fullHint = 'Free space or raise the quota; the same command then goes on where it stopped.'

const denied = (says: string, hint = credentialsHint): Verdict => ({ code: 'STORAGE_DENIED', says, hint })
const passing = (says: string): Verdict => ({ code: 'STORAGE_UNAVAILABLE', says, retriable: true })

/** Verdicts by the name that S3 or the SDK gives an error. */
const byName: Readonly<Record<string, Verdict>> = {
  NoSuchBucket: {
    code: 'STORAGE_NOT_FOUND',
    says: 'the bucket does not exist',
    hint: 'Create the bucket, or check its name, region and endpoint.',
  },
  NoSuchUpload: {
    code: 'STORAGE_NOT_FOUND',
    says: 'the upload under way is gone',
    hint: 'A lifecycle rule of the bucket or another program dropped it: let rules wait longer than an upload takes.',
  },
  AccessDenied: denied('access is denied'),
  AllAccessDisabled: denied('access is disabled'),
  AccountProblem: denied('the account has a problem'),
  InvalidAccessKeyId: denied('the access key is not known'),
  XAdminUserNotFound: denied('the access key is not known'),
  SignatureDoesNotMatch: denied('the signature does not match: the secret key is wrong'),
  InvalidToken: denied('the session token is not valid'),
  ExpiredToken: denied('the session token has expired'),
  CredentialsProviderError: denied(
    'no credentials were found',
    'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or access_key and secret_key in the configuration.',
  ),
  RequestTimeTooSkewed: { ...denied('the clocks differ too much', clockHint), retriable: true },
  AuthorizationHeaderMalformed: { code: 'CONFIG_INVALID', says: 'the region is wrong', hint: regionHint },
  PermanentRedirect: { code: 'CONFIG_INVALID', says: 'the bucket is in another region', hint: regionHint },
  IllegalLocationConstraintException: {
    code: 'CONFIG_INVALID',
    says: 'the region is wrong',
    hint: regionHint,
  },
  InvalidBucketName: { code: 'CONFIG_INVALID', says: 'the bucket name is not valid' },
  NotImplemented: { code: 'STORAGE_UNSUPPORTED', says: 'the server does not support the request' },
  MethodNotAllowed: { code: 'STORAGE_UNSUPPORTED', says: 'the server does not allow the request' },
  InsufficientStorage: { code: 'STORAGE_FULL', says: 'no space is left', hint: fullHint },
  XMinioStorageFull: { code: 'STORAGE_FULL', says: 'no space is left', hint: fullHint },
  QuotaExceeded: { code: 'STORAGE_FULL', says: 'the quota is used up', hint: fullHint },
  XMinioAdminBucketQuotaExceeded: { code: 'STORAGE_FULL', says: 'the quota is used up', hint: fullHint },
  RequestTimeout: passing('the server waited in vain for the request'),
  IncompleteBody: passing('the server got only a part of the request'),
  BadDigest: passing('the bytes were changed on the way'),
  XAmzContentSHA256Mismatch: passing('the bytes were changed on the way'),
  TooManyRequestsException: passing('the server asks to slow down'),
  OperationAborted: passing('another change of the object is under way'),
  ConditionalRequestConflict: passing('another change of the object is under way'),
}

/** Names of an answer 404 that is about the object; `NotFound` and `Unknown` are the SDK's for an answer without body. */
const absentNames: readonly string[] = ['NoSuchKey', 'NotFound', 'Unknown']

const keyFaults: Readonly<Record<string, string>> = {
  KeyTooLongError: 'the server does not take names as long as that',
  XMinioInvalidObjectName: 'the server does not take names like that',
  ObjectParentIsFile: 'a part of it is an object already',
  ExistingObjectIsDirectory: 'it is the beginning of other names already',
}

const network: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens at the address',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ECONNABORTED: 'the connection was cut',
  ETIMEDOUT: 'the server did not answer in time',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name cannot be looked up at the moment',
  ERR_STREAM_PREMATURE_CLOSE: 'the connection was cut',
}

/** Turns an error of the SDK into a {@link TidemarkError}. Nothing of the request (headers, signatures, keys) is kept. */
export function s3Error(error: unknown, call: S3Call): unknown {
  if (isTidemarkError(error) || !(error instanceof Error)) return error
  const status = statusOf(error)
  const fault = keyFaults[error.name]
  if (fault !== undefined) return keyInvalid(call.key, fault, bare(error))
  if (status === 404 && absentNames.includes(error.name)) return notFound(call.key, call.url, bare(error))
  const verdict = judge(error, status)
  const retriable = verdict.retriable ?? false
  const unknown = call.writes && retriable && status !== 429 && !neverSent(error)
  return new TidemarkError(verdict.code, `Cannot ${call.doing} in ${call.url}: ${verdict.says}`, {
    retriable,
    ...(verdict.hint !== undefined && { hint: verdict.hint }),
    details: {
      object: call.key,
      reason: error.name,
      ...(status !== undefined && { status }),
      ...(unknown && { outcome: 'unknown' }),
    },
    cause: bare(error),
  })
}

/** The name by which S3 calls the error. */
export function s3ErrorName(error: unknown): string | undefined {
  return error instanceof Error ? error.name : undefined
}

/** The server refuses a request for headers that it does not know. */
export function refusesHeaders(error: unknown): boolean {
  const status = statusOf(error)
  if (status !== 400 && status !== 501) return false
  const name = s3ErrorName(error) ?? ''
  return ['NotImplemented', 'InvalidArgument', 'InvalidRequest', 'UnsupportedHeader'].includes(name)
}

/** HTTP status of the answer; undefined when there was none. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined
  const metadata = error.$metadata
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined
}

function judge(error: Error, status: number | undefined): Verdict {
  const known = Object.hasOwn(byName, error.name) ? byName[error.name] : undefined
  if (known) return known
  const code = codeOf(error)
  if (error.message === 'Region is missing') {
    return { code: 'CONFIG_INVALID', says: 'no region is set', hint: regionHint }
  }
  if (status === undefined || status < 300) {
    if (code !== undefined && Object.hasOwn(network, code)) return passing(network[code] ?? code)
    if (error.name === 'TimeoutError') return passing('the server did not answer in time')
    if (code !== undefined && /CERT|^ERR_TLS|SELF_SIGNED|UNABLE_TO/.test(code)) {
      return denied(
        `the certificate of the server is not accepted (${code})`,
        'Name the authority that signed it in NODE_EXTRA_CA_CERTS.',
      )
    }
    if (code === 'EPROTO') {
      return {
        code: 'STORAGE_UNAVAILABLE',
        says: 'the server does not speak TLS as expected',
        hint: 'Write the endpoint with http:// if it has no TLS.',
      }
    }
    if (code?.startsWith('HPE_')) return passing('the server answered with something that is not HTTP')
    return passing(code === undefined ? `${error.name}: ${error.message}` : `the connection failed (${code})`)
  }
  if (status === 401 || status === 403) return denied(`access is denied (${status})`)
  if (status === 408 || status === 429 || status >= 500) {
    if (status === 501)
      return { code: 'STORAGE_UNSUPPORTED', says: 'the server does not support the request' }
    if (status === 507) return { code: 'STORAGE_FULL', says: 'no space is left', hint: fullHint }
    return passing(`the server answers ${status} ${error.name}`)
  }
  if (status === 404) return { code: 'STORAGE_NOT_FOUND', says: `the server answers ${status} ${error.name}` }
  if (status === 301 || status === 307) return byName.PermanentRedirect ?? passing('redirected')
  return { code: 'STORAGE_UNAVAILABLE', says: `the server answers ${status} ${error.name}: ${error.message}` }
}

/** The connection was never made, so the request cannot have had an effect. */
function neverSent(error: Error): boolean {
  return ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'].includes(
    codeOf(error) ?? '',
  )
}

function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** Name and text of an error without what the SDK hangs on it: request headers, signatures, the answer. */
function bare(error: Error): Error {
  const plain = new Error(error.message || error.name)
  plain.name = error.name
  return plain
}
