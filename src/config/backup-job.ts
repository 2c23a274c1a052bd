import type { BackupJob, StartAt } from '../backup/index.ts'
import { parseNamePattern } from '../base/index.ts'
import type { ClusterOptions } from '../kafka/index.ts'
import type { BackupSection } from './backup-schema.ts'
import type { ClusterSection } from './cluster-schema.ts'
import type { Path, Problems } from './problems.ts'

const defaultCommitInterval = 30_000

/** The options of a backup run. What does not fit together goes to the problems. */
export function backupJob(
  backupId: string,
  source: ClusterOptions,
  topics: ClusterSection['topics'],
  section: BackupSection,
  problems: Problems,
): BackupJob {
  checkPatterns(topics.include, ['source', 'topics', 'include'], problems)
  checkPatterns(topics.exclude, ['source', 'topics', 'exclude'], problems)
  if (section.continuous && section.stop_at_current_offsets === true) {
    problems.add(['backup', 'stop_at_current_offsets'], 'excludes continuous: true', {
      hint: 'remove one of the two',
    })
  }
  if (section.compression === 'gzip' && (section.compression_level ?? 1) > 9) {
    problems.add(['backup', 'compression_level'], 'is too high: gzip has the levels 1 to 9')
  }
  if (section.require_topic_configs && !section.capture_topic_configs) {
    problems.add(['backup', 'require_topic_configs'], 'needs capture_topic_configs: true')
  }
  return {
    backupId,
    source,
    include: topics.include,
    exclude: topics.exclude,
    includeInternal: section.include_internal_topics,
    internalTopics: section.internal_topics,
    onMissingTopic: section.on_missing_topic,
    startAt: startAt(section.start_offset),
    continuous: section.continuous,
    pollInterval: section.poll_interval_ms,
    isolation: section.isolation_level,
    codec: section.compression,
    level: section.compression_level,
    objectBytes: section.segment_max_bytes,
    commitInterval: section.commit_interval ?? section.segment_max_interval_ms ?? defaultCommitInterval,
    commitBytes: section.commit_bytes,
    captureGroups: section.consumer_group_snapshot,
    requireTopicConfigs: section.require_topic_configs,
    captureTopicConfigs: section.capture_topic_configs,
    sourceName: section.source_cluster_id,
    strict: section.strict,
    memory: section.memory,
    fetchMaxBytes: Math.min(section.fetch_max_bytes, Math.max(1024, Math.floor(section.memory / 4))),
  }
}

/** Notes every pattern that is not a name, a glob or a regular expression. */
export function checkPatterns(patterns: readonly string[], path: Path, problems: Problems): void {
  for (const [index, pattern] of patterns.entries()) {
    try {
      parseNamePattern(pattern)
    } catch (error) {
      problems.addError([...path, index], error)
    }
  }
}

function startAt(start: BackupSection['start_offset']): StartAt {
  if (start === 'earliest' || start === 'latest') return { type: start }
  if ('timestamp' in start) return { type: 'timestamp', timestamp: start.timestamp }
  return { type: 'specific', offsets: start.specific }
}
