import type { BrokerConnection, Cluster } from '../../kafka/index.ts'

/** Requests by which a release is known: its number, the request's, and the version of it that came with the release. */
const signs: readonly (readonly [release: string, apiKey: number, version: number])[] = [
  ['4.2 or newer', 90, 1],
  ['4.1', 0, 13],
  ['4.0', 0, 12],
  ['3.9', 1, 17],
  ['3.8', 75, 0],
  ['3.7', 1, 16],
  ['3.5 or 3.6', 1, 15],
  ['3.1 to 3.4', 1, 13],
  ['2.7 to 3.0', 1, 12],
]

/** The release of a broker, as far as the requests that it offers tell; empty when it does not answer. */
export async function brokerVersion(cluster: Cluster, id: number, signal: AbortSignal): Promise<string> {
  try {
    await using connection = await cluster.connect(id, { signal })
    return versionOf(connection)
  } catch {
    signal.throwIfAborted()
    return ''
  }
}

function versionOf(connection: BrokerConnection): string {
  const sign = signs.find(([, key, version]) => connection.versionFor(key, version, version) !== undefined)
  return sign?.[0] ?? 'older than 2.7'
}
