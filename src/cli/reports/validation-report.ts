import type { Finding, ValidationReport } from '../../archive/index.ts'
import { bytesText, countText, plural } from '../render/quantities.ts'
import { fieldLines, printable } from '../render/table.ts'

/** The fields of `validate -o json`. */
export function validationObject(
  report: ValidationReport,
  findings: readonly Finding[],
): Readonly<Record<string, unknown>> {
  return {
    backup_id: report.backupId,
    deep: report.deep,
    valid: report.errors === 0,
    commits: report.commits,
    checkpoints: report.checkpoints,
    objects: report.objects,
    chunks: report.chunks,
    chunks_read: report.chunksRead,
    records: report.records,
    raw_bytes: report.rawBytes,
    stored_bytes: report.storedBytes,
    errors: report.errors,
    orphans: report.orphans,
    orphan_bytes: report.orphanBytes,
    findings: findings.map((finding) => ({
      severity: finding.severity,
      kind: finding.kind,
      object: finding.object,
      message: finding.message,
      topic: finding.topic ?? null,
      partition: finding.partition ?? null,
      first_offset: finding.firstOffset ?? null,
      last_offset: finding.lastOffset ?? null,
      position: finding.position ?? null,
    })),
  }
}

/** The report for people; findings have been printed as they came. */
export function validationText(report: ValidationReport): string {
  const lines = [
    report.errors === 0
      ? `Backup ${printable(report.backupId)} is ${report.deep ? 'whole and undamaged' : 'whole'}`
      : `Backup ${printable(report.backupId)} is damaged: ${plural(report.errors, 'error')}`,
    ...fieldLines([
      ['  Commits', countText(report.commits)],
      ['  Objects', `${countText(report.objects)}, ${bytesText(report.storedBytes)}`],
      [
        '  Chunks',
        report.deep
          ? `${countText(report.chunks)}, ${countText(report.chunksRead)} of them read`
          : countText(report.chunks),
      ],
      ['  Records', `${countText(report.records)}, ${bytesText(report.rawBytes)}`],
    ]),
  ]
  if (report.orphans > 0) {
    lines.push(
      `  ${plural(report.orphans, 'object')} (${bytesText(report.orphanBytes)}) of interrupted runs belong to no commit and harm nothing`,
    )
  }
  if (!report.deep && report.errors === 0) lines.push('  The data itself was not read: --deep does that')
  return `${lines.join('\n')}\n`
}

/** A line for one finding. */
export function findingText(finding: Finding): string {
  return `${finding.severity}: ${printable(finding.message)}`
}
