import * as z from 'zod'
import { choice, ignored, instant, offset, text, textList } from './values.ts'

const scanning = ignored('positions are translated by the map of the restore; nothing is scanned')

/** `offset_reset`: how `offset-reset` chooses positions. */
export const offsetResetSchema = z.strictObject(
  {
    strategy: choice(['captured', 'timestamp', 'earliest', 'latest', 'offset'], {
      'header-based': 'captured',
      'from-mapping': 'captured',
    })
      .prefault('captured')
      .describe(
        'captured (also written header-based, from-mapping): the captured positions, translated by the map. The others are left to kafka-consumer-groups.',
      ),
    source_cluster: text()
      .optional()
      .describe('Name or id of the source cluster, checked against the backup.'),
    timestamp: instant().optional().describe('For strategy timestamp: epoch ms or ISO 8601.'),
    offset: offset().optional().describe('For strategy offset.'),
    mapping_file: text()
      .optional()
      .describe('Offset map written by a restore; else the map of the newest restore.'),
    groups: textList().optional().describe('Groups: names, globs or ~regex.'),
    topic_mapping: ignored('the map of the restore knows where each topic went'),
    scan_all_partitions: scanning,
    parallel_consumers: scanning,
    sample_rate: scanning,
    timeout_secs: scanning,
  },
  'expected the keys of an offset_reset section',
)

/** An offset_reset section after checking. */
export type OffsetResetSection = z.output<typeof offsetResetSchema>

const ledger = ignored('where a backup stands is read from its commits')

/** `offset_storage`: known, without effect. */
export const offsetStorageSchema = z.strictObject({
  backend: ledger,
  db_path: ledger,
  s3_key: ledger,
  sync_interval_secs: ledger,
})

const noServer = ignored('a run from the command line serves no metrics; use --progress json')

/** `metrics`: known, without effect on the command line. */
export const metricsSchema = z.strictObject({
  enabled: noServer,
  port: noServer,
  bind_address: noServer,
  path: noServer,
  update_interval_ms: noServer,
  keep_alive_seconds: noServer,
  max_partition_labels: noServer,
})
