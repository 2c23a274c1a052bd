import type {
  Difference,
  ShownRecord,
  VerifiedPartition,
  VerifiedPosition,
  VerifyReport,
} from '../../restore/index.ts'
import { countText, durationText, plural } from '../render/quantities.ts'
import { type Column, printable, tableLines } from '../render/table.ts'
import { noticeObject } from './notice-object.ts'
import { noticeLines } from './restore-report.ts'

/** The fields of `verify -o json`. */
export function verifyObject(report: VerifyReport): Readonly<Record<string, unknown>> {
  return {
    backup_id: report.backupId,
    commit: report.commit,
    restore_id: report.restoreId ?? null,
    target_cluster_id: report.targetClusterId,
    verified: report.differences === 0,
    differences: report.differences,
    partitions: report.partitions.map(({ behindExact, ...partition }) => ({
      ...partition,
      behind_exact: behindExact,
    })),
    positions: report.positions.map((position) => ({ ...position, committed: position.committed ?? null })),
    listed: report.listed.map(differenceObject),
    notices: report.notices.map(noticeObject),
    duration_ms: Math.round(report.durationMs),
  }
}

/** The report for people. */
export function verifyText(report: VerifyReport): string {
  const expected = report.partitions.reduce((sum, partition) => sum + partition.expected, 0)
  const lines = [
    report.differences === 0
      ? `Verified: ${plural(expected, 'record')} of ${plural(report.partitions.length, 'partition')} and ${plural(report.positions.length, 'position')} are as the backup has them`
      : `${plural(report.differences, 'difference')} between the backup and the target`,
    `  Backup ${printable(report.backupId)}, commit ${report.commit}; target ${report.targetClusterId}; ${
      report.restoreId === undefined ? 'no restore is known' : `restore ${printable(report.restoreId)}`
    }; ${durationText(report.durationMs)}`,
    ...behindLines(report),
    '',
    ...tableLines(partitionColumns, report.partitions.map(partitionRow)),
  ]
  if (report.positions.length > 0) {
    lines.push('', ...tableLines(positionColumns, report.positions.map(positionRow)))
  }
  if (report.differences > 0) {
    lines.push('', 'Differences:', ...report.listed.flatMap(differenceLines))
    const more = report.differences - report.listed.length
    if (more > 0) lines.push(`  … and ${plural(more, 'more difference')}`)
  }
  return `${[...lines, ...noticeLines(report.notices)].join('\n')}\n`
}

const partitionColumns: readonly Column[] = [
  { title: 'Partition' },
  { title: 'Found By' },
  { title: 'Expected', numeric: true },
  { title: 'Same', numeric: true },
  { title: 'Different', numeric: true },
  { title: 'Missing', numeric: true },
  { title: 'Extra', numeric: true },
  { title: 'Compacted', numeric: true },
  { title: 'Expired', numeric: true },
  { title: 'Behind', numeric: true },
]

function partitionRow(partition: VerifiedPartition): readonly string[] {
  const { expected, same, different, missing, extra, compacted, expired } = partition
  return [
    `${partition.topic}/${partition.partition}`,
    partition.aligned,
    ...[expected, same, different, missing, extra, compacted, expired].map((count) => countText(count)),
    `${partition.behindExact ? '' : '≤ '}${countText(partition.behind)}`,
  ]
}

function behindLines({ partitions }: VerifyReport): readonly string[] {
  const behind = partitions.reduce((sum, partition) => sum + partition.behind, 0)
  if (behind === 0) return []
  const most = partitions.every(({ behindExact }) => behindExact) ? '' : 'At most '
  return [`  ${most}${plural(behind, 'record')} behind the copy, written since, not compared`]
}

const positionColumns: readonly Column[] = [
  { title: 'Group' },
  { title: 'Partition' },
  { title: 'Source', numeric: true },
  { title: 'Target', numeric: true },
  { title: 'Committed', numeric: true },
  { title: 'Next Record' },
]

const outcomeTexts: Readonly<Record<VerifiedPosition['outcome'], string>> = {
  same: 'the same',
  end: 'none on both sides',
  different: 'DIFFERENT',
  gone: 'gone from the target since',
  moved: 'the group has read on',
}

function positionRow(position: VerifiedPosition): readonly string[] {
  return [
    position.group,
    `${position.topic}/${position.partition}`,
    String(position.source),
    String(position.target),
    String(position.committed ?? '-'),
    outcomeTexts[position.outcome],
  ]
}

function differenceLines(difference: Difference): readonly string[] {
  const { source, group } = difference
  const place = `${difference.topic}/${difference.partition}`
  const from = source === undefined ? '' : ` (from ${source.topic}/${source.partition})`
  const who = group === undefined ? '' : ` group ${group}`
  return [
    `  ${difference.kind}: ${printable(`${place}${from}${who}: ${difference.what}`)}`,
    `    archive: ${recordText(difference.archive)}`,
    `    target:  ${recordText(difference.target)}`,
  ]
}

function recordText(record: ShownRecord | undefined): string {
  if (record === undefined) return '-'
  const headers = record.headers.map(({ key, value }) => `${key}=${value ?? 'null'}`)
  const parts = [
    `offset ${record.offset}`,
    `time ${record.timestamp}`,
    `key ${record.key === null ? 'null' : JSON.stringify(record.key)}`,
    `value ${record.value === null ? 'null' : JSON.stringify(record.value)}`,
    ...(headers.length > 0 ? [`headers ${headers.join(' ')}`] : []),
  ]
  return printable(parts.join(', '))
}

function differenceObject(difference: Difference): Readonly<Record<string, unknown>> {
  return {
    kind: difference.kind,
    topic: difference.topic,
    partition: difference.partition,
    source: difference.source ?? null,
    group: difference.group ?? null,
    what: difference.what,
    archive: difference.archive ?? null,
    target: difference.target ?? null,
  }
}
