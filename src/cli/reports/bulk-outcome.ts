import type { ApplyReport, EntryOutcome, GroupOutcome } from '../../offsets/index.ts'
import { countText, durationText, plural } from '../render/quantities.ts'
import { fieldLines, heavyRule, printable } from '../render/table.ts'
import { totalLines } from './reset-outcome.ts'

/** What became of many groups, for people: figures, then every position that is not as it should be. */
export function bulkText(report: ApplyReport): string {
  const problems = report.groups.flatMap(problemLines)
  return [
    'Bulk Offset Reset',
    heavyRule,
    '',
    ...fieldLines(figures(report)),
    ...(problems.length === 0 ? [] : ['', 'Not set:', ...problems.map((line) => `  ${line}`)]),
    '',
    ...totalLines(report),
    '',
  ].join('\n')
}

function figures({ groups, commits }: ApplyReport): readonly (readonly [string, string])[] {
  const counts = { done: 0, partial: 0, failed: 0, refused: 0 }
  for (const { outcome } of groups) counts[outcome]++
  const outcomes = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([outcome, count]) => `${countText(count)} ${outcome}`)
  const lines: (readonly [string, string])[] = [
    ['Groups', `${countText(groups.length)}: ${outcomes.join(', ') || 'none'}`],
  ]
  if (commits === undefined) return lines
  const rate = (count: number) => countText(Math.round(count / commits.seconds))
  const ms = (value: number) => `${value.toFixed(1)} ms`
  return [
    ...lines,
    ['Commits', `${plural(commits.groups, 'group')} in ${durationText(commits.seconds * 1000)}`],
    ['Rate', `${rate(commits.groups)} groups/s, ${rate(commits.positions)} positions/s`],
    ['Latency', `p50 ${ms(commits.p50Ms)}, p99 ${ms(commits.p99Ms)}, longest ${ms(commits.maxMs)}`],
    ['Retries', countText(commits.retries)],
  ]
}

/** A line for each position that failed, or one for the group when all have the same reason. */
function problemLines({ group, entries }: GroupOutcome): readonly string[] {
  const failed = entries.filter(
    (entry): entry is Extract<EntryOutcome, { error: unknown }> => 'error' in entry,
  )
  const reasons = new Set(failed.map(({ error }) => error.message))
  const [first] = failed
  if (first === undefined) return []
  const line = (place: string, { message, code }: (typeof first)['error']) =>
    printable(`${place}: ${message} [${code}]`)
  if (reasons.size === 1 && failed.length > 1) return [line(group, first.error)]
  return failed.map(({ entry, error }) => line(`${group} in ${entry.topic}/${entry.partition}`, error))
}
