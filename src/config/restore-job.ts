import { resolve } from 'node:path'
import type { ClusterOptions } from '../kafka/index.ts'
import type { RestoreJob, TimeWindow } from '../restore/index.ts'
import { checkPatterns } from './backup-job.ts'
import type { ClusterSection } from './cluster-schema.ts'
import type { ConfigNote } from './ignored-keys.ts'
import type { Path, Problems } from './problems.ts'
import type { RestoreSection } from './restore-schema.ts'
import { isTopicName, topicRules } from './topic-rules.ts'

export interface RestoreContext {
  readonly problems: Problems
  readonly notes: ConfigNote[]
  /** Which command asks: `restore` sets positions only when told to, `three-phase-restore` always does. */
  readonly setsPositions: boolean
}

const at = (...keys: string[]): Path => ['restore', ...keys]

/** The options of a restore. What does not fit together goes to the problems. */
export function restoreJob(
  backupId: string,
  target: ClusterOptions,
  topics: ClusterSection['topics'],
  section: RestoreSection,
  context: RestoreContext,
): RestoreJob {
  const { problems } = context
  checkPatterns(topics.include, ['target', 'topics', 'include'], problems)
  checkPatterns(topics.exclude, ['target', 'topics', 'exclude'], problems)
  checkPatterns(section.consumer_groups ?? [], at('consumer_groups'), problems)
  checkMeaning(section, problems)
  const cloudFactor = section.target_profile === 'confluent_cloud' ? 3 : undefined
  return {
    backupId,
    target,
    restoreId: section.restore_id,
    include: topics.include,
    exclude: topics.exclude,
    topicRules: topicRules(section.topic_mapping, at('topic_mapping'), problems),
    sourcePartitions: section.source_partitions,
    partitionMapping: section.partition_mapping,
    window: timeWindow(section, problems),
    createTopics: section.create_topics,
    replicationFactor: section.default_replication_factor ?? cloudFactor,
    configOverrides: Object.fromEntries(
      Object.entries(section.topic_config_overrides).map(([name, value]) => [name, String(value)]),
    ),
    restoreConfigs: section.restore_topic_configs,
    existingTopicConfigs: section.existing_topic_config_policy,
    unsupportedConfigs: section.unsupported_config_policy,
    applyRetention: section.apply_retention,
    repartitioning: Object.fromEntries(
      Object.entries(section.repartitioning).map(([topic, how]) => [
        topic,
        { strategy: how.strategy, partitions: how.target_partitions },
      ]),
    ),
    append: section.append,
    purgeTopics: section.purge_topics,
    addOffsetHeaders: section.include_original_offset_header,
    stripOffsetHeaders: section.strip_offset_headers,
    sourceName: section.source_cluster_id,
    delivery: section.delivery,
    rateLimitBytes: section.rate_limit_bytes_per_sec,
    rateLimitRecords: section.rate_limit_records_per_sec,
    produceBatchBytes: section.produce_max_batch_bytes,
    dryRun: section.dry_run,
    dryRunCheckObjects: section.dry_run_check_segments,
    settleMs: section.settle_ms,
    memory: section.memory,
    stateFolder: section.state_folder === undefined ? undefined : resolve(section.state_folder),
    groups: selectedGroups(section, context),
  }
}

function checkMeaning(section: RestoreSection, problems: Problems): void {
  if (section.rewrite_schema_ids) {
    problems.add(at('rewrite_schema_ids'), 'is not supported: records are restored byte for byte', {
      hint: 'restore the schemas under their ids in the target registry, then set it to false',
    })
  }
  for (const topic of Object.keys(section.repartitioning)) {
    if (!isTopicName(topic)) problems.add(at('repartitioning', topic), 'is not a topic name')
  }
  if (section.append && section.purge_topics) {
    problems.add(at('purge_topics'), 'excludes append: true', { hint: 'remove one of the two' })
  }
}

function timeWindow(section: RestoreSection, problems: Problems): TimeWindow | undefined {
  const { time_window_start: start, time_window_end: end, time_window_mode: mode } = section
  if (start === undefined && end === undefined) return undefined
  if (start !== undefined && end !== undefined && start > end) {
    problems.add(
      at('time_window_end'),
      `is before time_window_start: ${instantText(end)} < ${instantText(start)}`,
    )
  }
  return { start, end, mode }
}

function instantText(ms: bigint): string {
  return ms <= 8_640_000_000_000_000n ? new Date(Number(ms)).toISOString() : String(ms)
}

function selectedGroups(section: RestoreSection, context: RestoreContext): RestoreJob['groups'] {
  const { consumer_groups: names, auto_consumer_groups: all, consumer_group_strategy: strategy } = section
  const note = (key: string, message: string) => context.notes.push({ key: `restore.${key}`, message })
  if (!context.setsPositions && !section.reset_consumer_offsets) return { type: 'none' }
  if (strategy !== undefined && strategy !== 'header-based') {
    note('consumer_group_strategy', `is ${strategy}: the positions of the groups are left alone`)
    return { type: 'none' }
  }
  if (all === true) return { type: 'all' }
  if (names !== undefined && names.length > 0) return { type: 'named', names }
  if (names === undefined && all === undefined && context.setsPositions) {
    note('consumer_groups', 'is not given: the positions of every captured group are set')
    return { type: 'all' }
  }
  note('consumer_groups', 'is empty: no positions are set')
  return { type: 'none' }
}
