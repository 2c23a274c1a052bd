import type { ApplyReport, EntryOutcome, GroupOutcome, PlanNotice } from '../../offsets/index.ts'
import { plural, timeText } from '../render/quantities.ts'
import { type Column, heavyRule, lightRule, printable, tableLines } from '../render/table.ts'
import { noticeObject } from './notice-object.ts'

/** The fields of `offset-reset execute -o json`, and of the positions in `three-phase-restore -o json`. */
export function outcomeObject(
  report: ApplyReport,
  notices: readonly PlanNotice[] = [],
): Readonly<Record<string, unknown>> {
  return {
    cluster_id: report.clusterId,
    plan_hash: report.planHash,
    snapshot_id: report.snapshotId ?? null,
    counts: report.counts,
    retention_minutes: report.retentionMinutes ?? null,
    commits: commitsObject(report.commits),
    notices: notices.map(noticeObject),
    groups: report.groups.map((group) => ({
      group: group.group,
      outcome: group.outcome,
      commit_ms: group.commitMs === undefined ? null : Math.round(group.commitMs),
      retries: group.retries,
      expires: group.expires === undefined ? null : timeText(group.expires),
      positions: group.entries.map(entryObject),
    })),
  }
}

function commitsObject(commits: ApplyReport['commits']): Readonly<Record<string, unknown>> | null {
  if (commits === undefined) return null
  const { groups, positions, seconds, p50Ms, p99Ms, maxMs, retries } = commits
  return {
    groups,
    positions,
    duration_ms: Math.round(seconds * 1000),
    groups_per_second: Math.round(groups / seconds),
    positions_per_second: Math.round(positions / seconds),
    p50_ms: tenths(p50Ms),
    p99_ms: tenths(p99Ms),
    max_ms: tenths(maxMs),
    retries,
  }
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10
}

function entryObject(outcome: EntryOutcome): Readonly<Record<string, unknown>> {
  const { entry } = outcome
  return {
    topic: entry.topic,
    partition: entry.partition,
    current: entry.current?.offset ?? null,
    target: entry.target ?? null,
    now: outcome.now ?? null,
    action: entry.action,
    kind: entry.kind,
    outcome: outcome.outcome,
    reason: entry.reason,
    reread: entry.reread,
    error: 'error' in outcome ? { code: outcome.error.code, message: outcome.error.message } : null,
  }
}

/** What became of a plan, for people. */
export function outcomeText(report: ApplyReport, title = 'Offset Reset'): string {
  return [title, heavyRule, '', ...outcomeLines(report), ''].join('\n')
}

/** The same without its title. */
export function outcomeLines(report: ApplyReport): readonly string[] {
  const lines: string[] = []
  for (const group of report.groups) lines.push(...groupLines(group), '')
  return [...lines, ...totalLines(report)]
}

/** How many positions became what, and what to know afterwards. */
export function totalLines({ counts, snapshotId, groups }: ApplyReport): readonly string[] {
  const deleted = counts.deleted === 0 ? '' : ` ${counts.deleted} deleted,`
  const lines = [
    `${plural(counts.set, 'position')} set,${deleted} ${counts.kept} were there already, ${counts.skipped} skipped, ${counts.failed} failed, ${counts.refused} refused`,
  ]
  if (snapshotId !== undefined) lines.push(`The positions before are saved as ${snapshotId}`)
  const first = groups.reduce((least, { expires = least }) => Math.min(least, expires), Infinity)
  if (first < Infinity) {
    lines.push(
      `The target forgets positions of groups without consumers from ${timeText(first)} on, earlier where consumers left a group before: start them, or run groups hold`,
    )
  }
  return lines
}

const columns: readonly Column[] = [
  { title: 'Topic', width: 9 },
  { title: 'Partition' },
  { title: 'Before', width: 7 },
  { title: 'Now', width: 7 },
  { title: 'Outcome' },
  { title: 'Note' },
]

function groupLines(group: GroupOutcome): readonly string[] {
  const [title = '', ...cells] = tableLines(columns, group.entries.map(entryRow))
  return [
    `Consumer Group: ${printable(group.group)} (${group.outcome})`,
    lightRule,
    title,
    lightRule,
    ...cells,
  ]
}

function entryRow(outcome: EntryOutcome): readonly string[] {
  const { entry } = outcome
  return [
    entry.topic,
    String(entry.partition),
    String(entry.current?.offset ?? '-'),
    String(outcome.now ?? '-'),
    outcome.outcome.toUpperCase(),
    'error' in outcome ? `${outcome.error.message} [${outcome.error.code}]` : entry.reason,
  ]
}

/** What to do about positions that were not set, each advice once. */
export function outcomeHints({ groups }: ApplyReport): readonly string[] {
  const errors = groups.flatMap(({ entries }) => entries.flatMap((one) => ('error' in one ? one.error : [])))
  return [...new Set(errors.flatMap(({ hint }) => (hint === undefined ? [] : [hint])))]
}

/** Exit status: 4 when all that was to be done was refused, 3 when something is missing. */
export function outcomeStatus(report: ApplyReport): 0 | 3 | 4 {
  const { counts } = report
  if (counts.failed === 0 && counts.refused === 0) return 0
  return counts.set === 0 && counts.deleted === 0 && counts.failed === 0 ? 4 : 3
}
