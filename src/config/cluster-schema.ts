import * as z from 'zod'
import { choice, duration, flag, ignored, integer, text, textList } from './values.ts'

const kerberos = ignored('Kerberos (GSSAPI) is not supported')

const security = z
  .strictObject(
    {
      security_protocol: choice(['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'])
        .prefault('PLAINTEXT')
        .describe('How connections are secured.'),
      sasl_mechanism: choice(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER', 'GSSAPI'], {
        'SCRAM-SHA256': 'SCRAM-SHA-256',
        'SCRAM-SHA512': 'SCRAM-SHA-512',
      })
        .optional()
        .describe('How to log in when the protocol is SASL_…. GSSAPI is refused.'),
      sasl_username: text().optional().describe('User name; else the environment variable KAFKA_USERNAME.'),
      sasl_password: text()
        .optional()
        .describe('Password, best from a variable or a file; else KAFKA_PASSWORD.'),
      sasl_oauth_token: text().optional().describe('OAUTHBEARER: the token itself.'),
      sasl_oauth_token_file: text()
        .optional()
        .describe('OAUTHBEARER: a file that holds the token, read again at each login.'),
      sasl_oauth_token_endpoint: text()
        .optional()
        .describe('OAUTHBEARER: URL that gives a token for client id and secret.'),
      sasl_oauth_client_id: text().optional().describe('OAUTHBEARER: client id for the token endpoint.'),
      sasl_oauth_client_secret: text()
        .optional()
        .describe('OAUTHBEARER: client secret for the token endpoint.'),
      sasl_oauth_scope: text().optional().describe('OAUTHBEARER: scope to ask the token endpoint for.'),
      sasl_oauth_extensions: z
        .record(z.string(), text(), 'expected names with texts')
        .optional()
        .describe('OAUTHBEARER: SASL extensions, such as logicalCluster and identityPoolId.'),
      ssl_ca_location: text()
        .optional()
        .describe(
          'PEM file of the authorities to trust (or PEM text); else KAFKA_SSL_CA_CERT; else those of the system.',
        ),
      ssl_certificate_location: text().optional().describe('Client certificate for mTLS, PEM file or text.'),
      ssl_key_location: text().optional().describe('Key of the client certificate, PEM file or text.'),
      ssl_key_password: text().optional().describe('Passphrase of the key.'),
      ssl_verify: flag().prefault(true).describe('False accepts any certificate: for trials only.'),
      ssl_verify_hostname: flag()
        .prefault(true)
        .describe('False accepts a certificate of the authorities whatever host it names.'),
      ssl_server_name: text()
        .optional()
        .describe('Name to expect in the certificate, if not the host of the broker.'),
      sasl_kerberos_service_name: kerberos,
      sasl_keytab_path: kerberos,
      sasl_krb5_config_path: kerberos,
    },
    'expected the keys of a security section',
  )
  .describe('Encryption and authentication.')

const connection = z
  .strictObject(
    {
      connections_per_broker: integer(1, 64).prefault(4).describe('Data connections for each broker.'),
      connect_timeout: duration()
        .prefault('15s')
        .describe('How long until the first metadata must be there (ms or text).'),
      delivery_timeout: duration()
        .prefault('5m')
        .describe('How long a request may take in all from then on, elections included (ms or text).'),
      client_id: text().prefault('tidemark').describe('Client id that the brokers see.'),
      rack: text().optional().describe('Rack of this client: reads go to the nearest replica.'),
      tcp_keepalive: ignored('keep-alive is always on'),
      keepalive_time_secs: ignored('the system decides'),
      keepalive_interval_secs: ignored('the system decides'),
      tcp_nodelay: ignored('small packets are never delayed'),
    },
    'expected the keys of a connection section',
  )
  .describe('Connections.')

const topics = z
  .strictObject(
    {
      include: textList('a list of topic names, globs or ~regular expressions')
        .prefault([])
        .describe(
          'Topics wanted: names, globs with * and ?, or ~regex. Empty = every topic that is not internal.',
        ),
      exclude: textList('a list of topic names, globs or ~regular expressions')
        .prefault([])
        .describe('Topics left out, over include.'),
    },
    'expected include and exclude',
  )
  .describe('Which topics.')

/** `source` and `target`: a cluster, and which of its topics. */
export const clusterSchema = z.strictObject(
  {
    bootstrap_servers: textList('a list of host:port')
      .optional()
      .describe(
        'Brokers to begin with, `host:port` each; else the environment variable KAFKA_BOOTSTRAP_SERVERS.',
      ),
    topics: topics.prefault({}),
    security: security.prefault({}),
    connection: connection.prefault({}),
  },
  'expected the keys of a cluster',
)

/** A cluster section as it is after checking, defaults filled in. */
export type ClusterSection = z.output<typeof clusterSchema>
