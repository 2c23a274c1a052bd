import type {
  RestoredPartition,
  RestoredPositions,
  RestoreNotice,
  RestoreReport,
} from '../../restore/index.ts'
import type { ExitStatus } from '../exit-status.ts'
import { bytesText, durationText, plural } from '../render/quantities.ts'
import { type Column, fieldLines, printable, tableLines } from '../render/table.ts'
import { lacksGroups, noticeObject } from './notice-object.ts'
import { outcomeLines, outcomeObject, outcomeStatus } from './reset-outcome.ts'

/** The fields of `restore -o json`. */
export function restoreObject(report: RestoreReport): Readonly<Record<string, unknown>> {
  return {
    restore_id: report.restoreId,
    backup_id: report.backupId,
    commit: report.commit,
    target_cluster_id: report.targetClusterId,
    status: statusOf(report),
    dry_run: report.dryRun,
    resumed: report.resumed,
    already_done: report.alreadyDone,
    records: report.records,
    bytes: report.bytes,
    duration_ms: Math.round(report.durationMs),
    partitions: report.partitions.map(partitionObject),
    failed_topics: report.failedTopics.map(({ topic, code, message }) => ({ topic, code, message })),
    waiting_topics: report.waitingTopics.map(({ topic, configs, reason }) => ({ topic, configs, reason })),
    positions: positionsObject(report.positions),
    notices: report.notices.map(noticeObject),
  }
}

/** What became of the groups; null when none were asked for, or the run did not come so far. */
export function positionsObject(
  positions: RestoredPositions | undefined,
): Readonly<Record<string, unknown>> | null {
  if (positions === undefined) return null
  return outcomeObject(positions.applied, positions.plan.notices)
}

/** Notices for people, with a title; nothing when there are none. */
export function noticeLines(notices: readonly RestoreNotice[]): readonly string[] {
  if (notices.length === 0) return []
  return ['', 'Notices:', ...notices.map((notice) => `  ${printable(notice.message)} [${notice.code}]`)]
}

/** Exit status: 130 interrupted, 3 or 4 when topics or positions are missing. */
export function restoreStatus(report: RestoreReport): ExitStatus {
  if (report.interrupted) return 130
  if (report.failedTopics.length > 0) return 3
  const { positions } = report
  // A group that could not be captured is not set: there is nothing to set it to.
  if (lacksGroups([...report.notices, ...(positions?.plan.notices ?? [])])) return 3
  return positions === undefined || outcomeStatus(positions.applied) === 0 ? 0 : 3
}

/** `done`, `partly done`, `interrupted` or `planned` (dry run). */
export function statusOf(report: RestoreReport): string {
  if (report.interrupted) return 'interrupted'
  if (report.failedTopics.length > 0) return 'partly done'
  return report.dryRun ? 'planned' : 'done'
}

/** The report for people; `file`: the configuration that the command was given. */
export function restoreText(report: RestoreReport, file: string): string {
  const seconds = Math.max(report.durationMs / 1000, 0.001)
  const lines = [
    report.dryRun
      ? `Dry run of the restore of ${printable(report.backupId)}: nothing was changed`
      : `Restore ${printable(report.restoreId)} of ${printable(report.backupId)}: ${statusOf(report)}`,
    ...fieldLines([
      ['  Target', report.targetClusterId],
      ['  Commit', String(report.commit)],
      [
        report.dryRun ? '  Would write' : '  Written',
        `${plural(report.records, 'record')}, ${bytesText(report.bytes)}`,
      ],
      [
        '  Time',
        report.dryRun
          ? durationText(report.durationMs)
          : `${durationText(report.durationMs)} (${bytesText(report.bytes / seconds)}/s)`,
      ],
    ]),
  ]
  if (report.alreadyDone) lines.push('  All had been done by an earlier run: nothing was changed')
  else if (report.resumed) lines.push('  Went on where an earlier run had stopped')
  lines.push(...partitionTable(report), ...waiting(report, file), ...failures(report))
  lines.push(...noticeLines(report.notices))
  if (report.positions !== undefined) {
    lines.push(...noticeLines(report.positions.plan.notices), '', ...outcomeLines(report.positions.applied))
  }
  return `${lines.join('\n')}\n`
}

/** More rows than this tell people nothing: the whole list is in the machine formats. */
const mostRows = 200

const columns: readonly Column[] = [
  { title: 'Source' },
  { title: 'Target' },
  { title: 'Records', numeric: true },
  { title: 'Source Offsets', numeric: true },
  { title: 'Target Offsets', numeric: true },
]

function partitionTable(report: RestoreReport): readonly string[] {
  if (report.partitions.length === 0) return ['', 'No partition is part of it']
  const rows = report.partitions
    .slice(0, mostRows)
    .map((partition) => [
      `${partition.sourceTopic}/${partition.sourcePartition}`,
      `${partition.targetTopic}/${partition.targetPartition === 'spread' ? '*' : partition.targetPartition}`,
      String(partition.records),
      rangeText(partition.sourceFrom, partition.sourceTo),
      rangeText(partition.targetStart, partition.targetEnd),
    ])
  const more = report.partitions.length - rows.length
  return [
    '',
    ...tableLines(columns, rows),
    ...(more > 0 ? [`… and ${plural(more, 'more partition')}: see -o json`] : []),
  ]
}

/** Both ends inclusive, as people count; `-` for nothing. */
function rangeText(from: bigint | undefined, to: bigint | undefined): string {
  return from === undefined || to === undefined || to <= from ? '-' : `${from}-${to - 1n}`
}

function waiting(report: RestoreReport, file: string): readonly string[] {
  if (report.waitingTopics.length === 0) return []
  return [
    '',
    'Settings that would delete what was restored wait:',
    ...report.waitingTopics.map(({ topic, configs, reason }) => {
      const settings = Object.entries(configs).map(([name, value]) => `${name}=${value}`)
      return `  ${printable(topic)}: ${printable(settings.join(' '))} (${reason})`
    }),
    `Apply them with: kafka-backup restore finish ${report.restoreId} -c ${file}`,
  ]
}

function failures(report: RestoreReport): readonly string[] {
  if (report.failedTopics.length === 0) return []
  return [
    '',
    'Failed topics:',
    ...report.failedTopics.map(
      ({ topic, code, message }) => `  ${printable(topic)}: ${printable(message)} [${code}]`,
    ),
  ]
}

function partitionObject(partition: RestoredPartition): Readonly<Record<string, unknown>> {
  return {
    source_topic: partition.sourceTopic,
    source_partition: partition.sourcePartition,
    target_topic: partition.targetTopic,
    target_partition: partition.targetPartition,
    records: partition.records,
    bytes: partition.bytes,
    source_from: partition.sourceFrom,
    source_to: partition.sourceTo,
    target_start: partition.targetStart ?? null,
    target_end: partition.targetEnd ?? null,
  }
}
