import type { BackupNotice, BackupReport } from '../../backup/index.ts'
import { bytesText, countText, durationText, plural } from '../render/quantities.ts'
import { fieldLines, printable } from '../render/table.ts'

/** The fields of `backup -o json`. */
export function backupObject(report: BackupReport): Readonly<Record<string, unknown>> {
  return {
    backup_id: report.backupId,
    run_id: report.runId,
    source_cluster_id: report.sourceClusterId,
    status: report.interrupted ? 'interrupted' : 'done',
    commits: report.commits,
    last_commit: report.lastCommit,
    topics: report.topics,
    partitions: report.partitions,
    records: report.records,
    raw_bytes: report.rawBytes,
    stored_bytes: report.storedBytes,
    aborted_records_dropped: report.abortedRecordsDropped,
    groups: report.groups,
    duration_ms: Math.round(report.durationMs),
    notices: report.notices.map((notice) => ({ ...noticeObject(notice), message: backupNoticeText(notice) })),
  }
}

/** The report for people. */
export function backupText(report: BackupReport): string {
  const seconds = Math.max(report.durationMs / 1000, 0.001)
  const lines = [
    report.interrupted
      ? `Backup ${printable(report.backupId)} stopped: what is committed stays`
      : `Backup ${printable(report.backupId)} done`,
    ...fieldLines([
      ['  Source', report.sourceClusterId],
      ['  Run', report.runId],
      ['  Copied', `${plural(report.records, 'record')}, ${bytesText(report.rawBytes)}`],
      [
        '  Stored',
        `${bytesText(report.storedBytes)} in ${plural(report.commits, 'commit')} (newest: ${report.lastCommit})`,
      ],
      ['  From', `${plural(report.topics, 'topic')}, ${plural(report.partitions, 'partition')}`],
      ['  Groups', countText(report.groups)],
      ['  Time', `${durationText(report.durationMs)} (${bytesText(report.rawBytes / seconds)}/s)`],
    ]),
  ]
  if (report.abortedRecordsDropped > 0) {
    lines.push(`  ${plural(report.abortedRecordsDropped, 'record')} of aborted transactions left out`)
  }
  if (report.notices.length > 0) {
    lines.push('', 'Notices:', ...report.notices.map((notice) => `  ${printable(backupNoticeText(notice))}`))
  }
  return `${lines.join('\n')}\n`
}

/** What a notice says, in one sentence. */
export function backupNoticeText(notice: BackupNotice): string {
  switch (notice.type) {
    case 'gap':
      return `${notice.topic}/${notice.partition}: ${missingOffsets(notice)} not in the backup: ${gapReasons[notice.reason]}`
    case 'topic-missing':
      return `${notice.topic}: the topic does not exist`
    case 'topic-recreated':
      return `${notice.topic}: the topic was deleted and created again; the backup keeps both apart`
    case 'topic-lost':
      return `${notice.topic}: the topic disappeared`
    case 'open-transaction': {
      const who = notice.producerId === undefined ? '' : ` of producer ${notice.producerId}`
      return `${notice.topic}/${notice.partition}: an open transaction${who} holds the log at ${notice.lastStableOffset}; what follows up to ${notice.highWatermark} comes with the next run`
    }
    case 'partition-failed':
      return `${notice.topic}/${notice.partition}: not copied to its end: ${notice.message} [${notice.code}]`
    case 'group-failed':
      return `${notice.group}: the positions of the group could not be captured: ${notice.message}`
    case 'position-unstable':
      return `${notice.group}/${notice.topic}/${notice.partition}: a commit was part of an open transaction; the last decided one is kept`
    case 'position-ahead':
      return `${notice.group}/${notice.topic}/${notice.partition}: the position ${notice.position} lies beyond the copy, which ends at ${notice.copiedTo}; it becomes exact with the next run`
    case 'configs-unreadable':
      return `${notice.topic}: the settings of the topic could not be read: ${notice.message}`
  }
}

/** Whether something that was asked for is not in the backup, `--strict` or not. */
export function isPartial(notice: BackupNotice): boolean {
  return notice.type === 'group-failed' || notice.type === 'partition-failed'
}

/** Whether `--strict` counts it as partly done. */
export function isStrict(notice: BackupNotice): boolean {
  return !['open-transaction', 'position-ahead', 'position-unstable'].includes(notice.type)
}

function missingOffsets({ from, to }: { readonly from: bigint; readonly to: bigint }): string {
  if (to <= from) return `what followed offset ${from - 1n} is`
  return to === from + 1n ? `offset ${from} is` : `offsets ${from} to ${to - 1n} are`
}

const gapReasons: Readonly<Record<Extract<BackupNotice, { type: 'gap' }>['reason'], string>> = {
  retention: 'retention had deleted them before they were read',
  truncated: 'the log was truncated after an unclean election',
  recreated: 'the topic was created again',
  lost: 'the topic was deleted',
}

function noticeObject(notice: BackupNotice): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(notice).map(([key, value]) => [
      key.replaceAll(/[A-Z]/g, (c) => `_${c.toLowerCase()}`),
      value ?? null,
    ]),
  )
}
