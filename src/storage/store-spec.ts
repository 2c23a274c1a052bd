import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TidemarkError } from '../base/index.ts'
import { checkKey } from './keys.ts'

/** A folder. */
export interface FilesystemSpec {
  readonly backend: 'filesystem'
  readonly path: string
}

/** A bucket of Amazon S3, or of a server that speaks its protocol. */
export interface S3Spec {
  readonly backend: 's3'
  readonly bucket: string
  /** Everything lies below this; without slashes at its ends. @default the whole bucket */
  readonly prefix?: string
  /** @default AWS_REGION, AWS_DEFAULT_REGION, else us-east-1 */
  readonly region?: string
  /** URL, or host:port. @default AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, else Amazon's */
  readonly endpoint?: string
  /** Bucket in the path instead of the host name. @default true when there is an endpoint */
  readonly pathStyle?: boolean
  /** Speak HTTP to an endpoint that is given without `http://`. @default false */
  readonly allowHttp?: boolean
  /** @default what the AWS SDK finds: AWS_ACCESS_KEY_ID, profiles, web identity, instance role */
  readonly accessKeyId?: string
  readonly secretAccessKey?: string
  readonly sessionToken?: string
}

/** Memory of this process; stores of one name are one store. */
export interface MemorySpec {
  readonly backend: 'memory'
  /** @default '' */
  readonly name?: string
}

/** Stores that a configuration may name and this version cannot open: answered with STORAGE_UNSUPPORTED. */
export interface OtherSpec {
  readonly backend: 'azure' | 'gcs'
}

/** Where an archive lies. */
export type StoreSpec = FilesystemSpec | S3Spec | MemorySpec | OtherSpec

/**
 * Reads what a user writes for a place: a folder, `file:///folder`, `memory://name`, or
 * `s3://bucket/prefix?region=…&endpoint=…&path_style=true&allow_http=true`. Keys and secrets are not taken from URLs,
 * where they would end in histories and logs. Throws CONFIG_INVALID, without repeating what could be a secret.
 */
export function parseStoreUrl(text: string): StoreSpec {
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme === undefined) {
    if (text === '')
      throw invalid('A storage place is empty', 'Name a folder or a URL such as s3://bucket/prefix.')
    return {
      backend: 'filesystem',
      path: resolve(text.startsWith('~/') ? join(homedir(), text.slice(2)) : text),
    }
  }
  const url = URL.parse(text)
  if (!url)
    throw invalid('A storage URL cannot be understood', 'Write it like s3://bucket/prefix?region=eu-west-1.')
  if (url.username !== '' || url.password !== '') {
    throw invalid(
      'A storage URL holds a user name or password',
      'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or access_key and secret_key in the configuration, instead.',
    )
  }
  switch (scheme) {
    case 'file':
      return { backend: 'filesystem', path: filePath(url) }
    case 'memory':
      return { backend: 'memory', name: decode(url.host + url.pathname) }
    case 's3':
    case 's3a':
      return s3Spec(url)
    case 'az':
    case 'azure':
    case 'abfs':
    case 'abfss':
      return { backend: 'azure' }
    case 'gs':
    case 'gcs':
      return { backend: 'gcs' }
    default:
      throw invalid(
        `There is no storage of the kind ${scheme}://`,
        'Use a folder, file://, s3:// or memory://.',
      )
  }
}

const s3Options = ['region', 'endpoint', 'path_style', 'allow_http'] as const

function s3Spec(url: URL): S3Spec {
  for (const name of url.searchParams.keys()) {
    if (!s3Options.some((option) => option === name)) {
      throw invalid(
        `A storage URL has the unknown option ${JSON.stringify(name)}`,
        `Known are ${s3Options.join(', ')}; keys and secrets come from the environment or the configuration.`,
      )
    }
  }
  const bucket = url.hostname
  if (bucket === '') throw invalid('A storage URL names no bucket', 'Write it like s3://bucket/prefix.')
  const prefix = cleanPrefix(decode(url.pathname))
  const region = url.searchParams.get('region')
  const endpoint = url.searchParams.get('endpoint')
  const pathStyle = flag(url, 'path_style')
  const allowHttp = flag(url, 'allow_http')
  return {
    backend: 's3',
    bucket,
    ...(prefix !== '' && { prefix }),
    ...(region && { region }),
    ...(endpoint && { endpoint }),
    ...(pathStyle !== undefined && { pathStyle }),
    ...(allowHttp !== undefined && { allowHttp }),
  }
}

/** A prefix without slashes at its ends; throws CONFIG_INVALID or STORAGE_KEY_INVALID for one that no key may have. */
export function cleanPrefix(prefix: string): string {
  const clean = prefix.replace(/^\/+|\/+$/g, '')
  if (clean !== '') checkKey(clean)
  return clean
}

function flag(url: URL, name: string): boolean | undefined {
  const value = url.searchParams.get(name)
  if (value === null) return undefined
  if (value === '' || value === 'true' || value === '1') return true
  if (value === 'false' || value === '0') return false
  throw invalid(`The option ${name} of a storage URL is ${JSON.stringify(value)}`, 'Expected true or false.')
}

function filePath(url: URL): string {
  try {
    return resolve(fileURLToPath(url))
  } catch (cause) {
    throw invalid(
      'A file:// URL does not name a folder of this machine',
      'Write it like file:///data/backups.',
      cause,
    )
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw invalid('A storage URL holds a % that is no escape', 'Write %25 for a percent sign.', cause)
  }
}

function invalid(message: string, hint: string, cause?: unknown): TidemarkError {
  return new TidemarkError('CONFIG_INVALID', message, { hint, ...(cause !== undefined && { cause }) })
}
