import type { HeaderScan, MapSet } from '../../offsets/index.ts'
import { csvText } from '../render/machine-formats.ts'
import { heavyRule, lightRule, printable, tableLines } from '../render/table.ts'

/** What a backup holds of one partition. */
export interface MappingRow {
  readonly topic: string
  readonly partition: number
  readonly firstOffset: bigint | undefined
  readonly lastOffset: bigint | undefined
  readonly records: number
}

/** Rows of one topic. */
export interface MappingTopic {
  readonly topic: string
  readonly topicId: string | undefined
  readonly rows: readonly MappingRow[]
}

/** The table of the offsets that a backup holds. */
export function mappingText(backupId: string, topics: readonly MappingTopic[]): string {
  const lines = [`Offset Mapping: ${printable(backupId)}`, heavyRule]
  for (const { topic, rows } of topics) {
    const [title = '', ...cells] = tableLines(
      [
        { title: 'Partition' },
        { title: 'First Offset' },
        { title: 'Last Offset' },
        { title: 'Record Count' },
      ],
      rows.map((row) => [
        String(row.partition),
        String(row.firstOffset ?? '-'),
        String(row.lastOffset ?? '-'),
        String(row.records),
      ]),
    )
    lines.push('', `Topic: ${printable(topic)}`, lightRule, title, lightRule, ...cells)
  }
  if (topics.length === 0) lines.push('', 'The backup holds no topic')
  return `${lines.join('\n')}\n`
}

/** The same for machines. */
export function mappingObject(
  backupId: string,
  commit: number,
  topics: readonly MappingTopic[],
): Readonly<Record<string, unknown>> {
  return {
    backup_id: backupId,
    commit,
    topics: topics.map(({ topic, topicId, rows }) => ({
      topic,
      topic_id: topicId ?? null,
      partitions: rows.map((row) => ({
        partition: row.partition,
        first_offset: row.firstOffset ?? null,
        last_offset: row.lastOffset ?? null,
        record_count: row.records,
      })),
    })),
  }
}

/** The same as CSV. */
export function mappingCsv(topics: readonly MappingTopic[]): string {
  return csvText(
    ['topic', 'partition', 'first_offset', 'last_offset', 'record_count'],
    topics.flatMap(({ rows }) =>
      rows.map((row) => [row.topic, row.partition, row.firstOffset, row.lastOffset, row.records]),
    ),
  )
}

/** Ranges of a partition that people are shown; the machine formats have all. */
const mostRanges = 20

/** Where a restore put the records, for people. */
export function restoredText(set: MapSet): string {
  const title = `Offset Mapping: ${printable(set.backupId ?? '-')}, restore ${printable(set.restoreId ?? '-')}`
  return `${[title, heavyRule, ...rangeLines(set)].join('\n')}\n`
}

/** The same, by the headers of live topics. */
export function scannedText({ maps }: HeaderScan): string {
  const title = `Offset Mapping: from ${printable(maps.sourceCluster)}, by the headers of the records`
  return `${[title, heavyRule, ...rangeLines(maps)].join('\n')}\n`
}

/** What was counted, for machines: members that follow those of the map. */
export function scanMembers({ topics, notices }: HeaderScan): Readonly<Record<string, unknown>> {
  return {
    scanned: topics.map(({ source, target, counts, otherClusters }) => ({
      source_topic: source,
      target_topic: target,
      records: counts.records,
      mapped: counts.mapped,
      repeated: counts.repeated,
      without_headers: counts.withoutHeaders,
      other_cluster: counts.otherCluster,
      unreadable: counts.unreadable,
      unnamed_cluster: counts.unnamedCluster,
      other_clusters: otherClusters,
    })),
    notices: notices.map(({ code, message, topic, partition, records }) => ({
      code,
      message,
      topic,
      partition: partition ?? null,
      records: records ?? null,
    })),
  }
}

/** `Partition 0: Source offset 500-1000 → Target offset 0-500`, below the name of each topic. */
function rangeLines(set: MapSet): readonly string[] {
  const lines: string[] = []
  let topic = ''
  for (const map of set.maps) {
    const title =
      map.sourceTopic === map.targetTopic ? map.sourceTopic : `${map.sourceTopic} → ${map.targetTopic}`
    if (title !== topic) lines.push('', `Topic: ${printable(title)}`, lightRule)
    topic = title
    const into = map.targetPartition === map.sourcePartition ? '' : ` → ${map.targetPartition}`
    let shown = 0
    for (const run of map.runs()) {
      if (++shown > mostRanges) break
      const last = BigInt(run.count - 1)
      lines.push(
        `Partition ${map.sourcePartition}${into}: Source offset ${run.source}-${run.source + last} → Target offset ${run.target}-${run.target + last}`,
      )
    }
    if (shown > mostRanges)
      lines.push(`Partition ${map.sourcePartition}${into}: … more ranges: see -o json or -o csv`)
    if (shown === 0) lines.push(`Partition ${map.sourcePartition}${into}: nothing was copied`)
    if (map.floor)
      lines.push(
        `Partition ${map.sourcePartition}${into}: not every record is known; positions between are rounded down`,
      )
  }
  return lines
}
