import type { ReplicationReport } from '../../replicate/index.ts'
import { bytesText, countText, durationText, timeText } from '../render/quantities.ts'
import { type Column, fieldLines, heavyRule, lightRule, tableLines } from '../render/table.ts'

/** The fields of `replicate -o json`: what this worker did. */
export function replicationObject(report: ReplicationReport): Readonly<Record<string, unknown>> {
  return {
    pipeline: report.pipeline,
    worker: report.worker,
    since: timeText(report.since),
    duration_ms: report.durationMs,
    interrupted: report.interrupted,
    records: report.records,
    bytes: report.bytes,
    transactions_committed: report.transactions.committed,
    transactions_aborted: report.transactions.aborted,
    duplicates: report.duplicates,
    returned: report.returned,
    workers: report.workers,
    shards: report.shards,
    partitions: report.partitions.map((partition) => ({
      topic: partition.topic,
      partition: partition.partition,
      target_topic: partition.targetTopic,
      shard: partition.shard,
      state: partition.state,
      reason: partition.reason ?? null,
      next: partition.next,
      source_end: partition.sourceEnd ?? null,
      delay_ms: partition.delay ?? null,
      records: partition.records,
      bytes: partition.bytes,
    })),
    events: report.events.map(({ topic, partition, type, from, to, time }) => ({
      topic,
      partition,
      type,
      from,
      to,
      time: timeText(time),
    })),
    failed_topics: report.failedTopics,
  }
}

const columns: readonly Column[] = [
  { title: 'Topic', width: 9 },
  { title: 'Partition' },
  { title: 'Next', numeric: true },
  { title: 'Source end', numeric: true },
  { title: 'Records', numeric: true },
  { title: 'State' },
]

/** What a worker did, for people. */
export function replicationText(report: ReplicationReport): string {
  const [title = '', ...rows] = tableLines(
    columns,
    report.partitions.map(({ topic, partition, next, sourceEnd, records, state, reason }) => [
      topic,
      String(partition),
      countText(next),
      sourceEnd === undefined ? '-' : countText(sourceEnd),
      countText(records),
      reason === undefined ? state : `${state}: ${reason}`,
    ]),
  )
  return [
    `Replication ${report.pipeline}`,
    heavyRule,
    ...fieldLines([
      ['Worker', report.worker],
      ['Time', durationText(report.durationMs)],
      ['Copied', `${countText(report.records)} records, ${bytesText(report.bytes)}`],
      [
        'Transactions',
        `${countText(report.transactions.committed)} committed, ${countText(report.transactions.aborted)} aborted`,
      ],
      ...(report.duplicates > 0 ? ([['Possible duplicates', countText(report.duplicates)]] as const) : []),
      ...(report.returned > 0 ? ([['Not sent back', countText(report.returned)]] as const) : []),
    ]),
    '',
    ...(rows.length > 0 ? [title, lightRule, ...rows, ''] : []),
    ...report.failedTopics.map(({ topic, message, code }) => `${topic}: ${message} [${code}]`),
  ].join('\n')
}
