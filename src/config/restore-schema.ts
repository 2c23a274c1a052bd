import * as z from 'zod'
import { defaultMemory } from './backup-schema.ts'
import {
  bytes,
  choice,
  duration,
  flag,
  id,
  ignored,
  instant,
  integer,
  numberList,
  text,
  textList,
} from './values.ts'

const textMap = (what: string) => z.record(z.string(), text(), `expected ${what}`)
const breaker = ignored('failing brokers and stores are retried with pauses, within the delivery timeout')
const schemaIds = ignored('schema ids are not rewritten')
const journal = ignored('the journal of a restore is always kept and always durable')

const repartitioning = z
  .record(
    z.string(),
    z.strictObject({
      strategy: choice(['murmur2', 'round-robin'], { automatic: 'murmur2', round_robin: 'round-robin' })
        .prefault('murmur2')
        .describe('murmur2: by key, as Java producers do. round-robin: in turn. automatic is murmur2.'),
      target_partitions: integer(1).describe('Partitions of the target topic.'),
    }),
    'expected target topics',
  )
  .prefault({})
  .describe('Target topic → how its records are spread over another number of partitions.')

/** `restore`: what a restore does. */
export const restoreSchema = z.strictObject(
  {
    time_window_start: instant().optional().describe('First moment wanted, inclusive: epoch ms or ISO 8601.'),
    time_window_end: instant().optional().describe('Last moment wanted, inclusive: epoch ms or ISO 8601.'),
    time_window_mode: choice(['record', 'transaction'])
      .prefault('record')
      .describe(
        'record: by record timestamp. transaction: whole transactions, by the moment they were committed.',
      ),
    source_partitions: numberList().optional().describe('Only these partitions.'),
    partition_mapping: z
      .record(z.string().regex(/^\d+$/, 'expected a partition number'), integer(0), 'expected source: target')
      .prefault({})
      .describe('Source partition → target partition, for every topic.'),
    topic_mapping: textMap('source: target')
      .prefault({})
      .describe(
        'Source topic → target topic. `orders-*: dr-*` maps a prefix; `~orders-(.*): dr-$1` a regular expression.',
      ),
    create_topics: flag()
      .prefault(false)
      .describe('Creates missing target topics with the partitions and settings of the source.'),
    default_replication_factor: integer(1, 32767)
      .optional()
      .describe(
        'Replication factor of created topics; else as at the source, at most the number of brokers.',
      ),
    repartitioning,
    append: flag().prefault(false).describe('Allows target topics that are not empty.'),
    purge_topics: flag().prefault(false).describe('Deletes the records of existing target topics first.'),
    restore_topic_configs: flag().prefault(true).describe('Gives created topics the settings of the source.'),
    existing_topic_config_policy: choice(['validate_only', 'apply', 'fail'])
      .prefault('validate_only')
      .describe('Existing target topics whose settings differ: report, change, or fail.'),
    topic_config_overrides: z
      .record(
        z.string(),
        z.union([z.string(), z.number(), z.boolean()], 'expected a setting'),
        'expected settings',
      )
      .prefault({})
      .describe('Settings for every created topic, over those of the source.'),
    unsupported_config_policy: choice(['skip', 'fail'])
      .prefault('skip')
      .describe('Settings that the target does not know.'),
    apply_retention: choice(['wait', 'now'])
      .prefault('wait')
      .describe(
        'Settings that would delete what was restored: wait for `restore finish`, or apply at the end.',
      ),
    include_original_offset_header: flag()
      .prefault(false)
      .describe('Adds the headers x-kafka-backup-offset, -partition, -timestamp and -cluster.'),
    strip_offset_headers: flag()
      .prefault(false)
      .describe('Removes those headers from records that carry them.'),
    source_cluster_id: text()
      .optional()
      .describe(
        'Value of the header x-kafka-backup-cluster; else the name or id of the source in the backup.',
      ),
    delivery: choice(['idempotent', 'transactions'])
      .prefault('idempotent')
      .describe('How records get to the target exactly once.'),
    rate_limit_records_per_sec: integer(1).optional().describe('Records a second, for the whole restore.'),
    rate_limit_bytes_per_sec: bytes(1).optional().describe('Bytes a second, for the whole restore.'),
    produce_max_batch_bytes: bytes(1024)
      .prefault('1MiB')
      .describe('Size of the batches that are built anew.'),
    memory: bytes(8 * 1024 * 1024)
      .prefault(defaultMemory)
      .describe('Memory for buffers in all.'),
    settle_ms: duration()
      .prefault('10s')
      .describe('How long the target log must be quiet before a batch of unknown outcome is judged.'),
    restore_id: id().optional().describe('Name of the restore; else derived from backup, target and plan.'),
    state_folder: text().optional().describe('Folder for the journal, when the archive cannot be written.'),
    dry_run: flag().prefault(false).describe('Plans and checks, changes nothing.'),
    dry_run_check_segments: flag().prefault(false).describe('A dry run also looks for every object.'),
    consumer_group_strategy: choice(['skip', 'header-based', 'timestamp-based', 'cluster-scan', 'manual'])
      .optional()
      .describe(
        'skip leaves the groups alone; header-based sets them. The others leave them alone and say so.',
      ),
    reset_consumer_offsets: flag().prefault(false).describe('restore also sets the positions of the groups.'),
    consumer_groups: textList('a list of group names, globs or ~regular expressions')
      .optional()
      .describe('Groups whose positions are set: names, globs or ~regex.'),
    auto_consumer_groups: flag().optional().describe('Every captured group.'),
    offset_report: text().optional().describe('File to write the offset map to, as JSON.'),
    shutdown_grace_secs: duration(1000)
      .prefault('30s')
      .describe('How long a stopped restore may take to settle what is under way.'),
    rewrite_schema_ids: flag().prefault(false).describe('True is refused: schema ids are not rewritten.'),
    schema_id_mapping: schemaIds,
    schema_id_rewrite_topics: schemaIds,
    schema_id_rewrite_strict: schemaIds,
    max_concurrent_partitions: ignored('work is arranged by broker, within the memory given'),
    produce_batch_size: ignored('batches go out as their producers made them'),
    produce_acks: ignored('the target always acknowledges with acks=all'),
    produce_timeout_ms: ignored('target.connection.delivery_timeout decides'),
    idempotent_producer: ignored('restores always write each record once'),
    checkpoint_state: journal,
    checkpoint_interval_secs: journal,
    checkpoint_storage: journal,
    target_profile: choice(['confluent_cloud'])
      .optional()
      .describe('confluent_cloud: a replication factor of 3 unless another is given.'),
    target_cluster_type: ignored('settings that the target refuses are skipped one by one and named'),
    header_preflight: ignored('positions are translated by the map, not by headers'),
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
  'expected the keys of a restore section',
)

/** A restore section after checking, defaults filled in. */
export type RestoreSection = z.output<typeof restoreSchema>
