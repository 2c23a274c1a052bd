/** A flag of `kmap`. Each is understood as `-name value`, `-name=value` and with two hyphens. */
export interface Flag {
  readonly name: string
  /** Other names of the same. */
  readonly aliases?: readonly string[]
  /** What its value is, for the help; undefined for a switch. */
  readonly value?: string
  /** May be given several times. */
  readonly repeated?: boolean
  readonly help: string
}

export interface FlagSection {
  readonly title: string
  readonly flags: readonly Flag[]
}

/** Every flag, in the order of the help. */
export const flagSections = [
  {
    title: 'Cluster',
    flags: [
      { name: 'brokers', value: 'host:port,…', help: 'brokers to begin with (default localhost:9092)' },
      {
        name: 'security-protocol',
        value: 'name',
        help: 'PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL (default: what the other flags need)',
      },
      {
        name: 'sasl-mechanism',
        value: 'name',
        help: 'PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER (default PLAIN)',
      },
      { name: 'sasl-username', value: 'name', help: 'user; else KAFKA_USERNAME' },
      {
        name: 'sasl-password',
        value: 'text',
        help: 'password; better KAFKA_PASSWORD, which no process list shows',
      },
      {
        name: 'tls-ca-cert',
        aliases: ['tls-ca'],
        value: 'file',
        help: 'PEM file of the authorities to trust; also -tls-ca',
      },
      {
        name: 'tls-client-cert',
        aliases: ['tls-cert'],
        value: 'file',
        help: 'PEM file with the client certificate (mTLS); also -tls-cert',
      },
      {
        name: 'tls-client-key',
        aliases: ['tls-key'],
        value: 'file',
        help: 'PEM file with its key; also -tls-key',
      },
      { name: 'tls-skip-verify', help: 'accept any certificate: for trials only' },
      {
        name: 'command-config',
        value: 'file',
        help: "client.properties, as Kafka's own tools take it; other flags go over it",
      },
    ],
  },
  {
    title: 'Report on the cluster (what kmap does unless told otherwise)',
    flags: [
      { name: 'output', value: 'file', help: 'the report as JSON (default kafka-cluster-info.json)' },
      { name: 'html', value: 'file', help: 'the report as a page (default kafka-cluster-report.html)' },
      { name: 'dot', value: 'file', help: 'topics and groups as a Graphviz picture' },
      {
        name: 'recreate-script',
        value: 'file',
        help: 'bash script that creates the topics on another cluster',
      },
    ],
  },
  {
    title: 'Positions of consumer groups',
    flags: [
      { name: 'save-offsets', value: 'file', help: 'save the committed offsets of all groups as JSON' },
      {
        name: 'restore-offsets-script',
        value: 'file',
        help: "bash script that sets them again with Kafka's kafka-consumer-groups.sh",
      },
      {
        name: 'groups',
        value: 'pattern,…',
        repeated: true,
        help: 'only these groups: names, globs or ~regex; for saving and restoring',
      },
      {
        name: 'since',
        value: 'file',
        repeated: true,
        help: 'save only what changed since this file (and the differential ones after it)',
      },
      { name: 'timestamps', help: 'save the time of the record at each position, for -by-timestamp' },
      {
        name: 'offsets-from',
        value: 'file',
        repeated: true,
        help: 'make the script from saved offsets instead of the cluster',
      },
    ],
  },
  {
    title: 'Setting positions without a script',
    flags: [
      {
        name: 'restore-offsets',
        value: 'file',
        repeated: true,
        help: 'set the positions of a saved file (and the differential ones after it)',
      },
      { name: 'dry-run', help: 'show what would be set, change nothing' },
      { name: 'by-timestamp', help: 'go on at the first record as new as the one saved with each position' },
      {
        name: 'to-datetime',
        value: 'time',
        help: 'go on at the first record of this time: ISO 8601 or ms since 1970',
      },
      {
        name: 'out-of-range',
        value: 'what',
        help: 'positions outside the log: fail (default), clamp to its near end, skip',
      },
      { name: 'go-on', help: 'leave groups alone that must not be touched, and set the others (exit 3)' },
      {
        name: 'snapshot-path',
        value: 'folder|url',
        help: 'where the positions before are saved (default ./offset-snapshots)',
      },
      { name: 'no-snapshot', help: 'do not save the positions before' },
      { name: 'restore-report', value: 'file', help: 'what became of each position, as JSON' },
    ],
  },
  {
    title: 'Sizes of topics on disk (nothing else is done then)',
    flags: [
      { name: 'topic-sizes', help: 'print the size of each topic, replicas included' },
      { name: 'topic-sizes-output', value: 'file', help: 'also write it as JSON' },
      {
        name: 'topic-list',
        value: 'pattern,…',
        repeated: true,
        help: 'only these topics: names, globs, ~regex',
      },
    ],
  },
  {
    title: 'Other',
    flags: [
      { name: 'version', help: 'print the version' },
      { name: 'help', aliases: ['h'], help: 'print this help' },
    ],
  },
] as const satisfies readonly FlagSection[]

type AnyFlag = (typeof flagSections)[number]['flags'][number]

/** Name of a flag that has a value. */
export type ValueFlag = Extract<AnyFlag, { readonly value: string }>['name']
/** Name of a flag that has none. */
export type SwitchFlag = Exclude<AnyFlag['name'], ValueFlag>
