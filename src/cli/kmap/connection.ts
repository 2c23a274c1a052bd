import type { Override } from '../../config/index.ts'
import type { Cluster, ClusterOptions } from '../../kafka/index.ts'
import type { Session } from '../session.ts'
import type { ValueFlag } from './flag-table.ts'
import type { Flags } from './parse-flags.ts'

const keys: readonly (readonly [ValueFlag, string])[] = [
  ['sasl-mechanism', 'sasl_mechanism'],
  ['sasl-username', 'sasl_username'],
  ['sasl-password', 'sasl_password'],
  ['tls-ca-cert', 'ssl_ca_location'],
  ['tls-client-cert', 'ssl_certificate_location'],
  ['tls-client-key', 'ssl_key_location'],
]

/** Ms that kmap waits for a cluster that answers but cannot do what is asked: shorter than a job would. */
const patience = 60_000

/** Connects to the cluster that the flags name. */
export async function connect(flags: Flags, session: Session): Promise<Cluster> {
  const { connectCluster } = await import('../../kafka/index.ts')
  const { signal, telemetry } = session
  return await connectCluster(await clusterOf(flags, session), { signal, telemetry })
}

/**
 * How to reach the cluster: the flags over the client.properties over the defaults. Throws CONFIG_INVALID or FILE_NOT_READABLE.
 * A protocol that is not given follows from what is: TLS where a certificate is named, SASL where a user is.
 */
export async function clusterOf(flags: Flags, session: Session): Promise<ClusterOptions> {
  const { clientPropertiesKey, loadConfig } = await import('../../config/index.ts')
  const file = flags.text('command-config')
  const set = (path: readonly string[], value: unknown, flag: string): Override => ({
    path: ['target', ...path],
    value,
    flag,
  })
  const values = keys.flatMap(([name, key]) => {
    const value = flags.text(name)
    return value === undefined || value === '' ? [] : [set(['security', key], value, `-${name}`)]
  })
  const protocol = flags.text('security-protocol') ?? (file === undefined ? implied(flags) : undefined)
  const needsMechanism =
    protocol?.toUpperCase().startsWith('SASL_') && !flags.text('sasl-mechanism') && file === undefined
  const brokers = flags.text('brokers')
  const defaultBrokers = process.env.KAFKA_BOOTSTRAP_SERVERS ?? 'localhost:9092'
  const { target, notes } = loadConfig({
    file: undefined,
    needs: ['target'],
    overrides: [
      set(['bootstrap_servers'], defaultBrokers, 'the default of -brokers'),
      set(['connection', 'client_id'], 'kmap', 'the default of client.id'),
      set(['connection', 'delivery_timeout'], patience, 'the default of default.api.timeout.ms'),
      ...(file === undefined ? [] : [set([clientPropertiesKey], file, '-command-config')]),
      ...(brokers === undefined ? [] : [set(['bootstrap_servers'], brokers, '-brokers')]),
      ...(protocol === undefined
        ? []
        : [set(['security', 'security_protocol'], protocol.toUpperCase(), '-security-protocol')]),
      ...(needsMechanism
        ? [set(['security', 'sasl_mechanism'], 'PLAIN', 'the default of -sasl-mechanism')]
        : []),
      ...values,
      ...(flags.has('tls-skip-verify') ? [set(['security', 'ssl_verify'], false, '-tls-skip-verify')] : []),
    ],
  })
  for (const note of notes) session.log('info', `note: ${note.key} ${note.message}`)
  // What is needed and missing has thrown.
  return target as ClusterOptions
}

function implied(flags: Flags): string | undefined {
  const tls =
    flags.has('tls-skip-verify') ||
    (['tls-ca-cert', 'tls-client-cert', 'tls-client-key'] as const).some((name) => flags.text(name))
  const sasl = (['sasl-username', 'sasl-mechanism'] as const).some((name) => flags.text(name))
  if (sasl) return tls ? 'SASL_SSL' : 'SASL_PLAINTEXT'
  return tls ? 'SSL' : undefined
}
