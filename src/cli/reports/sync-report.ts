import { type PositionOutcome, type RoundReport, type SyncReport, stateOf } from '../../replicate/index.ts'
import { plural } from '../render/quantities.ts'
import { type Column, heavyRule, lightRule, tableLines } from '../render/table.ts'

/** The fields of `sync-offsets -o json`. */
export function syncObject(report: SyncReport): Readonly<Record<string, unknown>> {
  return {
    rounds: report.rounds,
    positions_committed: report.committed,
    interrupted: report.interrupted,
    mappings: report.last?.mappings ?? 0,
    ...roundObject(report.last),
  }
}

/** Positions of a round and groups that could not be read; also part of `replicate status -o json`. */
export function roundObject(round: RoundReport | undefined): Readonly<Record<string, unknown>> {
  return {
    positions: (round?.outcomes ?? []).map((outcome) => ({
      group: outcome.group,
      topic: outcome.topic,
      partition: outcome.partition,
      source: outcome.sources.map(({ topic, partition, offset }) => ({ topic, partition, offset })),
      current: outcome.current ?? null,
      target: outcome.decision.target ?? null,
      state: stateOf(outcome),
      detail: detailOf(outcome),
    })),
    unread: (round?.unread ?? []).map(({ group, error }) => ({ group, message: error.message })),
  }
}

const columns: readonly Column[] = [
  { title: 'Group' },
  { title: 'Topic' },
  { title: 'Partition' },
  { title: 'Source', width: 7 },
  { title: 'Target', width: 7 },
  { title: 'State' },
  { title: 'Note' },
]

/** What the last round found, for people. */
export function syncText(report: SyncReport): string {
  return [
    'Group Sync',
    heavyRule,
    '',
    ...roundLines(report.last),
    `${plural(report.rounds, 'round')}, ${plural(report.committed, 'position')} committed`,
    '',
  ].join('\n')
}

export function roundLines(round: RoundReport | undefined): readonly string[] {
  const outcomes = round?.outcomes ?? []
  const unread = (round?.unread ?? []).map(
    ({ group, error }) => `${group} could not be read: ${error.message}`,
  )
  const left = unread.length === 0 ? [] : [...unread, '']
  if (outcomes.length > 0) {
    const [title = '', ...rows] = tableLines(columns, outcomes.map(rowOf))
    return [title, lightRule, ...rows, '', ...left]
  }
  return unread.length > 0 ? left : ['No chosen group has a position in a topic that the map knows.', '']
}

function rowOf(outcome: PositionOutcome): readonly string[] {
  const { group, topic, partition, sources, decision, current } = outcome
  const stands = decision.action === 'commit' && outcome.error === undefined ? decision.target : current
  return [
    group,
    topic,
    String(partition),
    sources.map(({ offset }) => String(offset)).join('+') || '-',
    String(stands ?? '-'),
    stateOf(outcome),
    detailOf(outcome),
  ]
}

function detailOf({ decision, error }: PositionOutcome): string {
  if (error !== undefined) return `${error.message} [${error.code}]`
  if ('detail' in decision) return decision.detail
  return decision.action === 'commit' ? decision.cause : ''
}

/** 3 when a position is not where it should be, for a reason that waiting will not cure. */
export function syncStatus({ last }: SyncReport): 0 | 3 {
  if (last === undefined) return 0
  const left = last.outcomes.some(({ decision, error }) => error !== undefined || decision.action === 'skip')
  return left || last.unread.length > 0 ? 3 : 0
}
