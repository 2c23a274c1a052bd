import * as z from 'zod'
import {
  byName,
  choice,
  duration,
  flag,
  ignored,
  instant,
  integer,
  offset,
  share,
  signed,
  text,
  textList,
} from './values.ts'

const places = 'topic, topic:partition or group/topic'

/** `offset_reset`: how `offset-reset` chooses positions. */
export const offsetResetSchema = z.strictObject(
  {
    strategy: choice(
      [
        'header-based',
        'from-mapping',
        'positions',
        'timestamp',
        'duration',
        'earliest',
        'latest',
        'offset',
        'shift',
      ],
      { captured: 'header-based' },
    )
      .prefault('header-based')
      .describe('How positions are found; docs/strategies.md says which one when.'),
    groups: textList().optional().describe('Groups: names, globs or ~regex.'),
    topics: textList()
      .optional()
      .describe(
        'For strategies that go by the log: topics (names, globs or ~regex) or topic:partition. Else where the group has positions.',
      ),
    source_cluster: text()
      .optional()
      .describe('Name or id of the source cluster: checked against the backup, looked for in headers.'),
    positions_from: choice(['backup', 'source', 'file', 'target'])
      .optional()
      .describe(
        'Where the positions are read that are translated or set: the backup where one is named, else the target, once.',
      ),
    positions_file: textList('a file, or a list of files')
      .optional()
      .describe(
        'For positions_from file: a snapshot, a kmap file or the CSV of kafka-consumer-groups --export.',
      ),
    map_from: choice(['restore', 'headers'])
      .optional()
      .describe(
        'The map that translates: that of a restore where a backup is named, else headers of the topics.',
      ),
    mapping_file: text()
      .optional()
      .describe('Offset map written by a restore or a scan, instead of map_from.'),
    topic_mapping: z
      .record(z.string(), text(), 'expected source topics with their new names')
      .optional()
      .describe('Names on the target, as in restore.topic_mapping, which holds where this is missing.'),
    timestamp: byName(instant(), `a time (epoch milliseconds or ISO 8601), or times by ${places}`)
      .optional()
      .describe(
        'For strategy timestamp: epoch ms or ISO 8601; or times by topic, topic:partition or group/topic.',
      ),
    duration: duration()
      .optional()
      .describe('For strategy duration: so long before now, such as 90m, 1d12h or PT1H30M.'),
    offset: byName(offset(), `an offset (a whole number of at least 0), or offsets by ${places}`)
      .optional()
      .describe(
        'For strategy offset: one offset, or offsets by topic, topic:partition or group/topic:partition.',
      ),
    shift: signed().optional().describe('For strategy shift: so many offsets on, or back when below 0.'),
    missing: choice(['earliest', 'latest'])
      .optional()
      .describe(
        'Merged partitions in which a group had no position count as unread (earliest) or read. Default earliest.',
      ),
    out_of_range: choice(['fail', 'clamp', 'skip'])
      .optional()
      .describe('Positions outside the log: refuse, move to its near end, leave alone. Default fail.'),
    scan_all_partitions: flag()
      .prefault(false)
      .describe('Headers: records may lie in other partitions than at the source.'),
    parallel_consumers: integer(1, 1000).prefault(10).describe('Headers: partitions read at once.'),
    sample_rate: share()
      .prefault(1)
      .describe('Headers: part of the log that is read. Below 1 records may be read again, none is skipped.'),
    timeout_secs: duration(1000).prefault(3600).describe('Headers: seconds for the whole scan (or text).'),
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
