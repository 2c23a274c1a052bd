import { TidemarkError } from '../base/index.ts'
import { BrokerConnection } from './broker-connection.ts'
import { addressText, type BrokerAddress } from './broker-socket.ts'
import type { SessionOptions } from './cluster-options.ts'
import { firstToConnect } from './first-to-connect.ts'
import type { Broker } from './types.ts'

interface Shared {
  readonly opening: Promise<BrokerConnection>
  connection: BrokerConnection | undefined
}

/**
 * One connection to each broker for the control plane, shared by all requests, opened when first needed and opened
 * again when it was lost or its session is about to end.
 */
export class BrokerPool {
  readonly #options: SessionOptions
  readonly #signal: AbortSignal
  readonly #brokers = new Map<number, Broker>()
  readonly #connections = new Map<number, Shared>()
  /** The connection over which the cluster was found, used until a broker has one of its own. */
  #first: BrokerConnection | undefined

  constructor(options: SessionOptions, signal: AbortSignal) {
    this.#options = options
    this.#signal = signal
  }

  get brokers(): readonly Broker[] {
    return [...this.#brokers.values()]
  }

  /** Takes over the brokers of newer metadata. A broker at a new address loses its old connection. */
  update(brokers: readonly Broker[]): void {
    const known = new Map(brokers.map((broker) => [broker.id, broker]))
    for (const [id, old] of this.#brokers) {
      const now = known.get(id)
      if (now === undefined || now.host !== old.host || now.port !== old.port) this.#drop(id)
    }
    this.#brokers.clear()
    for (const [id, broker] of known) this.#brokers.set(id, broker)
  }

  /**
   * The shared connection to a broker. Callers that wait for the same attempt share its fate. Rejects with
   * BROKER_UNREACHABLE, AUTHENTICATION_FAILED.
   */
  async to(id: number): Promise<BrokerConnection> {
    for (let shared = this.#connections.get(id); shared !== undefined; shared = this.#connections.get(id)) {
      const connection = await shared.opening
      if (connection.fresh) return connection
      if (this.#connections.get(id) === shared) this.#connections.delete(id)
      retire(connection)
    }
    const shared: Shared = { opening: this.open(id, this.#signal), connection: undefined }
    this.#connections.set(id, shared)
    try {
      shared.connection = await shared.opening
      return shared.connection
    } catch (error) {
      if (this.#connections.get(id) === shared) this.#connections.delete(id)
      throw error
    }
  }

  /** A new connection to a broker, owned by the caller. */
  async open(id: number, signal: AbortSignal): Promise<BrokerConnection> {
    const broker = this.#brokers.get(id)
    if (broker === undefined) {
      throw new TidemarkError('BROKER_UNREACHABLE', `Broker ${id} is not part of the cluster at the moment`, {
        retriable: true,
        details: { brokerId: id },
        hint: 'The broker is probably down.',
      })
    }
    return BrokerConnection.connect(broker, this.#options.connection, signal)
  }

  /**
   * A connection to whichever broker answers: an open one, else the first of all known brokers and bootstrap
   * addresses to answer within `timeout` ms.
   */
  async any(timeout = this.#options.connectTimeout): Promise<BrokerConnection> {
    for (const { connection } of shuffled([...this.#connections.values()])) {
      if (connection?.fresh) return connection
    }
    if (this.#first?.fresh) return this.#first
    const options = { ...this.#options.connection, connectTimeout: timeout }
    const connection = await firstToConnect(
      this.#addresses(),
      (address, signal) => BrokerConnection.connect(address, options, signal),
      timeout,
      this.#signal,
    )
    if (this.#first) retire(this.#first)
    this.#first = connection
    return connection
  }

  close(): void {
    for (const id of [...this.#connections.keys()]) this.#drop(id)
    this.#first?.close()
    this.#first = undefined
  }

  #addresses(): BrokerAddress[] {
    const unique = new Map<string, BrokerAddress>()
    for (const broker of shuffled(this.brokers)) unique.set(addressText(broker), broker)
    for (const address of this.#options.bootstrap) unique.set(addressText(address), address)
    return [...unique.values()]
  }

  #drop(id: number): void {
    const shared = this.#connections.get(id)
    this.#connections.delete(id)
    // Whoever waits for the attempt hears of its failure.
    shared?.opening.then(
      (connection) => connection.close(),
      () => {},
    )
  }
}

/** Closes a connection that has been replaced, as soon as nothing is in flight on it. */
function retire(connection: BrokerConnection): void {
  if (!connection.open) return
  if (connection.inFlight === 0) connection.close()
  else setTimeout(() => retire(connection), 100).unref()
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item)
}
