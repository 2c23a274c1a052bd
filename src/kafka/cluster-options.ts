import { noTelemetry, type Telemetry, TidemarkError } from '../base/index.ts'
import type { BrokerConnectionOptions } from './broker-connection.ts'
import type { BrokerAddress } from './broker-socket.ts'
import type { ClusterOptions } from './types.ts'

/** What a connected cluster is handed beside its options. */
export interface ConnectContext {
  /** Bounds the life of the cluster: when it aborts, every call rejects with its reason. */
  readonly signal?: AbortSignal
  readonly telemetry?: Telemetry
  /** API key → highest version to use, to speak like a client of an older Kafka. */
  readonly versionCeiling?: ReadonlyMap<number, number>
}

/** Options with every default filled in. Times in ms. */
export interface SessionOptions {
  readonly given: ClusterOptions
  readonly bootstrap: readonly BrokerAddress[]
  readonly connection: BrokerConnectionOptions
  readonly connectTimeout: number
  readonly deliveryTimeout: number
  readonly telemetry: Telemetry
}

/** Throws CONFIG_INVALID for a bootstrap address that is none. */
export function sessionOptions(given: ClusterOptions, context: ConnectContext): SessionOptions {
  const connectTimeout = given.connectTimeout ?? 15_000
  if (given.bootstrap.length === 0) {
    throw new TidemarkError('CONFIG_INVALID', 'No bootstrap servers are given', {
      hint: 'Give at least one host:port.',
    })
  }
  return {
    given,
    bootstrap: given.bootstrap.map(parseAddress),
    connectTimeout,
    deliveryTimeout: given.deliveryTimeout ?? 300_000,
    telemetry: context.telemetry ?? noTelemetry,
    connection: {
      clientId: given.clientId ?? 'tidemark',
      connectTimeout,
      ...(given.tls && { tls: given.tls }),
      ...(given.sasl && { sasl: given.sasl }),
      ...(context.versionCeiling && { versionCeiling: context.versionCeiling }),
    },
  }
}

/** `host:port` or `[IPv6]:port`, also with a listener name before it as brokers write it (`SSL://host:port`). */
export function parseAddress(text: string): BrokerAddress {
  const match = /^(?:[A-Za-z0-9_]+:\/\/)?(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\s:/[\]]+)):(\d{1,5})$/.exec(
    text.trim(),
  )
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || port < 1 || port > 65_535) {
    throw new TidemarkError('CONFIG_INVALID', `${JSON.stringify(text)} is not the address of a broker`, {
      hint: 'Bootstrap servers are written host:port, for example kafka-1.example.com:9092.',
    })
  }
  return { host, port }
}
