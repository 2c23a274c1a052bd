import { TidemarkError } from '../base/index.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { type API, protocolAPIsById } from './client-library.ts'

/** Codecs of one request in several versions, newest first, with the same arguments and the same answer. */
export type Versions<Arguments extends unknown[], Response> = readonly API<Arguments, Response>[]

/** The newest version that the broker offers, or undefined. */
export function offeredVersion<Arguments extends unknown[], Response>(
  connection: BrokerConnection,
  versions: Versions<Arguments, Response>,
): API<Arguments, Response> | undefined {
  return versions.find((api) => connection.versionFor(api.key, api.version, api.version) !== undefined)
}

/** The newest version that the broker offers. Throws UNSUPPORTED_VERSION when it offers none. */
export function chooseVersion<Arguments extends unknown[], Response>(
  connection: BrokerConnection,
  versions: Versions<Arguments, Response>,
): API<Arguments, Response> {
  const api = offeredVersion(connection, versions)
  if (api !== undefined) return api
  const key = versions[0]?.key ?? -1
  const wanted = versions.map((version) => version.version).join(', ')
  throw new TidemarkError(
    'UNSUPPORTED_VERSION',
    `Broker ${connection.address} does not offer the request ${protocolAPIsById[key] ?? key} in a version that is known here (${wanted})`,
    {
      details: { broker: connection.address, apiKey: key },
      hint: 'Kafka 2.1 or newer is needed, and for some functions a newer one.',
    },
  )
}
