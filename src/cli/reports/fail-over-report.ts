import type { FailOverReport, HandedPosition } from '../../replicate/index.ts'
import { type Column, heavyRule, lightRule, printable, tableLines } from '../render/table.ts'

/** The fields of `failover -o json`. */
export function failOverObject(report: FailOverReport): Readonly<Record<string, unknown>> {
  return {
    group: report.group,
    source_cluster_id: report.sourceClusterId ?? null,
    target_cluster_id: report.targetClusterId,
    source_lost: report.sourceLost,
    snapshot_id: report.snapshotId ?? null,
    positions: report.positions.map((position) => ({
      topic: position.topic,
      partition: position.partition,
      source: position.sources.map(({ topic, partition, offset }) => ({ topic, partition, offset })),
      before: position.before ?? null,
      target: position.now ?? null,
      state: position.state,
      detail: position.detail,
      proof: position.proof?.result ?? null,
      proof_detail: position.proof?.detail ?? null,
    })),
  }
}

const columns: readonly Column[] = [
  { title: 'Topic', width: 9 },
  { title: 'Partition' },
  { title: 'Source', width: 7 },
  { title: 'Before', width: 7 },
  { title: 'Target', width: 7 },
  { title: 'State' },
  { title: 'Next record' },
]

/** What became of a fail-over, for people. */
export function failOverText(report: FailOverReport): string {
  const [title = '', ...rows] = tableLines(columns, report.positions.map(rowOf))
  return [
    `Fail-over of ${printable(report.group)}`,
    heavyRule,
    title,
    lightRule,
    ...rows,
    '',
    ...(report.snapshotId === undefined ? [] : [`The positions before are saved as ${report.snapshotId}`]),
    sentence(report),
    '',
  ].join('\n')
}

function rowOf(position: HandedPosition): readonly string[] {
  const { topic, partition, sources, before, now, state, detail, proof } = position
  return [
    topic,
    String(partition),
    sources.map(({ offset }) => String(offset)).join('+') || '-',
    String(before ?? '-'),
    String(now ?? '-'),
    state,
    proof === undefined ? detail : `${proof.result}: ${proof.detail}`,
  ]
}

function sentence(report: FailOverReport): string {
  if (report.sourceLost) {
    return 'The source took no part: what the group read there after the last sync is read again, nothing is skipped.'
  }
  switch (failOverStatus(report)) {
    case 0:
      return 'The next record is the same on both sides in every partition: start the consumers on the target.'
    case 5:
      return 'A next record differs: look at it before any consumer is started.'
    default:
      return 'Not every position could be set and proven: the table says which.'
  }
}

/** 5 when a next record differs, 3 when one could not be set or proven. */
export function failOverStatus({ positions, sourceLost }: FailOverReport): 0 | 3 | 5 {
  if (positions.some(({ proof }) => proof?.result === 'different')) return 5
  const proven = (one: HandedPosition) => one.proof?.result === 'same' || one.proof?.result === 'both-at-end'
  return sourceLost || !positions.every(proven) ? 3 : 0
}
