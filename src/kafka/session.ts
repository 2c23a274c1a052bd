import { setMaxListeners } from 'node:events'
import { isTidemarkError, retry, systemClock, TidemarkError } from '../base/index.ts'
import { chooseVersion, type Versions } from './api-choice.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { BrokerPool } from './broker-pool.ts'
import { type API, protocolAPIsById } from './client-library.ts'
import type { SessionOptions } from './cluster-options.ts'
import { type ClusterMetadata, requestMetadata } from './metadata-request.ts'
import { kafkaCodeOf } from './protocol-errors.ts'

/** Retries: 50 ms doubling up to 1 s, until the deadline. */
const pauses = { attempts: Number.POSITIVE_INFINITY, delay: 50, maxDelay: 1000 }

/** Bounds of a call that is repeated. */
export interface Bounds {
  readonly signal?: AbortSignal | undefined
  /** Ms after which it is given up. @default the delivery timeout */
  readonly deadline?: number
  /** First pause in ms. @default 50 */
  readonly delay?: number
  /** Longest pause in ms. @default 1000 */
  readonly maxDelay?: number
  /** Attempts in all, the first included. @default as many as the deadline allows */
  readonly attempts?: number
}

interface Throttled {
  readonly throttleTimeMs?: number
}

/** What every part of the control plane shares: connections, retries until the delivery timeout, throttling, metadata. */
export class Session {
  readonly options: SessionOptions
  readonly pool: BrokerPool
  /** Aborts when the cluster is closed or the caller's signal aborts. */
  readonly signal: AbortSignal
  readonly #closing = new AbortController()
  readonly #throttledUntil = new WeakMap<BrokerConnection, number>()
  #clusterId: string | undefined
  #controller: number | undefined

  constructor(options: SessionOptions, signal: AbortSignal | undefined) {
    this.options = options
    this.signal = signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal
    // Thousands of calls may wait under it at once.
    setMaxListeners(0, this.signal)
    this.pool = new BrokerPool(options, this.signal)
  }

  get clusterId(): string {
    return this.#clusterId ?? ''
  }

  /** Runs work again while it fails with retriable errors, within bounds. */
  retrying<T>(work: (attempt: number) => Promise<T>, options: Bounds = {}): Promise<T> {
    const signal = options.signal ? AbortSignal.any([this.signal, options.signal]) : this.signal
    const deadline = options.deadline ?? this.options.deliveryTimeout
    const delay = options.delay ?? pauses.delay
    const maxDelay = options.maxDelay ?? pauses.maxDelay
    const attempts = options.attempts ?? pauses.attempts
    return retry({ attempts, delay, maxDelay, deadline }, work, {
      signal,
      onRetry: (error, attempt, delay) =>
        this.options.telemetry.log('debug', 'a request to the cluster is tried again', {
          error: error instanceof Error ? error.message : String(error),
          attempt,
          delay: Math.round(delay),
        }),
    })
  }

  /** Sends a request in the newest version that the broker offers, waiting first where the broker had asked for it. */
  async request<Arguments extends unknown[], Response extends Throttled>(
    connection: BrokerConnection,
    versions: Versions<Arguments, Response>,
    requestArguments: [...Arguments],
    timeout?: number,
  ): Promise<Response> {
    return this.call(connection, chooseVersion(connection, versions), requestArguments, timeout)
  }

  /** Sends a request in the given version. */
  async call<Arguments extends unknown[], Response extends Throttled>(
    connection: BrokerConnection,
    api: API<Arguments, Response>,
    requestArguments: [...Arguments],
    timeout?: number,
  ): Promise<Response> {
    await this.#waitThrottled(connection)
    this.options.telemetry.count('kafka_requests', 1, { api: protocolAPIsById[api.key] ?? String(api.key) })
    const response = await connection.call(api, requestArguments, timeout)
    this.#throttle(connection, response.throttleTimeMs ?? 0)
    return response
  }

  /**
   * Asks any broker for metadata: of the named topics, of all (null) or of none (empty). One attempt. Rejects with
   * SOURCE_MISMATCH when another cluster answers at these addresses. `timeout` (ms) bounds a connection that has to be
   * opened first, and the request.
   */
  async metadata(
    names: readonly string[] | null,
    timeout = this.options.connectTimeout,
  ): Promise<ClusterMetadata> {
    const connection = await this.pool.any(timeout)
    await this.#waitThrottled(connection)
    this.options.telemetry.count('kafka_requests', 1, { api: 'Metadata' })
    const { metadata, throttleTimeMs } = await requestMetadata(connection, names, timeout)
    this.#throttle(connection, throttleTimeMs)
    if (metadata.brokers.length === 0) {
      throw new TidemarkError('BROKER_ERROR', `Broker ${connection.address} knows no brokers yet`, {
        retriable: true,
      })
    }
    this.#clusterId ??= metadata.clusterId
    if (metadata.clusterId !== this.#clusterId) {
      connection.close()
      throw new TidemarkError(
        'SOURCE_MISMATCH',
        `Another cluster answers at ${connection.address}: ${metadata.clusterId} instead of ${this.#clusterId}`,
        { details: { broker: connection.address, clusterId: metadata.clusterId } },
      )
    }
    this.#controller = metadata.controller
    this.pool.update(metadata.brokers)
    return metadata
  }

  /** The broker that takes changes of topics: the controller, or with KRaft any broker, which passes them on. */
  async controller(): Promise<BrokerConnection> {
    if (this.#controller === undefined) await this.metadata([])
    const controller = this.#controller
    return controller === undefined ? this.pool.any() : this.pool.to(controller)
  }

  /** Forgets which broker the controller is. */
  forgetController(): void {
    this.#controller = undefined
  }

  close(): void {
    this.#closing.abort(new TidemarkError('CONNECTION_LOST', 'The connection to the cluster was closed'))
    this.pool.close()
  }

  async #waitThrottled(connection: BrokerConnection): Promise<void> {
    const until = this.#throttledUntil.get(connection)
    if (until === undefined) return
    const pause = until - systemClock.monotonic()
    if (pause > 0) await systemClock.sleep(pause, this.signal)
  }

  #throttle(connection: BrokerConnection, ms: number): void {
    if (ms <= 0) return
    this.#throttledUntil.set(connection, systemClock.monotonic() + ms)
    this.options.telemetry.count('kafka_throttle_ms', ms, { broker: connection.address })
  }
}

const requestTimedOut = 7

/** Whether a failed request may have been acted on: it was lost, or the broker did not wait for its end. */
export function mayHaveHappened(error: unknown): boolean {
  if (!isTidemarkError(error)) return false
  return error.details.outcome === 'unknown' || kafkaCodeOf(error) === requestTimedOut
}
