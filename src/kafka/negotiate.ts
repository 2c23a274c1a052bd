import { packageVersion, TidemarkError } from '../base/index.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { type API, apiVersionsV2, apiVersionsV3 } from './client-library.ts'

/** For each API key the versions that a broker offers. */
export type SupportedVersions = ReadonlyMap<number, { readonly min: number; readonly max: number }>

const unsupportedVersion = 35

/** Name and version that brokers show in their metrics of client software (KIP-511). */
const software = { name: 'tidemark', version: packageVersion() }

interface VersionsResponse {
  readonly errorCode: number
  readonly apiKeys: readonly {
    readonly apiKey: number
    readonly minVersion: number
    readonly maxVersion: number
  }[]
}

/**
 * Asks a broker which versions it offers: ApiVersions v3, and v2 where a broker older than 2.4 refuses that.
 *
 * Rejects with UNSUPPORTED_VERSION when the broker knows neither.
 */
export async function negotiate(connection: BrokerConnection, timeout: number): Promise<SupportedVersions> {
  const attempts: readonly API<[string, string], VersionsResponse>[] = [apiVersionsV3.api, apiVersionsV2.api]
  for (const api of attempts) {
    const response = await connection.call(api, [software.name, software.version], timeout)
    if (response.errorCode === unsupportedVersion) continue
    return new Map(response.apiKeys.map((api) => [api.apiKey, { min: api.minVersion, max: api.maxVersion }]))
  }
  throw new TidemarkError(
    'UNSUPPORTED_VERSION',
    `Broker ${connection.address} does not say which request versions it offers: Kafka 2.1 or newer is needed`,
    { details: { broker: connection.address } },
  )
}
