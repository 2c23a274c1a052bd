import type { Agent as HttpAgent } from 'node:http'
import type { Agent as HttpsAgent } from 'node:https'
import type * as Sdk from '@aws-sdk/client-s3'
import { TidemarkError } from '../base/index.ts'
import { sizeOf } from './bytes.ts'
import { bodyOf, crc32Of, sha256Of } from './s3-body.ts'
import { refusesHeaders, type S3Call, s3Error } from './s3-errors.ts'
import { receivingAgents } from './s3-sockets.ts'
import type { Bytes } from './store.ts'
import { cleanPrefix, type S3Spec } from './store-spec.ts'

/** What the S3 driver is opened with. */
export interface S3Options extends Omit<S3Spec, 'backend'> {
  /** Ms until a connection is made. @default 10000 */
  readonly connectTimeout?: number
  /** Ms without a byte in either direction after which a request is given up. @default 60000 */
  readonly idleTimeout?: number
}

/** A request: what it is for, what it carries. */
type Call = Omit<S3Call, 'url'> & {
  readonly signal: AbortSignal | undefined
}

/** What all SDK commands have in common, as far as it is needed here. */
type Command<Input extends Sdk.ServiceInputTypes, Output extends Sdk.ServiceOutputTypes> = Parameters<
  typeof Sdk.S3Client.prototype.send<Input, Output>
>[0]

const socketsAtOnce = 64

/**
 * What makes sure that bytes arrive as they were sent. `checksum`: a CRC-32 that the server checks, for Amazon and for
 * endpoints without TLS. `signature`: the SHA-256 of the bytes is signed; ten times the work at both ends, for servers
 * without TLS that know no checksums. `tls`: nothing more, for compatible servers, some of which refuse what they do not
 * know.
 */
type Protection = 'checksum' | 'signature' | 'tls'

/** The part of a request's input that carries bytes. */
export interface Payload {
  readonly Body: NonNullable<Sdk.PutObjectCommandInput['Body']>
  readonly ContentLength: number
  readonly ChecksumCRC32?: string
}

/** The SDK's client for one bucket: settings that compatible servers take, and errors in our words. */
export class S3Connection {
  readonly sdk: typeof Sdk
  readonly bucket: string
  /** Empty, or ending in a slash. */
  readonly root: string
  readonly url: string
  readonly #client: Sdk.S3Client
  readonly #agents: readonly (HttpAgent | HttpsAgent)[]
  readonly #plain: boolean
  /** What the signature says of a body. The SDK by itself would hash every buffer, also where nothing needs it. */
  readonly #hashes = new WeakMap<object, string>()
  #protection: Protection

  private constructor(sdk: typeof Sdk, options: S3Options, environment: NodeJS.ProcessEnv) {
    const prefix = cleanPrefix(options.prefix ?? '')
    const endpoint = endpointOf(options, environment)
    this.sdk = sdk
    this.bucket = options.bucket
    this.root = prefix === '' ? '' : `${prefix}/`
    this.url = `s3://${options.bucket}/${prefix}${endpoint ? `?endpoint=${endpoint}` : ''}`
    this.#protection = endpoint?.startsWith('https:') ? 'tls' : 'checksum'
    this.#plain = endpoint?.startsWith('http:') ?? false
    const [httpAgent, httpsAgent] = receivingAgents({ maxSockets: socketsAtOnce })
    this.#agents = [httpAgent, httpsAgent]
    const credentials = credentialsOf(options)
    // Compatible servers mostly do not care; for Amazon the SDK also looks into its own configuration files.
    const environmentRegion = environment.AWS_REGION || environment.AWS_DEFAULT_REGION || undefined
    const region = options.region ?? environmentRegion ?? (endpoint !== undefined ? 'us-east-1' : undefined)
    this.#client = new sdk.S3Client({
      ...(region !== undefined && { region }),
      ...(endpoint !== undefined && { endpoint }),
      ...(credentials && { credentials }),
      forcePathStyle: options.pathStyle ?? endpoint !== undefined,
      followRegionRedirects: endpoint === undefined,
      maxAttempts: 1,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      expectContinueHeader: false,
      requestHandler: {
        httpAgent,
        httpsAgent,
        connectionTimeout: options.connectTimeout ?? 10_000,
        socketTimeout: options.idleTimeout ?? 60_000,
        socketAcquisitionWarningTimeout: 2 ** 31 - 1,
      },
    })
    this.#client.middlewareStack.add(
      (next) => async (args) => {
        const { input, request } = args
        if ('Body' in input && input.Body && hasHeaders(request)) {
          request.headers['x-amz-content-sha256'] = this.#hashes.get(Object(input.Body)) ?? 'UNSIGNED-PAYLOAD'
        }
        return await next(args)
      },
      { step: 'build', name: 'describePayload' },
    )
  }

  static async open(options: S3Options, environment: NodeJS.ProcessEnv = process.env): Promise<S3Connection> {
    return new S3Connection(await loadSdk(), options, environment)
  }

  /** Bucket and full name of a key, as the SDK's inputs want them. */
  readonly target = (key: string): { readonly Bucket: string; readonly Key: string } => ({
    Bucket: this.bucket,
    Key: this.root + key,
  })

  /** Whether parts and objects are sent with a checksum. */
  get checksums(): boolean {
    return this.#protection === 'checksum'
  }

  /** The part of an input that carries bytes. */
  payload(bytes: Bytes): Payload {
    const Body = bodyOf(bytes)
    if (this.#protection === 'signature') this.#hashes.set(Body, sha256Of(bytes))
    return { Body, ContentLength: sizeOf(bytes), ...(this.checksums && { ChecksumCRC32: crc32Of(bytes) }) }
  }

  /**
   * Sends bytes. A server that refuses the checksum gets none any more: the error is then retriable. One that does not
   * repeat it in its answer has not looked at it: from then on the bytes are signed, if there is no TLS.
   */
  async sendPayload(
    command: Sdk.PutObjectCommand | Sdk.UploadPartCommand,
    call: Call,
    expected: (error: unknown) => boolean = () => false,
  ): Promise<{ readonly ETag?: string | undefined }> {
    const checked = command.input.ChecksumCRC32 !== undefined
    const refused = (error: unknown) => checked && refusesHeaders(error)
    const tolerated = (error: unknown) => refused(error) || expected(error)
    try {
      const answer =
        command instanceof this.sdk.PutObjectCommand
          ? await this.send(command, call, tolerated)
          : await this.send(command, call, tolerated)
      if (checked && answer.ChecksumCRC32 === undefined) this.#withoutChecksums()
      return answer
    } catch (error) {
      if (!refused(error)) throw error
      this.#withoutChecksums()
      throw new TidemarkError(
        'STORAGE_UNAVAILABLE',
        `${this.url} takes no checksums: they are left off from now on`,
        {
          retriable: true,
          details: { object: call.key },
        },
      )
    }
  }

  /** Sends one request, once. An error is given in our words, except one that the caller expects: that comes as it is. */
  async send<Input extends Sdk.ServiceInputTypes, Output extends Sdk.ServiceOutputTypes>(
    command: Command<Input, Output>,
    call: Call,
    expected: (error: unknown) => boolean = () => false,
  ): Promise<Output> {
    return await this.guard(
      call,
      () => this.#client.send(command, call.signal ? { abortSignal: call.signal } : {}),
      expected,
    )
  }

  /** Runs what belongs to a request and gives its errors in our words. */
  async guard<T>(
    call: Call,
    work: () => Promise<T>,
    expected: (error: unknown) => boolean = () => false,
  ): Promise<T> {
    call.signal?.throwIfAborted()
    try {
      return await work()
    } catch (error) {
      call.signal?.throwIfAborted()
      throw expected(error) ? error : this.error(error, call)
    }
  }

  error(error: unknown, call: Omit<S3Call, 'url'>): unknown {
    return s3Error(error, { doing: call.doing, key: call.key, writes: call.writes, url: this.url })
  }

  close(): void {
    this.#client.destroy()
    for (const agent of this.#agents) agent.destroy()
  }

  #withoutChecksums(): void {
    this.#protection = this.#plain ? 'signature' : 'tls'
  }
}

function hasHeaders(request: unknown): request is { readonly headers: Record<string, string> } {
  return typeof request === 'object' && request !== null && 'headers' in request
}

async function loadSdk(): Promise<typeof Sdk> {
  try {
    return await import('@aws-sdk/client-s3')
  } catch (cause) {
    throw new TidemarkError('STORAGE_UNSUPPORTED', 'The S3 client is not installed', {
      hint: 'Run npm install @aws-sdk/client-s3 beside this program.',
      cause,
    })
  }
}

/** The URL of the server, or undefined for Amazon's. Throws CONFIG_INVALID. */
function endpointOf(options: S3Options, environment: NodeJS.ProcessEnv): string | undefined {
  const given =
    options.endpoint ?? (environment.AWS_ENDPOINT_URL_S3 || environment.AWS_ENDPOINT_URL || undefined)
  if (given === undefined || given === '') return undefined
  const url = URL.parse(
    /^https?:\/\//i.test(given) ? given : `${options.allowHttp ? 'http' : 'https'}://${given}`,
  )
  if (!url || url.hostname === '' || url.username !== '' || url.password !== '') {
    throw new TidemarkError('CONFIG_INVALID', 'The S3 endpoint is not a URL without user name and password', {
      hint: 'Write it like https://minio.example.com:9000.',
    })
  }
  return url.href.replace(/\/$/, '')
}

function credentialsOf(options: S3Options): Sdk.S3ClientConfig['credentials'] {
  const { accessKeyId, secretAccessKey, sessionToken } = options
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new TidemarkError(
      'CONFIG_INVALID',
      'An S3 access key and its secret key go together: one is missing',
      {
        hint: 'Set both access_key and secret_key, or neither to use AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
      },
    )
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) }
}
