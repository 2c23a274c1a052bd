import * as z from 'zod'
import { bytes, choice, duration, flag, ignored, instant, integer, offset, text, textList } from './values.ts'

const startOffset = z
  .union(
    [
      z.enum(['earliest', 'latest']),
      z.strictObject({
        specific: z
          .record(
            z.string(),
            z.record(z.string(), offset(), 'expected partitions with offsets'),
            'expected topics',
          )
          .describe('topic → partition → offset; partitions that are not named begin at the earliest.'),
      }),
      z.strictObject({
        timestamp: instant().describe('The first record at or after this time, in each partition.'),
      }),
    ],
    'expected "earliest", "latest", {timestamp: …} or {specific: {topic: {partition: offset}}}',
  )
  .prefault('earliest')
  .describe('Where topics begin that the backup does not hold yet.')

const notPruned = ignored('a backup run removes nothing')
const breaker = ignored('failing brokers and stores are retried with pauses, within the delivery timeout')

/** Memory for buffers in all unless said otherwise. */
export const defaultMemory = '48MiB'

/** `backup`: what a backup run does. */
export const backupSchema = z.strictObject(
  {
    start_offset: startOffset,
    continuous: flag()
      .prefault(false)
      .describe('Runs on after the end offsets taken at the start, until it is stopped.'),
    stop_at_current_offsets: flag()
      .optional()
      .describe('Stops at the end offsets taken at the start: what happens anyway. Excludes continuous.'),
    poll_interval_ms: duration()
      .prefault(100)
      .describe('Pause between passes of a continuous run when nothing new came.'),
    isolation_level: choice(['read_committed', 'read_uncommitted'])
      .prefault('read_committed')
      .describe('Whether data of open and aborted transactions is left out.'),
    compression: choice(['auto', 'zstd', 'lz4', 'gzip', 'none'])
      .prefault('auto')
      .describe(
        'Compression of the archive. auto: zstd where the producers had not compressed, none where they had.',
      ),
    compression_level: integer(1, 22)
      .optional()
      .describe('Level for zstd (1–22, 1 where none is given) or gzip (1–9).'),
    segment_max_bytes: bytes(1024)
      .prefault('128MiB')
      .describe('An object of the archive is closed when it has grown beyond this.'),
    commit_interval: duration()
      .optional()
      .describe('How long after the last commit the next one is made while the run goes on. Default 30s.'),
    segment_max_interval_ms: duration()
      .optional()
      .describe('The same as commit_interval: nothing stays uncommitted for longer.'),
    commit_bytes: bytes(1024).prefault('1GiB').describe('A commit is also made after this many bytes.'),
    memory: bytes(8 * 1024 * 1024)
      .prefault(defaultMemory)
      .describe('Memory for buffers in all.'),
    fetch_max_bytes: bytes(1024).prefault('8MiB').describe('Soft size of one response of a broker.'),
    include_internal_topics: flag().prefault(false).describe('Also topics whose name begins with __.'),
    internal_topics: textList().prefault([]).describe('Only these internal topics; empty = all of them.'),
    on_missing_topic: choice(['fail', 'warn'])
      .prefault('fail')
      .describe('What to do when a topic included by its exact name does not exist.'),
    consumer_group_snapshot: flag()
      .prefault(true)
      .describe('Captures the positions of all consumer groups with each run.'),
    capture_topic_configs: flag().prefault(true).describe('Captures the settings of the topics.'),
    require_topic_configs: flag().prefault(false).describe('Fails when the settings cannot be read.'),
    source_cluster_id: text().optional().describe('Name of the source, for headers and maps.'),
    strict: flag().prefault(false).describe('Gaps, lost topics and the like make the run exit 3.'),
    shutdown_grace_secs: duration(1000)
      .prefault('30s')
      .describe('How long a stopped run may take to finish its commit.'),
    include_offset_headers: ignored(
      'offsets and timestamps are in the archive as they are; restore.include_original_offset_header adds headers',
    ),
    segment_max_records: ignored('objects are closed by size'),
    checkpoint_interval_secs: ignored('commits are made by commit_interval and commit_bytes'),
    sync_interval_secs: ignored('commits are made by commit_interval and commit_bytes'),
    max_concurrent_partitions: ignored('work is arranged by broker, within the memory given'),
    retention: z
      .strictObject({ max_age: notPruned, max_total_bytes: notPruned, keep_segments: notPruned })
      .optional()
      .describe('Pruning.'),
    circuit_breaker: z
      .strictObject({
        enabled: breaker,
        failure_threshold: breaker,
        reset_timeout_ms: breaker,
        success_threshold: breaker,
      })
      .optional()
      .describe('Circuit breaker.'),
  },
  'expected the keys of a backup section',
)

/** A backup section after checking, defaults filled in. */
export type BackupSection = z.output<typeof backupSchema>
