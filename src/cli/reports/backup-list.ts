import type { BackupSummary, TopicSummary } from '../../archive/index.ts'
import type { TidemarkError } from '../../base/index.ts'
import { bytesText, countText, timeText } from '../render/quantities.ts'
import { type Column, tableLines } from '../render/table.ts'

/** A backup of an archive: what it holds, or why that cannot be told. */
export type ListedSummary =
  | { readonly backupId: string; readonly summary: BackupSummary }
  | { readonly backupId: string; readonly error: TidemarkError }

/** The fields of `list -o json`. */
export function listObject(
  url: string,
  backups: readonly ListedSummary[],
): Readonly<Record<string, unknown>> {
  return {
    archive: url,
    backups: backups.map((backup) =>
      'error' in backup
        ? { backup_id: backup.backupId, error: { code: backup.error.code, message: backup.error.message } }
        : summaryObject(backup.summary),
    ),
  }
}

/** What `list` and `describe` say of a backup as a whole. */
export function summaryObject(summary: BackupSummary): Readonly<Record<string, unknown>> {
  const { identity } = summary
  const sums = totals(summary.topics)
  return {
    backup_id: identity.backupId,
    source_cluster_id: identity.sourceClusterId,
    source_name: identity.sourceName ?? null,
    created: timeText(identity.created),
    format_version: identity.formatVersion,
    software: identity.software,
    commits: summary.commits,
    last_commit: summary.lastCommit,
    last_commit_time: summary.commits === 0 ? null : timeText(summary.lastCommitTime),
    complete: summary.complete,
    topics: summary.topics.length,
    partitions: sums.partitions,
    records: sums.records,
    raw_bytes: sums.rawBytes,
    stored_bytes: sums.storedBytes,
    gaps: sums.gaps,
    groups: summary.groups,
  }
}

const columns: readonly Column[] = [
  { title: 'Backup' },
  { title: 'Created' },
  { title: 'Last Commit' },
  { title: 'Commits', numeric: true },
  { title: 'Topics', numeric: true },
  { title: 'Records', numeric: true },
  { title: 'Size', numeric: true },
  { title: 'Stored', numeric: true },
  { title: 'Groups', numeric: true },
  { title: 'State' },
]

/** The list for people. */
export function listText(url: string, backups: readonly ListedSummary[]): string {
  if (backups.length === 0) return `There is no backup in ${url}\n`
  const rows = backups.map((backup) => {
    if ('error' in backup)
      return [
        backup.backupId,
        ...Array<string>(8).fill('-'),
        `${backup.error.message} [${backup.error.code}]`,
      ]
    const { summary } = backup
    const sums = totals(summary.topics)
    return [
      backup.backupId,
      timeText(summary.identity.created),
      summary.commits === 0 ? '-' : timeText(summary.lastCommitTime),
      countText(summary.commits),
      countText(summary.topics.length),
      countText(sums.records),
      bytesText(sums.rawBytes),
      bytesText(sums.storedBytes),
      countText(summary.groups),
      stateText(summary),
    ]
  })
  return `${tableLines(columns, rows).join('\n')}\n`
}

/** Whether the newest run reached its end. */
export function stateText(summary: BackupSummary): string {
  if (summary.commits === 0) return 'empty'
  return summary.complete ? 'complete' : 'unfinished'
}

/** Sums over topics. */
export function totals(topics: readonly TopicSummary[]) {
  const sum = (of: (topic: TopicSummary) => number) => topics.reduce((total, topic) => total + of(topic), 0)
  return {
    partitions: sum((topic) => topic.partitions),
    records: sum((topic) => topic.records),
    rawBytes: sum((topic) => topic.rawBytes),
    storedBytes: sum((topic) => topic.storedBytes),
    gaps: sum((topic) => topic.gaps),
  }
}
