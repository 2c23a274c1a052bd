import type { Socket } from 'node:net'
import { TidemarkError } from '../base/index.ts'
import { authenticate } from './authenticate.ts'
import { addressText, type BrokerAddress, openSocket } from './broker-socket.ts'
import {
  type API,
  type Callback,
  type Connection,
  Reader,
  ResponseError,
  type ResponseParser,
  type Writer,
} from './client-library.ts'
import { foreignBytes, tlsFailure } from './connect-errors.ts'
import type { Done, Exchange, RequestOutcome } from './exchange.ts'
import { FrameReader } from './frame-reader.ts'
import { negotiate, type SupportedVersions } from './negotiate.ts'
import type { SaslOptions, TlsOptions } from './types.ts'

/** How to connect to one broker. */
export interface BrokerConnectionOptions {
  readonly clientId: string
  readonly tls?: TlsOptions
  readonly sasl?: SaslOptions
  /** Ms for DNS, TCP, TLS, version negotiation and authentication together. */
  readonly connectTimeout: number
  /** Ms that a request may take unless it says otherwise. @default 30_000 */
  readonly requestTimeout?: number
  /** API key → highest version to use, to speak like a client of an older Kafka. */
  readonly versionCeiling?: ReadonlyMap<number, number>
}

interface Pending {
  readonly correlationId: number
  readonly into: ((size: number) => Buffer) | undefined
  readonly done: Done
  readonly timer: NodeJS.Timeout
}

/** Bytes of a body's first part up to which it is copied behind the header, instead of being written by itself. */
const smallPart = 1 << 10

/** Until the broker has shown that it speaks Kafka, a response larger than this is taken for something else. */
const largestFirstResponse = 1 << 20

/**
 * One connection to one broker. Requests go out in the order of the calls, many may be in flight, and the answers
 * come in the same order.
 *
 * A request that is not answered in time closes the connection, because the answers behind it could not be told
 * apart from a broker that hangs. When a connection closes, every request in flight rejects with REQUEST_TIMEOUT (the
 * one that was late) or CONNECTION_LOST, and `details.outcome` says `unknown`: the broker may have acted on it. A
 * request made on a closed connection rejects with `not-sent`. Nothing is ever sent a second time from here.
 */
export class BrokerConnection implements AsyncDisposable {
  /** `host:port`. */
  readonly address: string
  readonly #options: BrokerConnectionOptions
  readonly #reader: FrameReader
  readonly #pending: Pending[] = []
  readonly #clientId: Buffer
  readonly #closeListeners = new Set<(error: Error) => void>()
  #socket: Socket | undefined
  #versions: SupportedVersions = new Map()
  #correlationId = 0
  #closed: Error | undefined
  #ready = false
  #answered = 0
  #expiresAt: number | undefined

  private constructor(address: BrokerAddress, options: BrokerConnectionOptions) {
    this.address = addressText(address)
    this.#options = options
    this.#clientId = Buffer.from(options.clientId)
    this.#reader = new FrameReader({
      begin: (correlationId, size) => this.#begin(correlationId, size),
      complete: (frame) => this.#complete(frame),
    })
  }

  /**
   * Connects, negotiates versions and authenticates. Rejects with BROKER_UNREACHABLE or AUTHENTICATION_FAILED, or the
   * signal's reason.
   */
  static async connect(
    address: BrokerAddress,
    options: BrokerConnectionOptions,
    signal?: AbortSignal,
  ): Promise<BrokerConnection> {
    const connection = new BrokerConnection(address, options)
    const deadline = performance.now() + options.connectTimeout
    const socket = await openSocket(address, {
      tls: options.tls,
      timeout: options.connectTimeout,
      signal,
      reader: connection.#reader,
      onBadBytes: (error) => connection.#destroy(error),
    })
    connection.#attach(socket)
    const onAbort = () => connection.#destroy(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      const left = () => Math.max(1, deadline - performance.now())
      connection.#versions = await negotiate(connection, left())
      if (options.sasl) {
        connection.#expiresAt = await authenticate(connection, options.sasl, left)
      }
      connection.#ready = true
      return connection
    } catch (error) {
      connection.#destroy(error)
      signal?.throwIfAborted()
      throw error
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  get open(): boolean {
    return this.#closed === undefined
  }

  /** Requests without an answer yet. */
  get inFlight(): number {
    return this.#pending.length
  }

  /** Bytes that the socket has taken and not yet handed to the kernel. */
  get unsent(): number {
    return this.#socket?.writableLength ?? 0
  }

  /** Ms on the monotonic clock (`performance.now()`) from which on a new connection should take over; undefined = never. */
  get expiresAt(): number | undefined {
    return this.#expiresAt
  }

  /** Open, and its authenticated session has time left. A connection that is not fresh still finishes what is in flight. */
  get fresh(): boolean {
    return this.open && (this.#expiresAt === undefined || performance.now() < this.#expiresAt)
  }

  /** The highest version within [min, max] that the broker offers for a request, or undefined. */
  versionFor(apiKey: number, min: number, max: number): number | undefined {
    const offered = this.#versions.get(apiKey)
    if (offered === undefined) return undefined
    const version = Math.min(max, offered.max, this.#options.versionCeiling?.get(apiKey) ?? max)
    return version >= Math.max(min, offered.min) ? version : undefined
  }

  /** Called once with the reason when the connection closes. Returns a function that takes the listener away. */
  onClose(listener: (error: Error) => void): () => void {
    if (this.#closed !== undefined) {
      const error = this.#closed
      queueMicrotask(() => listener(error))
      return () => {}
    }
    this.#closeListeners.add(listener)
    return () => this.#closeListeners.delete(listener)
  }

  /** Sends a request framed by the caller; resolves with the response from the correlation id (4 bytes) on. */
  exchange(exchange: Exchange): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#write(exchange, (error, frame) => {
        if (frame === undefined) reject(error)
        else resolve(frame)
      })
    })
  }

  /** As {@link exchange}, without a promise: `done` is called once, later, with the reason or the response. It must not throw. */
  request(exchange: Exchange, done: Done): void {
    this.#write(exchange, done)
  }

  /**
   * Runs one of the client library's API codecs. A response that carries error codes is given back like any other:
   * what they mean is for the caller to decide, item by item.
   */
  call<Arguments extends unknown[], Response>(
    api: API<Arguments, Response>,
    args: [...Arguments],
    timeout?: number,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const done = (error: Error | null, response?: Response) => {
        if (error === null) resolve(response as Response)
        else if (error instanceof ResponseError && error.response) resolve(error.response as Response)
        else reject(error)
      }
      api(this.#client(timeout), ...args, ...([done] as never))
    })
  }

  /** The signature of the client library's connection, so that its codecs and SASL exchanges run over this one. */
  send<Response>(
    apiKey: number,
    apiVersion: number,
    createPayload: () => Writer | Promise<Writer>,
    parse: ResponseParser<Response>,
    hasRequestHeaderTaggedFields: boolean,
    hasResponseHeaderTaggedFields: boolean,
    callback: Callback<Response>,
    timeout?: number,
  ): void {
    const write = (payload: Writer) => {
      this.#write(
        {
          apiKey,
          apiVersion,
          flexible: hasRequestHeaderTaggedFields,
          body: [payload.buffer],
          ...(timeout !== undefined && { timeout }),
        },
        (error, frame) => {
          if (frame === undefined) return callback(error)
          let response: Response
          try {
            // The tagged fields of a response header are one zero byte: no broker puts any there.
            const reader = Reader.from(frame.subarray(hasResponseHeaderTaggedFields ? 5 : 4))
            response = parse(frame.readInt32BE(0), apiKey, apiVersion, reader) as Response
          } catch (cause) {
            callback(cause instanceof ResponseError ? cause : this.#unreadable(apiKey, apiVersion, cause))
            return
          }
          callback(null, response)
        },
      )
    }
    try {
      const payload = createPayload()
      if (payload instanceof Promise) payload.then(write, (error) => callback(error))
      else write(payload)
    } catch (error) {
      callback(error as Error)
    }
  }

  /** This connection, typed as the client library wants it. */
  asClient(timeout?: number): Connection {
    return this.#client(timeout)
  }

  /** Closes at once; what is in flight rejects with CONNECTION_LOST. Harmless on a closed connection. */
  close(): void {
    this.#destroy(new TidemarkError('CONNECTION_LOST', `The connection to broker ${this.address} was closed`))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  #client(timeout: number | undefined): Connection {
    const send: BrokerConnection['send'] = (key, version, payload, parse, tagged, answerTagged, callback) =>
      this.send(key, version, payload, parse, tagged, answerTagged, callback, timeout)
    return { send } as unknown as Connection
  }

  #attach(socket: Socket): void {
    this.#socket = socket
    socket.on('error', (error) => this.#destroy(tlsFailure(this.address, error) ?? error))
    socket.on('end', () => this.#destroy(new Error('the broker closed it')))
    socket.on('close', () => this.#destroy(new Error('the broker closed it')))
  }

  #write(exchange: Exchange, done: Pending['done']): void {
    const socket = this.#socket
    if (this.#closed !== undefined || socket === undefined) {
      queueMicrotask(() => done(this.#lost(this.#closed, 'not-sent')))
      return
    }
    this.#correlationId = (this.#correlationId + 1) & 0x7fffffff
    const correlationId = this.#correlationId
    const timeout = exchange.timeout ?? this.#options.requestTimeout ?? 30_000
    const timer = setTimeout(() => this.#late(correlationId, timeout), timeout)
    this.#pending.push({ correlationId, into: exchange.into, done, timer })
    const [first, ...rest] = exchange.body
    const joined = first !== undefined && first.length <= smallPart
    socket.cork()
    socket.write(this.#header(exchange, correlationId, joined ? first : undefined))
    for (const part of joined ? rest : exchange.body) if (part.length > 0) socket.write(part)
    socket.uncork()
  }

  /** size, api key, api version, correlation id, client id, and for flexible versions no tagged fields; then the body's `first` part. */
  #header(exchange: Exchange, correlationId: number, first: Uint8Array | undefined): Buffer {
    const length = 14 + this.#clientId.length + (exchange.flexible ? 1 : 0)
    const header = Buffer.allocUnsafe(length + (first?.length ?? 0))
    let size = length - 4
    for (const part of exchange.body) size += part.length
    header.writeInt32BE(size, 0)
    header.writeInt16BE(exchange.apiKey, 4)
    header.writeInt16BE(exchange.apiVersion, 6)
    header.writeInt32BE(correlationId, 8)
    header.writeInt16BE(this.#clientId.length, 12)
    this.#clientId.copy(header, 14)
    if (exchange.flexible) header[length - 1] = 0
    if (first) header.set(first, length)
    return header
  }

  #begin(correlationId: number, size: number): Buffer {
    if (this.#closed !== undefined) throw this.#closed
    const next = this.#pending[0]
    const known = next !== undefined && next.correlationId === correlationId
    if (!known || (this.#answered === 0 && size > largestFirstResponse)) {
      if (this.#answered === 0) throw foreignBytes(this.address, this.#reader.pending)
      throw new TidemarkError(
        'PROTOCOL_ERROR',
        `Broker ${this.address} answered request ${correlationId}, but ${next ? `${next.correlationId} was next` : 'none was waiting'}`,
        { details: { broker: this.address } },
      )
    }
    const memory = next.into?.(size) ?? Buffer.allocUnsafe(size)
    if (memory.length < size) {
      throw new TidemarkError(
        'INTERNAL',
        `A response of ${size} bytes was given ${memory.length} bytes of memory`,
      )
    }
    return memory
  }

  #complete(frame: Buffer): void {
    const done = this.#pending.shift()
    if (done === undefined) return
    this.#answered++
    clearTimeout(done.timer)
    done.done(null, frame)
  }

  #late(correlationId: number, timeout: number): void {
    const code = this.#ready ? 'REQUEST_TIMEOUT' : 'BROKER_UNREACHABLE'
    const reason = new TidemarkError(
      code,
      `Broker ${this.address} did not answer within ${Math.round(timeout)} ms`,
      {
        retriable: true,
        details: { broker: this.address, outcome: 'unknown' satisfies RequestOutcome },
      },
    )
    this.#destroy(reason, correlationId)
  }

  #destroy(reason: unknown, late?: number): void {
    if (this.#closed !== undefined) return
    let error = reason instanceof Error ? reason : new Error(String(reason))
    // A plaintext client on a TLS listener gets a TLS alert of 7 bytes, too short to be looked at as a frame.
    if (this.#answered === 0 && this.#reader.pending.length > 0 && !(error instanceof TidemarkError)) {
      error = foreignBytes(this.address, this.#reader.pending)
    }
    this.#closed = error
    // First the socket, so that nobody writes into the memory of an exchange once it has rejected.
    this.#socket?.destroy()
    for (const pending of this.#pending.splice(0)) {
      clearTimeout(pending.timer)
      pending.done(pending.correlationId === late ? error : this.#lost(error, 'unknown'))
    }
    for (const listener of this.#closeListeners) listener(error)
    this.#closeListeners.clear()
  }

  #lost(cause: Error | undefined, outcome: RequestOutcome): TidemarkError {
    const details = { broker: this.address, outcome }
    if (!this.#ready && cause instanceof TidemarkError) return cause
    if (cause instanceof TidemarkError && cause.code === 'AUTHENTICATION_FAILED') return cause
    const silent = this.#answered <= 1 && !this.#options.sasl && outcome === 'unknown'
    return new TidemarkError(
      this.#ready ? 'CONNECTION_LOST' : 'BROKER_UNREACHABLE',
      `The connection to broker ${this.address} was lost${cause ? `: ${cause.message}` : ''}`,
      {
        retriable: true,
        details,
        cause,
        ...(silent && { hint: 'The listener may expect TLS, a client certificate, or SASL credentials.' }),
      },
    )
  }

  #unreadable(apiKey: number, apiVersion: number, cause: unknown): TidemarkError {
    return new TidemarkError(
      'PROTOCOL_ERROR',
      `Broker ${this.address} sent a response to request ${apiKey} version ${apiVersion} that cannot be read`,
      { cause, details: { broker: this.address, apiKey, apiVersion } },
    )
  }
}
