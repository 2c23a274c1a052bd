import type { Command } from 'commander'
import { clientPropertiesKey, type Override } from '../../config/index.ts'

export interface ClusterFlags {
  readonly bootstrapServers?: string
  readonly commandConfig?: string
  readonly securityProtocol?: string
  readonly saslMechanism?: string
  readonly saslUsername?: string
  readonly sslCaLocation?: string
  readonly sslCertificateLocation?: string
  readonly sslKeyLocation?: string
}

const keys: readonly (readonly [keyof ClusterFlags, string, readonly string[]])[] = [
  // Before the flags that go over it.
  ['commandConfig', '--command-config', [clientPropertiesKey]],
  ['bootstrapServers', '--bootstrap-servers', ['bootstrap_servers']],
  ['securityProtocol', '--security-protocol', ['security', 'security_protocol']],
  ['saslMechanism', '--sasl-mechanism', ['security', 'sasl_mechanism']],
  ['saslUsername', '--sasl-username', ['security', 'sasl_username']],
  ['sslCaLocation', '--ssl-ca-location', ['security', 'ssl_ca_location']],
  ['sslCertificateLocation', '--ssl-certificate-location', ['security', 'ssl_certificate_location']],
  ['sslKeyLocation', '--ssl-key-location', ['security', 'ssl_key_location']],
]

/** How to reach a cluster. Passwords come from KAFKA_PASSWORD or the file, never from the command line. */
export function addClusterFlags(command: Command, which: 'source' | 'target' = 'target'): Command {
  return command
    .option('--bootstrap-servers <host:port,…>', `the ${which} cluster; else KAFKA_BOOTSTRAP_SERVERS`)
    .option('--command-config <file>', "client.properties, as Kafka's own tools take it; flags go over it")
    .option('--security-protocol <protocol>', 'PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL')
    .option('--sasl-mechanism <name>', 'PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER')
    .option('--sasl-username <name>', 'user; else KAFKA_USERNAME. The password: KAFKA_PASSWORD, or -c FILE')
    .option('--ssl-ca-location <file>', 'PEM file of the authorities to trust; else KAFKA_SSL_CA_CERT')
    .option('--ssl-certificate-location <file>', 'PEM file with the client certificate (mTLS)')
    .option('--ssl-key-location <file>', 'PEM file with its key')
}

/** The flags as values of the configuration's section. */
export function clusterOverrides(
  flags: ClusterFlags,
  section: 'source' | 'target' = 'target',
): readonly Override[] {
  return keys.flatMap(([name, flag, path]) => {
    const value = flags[name]
    return value === undefined ? [] : [{ path: [section, ...path], value, flag }]
  })
}
