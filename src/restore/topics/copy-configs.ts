import type { TopicConfig } from '../../kafka/index.ts'

/*
 * Settings of a topic that would hurt a copy of old records, and what they are while the copy runs. Kafka's own limits:
 * times up to the largest int64, sizes up to the largest int32.
 */
const LONGEST = '9223372036854775807'

/** What each setting is while the copy runs, whatever the source has. */
const copying: Readonly<Record<string, string>> = Object.freeze({
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'message.timestamp.type': 'CreateTime',
  'message.timestamp.before.max.ms': LONGEST,
  'message.timestamp.after.max.ms': LONGEST,
  'message.timestamp.difference.max.ms': LONGEST,
  'compression.type': 'producer',
  'unclean.leader.election.enable': 'false',
})

/** Settings of a topic while records are copied into it. `maxMessageBytes` where the default may be too small. */
export function copyConfigs(
  known: ReadonlySet<string>,
  options: { readonly maxMessageBytes: number | undefined; readonly minInSyncReplicas: number | undefined },
): Record<string, string> {
  const configs: Record<string, string> = { ...copying }
  if (options.maxMessageBytes !== undefined) configs['max.message.bytes'] = String(options.maxMessageBytes)
  if (options.minInSyncReplicas !== undefined) {
    configs['min.insync.replicas'] = String(options.minInSyncReplicas)
  }
  // Brokers from 3.6 to 3.9 know the old limit beside the two new ones, and heed it where those are at their default.
  return Object.fromEntries(Object.entries(configs).filter(([name]) => known.size === 0 || known.has(name)))
}

/** Values that are in force, by name. */
export function effective(configs: readonly TopicConfig[]): ReadonlyMap<string, string> {
  return new Map(configs.map(({ name, value }) => [name, value]))
}

/** Which effective settings of an existing topic would hurt the copy, and what they have to be while it runs. */
export function hurtfulConfigs(effective: ReadonlyMap<string, string>): Record<string, string> {
  const changes: Record<string, string> = {}
  for (const [name, value] of Object.entries(copying)) {
    const current = effective.get(name)
    if (current !== undefined && hurts(name, current)) changes[name] = value
  }
  return changes
}

function hurts(name: string, value: string): boolean {
  switch (name) {
    case 'cleanup.policy':
      return value.includes('compact')
    case 'message.timestamp.type':
      return value === 'LogAppendTime'
    case 'compression.type':
      return value !== 'producer'
    case 'unclean.leader.election.enable':
      return value === 'true'
    case 'retention.ms':
    case 'retention.bytes':
      return Number(value) >= 0
    default:
      return value !== LONGEST
  }
}
