import { nameFilter } from '../../base/index.ts'
import { isPortable, type TopicConfig } from '../../kafka/index.ts'
import type { ReplicateJob } from '../job.ts'

const LONGEST = '9223372036854775807'

/** With these the copy would hold other times than the source, or be refused. */
const timestamps: Readonly<Record<string, string>> = Object.freeze({
  'message.timestamp.type': 'CreateTime',
  'message.timestamp.before.max.ms': LONGEST,
  'message.timestamp.after.max.ms': LONGEST,
  'message.timestamp.difference.max.ms': LONGEST,
})

/** Settings of storage that the target may not have. */
const ofStorage = ['remote.storage.enable', 'remote.log.*', 'local.retention.*']

export interface TargetFacts {
  /** Settings that the target's brokers know; empty = not known. */
  readonly known: ReadonlySet<string>
  readonly replicationFactor: number
}

/**
 * The settings of a target topic: those that are set on the source topic itself, as far as they mean something on the target, and
 * the job's own over them. Pure.
 */
export function targetConfigs(
  job: Pick<ReplicateJob, 'excludedConfigs' | 'configOverrides' | 'keepTimestamps'>,
  source: readonly TopicConfig[],
  facts: TargetFacts,
): Readonly<Record<string, string>> {
  const excluded = job.excludedConfigs.length > 0 ? nameFilter(job.excludedConfigs) : () => false
  const storage = nameFilter(ofStorage)
  const configs: Record<string, string> = {}
  for (const { name, value, source: from } of source) {
    if (from !== 'topic' || !isPortable(name) || storage(name) || excluded(name)) continue
    configs[name] = value
  }
  const inSync = Number(configs['min.insync.replicas'])
  if (inSync > facts.replicationFactor) configs['min.insync.replicas'] = String(facts.replicationFactor)
  if (job.keepTimestamps) Object.assign(configs, timestamps)
  else configs['message.timestamp.type'] = 'LogAppendTime'
  Object.assign(configs, job.configOverrides)
  const { known } = facts
  return Object.fromEntries(Object.entries(configs).filter(([name]) => known.size === 0 || known.has(name)))
}

/** What has to be changed so that settings made by an earlier `before` become `now`. Null takes a setting away. */
export function configChanges(
  before: Readonly<Record<string, string>> | undefined,
  now: Readonly<Record<string, string>>,
  target: readonly TopicConfig[],
): Readonly<Record<string, string | null>> {
  const own = new Map(
    target.flatMap(({ name, value, source }) => (source === 'topic' ? [[name, value]] : [])),
  )
  const changes: Record<string, string | null> = {}
  for (const [name, value] of Object.entries(now)) if (own.get(name) !== value) changes[name] = value
  for (const name of Object.keys(before ?? {})) if (!(name in now) && own.has(name)) changes[name] = null
  return changes
}
