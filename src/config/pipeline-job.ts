import type { InternalTopicChoice, ReplicateJob, SyncJob, TopicRename } from '../replicate/index.ts'
import { checkPatterns } from './backup-job.ts'
import type { ConfigNote } from './ignored-keys.ts'
import { javaPattern } from './java-pattern.ts'
import type { JavaMeaning } from './java-properties.ts'
import { TuningReader } from './java-tuning.ts'
import type { PipelineSection } from './pipeline-schema.ts'
import type { Path, Problems } from './problems.ts'

export interface PipelineContext {
  readonly problems: Problems
  readonly notes: ConfigNote[]
  readonly source: JavaMeaning
  readonly target: JavaMeaning
  /** Alias of the source for MirrorMaker 2's checkpoints, over the file. */
  readonly mm2Alias: string | undefined
}

/** What the copy does. What is missing or does not fit together goes to the problems. */
export function replicateJob(section: PipelineSection, context: PipelineContext): ReplicateJob {
  const { features, coordination, configuration, limits, errorHandling, topicCreation } = section
  const { problems } = context
  const read = section.replication?.flatMap(({ source }) => source ?? []) ?? []
  const written = section.replication?.flatMap(({ sink }) => sink ?? []) ?? []
  const [source] = read
  const [sink] = written
  checkSteps(section, read.length, written.length, problems)
  const tuning = new TuningReader(context)
  const settings = Object.entries(topicCreation?.target?.config ?? {})
  if (features.headerReplication === false && features.bidirectionalReplication) {
    problems.add(['features', 'headerReplication'], 'has to be enabled for bidirectionalReplication', {
      hint: 'records carry in a header where they come from',
    })
  }
  const transactionTimeout = tuning.number('target', 'transaction.timeout.ms', 1_000) ?? 60_000
  const commitInterval = coordination.commit.batchTimeout
  if (features.exactlyOnce && commitInterval * 2 > transactionTimeout) {
    problems.add(
      ['coordination', 'commit', 'batchTimeout'],
      `is more than half of the ${transactionTimeout} ms after which the brokers abort a transaction`,
      { hint: 'lower it, or raise transaction.timeout.ms of the target' },
    )
  }
  return {
    name: section.name,
    source: context.source.options,
    target: context.target.options,
    sourceName: section.source?.name,
    workerId: section.workerId,
    exactlyOnce: features.exactlyOnce,
    include: patterns(source?.topic ?? [], ['replication'], problems),
    exclude: patterns(source?.exclude ?? [], ['replication'], problems),
    rename: rename(sink?.topic ?? 'source', problems),
    partitioning: sink?.partition ?? 'source',
    startAt: tuning.choice('source', 'auto.offset.reset', ['earliest', 'latest']) ?? 'earliest',
    topicRefresh: configuration.topicRefreshInterval,
    createTopics: features.autoCreateTopics,
    followConfigs: features.followTopicConfigs,
    replicationFactor: topicCreation?.target?.replication,
    configOverrides: Object.fromEntries(settings.map(([name, value]) => [name, String(value)])),
    excludedConfigs: section.target?.kafka.topicPropsExclusionList ?? [],
    keepTimestamps: features.keepRecordCreationTimestamp,
    replicateHeaders: features.headerReplication,
    tracing: tracing(features.tracingHeaders),
    bidirectional: features.bidirectionalReplication,
    controlTopic: controlTopic(section),
    validateTopics: features.validateControlTopicSettings,
    controlTimeout: coordination.commit.syncTimeout,
    mapTopic: features.offsetMapping ? mapTopic(section) : undefined,
    mapPublishInterval: 1_000,
    mapRefreshInterval: 6 * 3_600_000,
    commitInterval,
    commitBytes: coordination.commit.batchBytes,
    transactionTimeout,
    sessionTimeout: sessionTimeout(tuning),
    onChange: errorHandling.sourceChanges,
    memory: limits.memory,
    fetchMaxBytes: Math.min(
      tuning.number('source', 'fetch.max.bytes', 1_024) ?? 2 << 20,
      Math.max(1_024, Math.floor(limits.memory / 4)),
    ),
    rateLimitBytes: limits.bytesPerSecond,
    rateLimitRecords: limits.recordsPerSecond,
  }
}

/** What the sync of groups does. */
export function syncJob(section: PipelineSection, context: PipelineContext): SyncJob {
  const { features, coordination, configuration, groups, offsetMapping, errorHandling } = section
  return {
    name: section.name,
    source: context.source.options,
    target: context.target.options,
    workerId: section.workerId,
    sessionTimeout: sessionTimeout(new TuningReader(context)),
    pollInterval: groups.pollInterval,
    groups: patterns(groups.consumerGroups, ['groups', 'consumerGroups'], context.problems),
    guardPrefix: groups.offsetGuardPrefix,
    guarded: features.applyMappingsGuards ?? features.applyMappingsGuard,
    followRewinds: groups.followRewinds,
    overrideOwn: groups.overrideTargetCommits,
    mapTopic: mapTopic(section),
    mapKeeping: offsetMapping.retention,
    controlTopic: controlTopic(section),
    loadTimeout: coordination.commit.syncTimeout,
    validateTopics: features.validateControlTopicSettings,
    creationChecks: {
      attempts: configuration.autoControlTopicCreationMaxAttempts,
      delay: configuration.autoControlTopicCreationCheckDelay,
    },
    onMultipleMappings: errorHandling.onMultipleTargetCommittedOffsets,
    onActiveGroup: errorHandling.onActiveConsumerGroupCommit,
    mm2Alias: context.mm2Alias ?? section.mirrorMaker2?.sourceAlias,
  }
}

/** Of workers and of sync programs alike. */
function sessionTimeout(tuning: TuningReader): number {
  return tuning.number('target', 'session.timeout.ms', 1_000) ?? 10_000
}

function checkSteps(section: PipelineSection, sources: number, sinks: number, problems: Problems): void {
  const path: Path = ['replication']
  if (section.replication === undefined)
    problems.add(path, 'is missing: which topics are copied, and where to', { hint: stepHint })
  else if (sources !== 1) problems.add(path, `needs one source, and has ${sources}`, { hint: stepHint })
  else if (sinks > 1) problems.add(path, `needs one sink, and has ${sinks}`, { hint: stepHint })
}

const stepHint = "for example [{source: {topic: 'orders-.*'}}, {sink: {topic: source}}]"

/** A text is a regular expression, as in the original; a list holds names, globs and `~regex`. */
function patterns(given: string | readonly string[], path: Path, problems: Problems): readonly string[] {
  const all = typeof given === 'string' ? [`~${javaPattern(given)}`] : given
  checkPatterns(all, path, problems)
  return all
}

type Sink = NonNullable<NonNullable<PipelineSection['replication']>[number]['sink']>

function rename(topic: Sink['topic'], problems: Problems): TopicRename {
  if (topic === 'source') return { type: 'same' }
  if (typeof topic !== 'string')
    return { type: 'affix', prefix: topic.prefix ?? '', suffix: topic.suffix ?? '' }
  if (!topic.includes('{topic}')) {
    problems.add(['replication'], `the sink's topic ${JSON.stringify(topic)} would put all topics into one`, {
      hint: 'write {topic} where the name of the source topic goes, or "source"',
    })
  }
  return { type: 'template', template: topic.replaceAll(/\{(topic|pipeline|cluster)\}/g, '$${$1}') }
}

function tracing(given: PipelineSection['features']['tracingHeaders']): ReplicateJob['tracing'] {
  if (typeof given === 'boolean') return { topic: given, partition: given, offset: given, pipeline: given }
  const { topic = false, partition = false, offset = false, pipeline = false } = given
  return { topic, partition, offset, pipeline }
}

function controlTopic(section: PipelineSection): InternalTopicChoice {
  return internalTopic(section, section.coordination.commit.topic, 'commit')
}

function mapTopic(section: PipelineSection): InternalTopicChoice {
  return internalTopic(section, section.offsetMapping.topic, 'offsetMapping')
}

/** A control topic with the settings to create it with; without them, it has to be there. */
export function internalTopic(
  section: PipelineSection,
  name: string,
  kind: 'commit' | 'offsetMapping' | 'metrics',
): InternalTopicChoice {
  if (!section.features.autoCreateControlTopics) return { name, create: undefined }
  const control = section.topicCreation?.control
  const common = control?.common
  const own = control?.[kind]
  const configs = Object.entries({ ...common?.config, ...own?.config })
  return {
    name,
    create: {
      partitions: own?.partitions ?? common?.partitions,
      replicationFactor: own?.replication ?? common?.replication,
      configs: Object.fromEntries(configs.map(([key, value]) => [key, String(value)])),
    },
  }
}
